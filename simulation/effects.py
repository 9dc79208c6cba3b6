"""What a defect changes in the marts, to the unit and the cent, until it is mended."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import polars as pl

from simulation import truth
from simulation.defect_file import FILE_AGAIN, INVOICE_CORRECTED, INVOICE_MOVED, LINE_DELETED
from simulation.network import Network

KEYS = (
    "business_date",
    "month_start",
    "sku_code",
    "distributor_code",
    "territory_code",
    "batch_no",
    "condition",
    "profile",
    "sender",
    "file",
    "feed",
)
SCHEMA: dict[str, type[pl.DataType]] = {
    "defect_id": pl.String,
    "class": pl.String,
    "table": pl.String,
    "column": pl.String,
    **{key: pl.Date if key in ("business_date", "month_start") else pl.String for key in KEYS},
    "delta": pl.String,
    "value": pl.String,
    "lasting": pl.String,
}
LASTING_CLASSES = (FILE_AGAIN, INVOICE_CORRECTED, INVOICE_MOVED, LINE_DELETED)
"""What these change (counts of rows, stock as fed) is the record of what was sent, and stays."""
SECONDARY = (
    "secondary_gross_qty_base",
    "secondary_return_qty_base",
    "secondary_free_qty_base",
    "secondary_qty_base",
)
CELL_KEYS = ("month_start", "distributor_code", "sku_code", "batch_no", "condition")

Effect = dict[str, Any]


def frame(effects: Iterable[Effect]) -> pl.DataFrame:
    """All effects as the table truth/effects.csv."""
    rows = [{**e, "lasting": "true" if e["class"] in LASTING_CLASSES else "false"} for e in effects]
    return pl.DataFrame([{c: row.get(c) for c in SCHEMA} for row in rows], schema=SCHEMA)


def sell_through(true: pl.DataFrame, fed: pl.DataFrame) -> list[Effect]:
    """Differences in sell_through_daily when these invoice rows are fed instead of the true ones."""
    key = truth.DAY_KEY
    before, after = truth.secondary_daily(true), truth.secondary_daily(fed)
    both = before.join(after, on=key, how="full", suffix="_fed", coalesce=True).fill_null(0).sort(key)
    result: list[Effect] = []
    for row in both.iter_rows(named=True):
        place = {"table": "sell_through_daily", **{k: row[k] for k in key}}
        for column in SECONDARY:
            result += _changed(place, column, row[f"{column}_fed"] - row[column])
        cents = row["net_cents_fed"] - row["net_cents"]
        result += _changed(place, "secondary_value_net", Decimal(cents) / 100)
    return result


def missing_lines(true: pl.DataFrame) -> list[Effect]:
    """Lines that secondary_sale_line lacks while these rows have not landed."""
    live = true.filter(~pl.col("cancelled"))
    counted = (
        live.group_by("business_date", "distributor_code").agg(lines=pl.len().cast(pl.Int64)).sort("business_date")
    )
    return [
        effect
        for row in counted.iter_rows(named=True)
        for effect in _changed(
            {
                "table": "secondary_sale_line",
                "business_date": row["business_date"],
                "distributor_code": row["distributor_code"],
            },
            "rows",
            -row["lines"],
        )
    ]


def reconciliation(
    network: Network, true: pl.DataFrame, fed: pl.DataFrame, *, assessable: bool, clean: bool
) -> list[Effect]:
    """Differences in reconciliation_cell when these invoice rows are fed instead of the true ones.

    Args:
        network: for the SKUs' standard cost.
        true: the rows as they are in truth.
        fed: the rows as the pipeline reads them, a row that counts twice standing there twice.
        assessable: whether the variance is published at all.
        clean: whether the cleaned variance moves as well (it leaves duplicates out).
    """
    cost = dict(zip(network.sku_codes, network.standard_cost.tolist(), strict=True))
    before, after = _monthly(true), _monthly(fed)
    key = ["month_start", "distributor_code", "sku_code", "condition"]
    both = before.join(after, on=key, how="full", suffix="_fed", coalesce=True).fill_null(0).sort(key)
    result: list[Effect] = []
    for row in both.iter_rows(named=True):
        came, went = row["inflow_fed"] - row["inflow"], row["outflow_fed"] - row["outflow"]
        place = {"table": "reconciliation_cell", "batch_no": "-", **{k: row[k] for k in key}}
        result += _changed(place, "inflow_qty_base", came)
        result += _changed(place, "outflow_qty_base", went)
        result += _changed(place, "book_close_qty_base", came - went)
        if assessable:
            result += _changed(place, "variance_as_fed_qty_base", went - came)
            result += _changed(place, "variance_clean_qty_base", went - came if clean else 0)
            result += _changed(place, "variance_value", Decimal((went - came) * cost[row["sku_code"]]) / 100)
    return result


def not_assessable(cells: pl.DataFrame) -> list[Effect]:
    """Cells whose variance cannot be published while a day is missing."""
    result: list[Effect] = []
    for row in cells.select(CELL_KEYS).iter_rows(named=True):
        place = {"table": "reconciliation_cell", **row, "delta": None}
        result.append({**place, "column": "assessable", "value": "false"})
        for column in ("variance_as_fed_qty_base", "variance_clean_qty_base", "variance_value"):
            result.append({**place, "column": column, "value": "null"})
    return result


def conserved(profile: str, sender: str, file: str, feed: str, column: str, rows: int) -> list[Effect]:
    """Rows of a file that row_conservation counts in this column beyond those of a clean landing."""
    place = {"table": "row_conservation", "profile": profile, "sender": sender, "file": file, "feed": feed}
    return _changed(place, column, rows)


def _monthly(rows: pl.DataFrame) -> pl.DataFrame:
    month = pl.col("business_date").dt.truncate("1mo").alias("month_start")
    moves = truth.sale_movements(rows)
    return moves.group_by(month, "distributor_code", "sku_code", "condition").agg(pl.col("inflow", "outflow").sum())


def _changed(place: Effect, column: str, delta: int | Decimal) -> list[Effect]:
    return [{**place, "column": column, "delta": str(delta)}] if delta != 0 else []
