"""Inventory tables after increments equal a full build, and what was published on an earlier commit is still told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from bronze_factory import BronzeFactory, File
from inventory_warehouse import Warehouse

pytestmark = pytest.mark.long

AS_OF = dt.date(2026, 4, 20)
MODELS = ("+stock_position", "+reconciliation_cell", "+feed_status", "+int_stock_level", "+demand_panel_weekly")
TABLES = (
    "intermediate.int_stock_movement_daily",
    "intermediate.int_stock_level",
    "intermediate.int_receipt_movement",
    "intermediate.int_in_transit",
    "intermediate.int_demand_panel_weekly",
    "reporting.demand_panel_weekly",
    "intermediate.int_reconciliation_month",
    "reporting.stock_position",
    "reporting.reconciliation_cell",
    "reporting.feed_status",
)


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(f"2026-{text}")


def _sale(number: str, day: str, qty: int, **more: Any) -> dict[str, Any]:
    return {
        "distributor_code": "D1",
        "document_type": "INVOICE",
        "document_no": number,
        "line_no": 1,
        "business_date": _day(day),
        "sender_outlet_code": "O1",
        "sender_sku_code": "A",
        "condition": "SALEABLE",
        "qty": qty,
        "unit": "EA",
        "value_net": qty * 10,
        "cancelled": False,
    } | more


def _receipt(number: str, day: str, qty: int, **more: Any) -> dict[str, Any]:
    return {
        "distributor_code": "D1",
        "document_no": number,
        "line_no": 1,
        "business_date": _day(day),
        "sender_sku_code": "A",
        "condition": "SALEABLE",
        "qty": qty,
        "unit": "EA",
        "cancelled": False,
    } | more


def _stock(day: str, opening: int, closing: int, **more: Any) -> dict[str, Any]:
    return {
        "distributor_code": "D1",
        "sender_sku_code": "A",
        "condition": "SALEABLE",
        "business_date": _day(day),
        "opening_qty": opening,
        "closing_qty": closing,
        "unit": "EA",
    } | more


def _masters(bronze: BronzeFactory) -> None:
    bronze.commit(
        "sku", [File("HQ", [{"sku_code": "A", "sku_name": "A", "units_per_case": 12, "standard_cost": 4}], "sku.csv")]
    )
    distributor = {"distributor_code": "D1", "distributor_name": "D1", "lead_time_days": 5}
    bronze.commit("distributor", [File("HQ", [distributor], "distributor.csv")])


def _first_month(bronze: BronzeFactory) -> None:
    _masters(bronze)
    dispatch = {
        "document_no": "DSP1", "line_no": 1, "distributor_code": "D1", "business_date": _day("03-01"),
        "sender_sku_code": "A", "qty": 10, "unit": "CS", "value_net": 480, "cancelled": False,
    }  # fmt: skip
    bronze.commit("erp_dispatch_line", [File("ERP", [dispatch], "erp.csv")])
    received = _receipt("G1", "03-04", 10, unit="CS", dispatch_no="DSP1", dispatch_line_no=1, tracking_no="T1")
    bronze.commit("goods_receipt", [File("D1", [received], "goods_receipt_1.csv")])
    sold = [_sale("INV1", "03-05", 12), _sale("INV2", "03-06", 5), _sale("INV3", "03-31", 7, free_qty=1)]
    bronze.commit("dms_invoice_line", [File("D1", sold, "dms_invoice_line_1.csv")], mode="replace")
    bronze.commit("dms_stock", [File("D1", [_stock("03-31", 0, 95)], "dms_stock_1.csv")])


def _a_line_moves_away_and_its_day_empties(bronze: BronzeFactory) -> None:
    moved = File("D1", [], "dms_invoice_line_2.csv", _day("03-05"), _day("03-05"))
    bronze.commit("dms_invoice_line", [moved], mode="replace")
    late = File("D1", [_sale("INV1", "03-08", 12)], "dms_invoice_line_3.csv")
    bronze.commit("dms_invoice_line", [late], mode="replace")


def _a_delivery_is_booked_twice_and_a_line_comes_again(bronze: BronzeFactory) -> None:
    voucher = _receipt("V1", "03-06", 10, unit="CS", tracking_no="T1")
    bronze.commit("goods_receipt", [File("D1", [voucher], "goods_receipt_2.csv")])
    again = [_receipt("G2", "04-02", 24), _receipt("G2", "04-02", 24)]
    bronze.commit("goods_receipt", [File("D1", again, "goods_receipt_3.csv")])
    bronze.commit(
        "dms_invoice_line", [File("D1", [_sale("INV4", "04-03", 3)], "dms_invoice_line_4.csv")], mode="replace"
    )


def _the_first_booking_is_cancelled_and_the_close_restated(bronze: BronzeFactory) -> None:
    cancelled = _receipt(
        "G1", "03-04", 10, unit="CS", dispatch_no="DSP1", dispatch_line_no=1, tracking_no="T1", cancelled=True
    )
    bronze.commit("goods_receipt", [File("D1", [cancelled], "goods_receipt_4.csv")])
    restated = [_stock("03-31", 0, 94, transfer_out_qty=1), _stock("04-20", 94, 115)]
    bronze.commit("dms_stock", [File("D1", restated, "dms_stock_2.csv")])
    named = File("D1", [_sale("INV5", "04-17", 2)], "dms_invoice_line_2026-04-17.csv", names_day=True)
    bronze.commit("dms_invoice_line", [named], mode="replace")


def _the_cost_of_a_unit_is_another_from_april_on(bronze: BronzeFactory) -> None:
    row = {"sku_code": "A", "sku_name": "A", "units_per_case": 12, "standard_cost": 5, "valid_from": _day("04-01")}
    bronze.commit("sku", [File("HQ", [row], "sku_2.csv")])


def _a_late_statement_begins_the_chain_earlier_and_a_month_empties(bronze: BronzeFactory) -> None:
    bronze.commit("dms_stock", [File("D1", [_stock("02-28", 0, 6)], "dms_stock_3.csv")])
    emptied = File("D1", [], "dms_invoice_line_5.csv", _day("04-01"), _day("04-30"))
    bronze.commit("dms_invoice_line", [emptied], mode="replace")


def _what_was_said_of_february_is_taken_back(bronze: BronzeFactory) -> None:
    emptied = File("D1", [], "dms_stock_4.csv", _day("02-01"), _day("02-28"))
    bronze.commit("dms_stock", [emptied], mode="replace")


STEPS: tuple[Callable[[BronzeFactory], None], ...] = (
    _first_month,
    _a_line_moves_away_and_its_day_empties,
    _a_delivery_is_booked_twice_and_a_line_comes_again,
    _the_first_booking_is_cancelled_and_the_close_restated,
    _the_cost_of_a_unit_is_another_from_april_on,
    _a_late_statement_begins_the_chain_earlier_and_a_month_empties,
    _what_was_said_of_february_is_taken_back,
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, dict[int, list[Any]], list[list[list[Any]]]]:
    """Loads, each built as an increment; what was published after each; and all tables after each, beside those of a full build."""
    warehouse, anew = (Warehouse(tmp_path_factory.mktemp(name)) for name in ("increments", "anew"))
    (anew.home / "state").mkdir()
    anew.snapshot_dir.symlink_to(warehouse.snapshot_dir)
    bronze = BronzeFactory(warehouse.home)
    published, shown, pairs = {}, None, []
    for step in STEPS:
        step(bronze)
        shown = bronze.snapshot(as_of=AS_OF, since=shown)
        warehouse.refresh(*MODELS)
        published[len(bronze.commits)] = warehouse.rows("select * from reporting.reconciliation_cell order by all")
        if step in (STEPS[3], STEPS[-1]):
            anew.refresh(*MODELS, "--full-refresh")
            pairs.append(
                [[home.rows(f"select * from {table} order by all") for table in TABLES] for home in (warehouse, anew)]
            )
    return warehouse, published, pairs


def test_as_known_on_each_load_gives_what_had_been_published_then(history: Any) -> None:
    warehouse, published, _ = history

    for seq, cells in published.items():
        assert warehouse.rows(f"select * from reporting.reconciliation_cell_as_known({seq}) order by all") == cells


def test_the_emptied_day_the_double_booking_and_the_restated_close_are_told(history: Any) -> None:
    warehouse, published, _ = history
    march = [{row[0]: row for row in cells}[dt.date(2026, 3, 1)] for cells in published.values()]

    # inflow, outflow, declared close, variance as fed and clean
    assert [(row[7], row[8], row[10], row[11], row[12]) for row in march[:4]] == [
        (120, 25, 95, 0, 0),
        (120, 25, 95, 0, 0),
        (240, 25, 95, -120, 0),
        (240, 26, 94, -120, 0),
    ]
    assert warehouse.rows(
        "select count(*) from intermediate.int_stock_movement_daily where business_date = date '2026-03-05'"
    ) == [(0,)]


def test_a_full_build_gives_the_same_tables_as_the_increments(history: Any) -> None:
    _, _, pairs = history

    for number, (incremental, full) in enumerate(pairs):
        for table, one, other in zip(TABLES, incremental, full, strict=True):
            assert one == other, (table, number)
