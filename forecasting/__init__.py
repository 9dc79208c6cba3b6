"""Weekly demand forecasts: Parquet in, Parquet out."""

from forecasting.errors import ForecastError, PanelError
from forecasting.jobs import ForecastReport, run
from forecasting.settings import ForecastSettings

__all__ = ["ForecastError", "ForecastReport", "ForecastSettings", "PanelError", "run"]
