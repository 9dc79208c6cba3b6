"""Where each series begins and ends, its own time scale and changepoints: what Prophet derives from dates alone.

Prophet drops the rows without a value first, and derives all the rest from the rows that are left. So do we, per
series: a late start, a gap or a masked week moves the origin of time and the changepoints as it does in Prophet.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.prophet_batch.settings import ProphetSettings
from forecasting.prophet_batch.solver import Bools, Floats

Dates = npt.NDArray[np.datetime64]
Indices = npt.NDArray[np.intp]

YEARLY_FROM_DAYS = 730
WEEKLY_FROM_DAYS, WEEKLY_BELOW_DAYS = 14, 7


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
        dense_enough_for_weekly=(last_day - first_day >= WEEKLY_FROM_DAYS)
        & (_least_spacing(day, observed) < WEEKLY_BELOW_DAYS),
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


def trend_columns(day: Floats, first_day: Floats, last_day: Floats, changepoint_day: Floats) -> Floats:
    """t, 1, and (t - s_j)+ of each series on each day: (N, 2 + S, T)."""
    length = (last_day - first_day)[:, None]
    t = (day[None, :] - first_day[:, None]) / length
    changepoint = (changepoint_day - first_day[:, None]) / length
    columns = np.empty((len(t), 2 + changepoint.shape[1], len(day)))
    columns[:, 0] = t
    columns[:, 1] = 1.0
    np.maximum(t[:, None, :] - changepoint[:, :, None], 0.0, out=columns[:, 2:])
    return columns


def free_trend(calendar: SeriesCalendar, settings: ProphetSettings) -> Bools:
    """Which of k, m, delta each series may use: (N, 2 + S)."""
    size = len(calendar.first_day)
    return np.concatenate(
        [
            np.full((size, 1), settings.growth == "linear"),
            np.ones((size, 1), dtype=np.bool_),
            np.arange(settings.n_changepoints) < calendar.n_changepoints[:, None],
        ],
        axis=1,
    )
