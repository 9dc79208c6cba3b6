"""What the model got wrong before, as the distribution of what it says now: conformal, pooled by level, class and size.

Where earlier demand fell in its own negative binomial (`distribution.score`) is pooled over series and origins. The
quantiles of a pool, turned back into units about the mean of a new forecast, are its distribution. Nothing is assumed about
the shape that is left except where a pool is too small to show its tails.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from forecasting import distribution
from forecasting.panel import CLASSES, Floats, Strings

Ints = npt.NDArray[np.int64]

PROBABILITIES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
COLUMNS = ("lo95", "lo80", "lo50", "median", "hi50", "hi80", "hi95")

COPIES = 4
"""Each outcome of the latest origin is placed so many times, with other fractions of a unit added; those of the origins before it
once each: what went wrong last tells most of what will.
"""
SIZES = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1000.0])
"""Mean demand of a week between which series are pooled."""
NONE = np.empty(0)
PRIOR_OUTCOMES = 4
"""So many outcomes does the standard normal count for where a pool is too small to show its tails."""
ENOUGH_SERIES = 20_000
"""Of more series of one origin, evenly spaced ones say as much."""


@dataclass(frozen=True)
class Outcome:
    """What was forecast for N series and H weeks at one origin, and what came.

    Attributes:
        mean: (N, H) as it was forecast.
        actual: (N, H) what was sold; NaN where it is unknown.
        dispersion: (N,) of the history, from `distribution.dispersion`.
        demand_class: (N,) as seen at the origin.
        wanted: (N, H) demand where it is known to have been more than was sold; `actual` without it. Sums are of this, since
            a stock has to last for what is wanted.
    """

    mean: Floats
    actual: Floats
    dispersion: Floats
    demand_class: Strings
    wanted: Floats | None = None


@dataclass(frozen=True)
class Calibration:
    """Scores of one level and model, pooled.

    Attributes:
        pools: scores by demand class, size and number of weeks (their places in CLASSES and SIZES; 0 for single weeks).
        summed: the pools are of demand summed from the first week on, for each number of weeks; else of single weeks.
        min_pool: outcomes of the latest origin that a pool must have, or COPIES times as many of earlier ones; one with fewer takes in its
            neighbours.
    """

    pools: dict[tuple[int, int, int], Floats]
    summed: bool
    min_pool: int

    def quantiles(
        self, mean: Floats, dispersion: Floats, demand_class: Strings, probabilities: Sequence[float]
    ) -> Floats:
        """Quantiles (N, H, P) of demand + U for means (N, H) of single weeks; ascending, none below zero.

        Of summed demand, no quantile is below that of a week less.
        """
        target = _targets(mean, self.summed)
        key = _keys(target, demand_class, self.summed)
        spread = np.broadcast_to(dispersion[:, None], mean.shape).ravel()
        result = np.empty((mean.size, len(probabilities)))
        for one, at in _grouped(key.ravel()):
            scores = pool_quantiles(self._pool(one), probabilities)
            result[at] = distribution.quantile(scores, target.ravel()[at], spread[at])
        result = np.maximum.accumulate(np.maximum(result, 0.0), axis=1).reshape(*mean.shape, -1)
        return np.maximum.accumulate(result, axis=1) if self.summed else result

    def _pool(self, key: int) -> Floats:
        """The scores of a key, and of ever further sizes of its class until there are enough; else of all."""
        place, size, weeks = _parts(key)
        for reach in range(len(SIZES) + 1):
            near = [self.pools.get((place, other, weeks), NONE) for other in range(size - reach, size + reach + 1)]
            if sum(pool.size for pool in near) >= self.min_pool * COPIES:
                return np.concatenate(near)
        if self.summed:
            alike = [pool for (_, _, of), pool in self.pools.items() if of == weeks]
            if sum(pool.size for pool in alike) >= self.min_pool * COPIES:
                return np.concatenate(alike)
        return np.concatenate([NONE, *self.pools.values()])


def calibrate(outcomes: Sequence[Outcome], min_pool: int, *, summed: bool) -> Calibration:
    """Pool where came what came: sales of single weeks, or demand of all weeks from the first on.

    Args:
        outcomes: one per origin, the latest first.
    """
    scores, keys = [np.empty(0)], [np.empty(0, dtype=np.int64)]
    for outcome in outcomes:
        some = slice(None, None, max(1, -(-len(outcome.mean) // ENOUGH_SERIES)))
        target = _targets(outcome.mean[some], summed)
        came = outcome.wanted if summed and outcome.wanted is not None else outcome.actual
        actual = np.maximum(_targets(came[some], summed), 0.0)
        known = np.isfinite(actual)
        spread = np.broadcast_to(outcome.dispersion[some][:, None], target.shape)[known]
        copies = COPIES if outcome is outcomes[0] else 1
        placed = actual[known] + fractions(int(known.sum()))[:copies]
        scores.append(distribution.score(placed, target[known], spread).ravel())
        keys.append(np.tile(_keys(target, outcome.demand_class[some], summed)[known], copies))
    score, key = np.concatenate(scores), np.concatenate(keys)
    return Calibration({_parts(one): score[at] for one, at in _grouped(key)}, summed, min_pool)


def fractions(size: int) -> Floats:
    """Fractions of a unit (COPIES, size), as even as can be over any run of outcomes: nothing is left to chance."""
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    result: Floats = np.modf(np.arange(1, size + 1) * golden + np.arange(COPIES)[:, None] / COPIES)[0]
    return result


def whole_bounds(calibration: Calibration, mean: Floats, dispersion: Floats, demand_class: Strings) -> Floats:
    """Median and bounds (N, H, 7) of weekly demand in the order of COLUMNS, in whole units: the least number that demand
    stays at or below with the column's probability.
    """
    result: Floats = np.floor(calibration.quantiles(mean, dispersion, demand_class, PROBABILITIES))
    return result


def coverage(actual: Floats, quantiles: Floats, low: int, high: int) -> Floats:
    """Share (N, H) of the randomised PIT of what came that lies between two of the quantiles (N, H, P); NaN where unknown.

    Each outcome counts for the part of its unit that the interval covers, so that counts which are mostly zero are judged
    as fairly as large ones.
    """
    demand = np.floor(np.maximum(actual, 0.0))
    covered = np.minimum(quantiles[..., high], demand + 1.0) - np.maximum(quantiles[..., low], demand)
    result: Floats = np.clip(covered, 0.0, 1.0)
    return result


def _grouped(key: Ints) -> Iterator[tuple[int, Ints]]:
    """Each key and the places that have it."""
    order = np.argsort(key, kind="stable")
    for at in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        if at.size:
            yield int(key[at[0]]), at


def _targets(values: Floats, summed: bool) -> Floats:
    return np.cumsum(values, axis=1) if summed else values


def _keys(target: Floats, demand_class: Strings, summed: bool) -> Ints:
    """Demand class, size and weeks of each forecast (N, H) as one number."""
    weeks = np.arange(1, target.shape[1] + 1) if summed else np.ones(target.shape[1], dtype=np.int64)
    place = np.array([CLASSES.index(name) for name in demand_class], dtype=np.int64)
    return (place[:, None] * 100 + np.searchsorted(SIZES, target / weeks)) * 1000 + (weeks if summed else 0)


def _parts(key: int) -> tuple[int, int, int]:
    rest, weeks = divmod(key, 1000)
    place, size = divmod(rest, 100)
    return place, size, weeks


def pool_quantiles(pool: Floats, probabilities: Sequence[float]) -> Floats:
    """Quantiles of the scores where the pool reaches into the tail; of a normal of the same size beyond; of the standard
    normal without any score.

    Of n outcomes the quantile at p is the one of rank p (n + 1), which is what a new one falls below with probability p.
    """
    normal = np.array([NormalDist().inv_cdf(p) for p in probabilities])
    if pool.size == 0:
        return normal
    outcomes = pool.size / COPIES
    by_size = normal * np.sqrt(((pool**2).sum() / COPIES + PRIOR_OUTCOMES) / (outcomes + PRIOR_OUTCOMES))
    rank = COPIES * np.array(probabilities) * (outcomes + 1.0) - (COPIES - 1) / 2
    seen = np.quantile(pool, np.clip((rank - 1.0) / (pool.size - 1.0), 0.0, 1.0))
    reached = np.array([outcomes * min(p, 1.0 - p) >= 2.0 for p in probabilities])
    return np.sort(np.where(reached, seen, by_size))
