"""One gradient-boosted model for all series, and a smoothing whose season, growth and drivers are learnt from all of them.

`train` is called once per origin, on all series or on any sample of them; what it returns is plain data (the booster as
text) and is handed to chunks, which then give the same numbers as the whole would.

Series are divided by what season, growth and drivers explain (`profile`) and by their own recent level, so that the booster sees
series of any size alike. One model serves all periods ahead, with the step as a feature (a direct forecast: nothing is fed
back). Each row of training is a series at one earlier time and one step ahead, and knows nothing after that time but
calendar and drivers.
"""

import importlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting import profile
from forecasting.baselines import (
    YOUNG_WEIGHT,
    demand_known,
    share_after_first,
    shares_of_constants,
    smooth_averaged,
    with_young,
)
from forecasting.panel import Bools, Floats, Strings
from forecasting.profile import Profile
from forecasting.series import Forecaster, Series, SeriesForecast
from forecasting.settings import ForecastSettings

SEASONAL_SES = "seasonal_ses"
LIGHTGBM = "lightgbm"

WINDOWS = (1, 2, 4, 8, 13, 26, 52)
ZERO_WINDOWS = (4, 13, 52)
EWM_ALPHAS = (0.05, 0.15, 0.4)
GROUP_WINDOWS = (4, 13)
USUAL = 52
OLD = 26
"""Weeks from which on a series counts as old: an age that no row of training had would mislead."""
CALENDAR_WEEKS = 104
"""Weeks of history from which on the booster sees the calendar: what it has seen once it cannot tell from growth."""
LEAST_WEEKS = 12


@dataclass(frozen=True)
class GlobalModel:
    """What was learnt from all series up to an origin.

    Attributes:
        profile: season, growth and drivers.
        young_share: weekly sales of a young series as a share of its first week's.
        constants: (A,) share of the series that have each smoothing constant, once the profile is taken out; None where all are alike.
        booster: LightGBM's own text; None where it could not be trained.
        problem: why not, in words.
        recent: group name -> (G, 1 + len(GROUP_WINDOWS)) mean of a series of the group over the last year, and of the
            last few weeks over that.
        codes: group name -> (G,) ascending.
        rows: rows that it was trained on.
    """

    profile: Profile
    young_share: float
    constants: Floats | None = None
    booster: str | None = None
    problem: str | None = None
    recent: dict[str, Floats] = field(default_factory=dict)
    codes: dict[str, Strings] = field(default_factory=dict)
    rows: int = 0


@dataclass(frozen=True)
class _History:
    """Deflated series and their running sums, from which features of any series at any time are looked up.

    Sums have a leading zero: the sum over weeks a to b, both included, is sums[:, b + 1] - sums[:, a].
    """

    value: Floats
    total: Floats
    count: Floats
    zeros: Floats
    smoothed: tuple[Floats, ...]
    last_sale: npt.NDArray[np.int64]
    begin: npt.NDArray[np.int64]
    first: Floats


