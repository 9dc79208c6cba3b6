"""What happens to the figures when senders correct themselves: one story per distributor, told in three loads, built by increments."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from bronze_factory import BronzeFactory, File
from warehouse_process import Warehouse, query

MARCH = {day: dt.date(2026, 3, day) for day in range(1, 8)}
SHOWN = ("--select", "+sell_through_daily", "+secondary_sale_line", "+row_conservation", "+unmapped_code")


def line(sender: str, number: str, qty: int, day: int, **more: Any) -> dict[str, Any]:
    """An invoice line of ten a piece, in pieces."""
    return {
        "distributor_code": sender, "document_type": "INVOICE", "document_no": number, "line_no": 1, "business_date": MARCH[day],
        "sender_outlet_code": "O1", "sender_sku_code": "K1", "qty": qty, "unit": "EA", "value_net": qty * 10,
    } | more  # fmt: skip


def day_file(sender: str, day: int, *rows: dict[str, Any], suffix: str = "") -> File:
    """A file for one day of one distributor; without rows it says that the day is empty."""
    return File(sender, rows, f"{day}{suffix}.csv", date_from=MARCH[day], date_to=MARCH[day], names_day=True)


def full_list(bronze: BronzeFactory, sender: str, name: str, *rows: dict[str, Any]) -> None:
    """A full compare: all that the sender has, whatever the day."""
    scopes = [(sender, dt.date(1, 1, 1), dt.date(9999, 12, 31))]
    bronze.commit("dms_invoice_line", [File(sender, rows, name)], mode="full", scopes=scopes)


def _first_load(bronze: BronzeFactory) -> None:
    bronze.commit("territory", [File("HQ", [
        {"territory_code": "T1", "territory_name": "North", "level": "TERRITORY"},
        {"territory_code": "B1", "territory_name": "Monday", "level": "BEAT", "parent_code": "T1"},
    ], "territory.csv")])  # fmt: skip
    bronze.commit("sku", [File("HQ", [{"sku_code": "K1", "sku_name": "Soap", "units_per_case": 12}], "sku.csv")])
    bronze.commit("outlet", [File("HQ", [{"outlet_code": "O1", "territory_code": "B1"}], "outlet.csv")])
    bronze.commit("dms_invoice_line", [
        day_file("MOVES", 1, line("MOVES", "A", 12, 1)),
        day_file("LOSES", 1, line("LOSES", "A", 5, 1), line("LOSES", "B", 7, 1)),
        day_file("EMPTY", 1, line("EMPTY", "A", 5, 1)),
    ], mode="replace")  # fmt: skip
    bronze.commit("dms_invoice_line", [
        day_file("TWICE", 1, line("TWICE", "A", 5, 1)),
        day_file("CASES", 1, line("CASES", "A", 2, 1, value_net=240)),
        day_file("CODES", 1, line("CODES", "A", 3, 1, sender_sku_code="X1", sender_outlet_code="S1", unit="DRUM")),
        day_file("STALE", 1, line("STALE", "A", 1, 1)),
        day_file("ALTERED", 1, line("ALTERED", "A", 9, 1, document_version=1002)),
        File("WHOLE", [line("WHOLE", "A", 5, 1), line("WHOLE", "B", 7, 2), line("WHOLE", "C", 1, 3)], "new.csv"),
    ])  # fmt: skip


def _second_load(bronze: BronzeFactory) -> None:
    full_list(bronze, "WHOLE", "full_1.csv", line("WHOLE", "B", 7, 2), line("WHOLE", "C", 2, 3))
    bronze.commit("dms_invoice_line", [
        day_file("MOVES", 1, suffix="_r2"),
        day_file("MOVES", 4, line("MOVES", "A", 12, 4)),
        day_file("LOSES", 1, line("LOSES", "A", 5, 1), suffix="_r2"),
        day_file("EMPTY", 1, suffix="_r2"),
    ], mode="replace")  # fmt: skip
    bronze.commit("dms_invoice_line", [
        day_file("TWICE", 1, line("TWICE", "A", 5, 1), suffix="_again"),
        day_file("STALE", 1, line("STALE", "A", 9, 1), suffix="_corrected"),
        day_file("ALTERED", 1, line("ALTERED", "A", 4, 1, document_version=1001), suffix="_of_an_earlier_alteration"),
    ])  # fmt: skip
    in_cases = line("CASES", "A", 2, 1, unit="CS", value_net=240)
    first = day_file("CASES", 1, line("CASES", "A", 2, 1, value_net=240))
    bronze.commit(
        "dms_invoice_line",
        [File("CASES", [in_cases], first.name, first.date_from, first.date_to, True, sha256=first.digest())],
        replay=True,
    )


def _third_load(bronze: BronzeFactory) -> None:
    bronze.commit("sku_xref", [File("HQ", [
        {"distributor_code": "CODES", "sender_sku_code": "X1", "sku_code": "K1"}
    ], "sku_xref.csv")])  # fmt: skip
    bronze.commit("outlet_xref", [File("HQ", [
        {"distributor_code": "CODES", "sender_outlet_code": "S1", "outlet_code": "O1"}
    ], "outlet_xref.csv")])  # fmt: skip
    full_list(bronze, "WHOLE", "full_2.csv", line("WHOLE", "A", 5, 1), line("WHOLE", "C", 2, 3))
    old = day_file("STALE", 1, line("STALE", "A", 1, 1))
    bronze.commit(
        "dms_invoice_line",
        [File("STALE", old.rows, old.name, old.date_from, old.date_to, True, sha256=old.digest())],
        replay=True,
    )
    bronze.commit("dms_invoice_line", [day_file("MOVES", 1, line("MOVES", "B", 1, 1), suffix="_r3")], mode="replace")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """The home after all three loads, and the last commit of each."""
    bronze = BronzeFactory(tmp_path_factory.mktemp("stories"))
    seqs = []
    warehouse = Warehouse(bronze.home)
    for load in (_first_load, _second_load, _third_load):
        load(bronze)
        bronze.snapshot(as_of=MARCH[7])
        seqs.append(len(bronze.commits))
        warehouse.build(str(seqs[-1]), select=SHOWN)
    return bronze.home, seqs


def sold(told: tuple[Path, list[int]], distributor: str, after_load: int | None = None) -> dict[int, int]:
    """Pieces sold per day of March, now or as known after a load."""
    home, seqs = told
    table = "sell_through_daily" if after_load is None else f"sell_through_daily_as_known({seqs[after_load - 1]})"
    return dict(
        query(
            home,
            f"select day(business_date), sum(secondary_qty_base)::int from reporting.{table} "
            f"where distributor_code = '{distributor}' group by all",
        )
    )


def conservation(told: tuple[Path, list[int]], sender: str) -> list[tuple[Any, ...]]:
    """Current, superseded, duplicates and deleted of each file of a sender."""
    return query(
        told[0],
        "select parse_filename(file), current_versions, superseded, duplicates, deleted from reporting.row_conservation "
        f"where sender = '{sender}' order by all",
    )


@pytest.mark.timeout(300)
def test_a_correction_that_moves_a_line_empties_the_day_it_left(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "MOVES", after_load=1) == {1: 12}
    assert sold(told, "MOVES", after_load=2) == {4: 12}


def test_an_earlier_alteration_that_arrives_later_makes_no_newer_version(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "ALTERED") == {1: 9}
    assert conservation(told, "ALTERED") == [("1.csv", 1, 0, 0, 0), ("1_of_an_earlier_alteration.csv", 0, 1, 0, 0)]


def test_a_second_batch_for_the_day_that_a_line_left_does_not_bring_it_back(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "MOVES") == {1: 1, 4: 12}


def test_a_line_that_a_replaced_day_lacks_is_gone_and_still_known_as_of_then(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "LOSES", after_load=1) == {1: 12}
    assert sold(told, "LOSES") == {1: 5}
    assert conservation(told, "LOSES") == [("1.csv", 1, 0, 0, 1), ("1_r2.csv", 0, 0, 1, 0)]


def test_a_file_without_rows_empties_its_day_in_replace_mode(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "EMPTY", after_load=1) == {1: 5}
    assert sold(told, "EMPTY") == {}


def test_a_full_compare_deletes_what_it_lacks_on_any_day_and_revives_what_it_has_again(
    told: tuple[Path, list[int]],
) -> None:
    assert sold(told, "WHOLE", after_load=1) == {1: 5, 2: 7, 3: 1}
    assert sold(told, "WHOLE", after_load=2) == {2: 7, 3: 2}
    assert sold(told, "WHOLE") == {1: 5, 3: 2}
    causes = query(
        told[0],
        "select document_no, cause from history.sale_line_version where sender = 'WHOLE' and seq_from < coalesce(seq_to, 99) order by all",
    )
    assert causes == [
        ("A", "deleted"),
        ("A", "first"),
        ("A", "late"),
        ("B", "deleted"),
        ("B", "first"),
        ("C", "edited"),
        ("C", "first"),
    ]


def test_a_day_exported_again_sells_once_and_counts_as_fed_twice(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "TWICE") == {1: 5}
    assert query(
        told[0], "select copies from history.sale_line_version where sender = 'TWICE' and seq_to is null"
    ) == [(2,)]  # fmt: skip
    assert conservation(told, "TWICE") == [("1.csv", 1, 0, 0, 0), ("1_again.csv", 0, 0, 1, 0)]


def test_a_file_read_again_with_a_mended_unit_replaces_its_first_reading(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "CASES", after_load=1) == {1: 2}
    assert sold(told, "CASES") == {1: 24}
    assert conservation(told, "CASES") == [("1.csv", 1, 0, 0, 0)]


def test_an_old_file_read_again_after_its_correction_changes_nothing(told: tuple[Path, list[int]]) -> None:
    assert sold(told, "STALE") == {1: 9}
    assert conservation(told, "STALE") == [("1.csv", 0, 1, 0, 0), ("1_corrected.csv", 1, 0, 0, 0)]


def test_codes_explained_later_move_the_money_and_the_past_stays_as_it_was_known(told: tuple[Path, list[int]]) -> None:
    home, seqs = told
    columns = "select sku_code, territory_code, secondary_qty_base, secondary_value_net::int from reporting."
    assert query(home, f"{columns}sell_through_daily_as_known({seqs[1]}) where distributor_code = 'CODES'") == [
        ("UNKNOWN", "UNKNOWN", 0, 30)
    ]
    assert query(home, f"{columns}sell_through_daily where distributor_code = 'CODES'") == [("K1", "T1", 0, 30)]


def test_an_unknown_unit_keeps_its_value_and_waits_in_the_stewards_queue(told: tuple[Path, list[int]]) -> None:
    home, _ = told
    assert query(
        home, "select qty_base, value_net::int from reporting.secondary_sale_line where distributor_code = 'CODES'"
    ) == [(None, 30)]  # fmt: skip
    assert query(home, "select kind, owner, code, lines, qty::int, value_net::int from reporting.unmapped_code") == [
        ("UNIT", "CODES", "DRUM", 1, 3, 30)
    ]
