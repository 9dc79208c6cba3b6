"""How far forecasts were from what came: each measure once, vectorised, NaN wherever an actual is unknown.

Measures come as sums where they are ratios of sums, so that origins, chunks and classes can be added before dividing.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from forecasting.panel import Bools, Floats

SEASON = 52


@dataclass(frozen=True)
class Sums:
    """What the measures are made of; sums of parts add up to those of the whole.

    Attributes:
        absolute_error, error, square_error: over all known points, of forecast less actual.
        absolute_actual, actual: over the same points.
        mase, mase_series: sum over series of mean absolute error over the history's mean absolute change, and how many.
        rmsse, rmsse_series: the same of root mean squared error over the history's root mean squared change.
        points, series: known points, and series that have any.
    """

    absolute_error: float = 0.0
    error: float = 0.0
    square_error: float = 0.0
    absolute_actual: float = 0.0
    actual: float = 0.0
    mase: float = 0.0
    mase_series: int = 0
    rmsse: float = 0.0
    rmsse_series: int = 0
    points: int = 0
    series: int = 0

    def __add__(self, other: Self) -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def wape(self) -> float | None:
        """sum |F - A| / sum |A|; None where nothing was sold."""
        return self.absolute_error / self.absolute_actual if self.absolute_actual else None

    @property
    def bias(self) -> float | None:
        """sum (F - A) / sum A; positive: too high; None where that sum is 0."""
        return self.error / self.actual if self.actual else None

    @property
    def mean_mase(self) -> float | None:
        """Hyndman and Koehler (2006): mean over series of MAE over the history's mean absolute change from week to week."""
        return self.mase / self.mase_series if self.mase_series else None

    @property
    def mean_rmsse(self) -> float | None:
        """Makridakis et al. (2022), M5: mean over series of RMSE over the history's root mean squared change."""
        return self.rmsse / self.rmsse_series if self.rmsse_series else None


def sums(mean: Floats, actual: Floats, change: "Change") -> Sums:
    """Compare N forecasts with what came.

    Args:
        mean: (N, H) forecast.
        actual: (N, H); NaN where unknown.
        change: of the history, by which scaled errors are scaled.
    """
    known = ~np.isnan(actual)
    count = known.sum(axis=1)
    error = np.where(known, mean - np.nan_to_num(actual), 0.0)
    size = np.where(known, actual, 0.0)
    some = np.maximum(count, 1)
    scaled = (change.absolute > 0) & (count > 0)
    by_series = np.abs(error).sum(axis=1) / some
    root = np.sqrt((error**2).sum(axis=1) / some)
    return Sums(
        absolute_error=float(np.abs(error).sum()),
        error=float(error.sum()),
        square_error=float((error**2).sum()),
        absolute_actual=float(np.abs(size).sum()),
        actual=float(size.sum()),
        mase=float((by_series[scaled] / change.absolute[scaled]).sum()),
        mase_series=int(scaled.sum()),
        rmsse=float((root[scaled] / change.root[scaled]).sum()),
        rmsse_series=int(scaled.sum()),
        points=int(count.sum()),
        series=int((count > 0).sum()),
    )


@dataclass(frozen=True)
class Change:
    """(N,) mean absolute and root mean squared change from one known week to the next; 0 where nothing ever changed."""

    absolute: Floats
    root: Floats

    def take(self, rows: Bools) -> "Change":
        """That of some of the series."""
        return Change(self.absolute[rows], self.root[rows])


def naive_change(history: Floats) -> Change:
    """What scaled errors are scaled by."""
    step = np.diff(history, axis=1)
    known = ~np.isnan(step)
    step = np.where(known, step, 0.0)
    count = np.maximum(known.sum(axis=1), 1)
    return Change(np.abs(step).sum(axis=1) / count, np.sqrt((step**2).sum(axis=1) / count))


def wape(mean: Floats, actual: Floats) -> float | None:
    """sum |F - A| / sum |A| over known points; None where nothing was sold."""
    return sums(mean, actual, naive_change(np.empty((len(mean), 0)))).wape


def bias(mean: Floats, actual: Floats) -> float | None:
    """sum (F - A) / sum A over known points; positive: too high; None where nothing was sold."""
    return sums(mean, actual, naive_change(np.empty((len(mean), 0)))).bias


def pinball(quantile: Floats, actual: Floats, level: float) -> float | None:
    """Mean pinball loss of a quantile forecast at `level` (Koenker and Bassett 1978), in units; None where nothing is known.

    level x (A - Q) where the actual is above, (1 - level) x (Q - A) where it is below.
    """
    known = ~np.isnan(actual)
    if not known.any():
        return None
    above = (actual - quantile)[known]
    return float(np.maximum(level * above, (level - 1) * above).mean())


def coverage(low: Floats, high: Floats, actual: Floats) -> float | None:
    """Share of known actuals within the bounds, both included; None where nothing is known."""
    known = ~np.isnan(actual)
    if not known.any():
        return None
    inside: Bools = (low <= actual) & (actual <= high)
    return float(inside[known].mean())


def skill(wape: float | None, naive: float | None) -> float | None:
    """1 - WAPE / WAPE of seasonal naive: 0 is no better, 1 is perfect; None where either is, or seasonal naive is perfect."""
    return None if wape is None or not naive else 1.0 - wape / naive
