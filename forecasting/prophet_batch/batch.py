"""Fit and forecast many series on one calendar."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from forecasting.prophet_batch.calendar import Dates, Indices, days, free_trend, series_calendar, trend_columns
from forecasting.prophet_batch.features import (
    Component,
    RegressorError,
    calendar_features,
    components,
    free_calendar_features,
    regressor_values,
    standardization,
)
from forecasting.prophet_batch.models import (
    CONSTANT,
    FITTED,
    NO_LOGARITHM,
    NO_REGRESSOR,
    NOT_CONVERGED,
    NOT_FINITE,
    TOO_FEW_POINTS,
    TOO_LARGE,
    Models,
    Prediction,
    predict,
)
from forecasting.prophet_batch.settings import DEFAULT_TOLERANCE, ProphetSettings, Tolerance
from forecasting.prophet_batch.solver import Bools, Floats, Problem, solve
from forecasting.prophet_batch.target import to_target

LARGEST_CHUNK = 1024
CHUNK_VALUES = 6_000_000
"""Numbers in the largest array of a chunk (series x points x parameters): about 50 MB."""
STARTS = 8
"""Into how many classes series are put by how late they start: those of a chunk share the points that are computed with."""

Settings = ProphetSettings | Mapping[str, ProphetSettings]


@dataclass(frozen=True)
class BatchForecast:
    """Forecasts of N series for H dates.

    Attributes:
        mean: (N, H) expected y: Prophet's yhat at the level; NaN where `status` says that there is no forecast.
        median: (N, H) the same as the mean but for the log target.
        components: name -> (N, H), as in `Prediction`; where settings differ between groups, a component that a series does not
            have is 0 (1 with the log target).
        sigma: (N,) the fitted noise, in units of the target (of log y with the log target).
        objective: (N,) negative log posterior, as reached; NaN where nothing was fitted.
        sweeps: (N,) sweeps of the solver.
        status: (N,) FITTED, CONSTANT or NOT_CONVERGED, or why there is no forecast: TOO_FEW_POINTS, NOT_FINITE,
            NO_LOGARITHM, NO_REGRESSOR, TOO_LARGE.
        models: one per group of settings: what `predict` needs to forecast again.
    """

    mean: Floats
    median: Floats
    components: dict[str, Floats]
    sigma: Floats
    objective: Floats
    sweeps: npt.NDArray[np.int64]
    status: npt.NDArray[np.str_]
    models: tuple[Models, ...]


def forecast(
    dates: Dates,
    y: Floats,
    future: Dates,
    settings: Settings,
    tolerance: Tolerance = DEFAULT_TOLERANCE,
    *,
    weight: Floats | None = None,
    shared: Mapping[str, Floats] | None = None,
    own: Mapping[str, Floats] | None = None,
    groups: npt.NDArray[np.str_] | None = None,
) -> BatchForecast:
    """Fit Prophet's model to each row of y and forecast it.

    Args:
        dates: (T,) ascending, a day apart at least.
        y: (N, T); NaN where there is no observation: before a late start, in a gap, in a week to be left out.
        future: (H,) dates to forecast, ascending.
        settings: Prophet's parameters for all series, or name -> parameters with `groups`.
        tolerance: when a series counts as converged.
        weight: (N, T) weight of each observation's likelihood, 0 or more; 1 everywhere gives Prophet's own objective, 2 that
            of the observation made twice, 0 is as good as NaN. It weighs the likelihood and nothing else.
        shared: regressor -> (T + H,) values for all series.
        own: regressor -> (N, T + H) values for each series; names that the settings do not have are left alone.
        groups: (N,) the name of each series' settings.

    Returns:
        A forecast or a reason for every series; no series can fail the others, and none depends on them.

    Raises:
        RegressorError: a regressor of the settings has no values, or values of the wrong shape.
        ValueError: arrays that do not fit each other, dates out of order, a negative weight, a group without settings.
    """
    _check(dates, y, future, weight, groups)
    shared, own = shared or {}, own or {}
    past, whole = len(dates), len(dates) + len(future)
    parts = []
    for rows, chosen in _by_group(settings, groups, len(y)):
        drivers = {regressor.name for regressor in chosen.regressors}
        theirs = {name: _shaped(name, values, (len(y), whole))[rows] for name, values in own.items() if name in drivers}
        common = {name: _shaped(name, values, (whole,)) for name, values in shared.items() if name in drivers}
        models = fit(
            dates, y[rows], chosen, tolerance,
            weight=None if weight is None else weight[rows],
            shared={name: values[:past] for name, values in common.items()},
            own={name: values[:, :past] for name, values in theirs.items()},
        )  # fmt: skip
        prediction = predict(
            models,
            future,
            shared={name: values[past:] for name, values in common.items()},
            own={name: values[:, past:] for name, values in theirs.items()},
        )
        for values in theirs.values():
            models.status[~np.isfinite(values[:, past:]).all(axis=1) & np.isfinite(models.scale)] = NO_REGRESSOR
        parts.append((replace(models, rows=rows), prediction))
    return _together(parts, len(y), len(future))


def _check(dates: Dates, y: Floats, future: Dates, weight: Floats | None, groups: npt.NDArray[np.str_] | None) -> None:
    if y.ndim != 2 or y.shape[1] != len(dates):
        raise ValueError(f"y has shape {y.shape}; (series, {len(dates)}) is needed, one column per date.")
    for name, values in (("dates", dates), ("future", future)):
        if (np.diff(days(values)) <= 0).any():
            raise ValueError(f"{name} are not ascending, a day apart at least.")
    if weight is not None and (weight.shape != y.shape or not ((weight >= 0) & np.isfinite(weight)).all()):
        raise ValueError(f"weight has shape {weight.shape} and must have {y.shape}, finite and 0 or more.")
    if groups is not None and len(groups) != len(y):
        raise ValueError(f"There are {len(groups)} groups for {len(y)} series.")


def _shaped(name: str, values: Floats, needed: tuple[int, ...]) -> Floats:
    found = np.asarray(values)
    if found.shape != needed:
        raise RegressorError(name, f"values of shape {found.shape} where {needed} is needed, history and future")
    return found


def _by_group(
    settings: Settings, groups: npt.NDArray[np.str_] | None, size: int
) -> Iterator[tuple[Indices, ProphetSettings]]:
    if isinstance(settings, ProphetSettings):
        yield np.arange(size), settings
        return
    if groups is None:
        raise ValueError("Settings by group need the group of each series.")
    unknown = sorted(set(np.unique(groups).tolist()) - set(settings))
    if unknown:
        raise ValueError(f"There are no settings for group {unknown[0]!r}.")
    for name, chosen in settings.items():
        yield np.flatnonzero(groups == name), chosen


def _together(parts: list[tuple[Models, Prediction]], size: int, horizon: int) -> BatchForecast:
    """Put the groups back in the order of the series."""
    names = dict.fromkeys(name for _, prediction in parts for name in prediction.components)
    result = BatchForecast(
        mean=np.full((size, horizon), np.nan),
        median=np.full((size, horizon), np.nan),
        components={name: np.zeros((size, horizon)) for name in names},
        sigma=np.full(size, np.nan),
        objective=np.full(size, np.nan),
        sweeps=np.zeros(size, dtype=np.int64),
        status=np.full(size, FITTED, dtype="<U24"),
        models=tuple(models for models, _ in parts),
    )
    for models, prediction in parts:
        rows = models.rows
        for field in ("sigma", "objective", "sweeps", "status"):
            getattr(result, field)[rows] = getattr(models, field)
        absent = 1.0 if models.settings.target == "log" else 0.0
        for name, values in result.components.items():
            values[rows] = prediction.components.get(name, absent)
        finite = np.logical_and.reduce(np.isfinite(prediction.mean), axis=1)
        result.status[rows[~finite & _has_model(models.status)]] = TOO_LARGE
        result.mean[rows] = np.where(finite[:, None], prediction.mean, np.nan)
        result.median[rows] = np.where(finite[:, None], prediction.median, np.nan)
    return result


def _has_model(status: npt.NDArray[np.str_]) -> Bools:
    return np.isin(status, [FITTED, CONSTANT, NOT_CONVERGED])


def fit(
    dates: Dates,
    y: Floats,
    settings: ProphetSettings,
    tolerance: Tolerance = DEFAULT_TOLERANCE,
    *,
    weight: Floats | None = None,
    shared: Mapping[str, Floats] | None = None,
    own: Mapping[str, Floats] | None = None,
) -> Models:
    """Fit each row of y; arguments as for `forecast`, with regressors over the T dates of the history."""
    size, length = y.shape
    regressors = regressor_values(settings, shared or {}, own or {}, size, length)
    observed = ~np.isnan(y) if weight is None else ~np.isnan(y) & (weight > 0.0)
    weights = observed.astype(np.float64) if weight is None else np.where(observed, weight, 0.0)
    finite = np.logical_and.reduce(np.isfinite(np.where(observed, y, 0.0)), axis=1)
    values, impossible = to_target(np.where(finite[:, None], y, 0.0), observed, settings)
    models = _empty_models(settings, size, len(calendar_features(dates, settings).values))
    models.status[~_have_values(regressors, observed)] = NO_REGRESSOR
    models.status[impossible] = NO_LOGARITHM
    models.status[observed.sum(axis=1) < 2] = TOO_FEW_POINTS
    models.status[~finite] = NOT_FINITE
    _fit_constant(days(dates), values, observed, models)

    data = _Data(days(dates), values, observed, weights, regressors)
    for rows, begin in _chunks(observed, np.flatnonzero(models.status == FITTED), models.parameters.shape[1]):
        _fit_chunk(rows, data.of(rows, begin), dates[begin:], settings, tolerance, models)
    return models


def _have_values(regressors: list[Floats], observed: Bools) -> Bools:
    known = np.ones(len(observed), dtype=np.bool_)
    for values in regressors:
        known &= np.logical_and.reduce(np.isfinite(values) | ~observed, axis=1)
    return known


def _empty_models(settings: ProphetSettings, size: int, n_calendar: int) -> Models:
    n_regressors = len(settings.regressors)
    n_parameters = 2 + settings.n_changepoints + n_calendar + n_regressors
    return Models(
        settings=settings,
        rows=np.arange(size),
        status=np.full(size, FITTED, dtype="<U24"),
        parameters=np.full((size, n_parameters), np.nan),
        scale=np.full(size, np.nan),
        first_day=np.full(size, np.nan),
        last_day=np.full(size, np.nan),
        changepoint_day=np.full((size, settings.n_changepoints), np.nan),
        regressor_mean=np.zeros((size, n_regressors)),
        regressor_std=np.ones((size, n_regressors)),
        sigma=np.full(size, np.nan),
        objective=np.full(size, np.nan),
        sweeps=np.zeros(size, dtype=np.int64),
    )


def _fit_constant(day: Floats, values: Floats, observed: Bools, models: Models) -> None:
    """A series that never varies is continued as it is, without a fit, as Prophet does."""
    highest = np.where(observed, values, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(observed, values, np.inf).min(axis=1, initial=np.inf)
    rows = np.flatnonzero((models.status == FITTED) & (highest == lowest))
    models.status[rows] = CONSTANT
    models.parameters[rows] = 0.0
    models.parameters[rows, 1] = 1.0
    models.scale[rows] = highest[rows]
    models.sigma[rows] = 0.0
    models.first_day[rows] = day[0] if len(day) else 0.0
    models.last_day[rows] = models.first_day[rows] + 1.0
    models.changepoint_day[rows] = models.first_day[rows, None]


@dataclass(frozen=True)
class _Data:
    """The history of some series: day (T,); values, observed, weights (B, T); regressors (T,) or (B, T) each."""

    day: Floats
    values: Floats
    observed: Bools
    weights: Floats
    regressors: list[Floats]

    def of(self, rows: Indices, begin: int) -> "_Data":
        return _Data(
            day=self.day[begin:],
            values=self.values[rows, begin:],
            observed=self.observed[rows, begin:],
            weights=self.weights[rows, begin:],
            regressors=[part[begin:] if part.ndim == 1 else part[rows, begin:] for part in self.regressors],
        )


def _chunks(observed: Bools, rows: Indices, n_parameters: int) -> Iterator[tuple[Indices, int]]:
    """Series of one class of starts, those with the same rows observed together; and the point from which to compute.

    The class depends on the series alone, so that its numbers do not depend on its company.
    """
    length = observed.shape[1]
    step = max(1, -(-length // STARTS))
    start = observed[rows].argmax(axis=1) // step
    patterns = np.packbits(observed[rows], axis=1)
    order = np.lexsort((*patterns.T[::-1], start))
    for which in np.unique(start):
        alike = rows[order[start[order] == which]]
        begin = int(which) * step
        size = max(1, min(LARGEST_CHUNK, CHUNK_VALUES // ((length - begin) * n_parameters)))
        for place in range(0, len(alike), size):
            yield alike[place : place + size], begin


def _fit_chunk(
    rows: Indices, data: _Data, dates: Dates, settings: ProphetSettings, tolerance: Tolerance, models: Models
) -> None:
    """Fit a chunk of series and write what was found to their rows of the models."""
    first, pattern = _patterns(data.weights)
    calendar = series_calendar(data.day, data.observed[first], settings)
    features = calendar_features(dates, settings)
    parts = components(features, settings)
    trend = trend_columns(data.day, calendar.first_day, calendar.last_day, calendar.changepoint_day)
    is_shared = np.array([values.ndim == 1 for values in data.regressors], dtype=np.bool_)
    shared, own, mean, std = _standardized(data, first, pattern, settings)
    fixed = np.broadcast_to(features.values, (len(first), *features.values.shape))
    design = np.concatenate([trend, fixed, shared], axis=1)
    scale = np.abs(data.values).max(axis=1)
    place = _solver_order(2 + settings.n_changepoints + len(features.values), is_shared)
    n_trend = trend.shape[1]
    free = np.concatenate([free_trend(calendar, settings), free_calendar_features(features, calendar)], axis=1)
    free = np.concatenate([free, np.ones(shared.shape[:2], dtype=np.bool_)], axis=1)
    free[:, n_trend:] &= ((design[:, n_trend:] != 0.0) & data.observed[first][:, None, :]).any(axis=2)
    prior_scale = np.concatenate(
        [features.prior_scale, [part.prior_scale or settings.holidays_prior_scale for part in settings.regressors]]
    )
    feature_order = place[n_trend:] - n_trend
    solution = solve(
        Problem(
            y=data.values / scale[:, None],
            pattern=pattern,
            weight=data.weights[first],
            design=design,
            own=own,
            multiplicative=_multiplicative(parts)[feature_order],
            feature_scale=prior_scale[feature_order],
            free=np.concatenate([free[pattern], (own != 0.0).any(axis=2)], axis=1),
            changepoint_scale=settings.changepoint_prior_scale,
        ),
        tolerance,
    )
    models.parameters[rows[:, None], place] = solution.parameters
    models.scale[rows] = scale
    models.first_day[rows] = calendar.first_day[pattern]
    models.last_day[rows] = calendar.last_day[pattern]
    models.changepoint_day[rows] = calendar.changepoint_day[pattern]
    models.regressor_mean[rows] = mean
    models.regressor_std[rows] = std
    models.sigma[rows] = solution.sigma * scale
    models.objective[rows] = solution.objective
    models.sweeps[rows] = solution.sweeps
    models.status[rows[~solution.converged]] = NOT_CONVERGED


def _multiplicative(parts: tuple[Component, ...]) -> Bools:
    flags = [part.mode == "multiplicative" for part in parts for _ in range(part.columns.start, part.columns.stop)]
    return np.array(flags, dtype=np.bool_)


def _patterns(weights: Floats) -> tuple[Indices, Indices]:
    """The first series with each different row of weights, and the pattern that each series has."""
    whole = np.ascontiguousarray(weights)
    as_bytes = whole.view(np.dtype((np.void, whole.itemsize * whole.shape[1])))[:, 0]
    _, first, pattern = np.unique(as_bytes, return_index=True, return_inverse=True)
    return first, pattern.reshape(-1)


def _standardized(
    data: _Data, first: Indices, pattern: Indices, settings: ProphetSettings
) -> tuple[Floats, Floats, Floats, Floats]:
    """Shared regressors per pattern (G, Rs, T), own ones per series (B, Ro, T), and mean and deviation of all (B, R)."""
    size, length = data.values.shape
    shared, own = [np.zeros((len(first), 0, length))], [np.zeros((size, 0, length))]
    mean, std = np.empty((size, len(data.regressors))), np.empty((size, len(data.regressors)))
    for place, (values, regressor) in enumerate(zip(data.regressors, settings.regressors, strict=True)):
        if values.ndim == 1:
            seen = data.observed[first]
            centre, spread = standardization(np.broadcast_to(values, seen.shape), seen, regressor.standardize)
            shared.append(((values - centre[:, None]) / spread[:, None])[:, None, :])
            mean[:, place], std[:, place] = centre[pattern], spread[pattern]
        else:
            centre, spread = standardization(values, data.observed, regressor.standardize)
            scaled = np.where(data.observed, (values - centre[:, None]) / spread[:, None], 0.0)
            own.append(scaled[:, None, :])
            mean[:, place], std[:, place] = centre, spread
    return np.concatenate(shared, axis=1), np.concatenate(own, axis=1), mean, std


def _solver_order(n_fixed: int, is_shared: Bools) -> Indices:
    """Where each parameter of the solver stands among those of the models: the solver has shared regressors first."""
    order = np.concatenate(
        [np.arange(n_fixed), n_fixed + np.flatnonzero(is_shared), n_fixed + np.flatnonzero(~is_shared)]
    )
    return order.astype(np.intp)
