"""The 16 golden cases of stock reconciliation, fed as files: every stated variance comes out, to the unit."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from inventory_warehouse import Warehouse

GOLDEN = json.loads((Path(__file__).parent / "reconciliation_golden.json").read_text())
MONTH = {1: dt.date(2026, 3, 1), 2: dt.date(2026, 4, 1)}
MONTH_END = {1: dt.date(2026, 3, 31), 2: dt.date(2026, 4, 30)}
INCOMPLETE = "12"
STATEMENT_COLUMN = {"TRF_IN": "transfer_in_qty", "TRF_OUT": "transfer_out_qty", "SAMPLE": "sample_qty"}


def _code(case: dict[str, Any], distributor: str) -> str:
    return f"C{case['case']}{distributor}"


def _invoice(case: dict[str, Any], movement: dict[str, Any], number: int) -> dict[str, Any]:
    doc = movement["doc"] or ""
    back = movement["type"] == "RET_OUTLET"
    free = movement["type"] == "SEC_FREE"
    return {
        "document_type": "CREDIT_NOTE" if back else "INVOICE",
        "document_no": doc.split()[0].split("/")[0] if doc else f"N{case['case']}-{number}",
        "line_no": 1,
        "business_date": (MONTH[movement["period"]] + dt.timedelta(9)).isoformat(),
        "sender_outlet_code": "O1",
        "sender_sku_code": movement["sku"],
        "batch_no": "" if movement["batch"] == "-" else movement["batch"],
        "condition": movement["condition"],
        "qty": 0 if free else movement["qty"],
        "free_qty": movement["qty"] if free else 0,
        "unit": "EA",
        "value_net": 0 if free else movement["qty"],
        "cancelled": "true" if "CANCELLED" in doc else "false",
        "return_kind": ("FINANCIAL" if "financial" in doc else "GOODS") if back else "",
    }


def _receipt(case: dict[str, Any], movement: dict[str, Any], number: int) -> dict[str, Any]:
    doc = movement["doc"] or ""
    tracked = doc.startswith("TRK")
    return {
        "document_no": f"{doc.split()[1]}-{case['case']}" if tracked else f"G{case['case']}-{number}",
        "line_no": 1,
        "business_date": (MONTH[movement["period"]] + dt.timedelta(4)).isoformat(),
        "sender_sku_code": movement["sku"],
        "batch_no": "" if movement["batch"] == "-" else movement["batch"],
        "condition": movement["condition"],
        "qty": movement["qty"],
        "unit": "EA",
        "tracking_no": doc.split()[0] if tracked else "",
    }


def _statement(declaration: dict[str, Any], movements: list[dict[str, Any]]) -> dict[str, Any]:
    cell = ("period", "distributor", "sku", "batch", "condition")
    told = {
        STATEMENT_COLUMN[movement["type"]]: movement["qty"]
        for movement in movements
        if movement["type"] in STATEMENT_COLUMN and all(movement[key] == declaration[key] for key in cell)
    }
    return {
        "business_date": MONTH_END[declaration["period"]].isoformat(),
        "sender_sku_code": declaration["sku"],
        "batch_no": "" if declaration["batch"] == "-" else declaration["batch"],
        "condition": declaration["condition"],
        "opening_qty": declaration["declared_open"],
        "closing_qty": declaration["declared_close"],
        "unit": "EA",
        **dict.fromkeys(STATEMENT_COLUMN.values(), 0),
        **told,
    }


def _land_masters(warehouse: Warehouse, senders: list[str]) -> None:
    skus = [
        {"sku_code": code, "sku_name": code, "base_unit": "EA", "units_per_case": 24, "standard_cost": "2.50"}
        for code in ("A", "B")
    ]
    warehouse.land("HQ", "sku.csv", skus)
    warehouse.land("HQ", "territory.csv", [{"territory_code": "T1", "territory_name": "T1", "level": "TERRITORY"}])
    distributors = [{"distributor_code": code, "distributor_name": code, "territory_code": "T1"} for code in senders]
    warehouse.land("HQ", "distributor.csv", distributors)
    warehouse.land("HQ", "outlet.csv", [{"outlet_code": "O1", "outlet_name": "O1", "territory_code": "T1"}])


def _land_case(warehouse: Warehouse, case: dict[str, Any]) -> None:
    invoices, receipts, statements = defaultdict(list), defaultdict(list), defaultdict(list)
    for number, movement in enumerate(case["movements"], 1):
        sender = _code(case, movement["distributor"])
        if movement["type"] in ("SEC", "SEC_FREE", "RET_OUTLET"):
            invoices[sender].append(_invoice(case, movement, number))
        elif movement["type"] == "GRN":
            receipts[sender].append(_receipt(case, movement, number))
    for declaration in case["declarations"]:
        statements[_code(case, declaration["distributor"])].append(_statement(declaration, case["movements"]))
    history = "2026-03-01_2026-04-30"
    for sender, rows in invoices.items():
        if case["case"] == INCOMPLETE:
            _land_days_but_two(warehouse, sender, rows[0])
        else:
            warehouse.land(sender, f"dms_invoice_line_{history}.csv", rows)
    for sender, rows in receipts.items():
        warehouse.land(sender, f"goods_receipt_{history}.csv", rows)
    for sender, rows in statements.items():
        warehouse.land(sender, f"dms_stock_{history}.csv", rows)


def _land_days_but_two(warehouse: Warehouse, sender: str, line: dict[str, Any]) -> None:
    """Six days of 50 units are owed, the third and fourth never come; then a range without a sale."""
    for day in (1, 2, 5, 6):
        date = f"2026-03-{day:02}"
        row = {**line, "document_no": f"DAY{day}", "business_date": date, "qty": 50, "value_net": 50}
        warehouse.land(sender, f"dms_invoice_line_{date}.csv", [row])
    warehouse.land(sender, "dms_invoice_line_2026-03-07_2026-04-30.csv", [], columns=line)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """All cases in one home, each with distributors of its own."""
    warehouse = Warehouse(tmp_path_factory.mktemp("golden"))
    senders = {
        _code(case, row["distributor"])
        for case in GOLDEN["cases"]
        for row in (*case["movements"], *case["declarations"])
    }
    _land_masters(warehouse, sorted(senders))
    for case in GOLDEN["cases"]:
        _land_case(warehouse, case)
    report = warehouse.take_in(dt.date(2026, 4, 30))
    unexpected = [problem for problem in report.problems if "natural key" not in problem]
    assert not unexpected, unexpected  # cases with a document counted twice repeat its key within the file
    warehouse.build("+reconciliation_cell", "+feed_status")
    return warehouse


def _variances(warehouse: Warehouse, case: dict[str, Any], table: str) -> list[int | None]:
    cells = [
        (MONTH[d["period"]], _code(case, d["distributor"]), d["sku"], d["batch"], d["condition"])
        for d in case["declarations"]
    ]
    found = {
        row[:5]: row[5]
        for row in warehouse.rows(
            "select month_start, distributor_code, sku_code, batch_no, condition, variance_as_fed_qty_base "
            f"from {table} where distributor_code like 'C{case['case']}%'"
        )
    }
    return [found[cell] for cell in cells]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['case']} {case['expected_cause']}")
def test_each_case_gives_its_variances_as_fed(warehouse: Warehouse, case: dict[str, Any]) -> None:
    variances = _variances(warehouse, case, "intermediate.int_reconciliation_cell")

    assert sorted(variances) == sorted(case["expected_variance_units"])


def test_the_cell_with_missing_days_has_no_published_variance_and_all_others_have_theirs(warehouse: Warehouse) -> None:
    for case in GOLDEN["cases"]:
        published = _variances(warehouse, case, "reporting.reconciliation_cell")
        expected = [None] if case["case"] == INCOMPLETE else case["expected_variance_units"]
        assert sorted(published, key=str) == sorted(expected, key=str), case["case"]


def test_net_and_gross_variance_over_all_cells_are_the_golden_ones(warehouse: Warehouse) -> None:
    declared = "declared_close_qty_base is not null"
    assert warehouse.rows(
        "select sum(variance_as_fed_qty_base), sum(abs(variance_as_fed_qty_base)) "
        f"from intermediate.int_reconciliation_cell where {declared}"
    ) == [(493, 1133)]


@pytest.mark.parametrize("case", ["05", "14", "15", "16"])
def test_what_is_no_real_movement_leaves_no_clean_variance(warehouse: Warehouse, case: str) -> None:
    assert warehouse.rows(
        "select variance_clean_qty_base, status from reporting.reconciliation_cell "
        f"where distributor_code = 'C{case}D1' and declared_close_qty_base is not null"
    ) == [(0, "OPEN")]


def test_an_opening_that_is_not_the_close_before_is_a_break_and_stays_open(warehouse: Warehouse) -> None:
    assert warehouse.rows(
        "select opening_declared_qty_base, opening_break_qty_base, status from reporting.reconciliation_cell "
        "where distributor_code = 'C03D1' order by month_start"
    ) == [(0, 0, "OK"), (40, -10, "OPEN")]


def test_the_variance_is_valued_at_standard_cost(warehouse: Warehouse) -> None:
    assert warehouse.rows(
        "select variance_value from reporting.reconciliation_cell where distributor_code = 'C04D1'"
    ) == [(pytest.approx(287.5),)]


def test_feed_status_names_the_two_missing_days(warehouse: Warehouse) -> None:
    assert warehouse.rows(
        "select business_date from reporting.feed_status where sender = 'C12D1' and state = 'MISSING' order by 1"
    ) == [(dt.date(2026, 3, 3),), (dt.date(2026, 3, 4),)]


def test_the_as_known_macro_gives_on_the_last_commit_what_is_published(warehouse: Warehouse) -> None:
    last = "(select max(seq) from history.file_coverage)"
    assert not warehouse.rows(
        f"(from reporting.reconciliation_cell_as_known({last}) except all from reporting.reconciliation_cell) union all "
        f"(from reporting.reconciliation_cell except all from reporting.reconciliation_cell_as_known({last}))"
    )
