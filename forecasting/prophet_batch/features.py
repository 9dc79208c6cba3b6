"""The features beside the trend: seasons and holidays, made by Prophet itself once per calendar, and regressors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from forecasting.prophet_batch.calendar import Dates, SeriesCalendar
from forecasting.prophet_batch.prophet_own import prophet_class
from forecasting.prophet_batch.settings import CustomSeasonality, Mode, ProphetSettings, Seasonality, holiday_rows
from forecasting.prophet_batch.solver import Bools, Floats

YEAR_DAYS = 365.25
WEEK_DAYS = 7.0
YEARLY_ORDER, WEEKLY_ORDER = 10, 3
"""Fourier orders where the setting is "auto" or True."""
HOLIDAYS = "holidays"


class RegressorError(ValueError):
    """The values of a regressor are not there, or of no use to any series."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"Regressor {name}: {problem}.")


@dataclass(frozen=True)
class Component:
    """A part of the forecast with a name of its own, and the features that make it.

    Attributes:
        columns: its features, as a range of all K of them.
        mode: added to the trend or multiplying it.
        auto: "yearly" or "weekly" where a series must be long or dense enough for it, else "".
    """

    name: str
    columns: slice
    mode: Mode
    auto: str = ""


@dataclass(frozen=True)
class CalendarFeatures:
    """What dates alone decide.

    Attributes:
        values: (K, T) seasons and holidays on each date.
        prior_scale: (K,) standard deviation of each coefficient's prior.
        components: in the order of the columns.
    """

    values: Floats
    prior_scale: Floats
    components: tuple[Component, ...]


def components(calendar: CalendarFeatures, settings: ProphetSettings) -> tuple[Component, ...]:
    """All components beside the trend, in the order of the coefficients: seasons, holidays, regressors."""
    begin = len(calendar.values)
    return calendar.components + tuple(
        Component(regressor.name, slice(begin + place, begin + place + 1), regressor.mode or settings.seasonality_mode)
        for place, regressor in enumerate(settings.regressors)
    )


def calendar_features(dates: Dates, settings: ProphetSettings) -> CalendarFeatures:
    """Seasons and holidays on the dates; made once for all series and calls with the same calendar."""
    return _calendar_features(tuple(dates.astype("datetime64[D]").astype(np.int64).tolist()), settings)


@lru_cache(maxsize=64)
def _calendar_features(day: tuple[int, ...], settings: ProphetSettings) -> CalendarFeatures:
    import pandas as pd

    column = pd.Series(np.array(day, dtype="datetime64[D]").astype("datetime64[ns]"), name="ds")
    values: list[Floats] = [np.zeros((0, len(day)))]
    scales: list[float] = []
    parts: list[Component] = []

    def add(name: str, features: Floats, prior_scale: Sequence[float], mode: Mode, auto: str = "") -> None:
        parts.append(Component(name, slice(len(scales), len(scales) + features.shape[1]), mode, auto))
        values.append(np.ascontiguousarray(features.T))
        scales.extend(prior_scale)

    for season, auto in _seasons(settings):
        features = prophet_class().make_seasonality_features(column, season.period, season.fourier_order, season.name)
        scale = season.prior_scale or settings.seasonality_prior_scale
        mode = season.mode or settings.seasonality_mode
        add(season.name, features.to_numpy(np.float64), [scale] * features.shape[1], mode, auto)
    if settings.holidays:
        frame = pd.DataFrame(holiday_rows(settings.holidays)).assign(ds=lambda rows: pd.to_datetime(rows["ds"]))
        model = prophet_class()(holidays=frame, holidays_prior_scale=settings.holidays_prior_scale)
        features, holiday_scales, _ = model.make_holiday_features(column, model.construct_holiday_dataframe(column))
        mode = settings.holidays_mode or settings.seasonality_mode
        add(HOLIDAYS, features.to_numpy(np.float64), holiday_scales, mode)
    whole = np.concatenate(values)
    whole.setflags(write=False)
    return CalendarFeatures(whole, np.array(scales), tuple(parts))


def _seasons(settings: ProphetSettings) -> list[tuple[CustomSeasonality, str]]:
    """Custom seasons first, then the built-in ones; a custom one of the same name takes the place of an "auto"."""
    custom = {season.name for season in settings.seasonalities}
    seasons = [(season, "") for season in settings.seasonalities]
    for name, period, wanted, default in (
        ("yearly", YEAR_DAYS, settings.yearly_seasonality, YEARLY_ORDER),
        ("weekly", WEEK_DAYS, settings.weekly_seasonality, WEEKLY_ORDER),
    ):
        order = _order(wanted, default)
        if order and name not in custom:
            seasons.append((CustomSeasonality(name, period, order), name if wanted == "auto" else ""))
    return seasons


def _order(wanted: Seasonality, default: int) -> int:
    if wanted == "auto" or wanted is True:
        return default
    return int(wanted)


def free_calendar_features(features: CalendarFeatures, series: SeriesCalendar) -> Bools:
    """Which seasons and holidays each series may use by Prophet's rules: (N, K)."""
    free = np.ones((len(series.first_day), len(features.values)), dtype=np.bool_)
    for part in features.components:
        if part.auto == "yearly":
            free[:, part.columns] = series.long_enough_for_yearly[:, None]
        elif part.auto == "weekly":
            free[:, part.columns] = series.dense_enough_for_weekly[:, None]
    return free


def regressor_values(
    settings: ProphetSettings, shared: Mapping[str, Floats], own: Mapping[str, Floats], size: int, length: int
) -> list[Floats]:
    """The values of each regressor of the settings, (T,) where all series share them, else (N, T).

    Raises:
        RegressorError: a regressor has no values, values of another shape, or shared ones that are not finite.
    """
    found = []
    for regressor in settings.regressors:
        name = regressor.name
        if name not in own and name not in shared:
            raise RegressorError(name, "no values given, neither shared nor per series")
        values = np.asarray(own[name] if name in own else shared[name], dtype=np.float64)
        needed = (size, length) if name in own else (length,)
        if values.shape != needed:
            raise RegressorError(name, f"values of shape {values.shape} where {needed} is needed")
        if name not in own and not np.isfinite(values).all():
            raise RegressorError(name, "not finite on some date, for all series")
        found.append(values)
    return found


def standardization(values: Floats, observed: Bools, standardize: bool | str) -> tuple[Floats, Floats]:
    """Mean and standard deviation by which Prophet standardizes each row of values (N, T), from its observed points."""
    count = observed.sum(axis=1)
    known = np.where(observed, values, 0.0)
    highest = np.where(observed, values, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(observed, values, np.inf).min(axis=1, initial=np.inf)
    wanted = highest > lowest
    if standardize == "auto":
        is_binary = ((known == 0.0) | (known == 1.0)).all(axis=1)
        wanted &= ~is_binary
    elif not standardize:
        wanted[:] = False
    mean = known.sum(axis=1) / np.maximum(count, 1)
    deviation = np.where(observed, values - mean[:, None], 0.0)
    std = np.sqrt((deviation**2).sum(axis=1) / np.maximum(count - 1, 1))
    wanted &= std > 0.0
    return np.where(wanted, mean, 0.0), np.where(wanted, std, 1.0)
