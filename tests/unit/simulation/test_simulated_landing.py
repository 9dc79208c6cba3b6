"""Senders' files look as senders write them, and hold what truly happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from simulation.sizes import Sizes

END = date(2026, 6, 18)
TRADE_INVOICE = (
    "Doc Type;Invoice No;Line;Invoice Date;Outlet Code;Outlet Name;Item Code;Item Name;Batch;Qty;Free Qty;UOM;Rate;Gross;Discount;"
    "Taxable Value;Tax;Cancelled;Return Kind;Condition"
)


def _sender(clean: Any, profile: str) -> Path:
    return min(p for p in (clean.out / "landing" / profile).iterdir() if p.name.startswith("D"))


@pytest.mark.parametrize("profile", ["csv_generic", "csv_semicolon", "xlsx_generic"])
@pytest.mark.parametrize("feed", ["dms_invoice_line", "dms_stock", "goods_receipt"])
def test_history_comes_by_month_and_the_last_thirty_days_by_day(clean: Any, profile: str, feed: str) -> None:
    stems = sorted(p.stem.removeprefix(f"{feed}_") for p in _sender(clean, profile).glob(f"{feed}_*"))
    ranges = [s for s in stems if "_" in s]
    days = [s for s in stems if "_" not in s]
    assert ranges == ["2026-04-10_2026-04-30", "2026-05-01_2026-05-19"]
    assert days == [(END - timedelta(days=i)).isoformat() for i in range(29, -1, -1)]


def test_no_history_file_names_a_single_day() -> None:
    for days in range(2, 140):
        sizes = Sizes(1, 1, 1, 1, days, END)
        ranges = sizes.history_ranges()
        assert all(first < last for first, last in ranges)
        assert [d for a, b in ranges for d in range(a, b + 1)] == list(range(sizes.first_daily_day))
        periods = sizes.statement_periods()
        assert [d for a, b in periods for d in range(a, b + 1)] == list(range(days))


def test_a_file_arrives_the_morning_after_the_last_day_it_covers(clean: Any) -> None:
    for path in clean.files("dms_invoice_line"):
        last = date.fromisoformat(path.stem[-10:])
        arrived = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
        assert arrived == datetime.combine(last + timedelta(days=1), time(6), tzinfo=UTC)


def test_a_day_without_sales_is_reported_by_a_header_alone(clean: Any) -> None:
    sunday = next(END - timedelta(days=i) for i in range(7) if (END - timedelta(days=i)).weekday() == 6)
    semicolon = _sender(clean, "csv_semicolon") / f"dms_invoice_line_{sunday}.csv"
    assert semicolon.read_bytes().decode("cp1252") == TRADE_INVOICE + "\n"
    book = _sender(clean, "xlsx_generic") / f"dms_invoice_line_{sunday}.xlsx"
    cells = CalamineWorkbook.from_path(str(book)).get_sheet_by_index(0).to_python()
    assert len(cells) == 4
    assert ";".join(map(str, cells[3])) == TRADE_INVOICE


def test_the_semicolon_dialect_is_cp1252_with_decimal_commas(clean: Any) -> None:
    text = b"".join(p.read_bytes() for p in _sender(clean, "csv_semicolon").glob("dms_invoice_line_*_*.csv"))
    with pytest.raises(UnicodeDecodeError):
        text.decode("utf-8")
    line = text.decode("cp1252").splitlines()[1].split(";")
    assert line[0] in ("INV", "CRN")
    assert datetime.strptime(line[3], "%d/%m/%Y").year == 2026
    assert "," in line[13]
    assert "." not in line[13]


def test_the_workbook_has_titles_dates_text_codes_and_a_total_that_ties(clean: Any) -> None:
    path = max(_sender(clean, "xlsx_generic").glob("dms_invoice_line_*_*.xlsx"), key=lambda p: p.stat().st_size)
    cells = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    assert [bool(row[0]) for row in cells[:3]] == [True] * 3
    header, rows, total = cells[3], cells[4:-1], cells[-1]
    assert total[0] == "Total"
    assert len(rows) > 2
    assert all(isinstance(row[3], date) and isinstance(row[1], str) and isinstance(row[6], str) for row in rows)
    for name in ("Qty", "Free Qty", "Gross", "Discount", "Taxable Value", "Tax"):
        at = header.index(name)
        assert round(Decimal(str(total[at])), 2) == sum(round(Decimal(str(row[at])), 2) for row in rows)


def test_what_the_invoice_files_hold_is_what_was_sold(clean: Any, sold: Callable[[Any], Any]) -> None:
    lines = (
        clean.truth("secondary_sale_line")
        .group_by("business_date", "distributor_code")
        .agg(pl.col("value_net", "qty_base").sum())
    )
    true = {
        (r["business_date"], r["distributor_code"]): (r["value_net"], r["qty_base"])
        for r in lines.iter_rows(named=True)
    }
    assert sold(clean) == true
    daily = clean.truth("sell_through_daily")
    assert daily["secondary_value_net"].sum() == clean.truth("secondary_sale_line")["value_net"].sum()
    assert daily["secondary_qty_base"].sum() == clean.truth("secondary_sale_line")["qty_base"].sum()


def test_what_the_stock_files_declare_is_the_declared_stock(clean: Any, read: Callable[[Path], list[Any]]) -> None:
    fed = [row for path in clean.files("dms_stock") for row in read(path)]
    declared = clean.truth("stock_daily").drop_nulls("declared_qty_base")
    assert sum(int(row["closing_qty"]) for row in fed) == declared["declared_qty_base"].sum()
    statements = {(row["sender"], row["business_date"]) for row in fed}
    assert ("D001", date(2026, 4, 30)) in statements
    assert ("D001", date(2026, 5, 19)) in statements
    assert ("D001", END) in statements


def test_dispatches_receipts_and_store_sales_are_written_whole(clean: Any) -> None:
    def units(feed: str, column: str) -> int:
        paths = [p for p in clean.files(feed) if p.suffix == ".csv" and p.parts[-3] == "csv_generic"]
        frames = [pl.read_csv(p, infer_schema=False) for p in paths]
        return sum(int(v) for frame in frames for v in frame[column].to_list())

    pos = clean.truth("pos")
    assert units("pos_sale", "qty") == pos["qty_base"].sum() > 0
    dispatched = [pl.read_csv(p, infer_schema=False) for p in clean.files("erp_dispatch_line")]
    live = pl.concat(dispatched).filter(pl.col("cancelled") == "false")
    assert live["value_net"].cast(pl.Decimal(18, 4)).sum() == clean.truth("dispatch")["value_net"].sum()
    assert len(live) == len(clean.truth("dispatch"))


def test_masters_come_from_head_office(clean: Any) -> None:
    names = sorted(p.name for p in (clean.out / "landing" / "csv_generic" / "HQ").iterdir())
    masters = ["distributor.csv", "outlet.csv", "outlet_xref.csv", "sku.csv", "sku_xref.csv", "territory.csv"]
    assert names == sorted([*masters, "calendar.csv", "scheme.csv"])


def test_schemes_are_the_promotions_with_the_end_that_was_announced(clean: Any) -> None:
    schemes = pl.read_csv(clean.out / "landing/csv_generic/HQ/scheme.csv", try_parse_dates=True)
    both = clean.truth("promotion").join(schemes, on="scheme_code")

    assert both.height == clean.truth("promotion").height == schemes.height > 0
    assert (both["sku_code"] == both["buy_sku_codes"]).all()
    assert (both["zone_code"] == both["territory_codes"]).all()
    assert (both["date_from"] == both["valid_from"]).all()
    assert (both["valid_to"] == both["date_to"]).sum() + (both["valid_to"] > END).sum() >= both.height
    priced = both.filter(pl.col("benefit") == "DISC_PCT")
    assert (priced["benefit_amount"] - 100 * priced["discount_share"]).abs().max() < 1e-9


def test_the_calendar_tells_holidays_and_the_weeks_before_festivals_a_year_ahead(clean: Any) -> None:
    days = pl.read_csv(clean.out / "landing/csv_generic/HQ/calendar.csv", try_parse_dates=True)
    sold = set(clean.truth("secondary_sale_line").filter(document_type="INVOICE")["business_date"])

    closed = set(days.filter(~pl.col("selling_day"))["calendar_date"])
    assert {date(2026, 5, 1), date(2026, 12, 25)} <= closed
    assert date(2026, 4, 30) in sold
    assert not closed & sold
    assert days.filter(pl.col("calendar_date") == date(2026, 10, 19))["festival_name"].to_list() == [
        "Festival of 20 October"
    ]
