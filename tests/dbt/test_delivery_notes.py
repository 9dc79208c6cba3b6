"""Delivery notes of Tally and the invoices that bill them, in one DayBook and in those of different days: from landing to the marts the goods count once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import inventory_warehouse
import pytest
from warehouse_process import Warehouse, query

AS_OF = dt.date(2026, 6, 30)
SHOWN = (
    *(
        "--indirect-selection",
        "buildable",
        "--select",
        "+sell_through_daily",
        "+secondary_sale_line",
        "+fct_secondary_sale_line",
    ),
    *("+fct_stock_movement", "+reconciliation_cell", "+row_conservation"),
)


def voucher(kind: str, number: str, day: int, tracking: str, item: str, qty: int, amount: int) -> str:
    """A voucher of one item that bears a tracking number."""
    return (
        f'<VOUCHER VCHTYPE="{kind}"><DATE>202606{day:02}</DATE><GUID>{kind} {number}</GUID><VOUCHERTYPENAME>{kind}</VOUCHERTYPENAME>'
        f"<VOUCHERNUMBER>{number}</VOUCHERNUMBER><PARTYLEDGERNAME>Asha Stores</PARTYLEDGERNAME><ALLINVENTORYENTRIES.LIST>"
        f"<STOCKITEMNAME>{item}</STOCKITEMNAME><AMOUNT>{amount}</AMOUNT><ACTUALQTY>{qty} pcs</ACTUALQTY><BILLEDQTY>{qty} pcs</BILLEDQTY>"
        f"<BATCHALLOCATIONS.LIST><TRACKINGNUMBER>{tracking}</TRACKINGNUMBER><AMOUNT>{amount}</AMOUNT><ACTUALQTY>{qty} pcs</ACTUALQTY>"
        f"<BILLEDQTY>{qty} pcs</BILLEDQTY></BATCHALLOCATIONS.LIST></ALLINVENTORYENTRIES.LIST></VOUCHER>"
    )


def notes(day: int) -> str:
    """What leaves on delivery notes of a day."""
    return voucher("Delivery Note", "1", day, "DN/1", "Soap", 10, 100) + voucher(
        "Delivery Note", "2", day, "DN/2", "Biscuit", 10, 100
    )


def invoice_in_part(day: int) -> str:
    """Six of the ten biscuits are billed."""
    return voucher("Sales", "2", day, "DN/2", "Biscuit", 6, 66)


def invoices(day: int) -> str:
    """What of the notes is billed on a day."""
    return voucher("Sales", "1", day, "DN/1", "Soap", 10, 110) + invoice_in_part(day)


def receipt(kind: str, day: int, qty: int = 50, number: str = "1") -> str:
    """What is received of one delivery, on a note or on the purchase."""
    return voucher(kind, number, day, "RN/1", "Soap", qty, -8 * qty)


def billed_the_same_day(day: int) -> str:
    """Three notes of ten, of which six, twelve and ten are billed in the same file."""
    return "".join(
        voucher("Delivery Note", number, day, f"DN/{number}", item, 10, 100)
        + voucher("Sales", number, day, f"DN/{number}", item, billed, amount)
        for number, item, billed, amount in (("1", "Soap", 6, 78), ("2", "Biscuit", 12, 130), ("3", "Tea", 10, 110))
    )


def invoice_and_second_note(day: int) -> str:
    """Six pieces of an earlier note are billed, and five more delivered under its number, without a value."""
    return voucher("Sales", "1", day, "DN/1", "Soap", 6, 66) + voucher("Delivery Note", "2", day, "DN/1", "Soap", 5, 0)


# the days of either sender are its own, and those of receipts too, so that nobody makes another's days anew
LOADS: tuple[dict[str, str], ...] = (
    {
        "NOTES_FIRST/DayBook_2026-06-01.xml": notes(1),
        "NOTES_FIRST/DayBook_2026-06-03.xml": receipt("Receipt Note", 3),
        "INVOICES_FIRST/DayBook_2026-06-12.xml": invoices(12),
        "INVOICES_FIRST/DayBook_2026-06-14.xml": receipt("Purchase", 14),
        "ONE_FILE/DayBook_2026-06-21.xml": billed_the_same_day(21),
        "TWO_FILES/DayBook_2026-06-22.xml": voucher("Delivery Note", "1", 22, "DN/1", "Soap", 10, 100),
        "TWO_FILES/DayBook_2026-06-25.xml": receipt("Receipt Note", 25, qty=10),
    },
    {
        "NOTES_FIRST/DayBook_2026-06-02.xml": invoices(2),
        "NOTES_FIRST/DayBook_2026-06-04.xml": receipt("Purchase", 4),
        "INVOICES_FIRST/DayBook_2026-06-11.xml": notes(11),
        "INVOICES_FIRST/DayBook_2026-06-13.xml": receipt("Receipt Note", 13),
        "TWO_FILES/DayBook_2026-06-23.xml": invoice_and_second_note(23),
        "TWO_FILES/DayBook_2026-06-26.xml": receipt("Purchase", 26, qty=6)
        + receipt("Receipt Note", 26, qty=5, number="2"),
    },
    {
        "NOTES_FIRST/DayBook_2026-06-02_r1.xml": invoice_in_part(2),
        "INVOICES_FIRST/DayBook_2026-06-12_r1.xml": invoice_in_part(12),
    },
)
SENDERS = ("NOTES_FIRST", "INVOICES_FIRST")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """The home after all loads, the last without the invoice of the soap; and the last commit of each."""
    home = tmp_path_factory.mktemp("notes")
    landed = inventory_warehouse.Warehouse(home)
    seqs: list[int] = []
    warehouse = Warehouse(home)
    for load in LOADS:
        for name, vouchers in load.items():
            path = home / "landing" / "tally_daybook" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"<ENVELOPE><BODY><TALLYMESSAGE>{vouchers}</TALLYMESSAGE></BODY></ENVELOPE>")
        report = landed.take_in(AS_OF, since_seq=seqs[-1] if seqs else 0)
        assert (report.rejected, report.rejected_files) == (0, 0)
        seqs.append(query_through(home))
        warehouse.build(str(seqs[-1]), tests=True, select=SHOWN)
    return home, seqs


def query_through(home: Path) -> int:
    """The last commit that the laid out snapshot holds."""
    found = duckdb.sql(f"select through_seq from '{home / 'state' / 'snapshot' / 'build.parquet'}'").fetchone()
    assert found
    return int(found[0])


def sold(told: tuple[Path, list[int]], sender: str, after_load: int | None = None) -> list[tuple[Any, ...]]:
    """Last digit of the day, pieces and value sold, now or as known after a load."""
    home, seqs = told
    table = "sell_through_daily" if after_load is None else f"sell_through_daily_as_known({seqs[after_load - 1]})"
    return query(
        home,
        f"select day(business_date) % 10, secondary_qty_base::int, secondary_value_net::int from reporting.{table} "
        f"where distributor_code = '{sender}' order by all",
    )


def ledger(home: Path, sender: str, feed: str) -> list[tuple[Any, ...]]:
    """Document, pieces moved and why they do not count."""
    return query(
        home,
        "select document_kind || ' ' || moved.document_no, moved.qty_base::int, moved.exclusion from core.fct_stock_movement as moved "
        f"join history.{'sale' if feed == 'dms_invoice_line' else 'receipt'}_line_version as line using (line_key) "
        f"where moved.feed = '{feed}' and moved.distributor_code = '{sender}' and line.seq_to is null order by all",
    )


@pytest.mark.timeout(300)
def test_a_delivery_note_alone_counts_as_sold(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "NOTES_FIRST", after_load=1) == [(1, 20, 200)]


@pytest.mark.parametrize("sender", SENDERS)
def test_once_both_are_known_the_invoice_counts_and_of_the_note_what_is_not_billed(
    told: tuple[Path, list[int]], sender: str
) -> None:
    assert sold(told, sender, after_load=2) == [(1, 4, 40), (2, 16, 176)]
    kept = told[0] / "kept" / str(told[1][1]) / "sell_through_daily.parquet"
    assert query(
        told[0],
        f"select day(business_date) % 10, secondary_qty_base::int from '{kept}' where distributor_code = '{sender}' order by all",
    ) == [(1, 4), (2, 16)]  # fmt: skip


@pytest.mark.parametrize("sender", SENDERS)
def test_when_the_invoice_is_gone_the_note_counts_again(told: tuple[Path, list[int]], sender: str) -> None:
    assert sold(told, sender) == [(1, 14, 140), (2, 6, 66)]


@pytest.mark.parametrize("sender", SENDERS)
def test_what_is_billed_of_a_note_stands_in_the_ledger_as_doubled(told: tuple[Path, list[int]], sender: str) -> None:
    assert ledger(told[0], sender, "dms_invoice_line") == [
        ("BILL 2", -6, None),
        ("NOTE 1", -10, None),
        ("NOTE 2", -6, "DOC_DOUBLE"),
        ("NOTE 2", -4, None),
    ]


@pytest.mark.parametrize("sender", SENDERS)
def test_the_daily_sums_of_the_ledger_follow_on_the_days_of_the_notes(
    told: tuple[Path, list[int]], sender: str
) -> None:
    assert query(
        told[0],
        "select day(business_date) % 10, exclusion, sum(qty_base)::int from intermediate.int_stock_movement_daily "
        f"where distributor_code = '{sender}' and movement = 'SEC' group by all order by all",
    ) == [(1, "DOC_DOUBLE", -6), (1, None, -14), (2, None, -6)]


@pytest.mark.parametrize("sender", SENDERS)
def test_a_line_of_a_note_billed_in_part_shows_what_is_left(told: tuple[Path, list[int]], sender: str) -> None:
    for table in (
        "reporting.secondary_sale_line",
        f"(from reporting.secondary_sale_line_as_known({told[1][2]}))",
        "(select f.*, distributor_code, sender_sku_code from core.fct_secondary_sale_line as f "
        "join history.sale_line_version as v using (line_key) where v.seq_to is null)",
    ):
        assert query(
            told[0],
            f"select qty::int, qty_base::int, value_net::int from {table} as line "
            f"where distributor_code = '{sender}' and sender_sku_code = 'Biscuit' order by all",
        ) == [(4, 4, 40), (6, 6, 66)], table


@pytest.mark.parametrize("sender", SENDERS)
def test_the_doubled_pieces_are_fed_and_not_clean_in_the_reconciliation(
    told: tuple[Path, list[int]], sender: str
) -> None:
    outflows = f"select sum(outflow_qty_base)::int from reporting.reconciliation_cell_as_known({{}}) where distributor_code = '{sender}'"
    assert query(told[0], outflows.format(told[1][1])) == [(36,)]
    assert query(told[0], outflows.format(told[1][2])) == [(26,)]


@pytest.mark.parametrize("sender", SENDERS)
def test_a_receipt_note_and_its_purchase_count_once_whatever_their_numbers(
    told: tuple[Path, list[int]], sender: str
) -> None:
    kept = told[0] / "kept" / str(told[1][1]) / "reconciliation_cell.parquet"
    assert query(
        told[0],
        f"select sum(inflow_qty_base)::int from '{kept}' where distributor_code = '{sender}'",
    ) == [(100,)]  # fmt: skip
    assert ledger(told[0], sender, "goods_receipt") == [("BILL 1", 50, "DOC_DOUBLE"), ("NOTE 1", 50, None)]


def test_a_note_and_its_invoice_in_one_file_count_what_was_delivered_at_least(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "ONE_FILE") == [(1, 10 + 12 + 10, (78 + 40) + 130 + 110)]


def test_a_second_note_beside_the_invoice_of_an_earlier_one_counts(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "TWO_FILES") == [(2, 4, 40), (3, 11, 66)]


def test_a_second_receipt_note_beside_the_purchase_of_an_earlier_one_counts(told: tuple[Path, list[int]]) -> None:
    assert ledger(told[0], "TWO_FILES", "goods_receipt") == [
        ("BILL 1", 6, "DOC_DOUBLE"),
        ("NOTE 1", 10, None),
        ("NOTE 2", 5, None),
    ]


def test_every_record_has_one_outcome(told: tuple[Path, list[int]]) -> None:
    assert query(
        told[0],
        "select sum(records)::int, sum(loaded)::int, sum(current_versions)::int, sum(deleted)::int, sum(duplicates)::int "
        "from reporting.row_conservation",
    ) == [(26, 25, 21, 2, 2)]  # fmt: skip
