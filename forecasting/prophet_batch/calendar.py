"""Where each series begins and ends, its own time scale, changepoints and seasonal features: what Prophet derives from
dates alone.

Prophet drops the rows without a value first, and derives all the rest from the rows that are left. So do we, per
series: a late start, a gap or a masked week moves the origin of time and the changepoints as it does in Prophet.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.prophet_batch.prophet_own import prophet_class
from forecasting.prophet_batch.settings import ProphetSettings, Seasonality
from forecasting.prophet_batch.solver import Bools, Floats

Dates = npt.NDArray[np.datetime64]
Indices = npt.NDArray[np.intp]

YEAR_DAYS = 365.25
YEARLY_FROM_DAYS = 730
WEEK_DAYS = 7.0
YEARLY_ORDER, WEEKLY_ORDER = 10, 3
"""Fourier orders where the setting is "auto" or True."""


@dataclass(frozen=True)
class SeasonalFeatures:
    """Fourier features of one calendar, made by Prophet itself, and the series' rule for using them.

    Attributes:
        values: (T, K) features on each date.
        is_yearly: (K,) belongs to the yearly season, else to the weekly one.
        yearly_is_auto, weekly_is_auto: the season is only used where the series is long and dense enough.
    """

    values: Floats
    is_yearly: Bools
    yearly_is_auto: bool
    weekly_is_auto: bool


@dataclass(frozen=True)
class SeriesCalendar:
    """Prophet's time scale of each of N series, from its observed rows.

    Attributes:
        first_day, last_day: (N,) days since 1970 of the first and last observed row.
        changepoint_day: (N, S) days of the changepoints; further ones than the series has are on its first day.
        n_changepoints: (N,) how many changepoints the series really has.
        long_enough_for_yearly, dense_enough_for_weekly: (N,) Prophet's rules for "auto".
    """

    first_day: Floats
    last_day: Floats
    changepoint_day: Floats
    n_changepoints: npt.NDArray[np.int64]
    long_enough_for_yearly: Bools
    dense_enough_for_weekly: Bools


def days(dates: Dates) -> Floats:
    """Days since 1970-01-01."""
    return dates.astype("datetime64[D]").astype(np.float64)


def seasonal_features(dates: Dates, settings: ProphetSettings) -> SeasonalFeatures:
    """Let Prophet make the seasonal features of a calendar, once for all series on it."""
    import pandas as pd

    parts: list[Floats] = []
    yearly: list[bool] = []
    column = pd.Series(pd.to_datetime(dates.astype("datetime64[ns]")), name="ds")
    for name, period, terms in (
        ("yearly", YEAR_DAYS, _order(settings.yearly_seasonality, YEARLY_ORDER)),
        ("weekly", WEEK_DAYS, _order(settings.weekly_seasonality, WEEKLY_ORDER)),
    ):
        if terms == 0 or len(dates) == 0:
            continue
        features = prophet_class().make_seasonality_features(column, period, terms, name).to_numpy(dtype=np.float64)
        parts.append(features)
        yearly.extend([name == "yearly"] * features.shape[1])
    values = np.concatenate(parts, axis=1) if parts else np.zeros((len(dates), 0))
    return SeasonalFeatures(
        values=values,
        is_yearly=np.array(yearly, dtype=np.bool_),
        yearly_is_auto=settings.yearly_seasonality == "auto",
        weekly_is_auto=settings.weekly_seasonality == "auto",
    )


def _order(wanted: Seasonality, default: int) -> int:
    if wanted == "auto" or wanted is True:
        return default
    return int(wanted)


def series_calendar(day: Floats, observed: Bools, settings: ProphetSettings) -> SeriesCalendar:
    """Derive each series' time scale and changepoints from its observed rows (N, T); every series has at least two."""
    count = observed.sum(axis=1)
    position = np.argsort(~observed, axis=1, kind="stable")
    rows = np.arange(len(count))
    first_day = day[position[:, 0]]
    last_day = day[position[rows, count - 1]]
    which, n_changepoints = _changepoint_rows(count, settings)
    changepoint_day = day[np.take_along_axis(position, which, axis=1)]
    return SeriesCalendar(
        first_day=first_day,
        last_day=last_day,
        changepoint_day=changepoint_day,
        n_changepoints=n_changepoints,
        long_enough_for_yearly=last_day - first_day >= YEARLY_FROM_DAYS,
        dense_enough_for_weekly=(last_day - first_day >= 14) & (_least_spacing(day, observed) < WEEK_DAYS),
    )


def _changepoint_rows(count: npt.NDArray[np.int64], settings: ProphetSettings) -> tuple[Indices, npt.NDArray[np.int64]]:
    """The observed row of each changepoint by Prophet's `set_changepoints`: evenly over the first part of the history."""
    rows = np.zeros((len(count), settings.n_changepoints), dtype=np.intp)
    number = np.zeros(len(count), dtype=np.int64)
    if settings.growth == "flat":
        return rows, number
    for length in np.unique(count):
        history = int(np.floor(length * settings.changepoint_range))
        fitting = max(0, min(settings.n_changepoints, history - 1))
        alike = count == length
        number[alike] = fitting
        if fitting:
            rows[alike, :fitting] = np.linspace(0, history - 1, fitting + 1).round().astype(np.intp)[1:]
    return rows, number


def _least_spacing(day: Floats, observed: Bools) -> Floats:
    previous = np.maximum.accumulate(np.where(observed, day, -np.inf), axis=1)
    gap = np.where(observed[:, 1:], day[1:] - previous[:, :-1], np.inf)
    least: Floats = gap.min(axis=1, initial=np.inf)
    return least


def trend_columns(day: Floats, calendar: SeriesCalendar) -> Floats:
    """t, 1, and (t - s_j)+ of each series on each day: (N, T, 2 + S)."""
    length = (calendar.last_day - calendar.first_day)[:, None]
    t = (day[None, :] - calendar.first_day[:, None]) / length
    changepoint = (calendar.changepoint_day - calendar.first_day[:, None]) / length
    columns = np.empty((*t.shape, 2 + changepoint.shape[1]))
    columns[:, :, 0] = t
    columns[:, :, 1] = 1.0
    np.maximum(t[:, :, None] - changepoint[:, None, :], 0.0, out=columns[:, :, 2:])
    return columns


def free_parameters(calendar: SeriesCalendar, seasons: SeasonalFeatures, settings: ProphetSettings) -> Bools:
    """Which of k, m, delta, beta each series may use: (N, 2 + S + K)."""
    size = len(calendar.first_day)
    rate = np.full((size, 1), settings.growth == "linear")
    offset = np.ones((size, 1), dtype=np.bool_)
    changes = np.arange(settings.n_changepoints) < calendar.n_changepoints[:, None]
    yearly = calendar.long_enough_for_yearly if seasons.yearly_is_auto else np.ones(size, dtype=np.bool_)
    weekly = calendar.dense_enough_for_weekly if seasons.weekly_is_auto else np.ones(size, dtype=np.bool_)
    season = np.where(seasons.is_yearly, yearly[:, None], weekly[:, None])
    return np.concatenate([rate, offset, changes, season], axis=1)
