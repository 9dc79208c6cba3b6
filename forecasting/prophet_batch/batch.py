"""Fit and forecast many series on one calendar."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.prophet_batch.calendar import (
    Dates,
    SeasonalFeatures,
    days,
    free_parameters,
    seasonal_features,
    series_calendar,
    trend_columns,
)
from forecasting.prophet_batch.settings import DEFAULT_TOLERANCE, ProphetSettings, Tolerance
from forecasting.prophet_batch.solver import Bools, Floats, Problem, fitted, solve

LARGEST_CHUNK = 1024
CHUNK_VALUES = 6_000_000
"""Numbers in the largest array of a chunk (series x points x parameters): about 50 MB."""

FITTED = "fitted"
CONSTANT = "constant"
NOT_CONVERGED = "not converged"
TOO_FEW_POINTS = "fewer than two points"
NOT_FINITE = "infinite value"


@dataclass(frozen=True)
class BatchForecast:
    """Forecasts of N series for H dates.

    Attributes:
        mean: (N, H) Prophet's yhat; NaN where `status` is TOO_FEW_POINTS or NOT_FINITE.
        parameters: (N, 2 + S + K) k, m, the S changepoints' delta and the K features' beta, in Prophet's scaling (y by its
            largest absolute value, time from 0 to 1 over the series' own history); NaN where nothing was fitted.
        sigma: (N,) the model's noise, in units of y.
        objective: (N,) negative log posterior, as reached.
        sweeps: (N,) sweeps of the solver.
        status: (N,) one of the five words above.
    """

    mean: Floats
    parameters: Floats
    sigma: Floats
    objective: Floats
    sweeps: npt.NDArray[np.int64]
    status: npt.NDArray[np.str_]


def forecast(
    dates: Dates,
    y: Floats,
    future: Dates,
    settings: ProphetSettings,
    tolerance: Tolerance = DEFAULT_TOLERANCE,
    weight: Floats | None = None,
) -> BatchForecast:
    """Fit Prophet's model to each row of y and forecast it.

    Args:
        dates: (T,) ascending.
        y: (N, T); NaN where there is no observation: before a late start, in a gap, in a week to be left out.
        future: (H,) dates to forecast.
        settings: Prophet's parameters.
        tolerance: when a series counts as converged.
        weight: (N, T) weight of each observation's likelihood; 1 everywhere gives Prophet's own objective, 0 is as good
            as NaN.

    Returns:
        A forecast or a reason for every series; no series can fail the others.
    """
    size = y.shape[0]
    weight = np.ones_like(y) if weight is None else weight
    observed = ~np.isnan(y) & (weight > 0.0)
    values = np.where(observed, y, 0.0)
    status = np.full(size, FITTED, dtype="<U24")
    seasons = seasonal_features(np.concatenate([dates, future]), settings)
    result = BatchForecast(
        mean=np.full((size, len(future)), np.nan),
        parameters=np.full((size, 2 + settings.n_changepoints + seasons.values.shape[1]), np.nan),
        sigma=np.full(size, np.nan),
        objective=np.full(size, np.nan),
        sweeps=np.zeros(size, dtype=np.int64),
        status=status,
    )
    status[observed.sum(axis=1) < 2] = TOO_FEW_POINTS
    status[~np.isfinite(values).all(axis=1)] = NOT_FINITE
    _forecast_constant(values, observed, result)

    day, future_day = days(dates), days(future)
    for rows in _chunks(observed, np.flatnonzero(status == FITTED), settings, seasons):
        begin = int(observed[rows].any(axis=0).argmax())
        _forecast_chunk(
            rows, day[begin:], future_day, values[:, begin:], weight[:, begin:], observed[:, begin:],
            _from(seasons, begin), settings, tolerance, result,
        )  # fmt: skip
    return result


def _forecast_constant(values: Floats, observed: Bools, result: BatchForecast) -> None:
    """A series that never varies is continued as it is, without a fit, as Prophet does."""
    highest = np.where(observed, values, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(observed, values, np.inf).min(axis=1, initial=np.inf)
    constant = (result.status == FITTED) & (highest == lowest)
    result.mean[constant] = highest[constant, None]
    result.sigma[constant] = 0.0
    result.status[constant] = CONSTANT


def _chunks(
    observed: Bools, rows: npt.NDArray[np.intp], settings: ProphetSettings, seasons: SeasonalFeatures
) -> list[npt.NDArray[np.intp]]:
    """Series with the same rows observed stand together, so that they can share their features; longest first."""
    if len(rows) == 0:
        return []
    patterns = np.packbits(observed[rows], axis=1)
    order = rows[np.lexsort(patterns.T[::-1])[::-1]]
    width = observed.shape[1] * (2 + settings.n_changepoints + seasons.values.shape[1])
    size = max(1, min(LARGEST_CHUNK, CHUNK_VALUES // max(1, width)))
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


def _from(seasons: SeasonalFeatures, begin: int) -> SeasonalFeatures:
    return SeasonalFeatures(seasons.values[begin:], seasons.is_yearly, seasons.yearly_is_auto, seasons.weekly_is_auto)


def _forecast_chunk(
    rows: npt.NDArray[np.intp],
    day: Floats,
    future_day: Floats,
    values: Floats,
    weight: Floats,
    observed: Bools,
    seasons: SeasonalFeatures,
    settings: ProphetSettings,
    tolerance: Tolerance,
    result: BatchForecast,
) -> None:
    seen = observed[rows]
    alike = bool((seen == seen[:1]).all())
    calendar = series_calendar(day, seen[:1] if alike else seen, settings)
    scale = np.abs(values[rows]).max(axis=1)
    past = len(day)
    trend = trend_columns(np.concatenate([day, future_day]), calendar)
    features = seasons.values[None, :, :]
    n_features = features.shape[2]
    multiplicative = np.full(n_features, settings.seasonality_mode == "multiplicative")
    solution = solve(
        Problem(
            y=values[rows] / scale[:, None],
            weight=np.where(seen, weight[rows], 0.0),
            trend=trend[:, :past],
            features=features[:, :past],
            multiplicative=multiplicative,
            feature_scale=np.full(n_features, settings.seasonality_prior_scale),
            free=free_parameters(calendar, seasons, settings),
            changepoint_scale=settings.changepoint_prior_scale,
        ),
        tolerance,
    )
    ahead = fitted(solution.parameters, trend[:, past:], features[:, past:], multiplicative)
    result.mean[rows] = ahead * scale[:, None]
    result.parameters[rows] = solution.parameters
    result.sigma[rows] = solution.sigma * scale
    result.objective[rows] = solution.objective
    result.sweeps[rows] = solution.sweeps
    result.status[rows[~solution.converged]] = NOT_CONVERGED
