"""The three ways in which senders write their files, byte for byte the same for the same rows."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from simulation.documents import money
from simulation.landing import DISPATCH, INVOICE, MASTERS, POS, RECEIPT, STOCK, SenderFile
from simulation.network import CSV, XLSX

COMPANY = "Aurélia Consumer Goods Ltd"
REPORTS = {INVOICE: "Sales register", STOCK: "Stock statement", RECEIPT: "Goods receipts"}
FIXED_CREATION = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)
DAY_FORMAT = "%d/%m/%Y"


@dataclass(frozen=True)
class Column:
    """A column of a file: its header, what fills it, and whether a total row sums it."""

    header: str
    value: pl.Expr
    summed: bool = False


def _text(header: str, source: str | None = None) -> Column:
    return Column(header, pl.col(source or header))


def _blank(header: str) -> Column:
    return Column(header, pl.lit(None, dtype=pl.String))


def _money(header: str, source: str, *, summed: bool = False) -> Column:
    return Column(header, money(pl.col(source)), summed)


def _qty(header: str, source: str) -> Column:
    return Column(header, pl.col(source), True)


def _zero(header: str) -> Column:
    return Column(header, pl.lit(0), True)


TRADE_UNIT = pl.col("unit").replace({"EA": "PC"})

GENERIC: dict[str, list[Column]] = {
    INVOICE: [
        *(_text(c) for c in ("distributor_code", "document_type", "document_no", "line_no", "business_date")),
        *(_text(c) for c in ("sender_outlet_code", "sender_sku_code", "qty", "free_qty", "unit")),
        _money("rate", "rate"),
        _money("gross_value", "gross"),
        _money("discount_value", "discount"),
        _money("value_net", "net"),
        _money("tax_value", "tax"),
        Column("cancelled", pl.col("cancelled").cast(pl.String)),
        *(_text(c) for c in ("return_kind", "condition", "original_document_no", "scheme_code")),
    ],
    STOCK: [
        *(_text(c) for c in ("distributor_code", "sender_sku_code", "condition", "business_date")),
        _text("opening_qty", "opening"),
        _text("closing_qty", "declared"),
        _text("unit"),
        _zero("transfer_in_qty"),
        _zero("transfer_out_qty"),
        _text("purchase_return_qty", "purchase_return"),
        _text("adjustment_qty", "adjustment"),
        _text("damage_qty", "damage"),
        _zero("expiry_qty"),
        _text("sample_qty", "sample"),
    ],
    RECEIPT: [
        _text(c)
        for c in (
            "distributor_code",
            "document_no",
            "line_no",
            "business_date",
            "dispatch_no",
            "dispatch_line_no",
            "sender_sku_code",
            "condition",
            "qty",
            "free_qty",
            "unit",
            "tracking_no",
        )
    ],
    DISPATCH: [
        *(
            _text(c)
            for c in (
                "document_no",
                "line_no",
                "plant_code",
                "distributor_code",
                "business_date",
                "planned_delivery_date",
            )
        ),
        *(_text(c) for c in ("sender_sku_code", "qty", "free_qty", "unit")),
        _money("value_net", "net"),
        Column("cancelled", pl.col("cancelled").cast(pl.String)),
        _text("order_no"),
    ],
    POS: [
        *(
            _text(c)
            for c in (
                "retailer_code",
                "sender_outlet_code",
                "sender_sku_code",
                "business_date",
                "qty",
                "return_qty",
                "unit",
            )
        ),
        _money("value_net", "net"),
        _text("on_hand_qty"),
    ],
}

TRADE: dict[str, list[Column]] = {
    INVOICE: [
        Column(
            "Doc Type", pl.col("document_type").replace({"INVOICE": "INV", "CREDIT_NOTE": "CRN", "DEBIT_NOTE": "DBN"})
        ),
        _text("Invoice No", "document_no"),
        _text("Line", "line_no"),
        _text("Invoice Date", "business_date"),
        _text("Outlet Code", "sender_outlet_code"),
        _text("Outlet Name", "outlet_name"),
        _text("Item Code", "sender_sku_code"),
        _text("Item Name", "sku_name"),
        _blank("Batch"),
        _qty("Qty", "qty"),
        _qty("Free Qty", "free_qty"),
        Column("UOM", TRADE_UNIT),
        _money("Rate", "rate"),
        _money("Gross", "gross", summed=True),
        _money("Discount", "discount", summed=True),
        _money("Taxable Value", "net", summed=True),
        _money("Tax", "tax", summed=True),
        Column("Cancelled", pl.when(pl.col("cancelled")).then(pl.lit("Y")).otherwise(pl.lit("N"))),
        _text("Return Kind", "return_kind"),
        _text("Condition", "condition"),
    ],
    STOCK: [
        _text("As Of", "business_date"),
        _text("Item Code", "sender_sku_code"),
        _blank("Batch"),
        _text("Condition", "condition"),
        _qty("Opening", "opening"),
        _qty("Closing", "declared"),
        Column("UOM", TRADE_UNIT),
        _zero("Transfer In"),
        _zero("Transfer Out"),
        _qty("Purchase Return", "purchase_return"),
        _qty("Adjustment", "adjustment"),
        _qty("Damage", "damage"),
        _zero("Expiry"),
        _qty("Sample", "sample"),
    ],
    RECEIPT: [
        _text("Receipt No", "document_no"),
        _text("Line", "line_no"),
        _text("Receipt Date", "business_date"),
        _text("Dispatch No", "dispatch_no"),
        _text("Dispatch Line", "dispatch_line_no"),
        _text("Item Code", "sender_sku_code"),
        _blank("Batch"),
        _text("Condition", "condition"),
        _qty("Qty", "qty"),
        _qty("Free Qty", "free_qty"),
        Column("UOM", TRADE_UNIT),
        _text("Tracking No", "tracking_no"),
    ],
}


def columns(profile: str, feed: str) -> list[Column]:
    """The columns that a sender of this profile writes for a feed."""
    return GENERIC[feed] if profile == CSV else TRADE[feed]


def write(file: SenderFile, folder: Path, company: str = COMPANY) -> Path:
    """Write a file below `folder` in its sender's dialect and set its time of arrival."""
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.feed in MASTERS:
        _write_master(file.rows, path)
    elif file.profile == XLSX:
        _write_workbook(file, path, company)
    else:
        _write_delimited(file, path)
    os.utime(path, (file.arrived_at.timestamp(), file.arrived_at.timestamp()))
    return path


