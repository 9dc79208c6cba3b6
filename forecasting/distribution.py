"""The predictive distribution of demand: a negative binomial about the forecast mean, bent by what earlier forecasts got wrong.

Counts are made continuous by adding a uniform fraction of one unit (Machado and Santos Silva, "Quantiles for Counts",
JASA 2005): the distribution of demand + U has no steps, floor(quantile) is the quantile in whole units, and its
distribution function at the demand + U that came is the randomised probability integral transform (PIT), which is
uniform where the distribution is right. P(demand <= s) is the function at floor(s) + 1.

The negative binomial has the mean m of the forecast and the variance m x d, where d, the dispersion, is the series' own
ratio of variance to mean, drawn towards that of series of its size where its history is short. `score` says where
demand fell in it, as a standard normal deviate; `intervals` pools those scores and `quantile` turns a score back into units.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import betainc, ndtr, ndtri

from forecasting.hierarchy import Level, to_decimal
from forecasting.panel import KEY, Dates, Floats

PROBABILITIES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99)
COLUMNS = tuple(f"q{round(1000 * p):03d}" for p in PROBABILITIES)
DISTRIBUTION_SCHEMA = pa.schema(
    [
        ("level", pa.string()),
        *[(name, pa.string()) for name in KEY],
        ("week_start", pa.date32()),
        ("weeks_ahead", pa.int16()),
        ("cumulative_mean", pa.decimal128(18, 4)),
        *[(name, pa.float64()) for name in COLUMNS],
        ("cutoff_date", pa.date32()),
    ]
)
"""One row per member of a level and week ahead: quantiles of the demand of all weeks up to it, plus a fraction of a unit."""

SMALLEST_MEAN = 0.01
"""A mean below says no more than that nearly nothing is expected."""
LARGEST_COUNT = 1000.0
"""Means above are no longer counted unit by unit: the negative binomial is then a gamma, in the cube-root form of Wilson and
Hilferty (1931)."""
RECENT_PERIODS = 52
PRIOR_PERIODS = 12.0
"""So many periods does the dispersion of series of the same size stand for beside a series' own."""
SMALLEST_DISPERSION = 1.05
SURE = 1e-7
DIGITS = 3
"""Decimals of stored quantiles."""
SIZES = 12
MEANS = np.geomspace(SMALLEST_MEAN, LARGEST_COUNT, 80)
DISPERSIONS = np.geomspace(SMALLEST_DISPERSION, 2000.0, 32)
SCORES = np.linspace(-5.2, 5.2, 53)


def dispersion(history: Floats) -> Floats:
    """Ratio of variance to mean (N,) of each series (N, T; NaN where unknown) in its last year.

    Drawn towards that of the series of about its mean, the more the shorter its history; at least a little above chance's 1.
    """
    recent = np.maximum(history[:, -RECENT_PERIODS:], 0.0)
    known = ~np.isnan(recent)
    periods = known.sum(axis=1)
    mean = np.where(known, recent, 0.0).sum(axis=1) / np.maximum(periods, 1)
    size = np.maximum(mean, SMALLEST_MEAN)
    with np.errstate(over="ignore", invalid="ignore"):
        square = np.where(known, (recent - mean[:, None]) / size[:, None], 0.0) ** 2
    own = square.sum(axis=1) / np.maximum(periods - 1, 1) * size
    weight = periods / (periods + PRIOR_PERIODS)
    result: Floats = np.maximum(weight * own + (1.0 - weight) * _of_its_size(size, own, periods), SMALLEST_DISPERSION)
    return result


def _of_its_size(size: Floats, own: Floats, periods: npt.NDArray[np.int64]) -> Floats:
    """Dispersion by size (N,): the mean over series of neighbouring sizes, straight lines between in logarithms."""
    grown = (periods >= PRIOR_PERIODS) & (own > 0.0)
    if not grown.any():
        return np.ones(len(size))
    order = np.argsort(size[grown], kind="stable")
    groups = [group for group in np.array_split(order, SIZES) if group.size]
    at = np.array([np.log(size[grown][group]).mean() for group in groups])
    value = np.array([np.log(own[grown][group].mean()) for group in groups])
    result: Floats = np.exp(np.interp(np.log(size), at, value))
    return result


def score(demand: Floats, mean: Floats, spread: Floats) -> Floats:
    """Where demand + U (none below zero) lies in its negative binomial, as a standard normal deviate.

    Args:
        demand: demand plus a fraction of a unit.
        mean, spread: the mean, and the dispersion (variance over mean), of the same shape.
    """
    demand, mean, spread = np.broadcast_arrays(demand, np.maximum(mean, SMALLEST_MEAN), spread)
    counted = mean < LARGEST_COUNT
    result = np.empty(demand.shape)
    result[counted] = ndtri(np.clip(_counts(demand[counted], mean[counted], spread[counted]), SURE, 1.0 - SURE))
    large = ~counted
    shape = 9.0 * mean[large] / spread[large]
    result[large] = (np.cbrt((demand[large] - 0.5).clip(0.0) / mean[large]) - 1.0 + 1.0 / shape) * np.sqrt(shape)
    return np.clip(result, ndtri(SURE), -ndtri(SURE))


def _counts(demand: Floats, mean: Floats, spread: Floats) -> Floats:
    """Distribution function of negative binomial + U."""
    whole = np.floor(demand)
    size, chance = mean / (spread - 1.0), 1.0 / spread
    upper = betainc(size, whole + 1.0, chance)
    lower = np.where(whole >= 1.0, betainc(size, np.maximum(whole, 1.0), chance), 0.0)
    result: Floats = lower + (demand - whole) * (upper - lower)
    return result


