"""Levels above the cell. Bottom-up: cells are forecast, rounded once, and added; so all levels tell the same total, to
the last digit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from forecasting.panel import KEY, Floats

LEVELS: dict[str, tuple[str, ...]] = {
    "SKU_DISTRIBUTOR": ("sku_code", "distributor_code"),
    "SKU_TERRITORY": ("sku_code", "territory_code"),
    "SKU": ("sku_code",),
    "DISTRIBUTOR": ("distributor_code",),
    "TERRITORY": ("territory_code",),
    "TOTAL": (),
}

UNITS = 10_000
"""Ten-thousandths: the scale of DECIMAL(18,4)."""
LARGEST_DECIMAL = 10**18 - 1

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """One level: G members, and the member that each of the N cells belongs to.

    Attributes:
        name: a key of LEVELS.
        members: G rows, KEY columns in ascending order; null where a code is not of the level.
        member: (N,) row of `members`.
    """

    name: str
    members: pl.DataFrame
    member: npt.NDArray[np.intp]

    @property
    def size(self) -> int:
        return self.members.height


def levels(cells: pl.DataFrame) -> list[Level]:
    """All levels over the cells (N rows, KEY columns)."""
    return [_level(name, columns, cells) for name, columns in LEVELS.items()]


def _level(name: str, columns: tuple[str, ...], cells: pl.DataFrame) -> Level:
    own = cells.with_columns(pl.lit(None, dtype=pl.String()).alias(key) for key in KEY if key not in columns).select(
        KEY
    )
    members = own.unique().sort(KEY).with_row_index("member")
    placed = own.join(members, on=KEY, how="left", nulls_equal=True, maintain_order="left")
    return Level(name, members.drop("member"), placed["member"].to_numpy().astype(np.intp))


def add_up(level: Level, values: Ints) -> Ints:
    """Exact sums (G, H) of the cells' ten-thousandths (N, H)."""
    total = np.zeros((level.size, values.shape[1]), dtype=np.int64)
    np.add.at(total, level.member, values)
    return total


def add_up_known(level: Level, values: Floats) -> Floats:
    """Sums (G, T) of the cells' values (N, T); NaN where no cell is known."""
    total = np.zeros((level.size, values.shape[1]))
    known = np.zeros((level.size, values.shape[1]), dtype=np.int64)
    np.add.at(total, level.member, np.nan_to_num(values, nan=0.0))
    np.add.at(known, level.member, (~np.isnan(values)).astype(np.int64))
    return np.where(known > 0, total, np.nan)


def to_units(mean: Floats) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Round means, none below zero, to ten-thousandths, half away from zero.

    Says which rows were held down so that the sum over all of them still fits DECIMAL(18,4).
    """
    largest = LARGEST_DECIMAL // max(1, mean.shape[0])
    too_large = (mean * UNITS >= largest).any(axis=1)
    return np.floor(np.minimum(mean * UNITS, float(largest) * 0.999) + 0.5).astype(np.int64), too_large


def to_decimal(units: Ints) -> pa.Array:
    """Ten-thousandths as DECIMAL(18,4), without passing through floating point."""
    words = np.empty((units.size, 2), dtype="<i8")
    words[:, 0] = units.ravel()
    words[:, 1] = np.where(units.ravel() < 0, -1, 0)
    return pa.Array.from_buffers(pa.decimal128(18, 4), units.size, [None, pa.py_buffer(words.tobytes())])
