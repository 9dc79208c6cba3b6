"""What Prophet is told to fit, in Prophet's own words."""

from dataclasses import dataclass
from typing import Literal

Growth = Literal["linear", "flat"]
SeasonalityMode = Literal["additive", "multiplicative"]
Seasonality = Literal["auto"] | bool | int


class UnsupportedSettingError(ValueError):
    """A setting that Prophet knows and the batched solver does not, or a value that neither accepts."""

    def __init__(self, setting: str, value: object, expected: str) -> None:
        self.setting = setting
        self.value = value
        self.expected = expected
        super().__init__(f"{setting} = {value!r} cannot be fitted: expected {expected}.")


@dataclass(frozen=True)
class ProphetSettings:
    """The parameters of `prophet.Prophet` that shape its objective, with Prophet 1.5's defaults and meaning."""

    growth: Growth = "linear"
    n_changepoints: int = 25
    changepoint_range: float = 0.8
    changepoint_prior_scale: float = 0.05
    yearly_seasonality: Seasonality = "auto"
    weekly_seasonality: Seasonality = "auto"
    seasonality_mode: SeasonalityMode = "additive"
    seasonality_prior_scale: float = 10.0

    def __post_init__(self) -> None:
        if self.growth not in ("linear", "flat"):
            raise UnsupportedSettingError("growth", self.growth, "linear or flat")
        if self.seasonality_mode not in ("additive", "multiplicative"):
            raise UnsupportedSettingError("seasonality_mode", self.seasonality_mode, "additive or multiplicative")
        if self.n_changepoints < 0:
            raise UnsupportedSettingError("n_changepoints", self.n_changepoints, "0 or more")
        if not 0 <= self.changepoint_range <= 1:
            raise UnsupportedSettingError("changepoint_range", self.changepoint_range, "a share from 0 to 1")
        for name in ("changepoint_prior_scale", "seasonality_prior_scale"):
            if not getattr(self, name) > 0:
                raise UnsupportedSettingError(name, getattr(self, name), "more than 0")


@dataclass(frozen=True)
class Tolerance:
    """When a series counts as converged.

    Attributes:
        objective: the most that a sweep may still lower the negative log posterior by, in nats.
        slope: how far the gradient of a changepoint that is still zero may exceed its Laplace prior's 1 / tau, as a
            share of it.
        max_sweeps: after so many sweeps a series is given back as not converged.
    """

    objective: float = 1e-2
    slope: float = 0.05
    max_sweeps: int = 100


DEFAULT_TOLERANCE = Tolerance()
TIGHT_TOLERANCE = Tolerance(objective=1e-8, slope=1e-5, max_sweeps=1000)
