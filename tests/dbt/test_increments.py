"""Increments against full builds, and what was known against what had been published, on random histories and with real dbt."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest
from bronze_factory import EPOCH, BronzeFactory
from random_history import FIRST_DAY, KINDS, History
from warehouse_process import Warehouse, differing_rows, query

from sellthrough.warehouse import PHASE_1, changed_nodes

LOADS = 30
BUILDS = (0, 1, 2, 4, 7, 11, 14, 19, 25, 29)
FEW_BUILDS = (0, 4, 29)
WHOLE = (14, 29)
SHIFTED = {11: dt.timedelta(days=-6), 19: dt.timedelta(days=-10), 25: dt.timedelta(days=3)}
HISTORIES = [
    pytest.param((11, FEW_BUILDS), id="seed 11, few builds"),
    *(pytest.param((seed, BUILDS), id=f"seed {seed}", marks=pytest.mark.long) for seed in (11, 12, 13, 14)),
]
AS_KNOWN = ("secondary_sale_line", "sell_through_daily", "reconciliation_cell")
KEPT_UP = (
    "intermediate.int_billed_note",
    *(f"history.{feed}_version" for feed in ("sale_line", "dispatch_line", "receipt_line", "stock_declaration", "pos_sale")),
    *(f"intermediate.int_{name}" for name in ("receipt_movement", "stock_movement_daily", "stock_level", "stock_now",
                                              "reconciliation_month", "demand_panel_weekly", "in_transit")),
)  # fmt: skip
VERSIONS = ("sale_line", "dispatch_line", "receipt_line", "stock_declaration", "pos_sale")


@pytest.fixture(scope="module", params=HISTORIES)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, History, list[int]]:
    """A random history, built by increments in one home and, at some points, wholly in another; now and then with another as-of date."""
    seed, builds = request.param
    home, anew = tmp_path_factory.mktemp("increments"), tmp_path_factory.mktemp("anew")
    history = History(BronzeFactory(home), seed)
    (anew / "state").mkdir()
    (anew / "state" / "snapshot").symlink_to(home / "state" / "snapshot")
    increments, full = Warehouse(home), Warehouse(anew)
    seqs, shown = [], None

    def build(label: str, as_of: dt.date | None, whole: bool, tests: bool) -> None:
        nonlocal shown
        before, shown = shown, history.bronze.snapshot(as_of=as_of, since=shown)
        nodes = PHASE_1
        if before:
            feeds = {commit["feed"] for commit in history.bronze.commits[before["through_seq"] :]}
            nodes = changed_nodes(feeds, as_of=before["as_of"] != shown["as_of"], quality=False)
        increments.build(label, tests=tests, select=nodes)
        if whole:
            full.build(label, full=True)

    for load in range(LOADS):
        seq = history.load(load)
        if load in builds:
            seqs.append(seq)
            build(str(seq), None, whole=load in WHOLE, tests=load in WHOLE)
        if load in SHIFTED and (load == 19 or builds == BUILDS):
            build(f"{seq}-shifted", FIRST_DAY + dt.timedelta(days=load) + SHIFTED[load], whole=load == 19, tests=False)
    return home, anew, history, seqs


@pytest.mark.timeout(600)
def test_incremental_and_full_builds_give_the_same_public_tables(built: tuple[Path, Path, History, list[int]]) -> None:
    home, anew, _, _ = built
    connection = duckdb.connect()
    compared = 0
    folders = sorted((anew / "kept").iterdir())
    assert len(folders) >= 2
    for folder in folders:
        for table in sorted(folder.iterdir()):
            compared += 1
            assert differing_rows(f"'{home / 'kept' / folder.name / table.name}'", f"'{table}'", connection) == 0, (
                table.name
            )
    assert compared >= 15 * len(folders)


def test_incremental_and_full_builds_give_the_same_tables_inside(built: tuple[Path, Path, History, list[int]]) -> None:
    home, anew, _, _ = built
    connection = duckdb.connect()
    for name, place in (("increments", home), ("anew", anew)):
        connection.execute(f"attach '{place / 'warehouse.duckdb'}' as {name} (read_only)")
    for table in KEPT_UP:
        assert differing_rows(f"increments.{table}", f"anew.{table}", connection) == 0, table


@pytest.mark.parametrize("table", AS_KNOWN)
def test_as_known_on_an_earlier_commit_is_what_had_been_published_then(
    built: tuple[Path, Path, History, list[int]], table: str
) -> None:
    home, _, _, seqs = built
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        for seq in seqs:
            published = f"'{home / 'kept' / str(seq) / table}.parquet'"
            assert differing_rows(f"reporting.{table}_as_known({seq})", published, connection) == 0, seq


def test_the_lines_known_at_the_end_are_those_of_a_plain_fold(built: tuple[Path, Path, History, list[int]]) -> None:
    home, _, history, _ = built
    expected = sorted(
        (
            row["distributor_code"],
            row["document_type"],
            row["document_no"],
            row["business_date"],
            row["qty"],
            row["cancelled"],
        )
        for key, row in history.reference.rows.items()
        if key[0] == "dms_invoice_line"
    )
    found = query(
        home,
        "select distributor_code, document_type, document_no, business_date, qty::int, cancelled from history.sale_line_version "
        "where seq_to is null and not is_tombstone order by all",
    )
    assert found == expected
    for kind in KINDS:
        lines = sum(1 for key in history.reference.rows if key[0] == kind.feed)
        table = {"dms_invoice_line": "sale_line", "erp_dispatch_line": "dispatch_line", "goods_receipt": "receipt_line",
                 "dms_stock": "stock_declaration", "pos_sale": "pos_sale"}[kind.feed]  # fmt: skip
        assert query(
            home, f"select count(*) from history.{table}_version where seq_to is null and not is_tombstone"
        ) == [(lines,)], kind.feed


def test_of_each_tracking_number_and_item_counts_what_was_delivered_or_billed_whichever_is_more(
    built: tuple[Path, Path, History, list[int]],
) -> None:
    home, _, _, _ = built
    assert query(
        home,
        """
        with line as (
            select line_key, distributor_code, document_type, lower(tracking_no) as tracking_key, sender_sku_code,
                document_kind = 'NOTE' as is_note, abs(qty_base + free_qty_base) as qty
            from history.sale_line_version
            where seq_to is null and not is_tombstone and not cancelled and return_kind is distinct from 'FINANCIAL'
                and tracking_no is not null
        ),
        counted as (
            select line_key, abs(sum(qty_base)) as qty from core.fct_stock_movement
            where feed = 'dms_invoice_line' and exclusion is null group by line_key
        ),
        goods as (
            select distributor_code, document_type, tracking_key, sender_sku_code,
                sum(if(is_note, line.qty, 0)) as noted, sum(if(is_note, 0, line.qty)) as billed,
                coalesce(sum(counted.qty), 0) as counted, count(*) > count(line.qty) as unknown
            from line left join counted using (line_key) group by all
        )
        select * from goods where not unknown and counted <> greatest(noted, billed)
        """,
    ) == []  # fmt: skip
    assert query(
        home,
        "select is_whole, count(*) > 1 from intermediate.int_billed_note group by is_whole order by is_whole",
    ) == [(False, True), (True, True)]  # fmt: skip


def test_every_loaded_row_has_one_outcome(built: tuple[Path, Path, History, list[int]]) -> None:
    home, _, _, _ = built
    assert query(
        home,
        "select * from reporting.row_conservation where loaded <> current_versions + superseded + duplicates + deleted",
    ) == []  # fmt: skip


def test_the_history_holds_every_kind_of_change(built: tuple[Path, Path, History, list[int]]) -> None:
    home, _, _, _ = built
    causes = {
        cause for feed in VERSIONS for (cause,) in query(home, f"select distinct cause from history.{feed}_version")
    }
    assert causes >= {"first", "late", "edited", "cancelled", "deleted", "remapped", "duplicated", "repeated", "stale"}


def test_a_moment_is_turned_into_the_last_commit_made_by_then(built: tuple[Path, Path, History, list[int]]) -> None:
    home, _, _, _ = built
    moment = EPOCH + dt.timedelta(hours=3, minutes=30)
    assert query(home, f"select seq, reporting.seq_at('{moment}') from reporting.seq_at('{moment}')") == [(3, 3)]
    assert query(
        home, "select count(*) from reporting.secondary_sale_line_as_known(reporting.seq_at('2020-01-01'))"
    ) == [(0,)]


def test_business_dates_after_the_as_of_date_are_hidden_without_rewinding_knowledge(
    built: tuple[Path, Path, History, list[int]],
) -> None:
    home, _, history, _ = built
    as_of = FIRST_DAY + dt.timedelta(days=10)
    history.bronze.snapshot(as_of=as_of)
    assert query(home, "select max(business_date) from reporting.sell_through_daily") == [(as_of,)]
    assert query(home, "select max(business_date) from reporting.secondary_sale_line") == [(as_of,)]