def quantile(scores: Floats, mean: Floats, spread: Floats) -> Floats:
    """Demand + U (N, P) at P scores, the inverse of `score`, for N means and dispersions."""
    mean = np.maximum(mean, SMALLEST_MEAN)
    result = np.empty((len(mean), len(scores)))
    counted = mean < LARGEST_COUNT
    result[counted] = _from_table(scores, mean[counted], spread[counted])
    large = ~counted
    shape = (9.0 * mean[large] / spread[large])[:, None]
    root = np.maximum(scores / np.sqrt(shape) + 1.0 - 1.0 / shape, 0.0)
    result[large] = mean[large][:, None] * root**3 + 0.5
    return result


def _from_table(scores: Floats, mean: Floats, spread: Floats) -> Floats:
    """Quantiles by straight lines between those of the table: along the scores, then in the logarithms of mean and dispersion."""
    column = np.interp(np.clip(scores, SCORES[0], SCORES[-1]), SCORES, np.arange(len(SCORES)))
    left = np.minimum(column.astype(np.intp), len(SCORES) - 2)
    own = _table()[:, :, left] + (column - left) * (_table()[:, :, left + 1] - _table()[:, :, left])
    row, down = _place(mean, MEANS)
    place, right = _place(spread, DISPERSIONS)
    result: Floats = (1.0 - down) * ((1.0 - right) * own[row, place] + right * own[row, place + 1])
    result += down * ((1.0 - right) * own[row + 1, place] + right * own[row + 1, place + 1])
    return result * (1.0 + mean[:, None])


def _place(values: Floats, knots: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Between which of the evenly spaced (in logarithms) knots a value lies, and how far on (N, 1)."""
    step = (np.log(values) - np.log(knots[0])) / (np.log(knots[-1]) - np.log(knots[0])) * (len(knots) - 1)
    step = np.clip(step, 0.0, len(knots) - 1.0)
    left = np.minimum(step.astype(np.intp), len(knots) - 2)
    return left, (step - left)[:, None]


@lru_cache(maxsize=1)
def _table() -> Floats:
    """Quantiles over 1 + mean by MEANS, DISPERSIONS and SCORES."""
    from scipy.stats import nbinom

    mean, spread, chance = MEANS[:, None, None], DISPERSIONS[None, :, None], ndtr(SCORES)[None, None, :]
    size = mean / (spread - 1.0)
    whole = nbinom.ppf(chance, size, 1.0 / spread)
    mean, spread, whole = np.broadcast_arrays(mean, spread, whole)
    lower, upper = _counts(whole, mean, spread), _counts(whole + 1.0, mean, spread)
    result: Floats = (whole + np.clip((chance - lower) / np.maximum(upper - lower, 1e-300), 0.0, 1.0)) / (1.0 + mean)
    return result


def chance(demand: Floats, quantiles: Floats, probabilities: Sequence[float] = PROBABILITIES) -> Floats:
    """Distribution function at demand + U (...), given its quantiles (..., P).

    Straight lines between the quantiles, from zero to the first; beyond the last an exponential tail through the one at
    95 % and the last.
    """
    p = np.array(probabilities)
    knots = np.concatenate([np.zeros((*quantiles.shape[:-1], 1)), quantiles], axis=-1)
    heights = np.concatenate([[0.0], p])
    place = (knots <= demand[..., None]).sum(axis=-1)
    upper = np.minimum(place, len(p))
    lower = np.maximum(upper - 1, 0)
    left = np.take_along_axis(knots, lower[..., None], axis=-1)[..., 0]
    right = np.take_along_axis(knots, upper[..., None], axis=-1)[..., 0]
    inside = heights[lower] + (heights[upper] - heights[lower]) * (demand - left) / np.maximum(right - left, 1e-12)
    tail = p.tolist().index(0.95)
    width = np.maximum(quantiles[..., -1] - quantiles[..., tail], 1e-12)
    with np.errstate(over="ignore"):
        beyond = 1.0 - (1.0 - p[-1]) * ((1.0 - p[-1]) / (1.0 - p[tail])) ** ((demand - quantiles[..., -1]) / width)
    result: Floats = np.where(demand <= 0.0, 0.0, np.where(place > len(p), beyond, inside))
    return result


def stock_out_probability(stock: Floats, quantiles: Floats) -> Floats:
    """P(demand > stock) of each stock (...) given the quantiles of the demand that it has to last for (..., P)."""
    return 1.0 - chance(np.floor(np.maximum(stock, 0.0)) + 1.0, quantiles)


def table(
    level: Level, units: npt.NDArray[np.int64], quantiles: Floats, future: Dates, cutoff: np.datetime64
) -> pa.Table:
    """The rows of one level: for G members and H weeks the means in ten-thousandths (G, H) and the quantiles of summed
    demand (G, H, P).
    """
    size, horizon = units.shape
    row = pa.array(np.repeat(np.arange(size), horizon))
    columns: dict[str, pa.Array] = {
        "level": pa.array([level.name] * len(row), pa.string()),
        **{name: level.members[name].to_arrow().cast(pa.string()).take(row) for name in KEY},
        "week_start": pa.array(np.tile(future.astype("datetime64[D]"), size), pa.date32()),
        "weeks_ahead": pa.array(np.tile(np.arange(1, horizon + 1, dtype=np.int16), size)),
        "cumulative_mean": to_decimal(np.cumsum(units, axis=1)),
        **{name: pa.array(np.round(quantiles[:, :, place], DIGITS).ravel()) for place, name in enumerate(COLUMNS)},
        "cutoff_date": pa.array(np.full(len(row), cutoff).astype("datetime64[D]"), pa.date32()),
    }
    return pa.table([columns[name] for name in DISTRIBUTION_SCHEMA.names], schema=DISTRIBUTION_SCHEMA)
