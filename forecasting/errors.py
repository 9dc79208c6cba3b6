"""What can be wrong with what a forecast is asked for. Each message is a sentence with what was found and what to do next."""

from pathlib import Path


class ForecastError(Exception):
    """No forecast was made; the last good one stays."""


class PanelError(ForecastError):
    """The panel file does not keep its contract."""

    def __init__(self, path: Path, problem: str, next_step: str) -> None:
        self.path = path
        self.problem = problem
        self.next_step = next_step
        super().__init__(f"{path}: {problem}. {next_step}")


class BacktestError(ForecastError):
    """A backtest that was asked for cannot be made."""


class UnusableOption(BacktestError):
    """A backtest was asked for with a column or a model that there is not, or that cannot be meant."""
