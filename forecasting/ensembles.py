"""Forecasts made of forecasts. The members make different mistakes; their mean makes smaller ones (Bates and Granger 1969)."""

from collections.abc import Mapping

import numpy as np

from forecasting.panel import Floats

MEAN = "ensemble_mean"
MEDIAN = "ensemble_median"
BLEND = "ensemble_blend"
BLEND_PRIOR = 0.05
PROJECTION_STEPS = 500


def simple(means: Mapping[str, Floats], members: tuple[str, ...]) -> dict[str, Floats]:
    """Mean and median of those members that are there; nothing where there are fewer than two.

    Args:
        means: model -> (N, H).
        members: which models to put together.
    """
    there = [means[name] for name in members if name in means]
    if len(there) < 2:
        return {}
    return {MEAN: np.mean(there, axis=0), MEDIAN: np.median(there, axis=0)}


def blend(means: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """sum of weight x forecast (N, H)."""
    return np.asarray(sum(weight * means[name] for name, weight in weights.items()))


def fit_weights(
    means: Mapping[str, Floats], actual: Floats, scale: Floats, members: tuple[str, ...]
) -> dict[str, float]:
    """Weights, none below 0 and together 1, with the least squared error over all points, each over its series' scale.

    A small pull towards equal weights settles what the data leave open (Granger and Ramanathan 1984, constrained). Solved
    by projected gradient.

    Args:
        means: model -> (P, H) of past origins put together.
        actual: (P, H); NaN where unknown.
        scale: (P,) what to divide a series' errors by.
        members: which models may have a weight.
    """
    names = [name for name in members if name in means]
    known = ~np.isnan(actual)
    if not names or not known.any():
        return {}
    divided = np.column_stack([(means[name] / scale[:, None])[known] for name in names])
    target = (actual / scale[:, None])[known]
    gram = divided.T @ divided / len(target)
    pull = BLEND_PRIOR * np.trace(gram) / len(names)
    gram += pull * np.eye(len(names))
    linear = divided.T @ target / len(target) + pull / len(names)
    weight = np.full(len(names), 1.0 / len(names))
    rate = 1.0 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-12)
    for _ in range(PROJECTION_STEPS):
        weight = _onto_simplex(weight - rate * (gram @ weight - linear))
    return dict(zip(names, weight.tolist(), strict=True))


def _onto_simplex(point: Floats) -> Floats:
    """The nearest point with coordinates not below 0 that sum to 1 (Duchi et al. 2008)."""
    descending = np.sort(point)[::-1]
    excess = np.cumsum(descending) - 1.0
    count = np.arange(1, len(point) + 1)
    last = np.flatnonzero(descending - excess / count > 0)[-1]
    return np.asarray(np.maximum(point - excess[last] / (last + 1), 0.0))
