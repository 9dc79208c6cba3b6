"""The weekly demand panel: one row per SKU x distributor x territory and week, loaded into one matrix."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import PanelError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Dates = npt.NDArray[np.datetime64]
Strings = npt.NDArray[np.str_]

KEY = ("sku_code", "distributor_code", "territory_code")
COLUMNS: dict[str, pl.DataType] = {
    **{name: pl.String() for name in KEY},
    "week_start": pl.Date(),
    "qty_base": pl.Int64(),
    "stocked_out": pl.Boolean(),
}
UNKNOWN = "UNKNOWN"
LONGEST_WEEKS = 53 * 60

SMOOTH, INTERMITTENT, ERRATIC, LUMPY, NEW = "SMOOTH", "INTERMITTENT", "ERRATIC", "LUMPY", "NEW"
CLASSES = (SMOOTH, INTERMITTENT, ERRATIC, LUMPY, NEW)
INTERVAL_CUT = 1.32
"""Syntetos, Boylan and Croston (2005): mean weeks between demands above which demand is intermittent."""
VARIATION_CUT = 0.49
"""The same: squared coefficient of variation of the demand sizes above which demand is erratic."""


@dataclass(frozen=True)
class Panel:
    """N series over T consecutive weeks.

    Attributes:
        series: N rows, KEY columns, in ascending order.
        weeks: (T,) Mondays.
        quantity: (N, T) base units; NaN before a series starts and in gaps.
        stocked_out: (N, T) the shelf was empty at some time of the week.
        digest: sha256 of all that a forecast can depend on; the same for the same rows in any order and any encoding.
        problems: what was mended on loading, in words.
    """

    series: pl.DataFrame
    weeks: Dates
    quantity: Floats
    stocked_out: Bools
    digest: str
    problems: tuple[str, ...] = ()

    @property
    def cutoff(self) -> np.datetime64 | None:
        """The last week of the panel: what is forecast begins a week later."""
        return self.weeks[-1] if len(self.weeks) else None


def load(path: Path) -> Panel:
    """Read, check and pivot the panel.

    Rows for one series and week are added up, days that are no Monday move to their Monday, missing codes become
    UNKNOWN, each with a note in `problems`; a null quantity and a missing week are gaps.

    Raises:
        PanelError: the file is missing, lacks a column, has a column of a type that cannot be meant, or spans more than
        sixty years.
    """
    rows, problems = _mend(_read(path))
    if rows.height == 0:
        return _panel(
            rows.select(KEY), np.empty(0, dtype="datetime64[D]"), np.empty((0, 0)), np.empty((0, 0), np.bool_), problems
        )
    series = rows.select(KEY).unique().sort(KEY).with_row_index("row")
    monday = rows["week_start"].to_numpy().astype("datetime64[D]").astype(np.int64)
    weeks: Dates = np.arange(monday.min(), monday.max() + 1, 7).astype("datetime64[D]")
    if len(weeks) > LONGEST_WEEKS:
        raise PanelError(path, f"weeks run from {weeks[0]} to {weeks[-1]}", "Look for a business date that is far off.")
    placed = rows.join(series, on=KEY, how="left", maintain_order="left")
    row = placed["row"].to_numpy()
    column = (monday - monday.min()) // 7
    quantity = np.full((series.height, len(weeks)), np.nan)
    quantity[row, column] = placed["qty_base"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    stocked_out = np.zeros(quantity.shape, dtype=np.bool_)
    stocked_out[row, column] = placed["stocked_out"].to_numpy()
    return _panel(series.drop("row"), weeks, quantity, stocked_out, problems)


def _panel(series: pl.DataFrame, weeks: Dates, quantity: Floats, stocked_out: Bools, problems: list[str]) -> Panel:
    digest = _digest(series, weeks, quantity, stocked_out)
    return Panel(series, weeks, quantity, stocked_out, digest, tuple(problems))


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise PanelError(path, "there is no such file", "Run `sellthrough build` first; it writes the panel.")
    try:
        schema = pl.read_parquet_schema(path)
        missing = [name for name in COLUMNS if name not in schema]
        rows = pl.read_parquet(path, columns=[name for name in COLUMNS if name in schema])
    except pl.exceptions.PolarsError as error:
        raise PanelError(path, "it is not a readable Parquet file", "Run `sellthrough build` again.") from error
    if missing:
        raise PanelError(path, f"column {', '.join(missing)} is missing", "Phase 1 of the build writes the panel.")
    try:
        return rows.cast(COLUMNS)  # type: ignore[arg-type]
    except pl.exceptions.PolarsError as error:
        expected = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        raise PanelError(path, f"a column has the wrong type ({error})", f"Expected {expected}.") from error


def _mend(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    problems: list[str] = []
    undated = int(rows["week_start"].null_count())
    if undated:
        problems.append(f"{undated} rows of the panel have no week and are left out.")
        rows = rows.filter(pl.col("week_start").is_not_null())
    uncoded = rows.filter(pl.any_horizontal(pl.col(name).is_null() for name in KEY)).height
    if uncoded:
        problems.append(f"{uncoded} rows of the panel have no code; they are forecast under {UNKNOWN}.")
    misplaced = rows.filter(pl.col("week_start").dt.weekday() != 1).height
    if misplaced:
        problems.append(
            f"{misplaced} rows of the panel do not start on a Monday; they count for the week that they are in."
        )
    rows = rows.with_columns(
        pl.col(KEY).fill_null(UNKNOWN),
        pl.col("stocked_out").fill_null(value=False),
        week_start=pl.col("week_start").dt.truncate("1w"),
    )
    repeated = rows.height - rows.select(*KEY, "week_start").unique().height
    if repeated:
        problems.append(f"{repeated} rows of the panel repeat a series and week; their quantities are added up.")
        known = pl.col("qty_base").is_not_null().any()
        rows = rows.group_by(*KEY, "week_start").agg(
            pl.when(known).then(pl.col("qty_base").sum()).alias("qty_base"), pl.col("stocked_out").any()
        )
    return rows, problems


def _digest(series: pl.DataFrame, weeks: Dates, quantity: Floats, stocked_out: Bools) -> str:
    digest = hashlib.sha256()
    for name in KEY:
        for code in series[name]:
            digest.update(code.encode() + b"\0")
        digest.update(b"\1")
    digest.update(np.ascontiguousarray(weeks.astype("datetime64[D]").astype("<i8")).tobytes())
    digest.update(np.ascontiguousarray(quantity.astype("<f8")).tobytes())
    digest.update(np.packbits(stocked_out).tobytes())
    return digest.hexdigest()


def unconstrained(quantity: Floats, stocked_out: Bools, longest: int) -> Floats:
    """Quantities with the weeks that an empty shelf has cut short unknown (NaN) rather than low.

    A shelf often runs empty because the week was good. So a week that has sold at least what weeks with a full shelf sell on
    average is kept: leaving out good weeks would pull the forecast down. And of an unbroken run of empty weeks only the first
    `longest` are taken out: a shelf that stays empty for longer is a listing that has ended, and its weeks without sales are
    what there is to know.
    """
    run = np.zeros(quantity.shape, dtype=np.int64)
    length = np.zeros(quantity.shape[0], dtype=np.int64)
    for week in range(quantity.shape[1]):
        length = np.where(stocked_out[:, week], length + 1, 0)
        run[:, week] = length
    full = ~np.isnan(quantity) & ~stocked_out
    usual = np.where(full, quantity, 0.0).sum(axis=1) / np.maximum(full.sum(axis=1), 1)
    return np.where((run > 0) & (run <= longest) & (quantity < usual[:, None]), np.nan, quantity)


def demand_class(quantity: Floats, new_below_weeks: int) -> Strings:
    """Classify each row (N, T; NaN where unknown) by Syntetos and Boylan, on weeks with demand above zero; NEW below so
    many known weeks.
    """
    known = (~np.isnan(quantity)).sum(axis=1)
    demand = np.where(quantity > 0, quantity, 0.0)
    occurrences = (demand > 0).sum(axis=1)
    at_least_one = np.maximum(occurrences, 1)
    interval = known / at_least_one
    largest = np.maximum(demand.max(axis=1, initial=0.0), 1.0)[
        :, None
    ]  # scaled, so that squares of huge quantities stay finite
    mean = (demand / largest).sum(axis=1) / at_least_one
    square = ((demand / largest) ** 2).sum(axis=1) / at_least_one
    variation = np.where(occurrences > 0, np.maximum(square - mean**2, 0.0) / np.maximum(mean, 1e-100) ** 2, 0.0)
    frequent = (interval < INTERVAL_CUT) & (occurrences > 0)
    steady = variation < VARIATION_CUT
    return np.select(
        [known < new_below_weeks, frequent & steady, frequent, steady], [NEW, SMOOTH, ERRATIC, INTERMITTENT], LUMPY
    ).astype(np.str_)