def train(series: Series, settings: ForecastSettings, horizon: int) -> GlobalModel:
    """Learn from all series given; what they know ahead is not looked at."""
    known = demand_known(series, settings)
    shape = profile.fit(series, known, settings.season_groups, settings.season_order, settings.season_prior)
    share = share_after_first(series.quantity)
    factor = profile.factors(shape, series)
    deflated = known / factor[:, : known.shape[1]]
    rng = np.random.default_rng(settings.seed)
    picked = _sample(len(known), settings.global_series, rng)
    constants = shares_of_constants(deflated[picked], factor[picked, : known.shape[1]])
    model = GlobalModel(shape, share, constants)
    try:
        lightgbm = importlib.import_module("lightgbm")
    except (ImportError, OSError) as error:
        return replace(model, problem=f"LightGBM cannot be loaded ({error}); the pool runs without it.")
    sample = _take(series, picked)
    history = _history(deflated[picked], sample.quantity / factor[picked, : known.shape[1]], share)
    cell, week, step = _training_rows(history, horizon, settings.global_rows, rng)
    if len(cell) < settings.global_least_rows:
        return replace(
            model,
            problem=f"{LIGHTGBM} is left out: it learns from {settings.global_least_rows:,} rows (a series in a period, after its first ones) or more, "
            "and at some cut-off there are fewer.",
        )
    factor = factor[picked]
    usual = _usual(history, cell, week, share)
    sold = usual > 0.0
    cell, week, step, usual = cell[sold], week[sold], step[sold], usual[sold]
    groups = {name: _group_levels(codes, deflated) for name, codes in series.groups.items()}
    looked_up = {name: (groups[name][0], sample.groups[name], groups[name][1]) for name in groups}
    features = _features(sample, history, factor, looked_up, cell, week, step, usual)
    size = usual * factor[cell, week + step]
    target = np.maximum(known[picked][cell, week + step], 0.0) / size
    weight = size**settings.global_weight_power
    data = lightgbm.Dataset(
        features, target, weight=weight / weight.mean(), params={"max_bin": 127, "verbose": -1}, free_raw_data=True
    )
    booster = lightgbm.train(_parameters(settings), data, num_boost_round=settings.global_rounds)
    return replace(
        model,
        booster=booster.model_to_string(),
        recent={name: levels[:, -1] for name, (_, levels) in groups.items()},
        codes={name: codes for name, (codes, _) in groups.items()},
        rows=len(cell),
    )


def seasonal_ses(model: GlobalModel) -> Forecaster:
    """Exponential smoothing of what season, growth and drivers leave, times what they will do.

    A week's variance is taken to be in proportion to its mean, so a week counts by the factor that it was divided by.
    """

    def forecast(series: Series, settings: ForecastSettings) -> SeriesForecast:
        factor = profile.factors(model.profile, series)
        length = len(series.dates)
        past = factor[:, :length]
        level = smooth_averaged(demand_known(series, settings) / past, past, model.constants)
        return with_young(level[:, None] * factor[:, length:], SEASONAL_SES, series, settings, model.young_share)

    return forecast


def lightgbm_direct(model: GlobalModel) -> Forecaster | None:
    """The booster; None where there is none."""
    if model.booster is None:
        return None
    booster = importlib.import_module("lightgbm").Booster(model_str=model.booster)

    def forecast(series: Series, settings: ForecastSettings) -> SeriesForecast:
        length, horizon = len(series.dates), len(series.future)
        factor = profile.factors(model.profile, series)
        deflated = demand_known(series, settings) / factor[:, :length]
        history = _history(deflated, series.quantity / factor[:, :length], model.young_share)
        cell = np.repeat(np.arange(len(deflated)), horizon)
        step = np.tile(np.arange(1, horizon + 1), len(deflated))
        week = np.full(len(cell), length - 1)
        usual = _usual(history, cell, week, model.young_share)
        groups = {
            name: (codes, series.groups[name], model.recent[name][:, None])
            for name, codes in model.codes.items()
            if name in series.groups
        }
        features = _features(series, history, factor, groups, cell, week, step, usual)
        ratio = booster.predict(features, num_threads=settings.threads)
        mean = (ratio * usual * factor[cell, week + step]).reshape(len(deflated), horizon)
        return SeriesForecast(np.maximum(mean, 0.0), np.full(len(mean), LIGHTGBM))

    return forecast


def _parameters(settings: ForecastSettings) -> dict[str, Any]:
    return {
        "objective": "tweedie",
        "tweedie_variance_power": settings.global_tweedie_power,
        "learning_rate": settings.global_learning_rate,
        "num_leaves": settings.global_leaves,
        "min_data_in_leaf": 100,
        "lambda_l2": 1.0,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.threads,
        "seed": settings.seed,
        "verbose": -1,
    }


