"""Prophet's model, fitted to many series at once: the same objective as the Stan program, without a process per series.

Stands alone: it knows dates and numbers, nothing of sales. `forecast` is all that one needs.
"""

from forecasting.prophet_batch.batch import (
    CONSTANT,
    FITTED,
    NOT_CONVERGED,
    NOT_FINITE,
    TOO_FEW_POINTS,
    BatchForecast,
    forecast,
)
from forecasting.prophet_batch.settings import (
    DEFAULT_TOLERANCE,
    TIGHT_TOLERANCE,
    ProphetSettings,
    Tolerance,
    UnsupportedSettingError,
)

__all__ = [
    "CONSTANT",
    "DEFAULT_TOLERANCE",
    "FITTED",
    "NOT_CONVERGED",
    "NOT_FINITE",
    "TIGHT_TOLERANCE",
    "TOO_FEW_POINTS",
    "BatchForecast",
    "ProphetSettings",
    "Tolerance",
    "UnsupportedSettingError",
    "forecast",
]
