"""What a dispatch or a store does not state counts nothing, and so does what a store voided; the rest of the cell stays."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from bronze_factory import BronzeFactory, File
from warehouse_process import Warehouse, query

DAY = dt.date(2026, 3, 1)


def dispatch(number: str, qty: int, value: int | None) -> dict[str, Any]:
    return {
        "document_no": number, "line_no": 1, "distributor_code": "D1", "business_date": DAY, "sender_sku_code": "K1", "qty": qty,
        "unit": "EA", "value_net": value,
    }  # fmt: skip


def sale(store: str, qty: int, value: int | None, voided: bool | None) -> dict[str, Any]:
    return {
        "retailer_code": "R1", "sender_outlet_code": store, "sender_sku_code": "K1", "business_date": DAY, "qty": qty, "unit": "EA",
        "value_net": value, "voided": voided,
    }  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One day of dispatches and of store sales."""
    home = tmp_path_factory.mktemp("unstated")
    bronze = BronzeFactory(home)
    bronze.commit("sku", [File("HQ", [{"sku_code": "K1", "sku_name": "Soap"}], "sku.csv")])
    bronze.commit("erp_dispatch_line", [File("ERP", [dispatch("A", 10, None), dispatch("B", 5, 50)], "d.csv")])
    bronze.commit(
        "pos_sale",
        [File("R1", [sale("S1", 3, 30, None), sale("S2", 4, 40, True), sale("S3", 2, None, False)], "p.csv")],
    )
    bronze.snapshot(as_of=DAY)
    Warehouse(home).build("one", select=("--select", "+sell_through_daily"))
    return home


def test_a_dispatch_without_a_value_counts_its_quantity(home: Path) -> None:
    found = query(
        home,
        "select sum(primary_qty_base), sum(primary_value_net) from reporting.sell_through_daily where primary_qty_base <> 0",
    )

    assert found == [(15, 50)]


def test_a_voided_store_line_counts_nothing(home: Path) -> None:
    found = query(home, "select sum(tertiary_qty_base), sum(tertiary_value_net) from reporting.sell_through_daily")

    assert found == [(5, 30)]


def test_no_published_value_is_null(home: Path) -> None:
    found = query(
        home,
        "select count(*) from reporting.sell_through_daily where primary_value_net is null or tertiary_value_net is null or secondary_value_net is null",
    )

    assert found == [(0,)]
