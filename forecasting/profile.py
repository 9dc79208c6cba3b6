"""What moves all series of a group together: the yearly season, growth, and the drivers known ahead, as factors around a level.

    log E[y_it] = a_i + f(t)' (b + d_g) + x_it' c

Poisson regression with a level a_i of its own for each series, which is concentrated out (Hausman, Hall and Griliches 1984;
consistent for any distribution with this mean: Wooldridge 1999). f are Fourier terms of the year, of days also the day of the
week, and growth; x the drivers. b and c are the same for all series; d_g is a group's own deviation, drawn towards zero by a
normal prior, on a likelihood divided by the group's dispersion. Growth is linear up to the origin and stops there: it brings
earlier weeks to the level of today, and is not carried ahead.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from forecasting.baselines import DAYS_OF_WEEK, is_weekly
from forecasting.panel import Dates, Floats, Strings
from forecasting.series import Series

YEAR_DAYS = 365.25
NEWTON_STEPS = 12
STEP_DONE = 1e-6
LARGEST_LOG = 3.0
RIDGE = 1e-6
DRIVER_PRIOR = 1.0
"""Standard deviation of a driver's effect, per standard deviation of the driver."""


@dataclass(frozen=True)
class Profile:
    """Effects, to be applied to any series at any time.

    Attributes:
        course: (F,) of the 2K Fourier terms, of days also of the 7 days of the week, and of a year's growth, for all.
        deviation: group name -> (G, F), of the codes in `codes`.
        codes: group name -> (G,) ascending.
        shared, own: driver -> effect on the log of demand; a driver acts by its difference from `centre`.
        centre: driver -> its mean in the history.
    """

    course: Floats
    deviation: dict[str, Floats] = field(default_factory=dict)
    codes: dict[str, Strings] = field(default_factory=dict)
    shared: dict[str, float] = field(default_factory=dict)
    own: dict[str, float] = field(default_factory=dict)
    centre: dict[str, float] = field(default_factory=dict)


def fit(series: Series, known: Floats, season_groups: tuple[str, ...], order: int, group_prior: float) -> Profile:
    """Learn the effects from the known weeks (N, T; NaN where unknown) of all series together.

    Args:
        series: as far as its history goes; what it knows ahead is not looked at.
        known: what demand is known to have been.
        season_groups: names of `series.groups`, the wider first; each deviates from the ones before it.
        order: number of harmonics of the year.
        group_prior: standard deviation of a group's deviation.
    """
    length = len(series.dates)
    design = _design(series, series.dates, order)
    weight = (~np.isnan(known)).astype(np.float64)
    y = np.where(weight > 0, np.maximum(np.nan_to_num(known), 0.0), 0.0)
    shared = {name: values[:length] for name, values in series.shared.items() if np.ptp(values[:length]) > 0}
    own = {name: values[:, :length] for name, values in series.own.items() if np.nanstd(values[:, :length]) > 0}
    centre = {name: float(np.nanmean(values)) for name, values in (shared | own).items()}
    spread = {name: max(float(np.nanstd(values)), 1e-9) for name, values in (shared | own).items()}
    common = np.column_stack([design, *((v - centre[k]) / spread[k] for k, v in shared.items())])
    personal = [np.nan_to_num((v - centre[k]) / spread[k]) for k, v in own.items()]
    effect = _pooled(y, weight, common, personal)
    at = design.shape[1]
    shared_effect = {name: float(effect[at + i] / spread[name]) for i, name in enumerate(shared)}
    at = common.shape[1]
    own_effect = {name: float(effect[at + i] / spread[name]) for i, name in enumerate(own)}
    mean = _expected(y, weight, common, personal, effect)
    profile = Profile(effect[: design.shape[1]], {}, {}, shared_effect, own_effect, centre)
    for name in season_groups:
        if name not in series.groups:
            continue
        codes, member = np.unique(series.groups[name], return_inverse=True)
        sold, expected = (group_sums(member, len(codes), values) for values in (y, mean))
        deviation = _deviations(sold, expected, design, group_prior)
        profile.deviation[name], profile.codes[name] = deviation, codes
        mean = mean * np.exp((deviation @ design.T)[member])
        mean *= (y.sum(axis=1) / np.maximum(mean.sum(axis=1), 1e-12))[:, None]
    return profile


def factors(profile: Profile, series: Series) -> Floats:
    """(N, T + H) what a usual week's demand is multiplied by."""
    log = course_logs(profile, series)
    for values in driver_logs(profile, series).values():
        log += values
    return np.asarray(np.exp(np.clip(log, -LARGEST_LOG, LARGEST_LOG)))


