"""Small conversions from indices to the columns of a frame."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from simulation.network import Ints, Network

SALEABLE, NON_SALEABLE = "SALEABLE", "NON_SALEABLE"


def date_of(network: Network, days: Ints) -> pl.Series:
    """Calendar dates of day indices."""
    epoch = (network.sizes.start - date(1970, 1, 1)).days
    return pl.Series((days + epoch).astype(np.int32)).cast(pl.Date)


def pick(names: list[str], index: npt.NDArray[Any]) -> pl.Series:
    """The names at these indices."""
    return pl.Series(names, dtype=pl.String).gather(index.astype(np.uint32))
