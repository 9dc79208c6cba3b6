"""Small networks that several tests look at, and a reader of senders' files that knows nothing of the simulation's code."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

import simulation

Row = dict[str, Any]
END = date(2026, 6, 18)
TRADE_NAMES = {
    "Doc Type": "document_type",
    "Invoice No": "document_no",
    "Line": "line_no",
    "Invoice Date": "business_date",
    "Item Code": "sender_sku_code",
    "Outlet Code": "sender_outlet_code",
    "Qty": "qty",
    "Free Qty": "free_qty",
    "UOM": "unit",
    "Taxable Value": "value_net",
    "Gross": "gross_value",
    "Discount": "discount_value",
    "Cancelled": "cancelled",
    "Return Kind": "return_kind",
    "Condition": "condition",
    "As Of": "business_date",
    "Opening": "opening_qty",
    "Closing": "closing_qty",
    "Purchase Return": "purchase_return_qty",
    "Adjustment": "adjustment_qty",
    "Damage": "damage_qty",
    "Sample": "sample_qty",
    "Receipt No": "document_no",
    "Receipt Date": "business_date",
}


@dataclass(frozen=True)
class Landed:
    """A simulated network on disk."""

    out: Path
    report: simulation.SimulationReport

    def truth(self, table: str) -> pl.DataFrame:
        """A truth table."""
        return pl.read_parquet(self.out / "truth" / f"{table}.parquet")

    def effects(self, defect: str | None = None) -> pl.DataFrame:
        """The recorded effects, of one defect or of all."""
        table = pl.read_csv(self.out / "truth" / "effects.csv", infer_schema=False)
        return table if defect is None else table.filter(pl.col("defect_id") == defect)

    def files(self, feed: str, part: str = "landing") -> list[Path]:
        """Files of a feed in the order of their paths without extension."""
        found = (self.out / part).rglob(f"{feed}_[0-9]*") if part == "landing" else (self.out / part).rglob(f"{feed}*")
        return sorted(found, key=lambda path: str(path.with_suffix("")))


@pytest.fixture(scope="session")
def simulate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Landed]:
    """Write a small network, with the defects of a YAML text if one is given."""

    def make(defects: str | Path | None = None, **sizes: Any) -> Landed:
        out = tmp_path_factory.mktemp("network")
        asked = {"seed": 5, "distributors": 2, "outlets": 24, "skus": 6, "days": 70, "end": END} | sizes
        path = defects if isinstance(defects, Path) else None
        if isinstance(defects, str):
            path = out / "defects.yaml"
            path.write_text(defects, encoding="utf-8")
        return Landed(out, simulation.run(out, defects=path, **asked))

    return make


@pytest.fixture(scope="session")
def clean(simulate: Callable[..., Landed]) -> Landed:
    """A network without defects, one distributor per dialect."""
    return simulate(distributors=3)


@pytest.fixture(scope="session")
def read() -> Callable[[Path], list[Row]]:
    """Read a sender's file into rows with contract names, typed values and the sender."""
    return _read


@pytest.fixture(scope="session")
def sold() -> Callable[..., dict[tuple[date, str], tuple[Decimal, int]]]:
    """Net value and base units per day and distributor that a plain reader makes of the invoice files that have landed."""

    def total(landed: Landed, part: str = "landing") -> dict[tuple[date, str], tuple[Decimal, int]]:
        paths = landed.files("dms_invoice_line")
        if part == "all":
            paths += landed.files("dms_invoice_line", "withheld")
        result: dict[tuple[date, str], tuple[Decimal, int]] = {}
        factors = _factors(landed)
        for row in _current(paths):
            if row["cancelled"]:
                continue
            sign = -1 if row["document_type"] == "CREDIT_NOTE" else 1
            key = (row["business_date"], row["sender"])
            value, units = result.get(key, (Decimal(0), 0))
            base = _base_units(row, factors)
            result[key] = (value + sign * row["value_net"], units + sign * base)
        return {key: totals for key, totals in result.items() if totals != (Decimal(0), 0)}

    return total


def _factors(landed: Landed) -> dict[tuple[str, str], int]:
    hq = landed.out / "landing" / "csv_generic" / "HQ"
    cases = {r["sku_code"]: int(r["units_per_case"]) for r in _rows_of_csv(hq / "sku.csv", ",", "utf-8")}
    own = {("", code): units for code, units in cases.items()}
    for row in _rows_of_csv(hq / "sku_xref.csv", ",", "utf-8"):
        own[(row["distributor_code"], row["sender_sku_code"])] = cases[row["sku_code"]]
    return own


def _base_units(row: Row, factors: dict[tuple[str, str], int]) -> int:
    code = row["sender_sku_code"]
    factor = factors.get((row["sender"], code)) or factors[("", code)] if row["unit"] == "CS" else 1
    return int((row["qty"] * factor).quantize(Decimal(1), ROUND_HALF_UP))


def _current(paths: list[Path]) -> list[Row]:
    """What is known once all files have been read in order: later lines win, and replacing senders empty the days they send."""
    known: dict[tuple[Any, ...], Row] = {}
    for path in paths:
        rows = _read(path)
        sender = path.parent.name
        if path.parent.parent.name != "csv_generic":
            first, last = _covered(path)
            gone = [k for k, r in known.items() if r["sender"] == sender and first <= r["business_date"] <= last]
            for key in gone:
                del known[key]
        for row in rows:
            known[(sender, row["document_type"], row["document_no"], row["line_no"])] = row
    return list(known.values())


def _covered(path: Path) -> tuple[date, date]:
    days = [date.fromisoformat(part) for part in path.stem.split("_") if part[:2] == "20"]
    return days[0], days[-1]


def _read(path: Path) -> list[Row]:
    profile = path.parent.parent.name
    if profile == "csv_generic":
        raw = _rows_of_csv(path, ",", "utf-8")
    elif profile == "csv_semicolon":
        raw = _rows_of_csv(path, ";", "cp1252")
    else:
        raw = _rows_of_workbook(path)
    return [_typed(row, profile, path.parent.name) for row in raw]


def _rows_of_csv(path: Path, delimiter: str, encoding: str) -> list[Row]:
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def _rows_of_workbook(path: Path) -> list[Row]:
    cells = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    header = [str(cell) for cell in cells[3]]
    return [dict(zip(header, row, strict=True)) for row in cells[4:] if row[0] != "Total"]


def _typed(raw: Row, profile: str, sender: str) -> Row:
    row = {TRADE_NAMES.get(name, name): value for name, value in raw.items()}
    row["sender"] = sender
    for name, value in row.items():
        if name == "business_date":
            row[name] = _day(value, profile)
        elif name in ("qty", "free_qty", "value_net", "gross_value", "discount_value") or name.endswith("_qty"):
            text = str(value).replace(",", ".") if profile == "csv_semicolon" else str(value)
            row[name] = Decimal(text or "0")
        elif name == "line_no":
            row[name] = int(value)
    kinds = {"INV": "INVOICE", "CRN": "CREDIT_NOTE"}
    row["document_type"] = kinds.get(row.get("document_type", ""), row.get("document_type"))
    row["unit"] = {"PC": "EA"}.get(row["unit"], row["unit"])
    row["cancelled"] = row.get("cancelled") in ("Y", "true")
    return row


def _day(value: Any, profile: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if profile == "csv_generic":
        return date.fromisoformat(value)
    return datetime.strptime(value, "%d/%m/%Y").date()