def _sample(size: int, wanted: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    return np.arange(size) if size <= wanted else np.sort(rng.choice(size, wanted, replace=False))


def _take(series: Series, rows: npt.NDArray[np.intp]) -> Series:
    return replace(
        series,
        quantity=series.quantity[rows],
        stocked_out=series.stocked_out[rows],
        own={name: values[rows] for name, values in series.own.items()},
        groups={name: codes[rows] for name, codes in series.groups.items()},
    )


def _history(deflated: Floats, sold: Floats, share: float) -> _History:
    """`deflated` (N, T) is what is known of demand, `sold` the same with the weeks that it leaves out."""
    size, length = deflated.shape
    known = ~np.isnan(deflated)
    value = np.where(known, np.maximum(np.nan_to_num(deflated), 0.0), 0.0)
    begin = np.where((~np.isnan(sold)).any(axis=1), (~np.isnan(sold)).argmax(axis=1), length)
    first = np.maximum(np.nan_to_num(sold[np.arange(size), np.minimum(begin, length - 1)]), 0.0)
    first = np.where(begin > 0, first, np.nan)
    positive = known & (value > 0)
    last_sale = np.maximum.accumulate(np.where(positive, np.arange(length), -1), axis=1)
    return _History(
        value=np.where(known, value, np.nan),
        total=_running(value),
        count=_running(known),
        zeros=_running(known & ~positive),
        smoothed=tuple(_ewm(value, known, alpha) for alpha in EWM_ALPHAS),
        last_sale=last_sale,
        begin=begin,
        first=first,
    )


def _running(values: npt.NDArray[Any]) -> Floats:
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)], axis=1)


def _ewm(value: Floats, known: Bools, alpha: float) -> Floats:
    """(N, T) exponentially weighted mean of the weeks known so far."""
    top, bottom = np.zeros(len(value)), np.zeros(len(value))
    result = np.empty(value.shape)
    for week in range(value.shape[1]):
        top = top * (1 - alpha) + value[:, week]
        bottom = bottom * (1 - alpha) + known[:, week]
        result[:, week] = top / np.maximum(bottom, 1e-12)
    return result


