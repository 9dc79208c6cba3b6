"""Prophet's model, fitted to many series at once: the same objective as the Stan program, without a process per series.

Stands alone: it knows dates and numbers, nothing of sales. `forecast` is all that one needs; `fit` and `predict` are its halves.
"""

from forecasting.prophet_batch.batch import BatchForecast, fit, forecast
from forecasting.prophet_batch.features import RegressorError
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
from forecasting.prophet_batch.settings import (
    DEFAULT_TOLERANCE,
    TIGHT_TOLERANCE,
    CustomSeasonality,
    Holiday,
    ProphetSettings,
    Regressor,
    Tolerance,
    UnsupportedSettingError,
    holidays_from_frame,
)

__all__ = [
    "CONSTANT",
    "DEFAULT_TOLERANCE",
    "FITTED",
    "NOT_CONVERGED",
    "NOT_FINITE",
    "NO_LOGARITHM",
    "NO_REGRESSOR",
    "TIGHT_TOLERANCE",
    "TOO_FEW_POINTS",
    "TOO_LARGE",
    "BatchForecast",
    "CustomSeasonality",
    "Holiday",
    "Models",
    "Prediction",
    "ProphetSettings",
    "Regressor",
    "RegressorError",
    "Tolerance",
    "UnsupportedSettingError",
    "fit",
    "forecast",
    "holidays_from_frame",
    "predict",
]