def course_logs(profile: Profile, series: Series) -> Floats:
    """(N, T + H) logarithm of what season and growth multiply demand by."""
    dates = np.concatenate([series.dates, series.future])
    design = _design(series, dates, (len(profile.course) - 1 - _weekdays(series)) // 2)
    effect = np.tile(profile.course, (len(series.quantity), 1))
    for name, codes in profile.codes.items():
        if name in series.groups:
            place = np.clip(np.searchsorted(codes, series.groups[name]), 0, len(codes) - 1)
            found = codes[place] == series.groups[name]
            effect += np.where(found[:, None], profile.deviation[name][place], 0.0)
    return np.asarray(effect @ design.T)


def driver_logs(profile: Profile, series: Series) -> dict[str, Floats]:
    """Driver -> (N, T + H) or (T + H,) logarithm of what it multiplies demand by."""
    shared = {
        name: value * (series.shared[name] - profile.centre[name])
        for name, value in profile.shared.items()
        if name in series.shared
    }
    own = {
        name: value * np.nan_to_num(series.own[name] - profile.centre[name])
        for name, value in profile.own.items()
        if name in series.own
    }
    return shared | own


def _design(series: Series, dates: Dates, order: int) -> Floats:
    """(T, F) Fourier terms of the year, of days the day of the week, and the years to the origin, none after it."""
    day = dates.astype("datetime64[D]").astype(np.int64)
    turn = 2 * np.pi * day / YEAR_DAYS
    waves = [wave(k * turn) for k in range(1, order + 1) for wave in (np.sin, np.cos)]
    weekday = (day[:, None] % 7 == np.arange(_weekdays(series))).astype(np.float64)
    to_origin = np.minimum(day - series.dates[-1].astype("datetime64[D]").astype(np.int64), 0) / YEAR_DAYS
    return np.column_stack([*waves, weekday, to_origin])


def _weekdays(series: Series) -> int:
    return 0 if is_weekly(series) else DAYS_OF_WEEK


def _expected(y: Floats, weight: Floats, common: Floats, personal: list[Floats], effect: Floats) -> Floats:
    log = np.broadcast_to(common @ effect[: common.shape[1]], y.shape).copy()
    for values, value in zip(personal, effect[common.shape[1] :], strict=True):
        log += value * values
    mean = weight * np.exp(np.clip(log, -LARGEST_LOG, LARGEST_LOG))
    return np.asarray(mean * (y.sum(axis=1) / np.maximum(mean.sum(axis=1), 1e-12))[:, None])


def _pooled(y: Floats, weight: Floats, common: Floats, personal: list[Floats]) -> Floats:
    """Newton's method for the effects shared by all, levels concentrated out."""
    wide, size = common.shape[1], common.shape[1] + len(personal)
    effect = np.zeros(size)
    total = np.maximum(y.sum(axis=1), 1e-12)
    for _ in range(NEWTON_STEPS):
        mean = _expected(y, weight, common, personal, effect)
        residual = y - mean
        dispersion = max(float((residual**2).sum() / max(mean.sum(), 1e-12)), 1.0)
        first = np.concatenate([residual.sum(axis=0) @ common, [(residual * values).sum() for values in personal]])
        by_week = mean.sum(axis=0)
        second = np.empty((size, size))
        second[:wide, :wide] = common.T @ (by_week[:, None] * common)
        moved = [mean * values for values in personal]
        for i, values in enumerate(moved):
            second[wide + i, :wide] = second[:wide, wide + i] = values.sum(axis=0) @ common
            for j, others in enumerate(personal):
                second[wide + i, wide + j] = (values * others).sum()
        inner = np.column_stack([mean @ common, *(values.sum(axis=1) for values in moved)])
        second -= inner.T @ (inner / total[:, None])
        prior = np.full(size, 1.0 / DRIVER_PRIOR**2)
        step = np.linalg.solve(second / dispersion + np.diag(prior), first / dispersion - prior * effect)
        effect = effect + np.clip(step, -1.0, 1.0)
        if np.abs(step).max(initial=0.0) < STEP_DONE:
            break
    return effect


def _deviations(sold: Floats, expected: Floats, design: Floats, prior: float) -> Floats:
    """(G, F) what the groups' totals (G, T) add to what is expected of them: season and growth, around a level each."""
    groups, width = len(sold), design.shape[1] + 1
    design = np.column_stack([np.ones(len(design)), design])
    precision = np.full(width, 1.0 / prior**2)
    precision[0] = RIDGE
    effect = np.zeros((groups, width))
    dispersion = np.ones(groups)
    for _ in range(NEWTON_STEPS):
        mean = expected * np.exp(np.clip(effect @ design.T, -LARGEST_LOG, LARGEST_LOG))
        residual = sold - mean
        dispersion = np.maximum((residual**2 / np.maximum(mean, 1e-9) * (mean > 0)).sum(axis=1), 1e-12) / np.maximum(
            (mean > 0).sum(axis=1), 1
        )
        dispersion = np.maximum(dispersion, 1.0)
        first = residual @ design / dispersion[:, None] - precision * effect
        second = np.einsum("gt,ta,tb->gab", mean, design, design, optimize=True) / dispersion[:, None, None]
        second += np.diag(precision)
        step = np.linalg.solve(second, first[:, :, None])[:, :, 0]
        effect = effect + np.clip(step, -1.0, 1.0)
        if np.abs(step).max(initial=0.0) < STEP_DONE:
            break
    return effect[:, 1:]


def group_sums(member: npt.NDArray[np.intp], groups: int, values: Floats) -> Floats:
    """(G, T) sums of the rows of `values` (N, T) that belong to each group."""
    order = np.argsort(member, kind="stable")
    begin = np.searchsorted(member[order], np.arange(groups))
    return np.asarray(np.add.reduceat(values[order], begin, axis=0))
