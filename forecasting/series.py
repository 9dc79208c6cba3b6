"""What a forecaster sees: N series up to a cut-off, and what is known ahead of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from forecasting.settings import ForecastSettings

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Dates = npt.NDArray[np.datetime64]
Strings = npt.NDArray[np.str_]

PARTS = ("trend", "season", "holiday", "price", "promotion")
"""What a mean may be taken apart into, in units; each of what is multiplied is relative to those before it, so that they add up."""


@dataclass(frozen=True)
class Series:
    """N series over T consecutive periods, and the H periods to forecast.

    Attributes:
        dates: (T,) first day of each period: Mondays of weeks, or days.
        quantity: (N, T) base units; NaN before a series starts and in gaps.
        stocked_out: (N, T) the shelf was empty at some time of the period.
        future: (H,) first days of the periods to forecast; they follow `dates` without a gap.
        shared: name -> (T + H,) what is known ahead and is the same for all series (a holiday's share of the period).
        own: name -> (N, T + H) what is known ahead for each series (price over its usual price, promotion).
        groups: name -> (N,) codes by which series belong together (SKU, distributor, territory, category), "" where there is none.
            `predecessor_sku_code` is the SKU that a series' own one replaces: the group `sku_code` has the series to borrow from.
    """

    dates: Dates
    quantity: Floats
    stocked_out: Bools
    future: Dates
    shared: dict[str, Floats] = field(default_factory=dict)
    own: dict[str, Floats] = field(default_factory=dict)
    groups: dict[str, Strings] = field(default_factory=dict)

    def take(self, rows: slice) -> "Series":
        """Some of the series."""
        return replace(
            self,
            quantity=self.quantity[rows],
            stocked_out=self.stocked_out[rows],
            own={name: values[rows] for name, values in self.own.items()},
            groups={name: codes[rows] for name, codes in self.groups.items()},
        )


@dataclass(frozen=True)
class SeriesForecast:
    """What one model says of N series.

    Attributes:
        mean: (N, H) demand, never below zero.
        model: (N,) what made it; a fallback says why in brackets.
        parts: name in PARTS -> (N, H) what the mean consists of, where the model can say; NaN where a fallback took its place.
    """

    mean: Floats
    model: Strings
    parts: dict[str, Floats] = field(default_factory=dict)


Forecaster = Callable[[Series, ForecastSettings], SeriesForecast]
