"""Prediction intervals from what the model got wrong before: residuals of the backtest, pooled by level and demand
class.

A residual is divided by its series' own spread before pooling and the quantiles are multiplied by it again, so that
large and small series of a class can learn from each other. Nothing is assumed about the shape except where a pool is
too small to show its tails.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from forecasting.panel import CLASSES, Floats, Strings

PROBABILITIES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
COLUMNS = ("lo95", "lo80", "lo50", "median", "hi50", "hi80", "hi95")
RECENT_WEEKS = 52


@dataclass(frozen=True)
class Pool:
    """Residuals of one level and model, in units of each series' spread; `demand_class` is the class as it was at the
    origin.
    """

    residual: Floats
    demand_class: Strings


def spread(history: Floats) -> Floats:
    """Each series' own scale (N,): the standard deviation of its last year, at least the one that counts of that mean
    would have by chance.
    """
    recent = history[:, -RECENT_WEEKS:]
    known = ~np.isnan(recent)
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, recent, 0.0).sum(axis=1) / count
    deviation = np.where(known, recent - mean[:, None], 0.0)
    variance = (deviation**2).sum(axis=1) / count
    scale: Floats = np.sqrt(np.maximum(variance, np.maximum(mean, 0.01)))
    return scale


def quantiles(pool: Pool, min_pool: int) -> dict[str, Floats]:
    """Quantiles of the residuals at PROBABILITIES, per demand class; a class with fewer than `min_pool` shares those of
    its level.
    """
    shared = _quantiles(pool.residual)
    table: dict[str, Floats] = {}
    for name in CLASSES:
        own = pool.residual[pool.demand_class == name]
        table[name] = _quantiles(own) if own.size >= min_pool else shared
    return table


def _quantiles(residual: Floats) -> Floats:
    """Empirical quantiles where the pool reaches into the tail; a normal of the same size beyond; the standard normal
    without any residual.
    """
    size = residual.size
    normal = np.array([NormalDist().inv_cdf(p) for p in PROBABILITIES])
    if size == 0:
        return normal
    by_size = normal * np.sqrt((residual**2).mean() * (1.0 + 1.0 / size))
    seen = np.quantile(residual, PROBABILITIES)
    reached = np.array([size * min(p, 1.0 - p) >= 2.0 for p in PROBABILITIES])
    return np.sort(np.where(reached, seen, by_size))


def bounds(mean: Floats, scale: Floats, demand_class: Strings, table: dict[str, Floats]) -> Floats:
    """Quantiles of demand (N, H, 7) in the order of COLUMNS, ascending, none below zero."""
    shape = np.zeros((len(mean), len(PROBABILITIES)))
    for name, values in table.items():
        shape[demand_class == name] = values
    return np.maximum(mean[:, :, None] + (scale[:, None] * shape)[:, None, :], 0.0)