def _write_delimited(file: SenderFile, path: Path) -> None:
    frame = file.rows.select(c.value.alias(c.header) for c in columns(file.profile, file.feed))
    if file.profile == CSV:
        frame.write_csv(path)
    else:
        text = frame.write_csv(separator=";", decimal_comma=True, date_format=DAY_FORMAT)
        path.write_bytes(text.encode("cp1252"))


def _write_master(rows: pl.DataFrame, path: Path) -> None:
    prices = [c for c in ("mrp", "ex_factory_price", "standard_cost") if c in rows.columns]
    if prices:
        rows.with_columns(pl.col(prices)).write_csv(path, float_precision=2)
    else:
        rows.write_csv(path)


def _write_workbook(file: SenderFile, path: Path, company: str) -> None:
    written = columns(file.profile, file.feed)
    frame = file.rows.select(c.value.alias(c.header) for c in written)
    frame = frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64))
    with io.BytesIO() as buffer:
        book = xlsxwriter.Workbook(buffer, {"constant_memory": True, "default_date_format": "dd/mm/yyyy"})
        book.set_properties({"created": FIXED_CREATION})
        sheet = book.add_worksheet("Report")
        _fill(sheet, file, frame, written, company)
        book.close()
        path.write_bytes(buffer.getvalue())


def _fill(sheet: Any, file: SenderFile, frame: pl.DataFrame, written: list[Column], company: str) -> None:
    sheet.write_string(0, 0, company)
    sheet.write_string(1, 0, f"{REPORTS[file.feed]} of {file.sender}")
    first, last = (file.first or date.min), (file.last or date.min)
    sheet.write_string(2, 0, f"Period {first.strftime(DAY_FORMAT)} to {last.strftime(DAY_FORMAT)}")
    for i, column in enumerate(written):
        sheet.write_string(3, i, column.header)
    writers = [_cell_writer(sheet, frame.schema[c.header]) for c in written]
    row = 4
    for values in frame.iter_rows():
        for i, value in enumerate(values):
            if value is not None:
                writers[i](row, i, value)
        row += 1
    if row == 4:
        return
    sheet.write_string(row, 0, "Total")
    for i, column in enumerate(written):
        if column.summed:
            sheet.write_number(row, i, round(float(frame[column.header].sum()), 3))


def _cell_writer(sheet: Any, dtype: pl.DataType) -> Any:
    if dtype == pl.Date:
        return sheet.write_datetime
    return sheet.write_number if dtype.is_numeric() else sheet.write_string
