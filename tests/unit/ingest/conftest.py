"""What the tests of ingest share: a home in which files land, and small files that one can check in one's head."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ingest
from ingest.bronze import CommitLog
from ingest.contracts import REJECTS, load_contracts

INVOICE = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
SEMICOLON = (
    "Doc Type;Invoice No;Line;Invoice Date;Outlet Code;Outlet Name;Item Code;Item Name;Batch;Qty;Free Qty;UOM;Rate;Gross;Discount;"
    "Taxable Value;Tax;Cancelled;Return Kind;Condition\n"
)


class Landing:
    """A data home under a temporary folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def put(self, name: str, content: str | bytes, *, arrived: datetime = datetime(2026, 4, 1, 6, tzinfo=UTC)) -> Path:
        """Let a file land."""
        path = self.home / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (arrived.timestamp(), arrived.timestamp()))
        return path

    def config(self, name: str, text: str) -> Path:
        """Write a file of the user's own configuration."""
        path = self.home / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, **filters: Any) -> ingest.IngestReport:
        """Take in what has landed."""
        return ingest.run(self.home, **filters)

    def commits(self) -> list[dict[str, Any]]:
        """The commit log."""
        return CommitLog(self.home).commits

    def rows(self, feed: str = "dms_invoice_line") -> pl.DataFrame:
        """All committed rows of a feed, in the order of the commits."""
        return self._table(feed, "rows")

    def rejects(self, feed: str = "dms_invoice_line") -> pl.DataFrame:
        """All committed rejects of a feed."""
        return self._table(feed, "rejects")

    def _table(self, feed: str, kind: str) -> pl.DataFrame:
        paths = [
            self.home / "bronze" / commit[kind] for commit in self.commits() if commit["feed"] == feed and commit[kind]
        ]
        schema = load_contracts(self.home)[feed].schema if kind == "rows" else REJECTS
        tables = [pl.DataFrame(schema=schema), *(_texts(pl.read_parquet(path)) for path in paths)]
        return pl.concat(tables, how="diagonal") if paths else pl.DataFrame()


def _texts(table: pl.DataFrame) -> pl.DataFrame:
    """Text as text, also where polars finds that it was written as a dictionary of one."""
    return table.with_columns(pl.col(pl.Enum).cast(pl.String))


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "home")


@pytest.fixture
def invoice() -> Callable[..., str]:
    """A csv_generic invoice file with the lines that are given: (document, line, date, qty, value)."""

    def build(*lines: tuple[str, int, str, str, str], unit: str = "EA") -> str:
        return INVOICE + "".join(
            f"INVOICE,{doc},{line},{day},O1,S1,{qty},{unit},{value}\n" for doc, line, day, qty, value in lines
        )

    return build


@pytest.fixture
def semicolon() -> Callable[..., bytes]:
    """A csv_semicolon invoice file: (type, document, line, dd/mm/yyyy, qty, value)."""

    def build(*lines: tuple[str, str, int, str, str, str]) -> bytes:
        text = SEMICOLON + "".join(
            f"{kind};{doc};{line};{day};O1;Café;S1;Soap;;{qty};0;PC;1;{value};0;{value};0;N;;\n"
            for kind, doc, line, day, qty, value in lines
        )
        return text.encode("cp1252")

    return build
