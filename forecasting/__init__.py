"""Weekly demand forecasts: Parquet in, Parquet out."""

from forecasting.errors import BacktestError, ForecastError, PanelError, UnusableOption
from forecasting.jobs import ForecastReport, Prepared, collect, forecast_group, forecast_groups, prepare, run
from forecasting.own_data import BacktestReport
from forecasting.own_data import run as backtest_own
from forecasting.settings import ForecastSettings

__all__ = [
    "BacktestError",
    "BacktestReport",
    "ForecastError",
    "ForecastReport",
    "ForecastSettings",
    "PanelError",
    "Prepared",
    "UnusableOption",
    "backtest_own",
    "collect",
    "forecast_group",
    "forecast_groups",
    "prepare",
    "run",
]
