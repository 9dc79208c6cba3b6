"""Weekly demand forecasts: Parquet in, Parquet out."""

from forecasting.errors import ForecastError, PanelError
from forecasting.jobs import ForecastReport, Prepared, collect, forecast_group, forecast_groups, prepare, run
from forecasting.settings import ForecastSettings

__all__ = [
    "ForecastError",
    "ForecastReport",
    "ForecastSettings",
    "PanelError",
    "Prepared",
    "collect",
    "forecast_group",
    "forecast_groups",
    "prepare",
    "run",
]
