"""Fitted models: arrays that can be stored, and what they forecast."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.prophet_batch.calendar import Dates, days, trend_columns
from forecasting.prophet_batch.features import Component, calendar_features, components, regressor_values
from forecasting.prophet_batch.settings import ProphetSettings
from forecasting.prophet_batch.solver import Floats
from forecasting.prophet_batch.target import correction, mean_and_median

ROWS_AT_ONCE = 4096

FITTED = "fitted"
CONSTANT = "constant"
NOT_CONVERGED = "not converged"
TOO_FEW_POINTS = "fewer than two points"
NOT_FINITE = "infinite value"
NO_LOGARITHM = "value without logarithm"
NO_REGRESSOR = "regressor without value"
TOO_LARGE = "forecast too large"


@dataclass(frozen=True)
class Models:
    """The fitted models of n series of one kind: all that `predict` needs.

    Attributes:
        settings: what was fitted.
        rows: (n,) their place among the series of the call.
        status: (n,) FITTED, CONSTANT (all observed values alike: continued as they are), NOT_CONVERGED (the best point
            reached), or why there is no model: TOO_FEW_POINTS, NOT_FINITE, NO_LOGARITHM, NO_REGRESSOR.
        parameters: (n, 2 + S + K) k, m, the S changepoints' delta and the K features' beta in Prophet's scaling: the target by
            `scale`, time from 0 to 1 over the series' own history; features are seasons (custom, yearly, weekly),
            holidays, regressors. NaN where there is no model.
        scale: (n,) largest absolute value of the target.
        first_day, last_day: (n,) days since 1970 of the first and last observed row: 0 and 1 of Prophet's time.
        changepoint_day: (n, S) days since 1970.
        regressor_mean, regressor_std: (n, R) by which each regressor is standardized.
        sigma: (n,) the noise, in units of the target (of log y with the log target).
        objective: (n,) negative log posterior, as reached.
        sweeps: (n,) sweeps of the solver.
    """

    settings: ProphetSettings
    rows: npt.NDArray[np.intp]
    status: npt.NDArray[np.str_]
    parameters: Floats
    scale: Floats
    first_day: Floats
    last_day: Floats
    changepoint_day: Floats
    regressor_mean: Floats
    regressor_std: Floats
    sigma: Floats
    objective: Floats
    sweeps: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Prediction:
    """What models say of H dates, for n series.

    Attributes:
        mean: (n, H) expected y; NaN where there is no model.
        median: (n, H) the same as the mean but for the log target.
        components: name -> (n, H): trend, each season, holidays, each regressor. At the level they are contributions in
            units of y and add up to the mean exactly, in this order. With the log target they are factors, the trend in
            units of y + log_offset, and `noise` is mean over median: their product less log_offset is the mean exactly.
    """

    mean: Floats
    median: Floats
    components: dict[str, Floats]


def predict(
    models: Models,
    dates: Dates,
    shared: Mapping[str, Floats] | None = None,
    own: Mapping[str, Floats] | None = None,
) -> Prediction:
    """Evaluate models on dates, past or future.

    Args:
        dates: (H,) ascending.
        shared: regressor -> (H,) values.
        own: regressor -> (n, H) values, in the order of the models.
    """
    settings = models.settings
    calendar = calendar_features(dates, settings)
    parts = components(calendar, settings)
    size, length = len(models.status), len(dates)
    regressors = regressor_values(settings, shared or {}, own or {}, size, length)
    names = ["trend", *(part.name for part in parts), *(["noise"] if settings.target == "log" else [])]
    found = {name: np.empty((size, length)) for name in names}
    for begin in range(0, size, ROWS_AT_ONCE):
        rows = slice(begin, begin + ROWS_AT_ONCE)
        trend = _trend(models, rows, days(dates))
        found["trend"][rows] = trend
        for part in parts:
            effect = _effect(models, rows, part, calendar.values, regressors)
            found[part.name][rows] = effect * (trend if part.mode == "multiplicative" else models.scale[rows, None])
    if settings.target == "log":
        with np.errstate(over="ignore"):
            for name in names[:-1]:
                np.exp(found[name], out=found[name])
        found["noise"][:] = correction(models.sigma, settings)[:, None]
    mean, median = mean_and_median(found, settings)
    return Prediction(mean, median, found)


def _trend(models: Models, rows: slice, day: Floats) -> Floats:
    """In units of the target."""
    columns = trend_columns(day, models.first_day[rows], models.last_day[rows], models.changepoint_day[rows])
    parameters = models.parameters[rows, : columns.shape[1]]
    line: Floats = np.matmul(columns.transpose(0, 2, 1), parameters[:, :, None])[:, :, 0] * models.scale[rows, None]
    return line


def _effect(models: Models, rows: slice, part: Component, calendar: Floats, regressors: list[Floats]) -> Floats:
    """The features of a component times their coefficients."""
    begin = 2 + models.settings.n_changepoints
    beta = models.parameters[rows, begin + part.columns.start : begin + part.columns.stop]
    if part.columns.start < len(calendar):
        features = calendar[part.columns]
        effect: Floats = np.matmul(features.T[None], beta[:, :, None])[:, :, 0]
        return effect
    which = part.columns.start - len(calendar)
    values = regressors[which]
    known = values if values.ndim == 1 else values[rows]
    scaled: Floats = (known - models.regressor_mean[rows, which, None]) / models.regressor_std[rows, which, None]
    return scaled * beta