def _training_rows(
    history: _History, horizon: int, wanted: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Series, time and step of rows whose target is known and whose series has sold before."""
    length = history.value.shape[1]
    week = np.arange(length)
    usable = (history.last_sale >= 0) | ((history.begin[:, None] <= week) & (history.first > 0.0)[:, None])
    usable &= (week >= min(LEAST_WEEKS, length // 3)) & (week < length - 1)
    place = np.flatnonzero(usable)
    if len(place) > 1.5 * wanted:
        place = np.sort(rng.choice(place, int(1.5 * wanted), replace=False))
    cell, at = np.divmod(place, length)
    step = rng.integers(1, horizon + 1, len(place))
    fits = at + step < length
    cell, at, step = cell[fits], at[fits], step[fits]
    known = ~np.isnan(history.value[cell, at + step])
    cell, at, step = cell[known], at[known], step[known]
    keep = np.sort(rng.permutation(len(cell))[:wanted])
    return cell[keep], at[keep], step[keep]


def _window(sums: Floats, cell: npt.NDArray[np.intp], week: npt.NDArray[np.intp], weeks: int) -> Floats:
    return np.asarray(sums[cell, week + 1] - sums[cell, np.maximum(week + 1 - weeks, 0)])


def _usual(history: _History, cell: npt.NDArray[np.intp], week: npt.NDArray[np.intp], share: float) -> Floats:
    """Mean of the last year; of a series that began within sight, its first week's share stands for a few weeks."""
    total = _window(history.total, cell, week, USUAL)
    count = _window(history.count, cell, week, USUAL)
    first = history.first[cell]
    young = np.where(np.isnan(first), 0.0, YOUNG_WEIGHT)
    return np.asarray((total + young * share * np.nan_to_num(first)) / np.maximum(count + young, 1.0))


def _group_levels(codes: Strings, deflated: Floats) -> tuple[Strings, Floats]:
    """Codes (G,) and, for each week, (G, T, 3): mean of a series over the last year, and of 4 and 13 weeks over that."""
    names, member = np.unique(codes, return_inverse=True)
    known = ~np.isnan(deflated)
    total = _running(
        profile.group_sums(member, len(names), np.where(known, np.maximum(np.nan_to_num(deflated), 0.0), 0.0))
    )
    count = _running(profile.group_sums(member, len(names), known.astype(np.float64)))
    begin = np.arange(deflated.shape[1])

    def mean(weeks: int) -> Floats:
        back = np.maximum(begin + 1 - weeks, 0)
        return np.asarray(
            (total[:, begin + 1] - total[:, back]) / np.maximum(count[:, begin + 1] - count[:, back], 1.0)
        )

    usual = mean(USUAL)
    return names, np.stack([usual, *(mean(weeks) / np.maximum(usual, 1e-12) for weeks in GROUP_WINDOWS)], axis=2)


def _features(
    series: Series,
    history: _History,
    factor: Floats,
    groups: dict[str, tuple[Strings, Strings, Floats]],
    cell: npt.NDArray[np.intp],
    week: npt.NDArray[np.intp],
    step: npt.NDArray[np.intp],
    usual: Floats,
) -> npt.NDArray[np.float32]:
    """(R, F) what a series is known by at `week`, and what calendar and drivers say of the week `step` ahead; drivers by name, as the booster
    knows columns by their place only.
    """
    scale = np.maximum(usual, 1e-12)
    columns: list[npt.NDArray[Any]] = [step, np.log(scale)]
    for weeks in WINDOWS:
        count = _window(history.count, cell, week, weeks)
        mean = _window(history.total, cell, week, weeks) / np.maximum(count, 1.0) / scale
        columns.append(np.where(count > 0, mean, np.nan))
    columns += [values[cell, week] / scale for values in history.smoothed]
    for weeks in ZERO_WINDOWS:
        count = _window(history.count, cell, week, weeks)
        columns.append(np.where(count > 0, _window(history.zeros, cell, week, weeks) / np.maximum(count, 1.0), np.nan))
    last = history.last_sale[cell, week]
    columns.append(np.where(last >= 0, np.minimum(week - last, USUAL), np.nan))
    interval = _window(history.count, cell, week, USUAL) / np.maximum(
        _window(history.count, cell, week, USUAL) - _window(history.zeros, cell, week, USUAL), 1.0
    )
    columns.append(np.where(last >= 0, (week + step - last) / np.maximum(interval, 1.0), np.nan))
    columns.append(np.where(last >= 0, history.value[cell, np.maximum(last, 0)] / scale, np.nan))
    columns.append(np.minimum(week - history.begin[cell], OLD))
    columns.append(history.first[cell] / scale)
    year_ago = week + step - USUAL
    seen = np.minimum(year_ago + 1, week)
    count = np.where(year_ago >= 1, _window(history.count, cell, np.maximum(seen, 0), 3), 0.0)
    around = _window(history.total, cell, np.maximum(seen, 0), 3) / np.maximum(count, 1.0) / scale
    columns.append(np.where(count > 0, around, np.nan))
    for codes, own, levels in groups.values():
        place = np.clip(np.searchsorted(codes, own), 0, len(codes) - 1)
        found = (codes[place] == own)[cell]
        level = levels[place[cell], np.minimum(week, levels.shape[1] - 1)]
        columns.append(np.where(found, np.log(np.maximum(level[:, 0], 1e-12) / scale), np.nan))
        columns += [np.where(found, level[:, i], np.nan) for i in range(1, level.shape[1])]
    dates = np.concatenate([series.dates, series.future])
    turn = 2 * np.pi * dates.astype("datetime64[D]").astype(np.int64) / profile.YEAR_DAYS
    ahead = week + step
    if len(series.dates) >= CALENDAR_WEEKS:
        columns += [np.sin(turn)[ahead], np.cos(turn)[ahead], np.log(factor[cell, ahead])]
    columns += [series.shared[name][ahead] for name in sorted(series.shared)]
    columns += [series.own[name][cell, ahead] for name in sorted(series.own)]
    return np.column_stack([column.astype(np.float32) for column in columns])
