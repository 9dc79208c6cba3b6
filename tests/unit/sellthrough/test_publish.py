"""Publishing: what is copied, checked, carried on, kept, and left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sellthrough import publish as publishing
from sellthrough.errors import NotBuilt, PublishCheckFailed
from sellthrough.files import read_json, write_json
from sellthrough.settings import Settings

PHASE_1 = ["warehouse.reporting.sale", "warehouse.history.sale_version"]
PHASE_2 = ["warehouse.reporting.alert"]


class Warehouse:
    """A made warehouse and the records of the builds that made it."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, keep_published=2)
        home.mkdir()
        self.sql(
            "create schema reporting",
            "create schema history",
            "create table history.sale_version as select * from (values (1, 10, 'a'), (2, 20, 'b')) as t(seq_from, qty_base, code)",
            "create view reporting.sale as select code, qty_base::bigint as qty_base from history.sale_version",
            "create table reporting.alert as select 'A1' as alert_id",
            "create table reporting.not_ours as select 1 as x",
            "create macro reporting.sale_as_known(seq) as table select * from warehouse.history.sale_version where seq_from <= seq",
        )

    def sql(self, *statements: str) -> None:
        with duckdb.connect(str(self.settings.home / "warehouse.duckdb")) as con:
            for statement in statements:
                con.execute(statement)

    def built(self, seq: int, status: str = "passed") -> None:
        record = {
            "status": status,
            "through_seq": seq,
            "as_of": "2026-03-01",
            "code": "c",
            "finished_at": f"t{seq}",
            "relations": PHASE_1,
        }
        write_json(self.settings.state / "build.json", record)

    def alerted(self, seq: int, status: str = "passed") -> None:
        record = {
            "status": status,
            "through_seq": seq,
            "as_of": "2026-03-01",
            "finished_at": f"t{seq}",
            "relations": PHASE_2,
        }
        write_json(self.settings.state / "alert.json", {**record, "cutoff_date": "2026-02-23"})

    def publish(self) -> publishing.Publication:
        return publishing.publish(self.settings)

    def shown(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.published), read_only=True) as con:
            return con.execute(query).fetchall()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse whose two phases have passed at commit 3."""
    made = Warehouse(tmp_path / "home")
    made.built(3)
    made.alerted(3)
    return made


def test_the_copy_holds_what_the_builds_made_and_nothing_else(warehouse: Warehouse) -> None:
    publication = warehouse.publish()

    assert publication.changed
    assert set(publication.tables) == {"sale", "alert"}
    assert warehouse.shown("select schema_name, table_name from duckdb_tables() order by all") == [
        ("history", "sale_version"),
        ("reporting", "alert"),
        ("reporting", "publication"),
        ("reporting", "sale"),
    ]


def test_the_macros_work_in_the_copy_whatever_its_file_is_called(warehouse: Warehouse) -> None:
    warehouse.publish()
    version = warehouse.settings.serving / read_json(warehouse.settings.serving / "current.json")["file"]

    assert warehouse.shown("select count(*) from reporting.sale_as_known(1)") == [(1,)]
    with duckdb.connect(str(version), read_only=True) as con:
        assert con.execute("select count(*) from reporting.sale_as_known(2)").fetchall() == [(2,)]


def test_the_copy_is_stored_so_that_older_drivers_open_it(warehouse: Warehouse) -> None:
    warehouse.publish()

    assert warehouse.shown(
        "select tags['storage_version'] from duckdb_databases() where database_name = 'sellthrough'"
    ) == [("v1.2.0+",)]


def test_each_public_table_is_there_as_parquet_with_the_same_rows(warehouse: Warehouse) -> None:
    warehouse.publish()
    folder = warehouse.settings.serving / "parquet"

    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "alert/alert.parquet",
        "publication/publication.parquet",
        "sale/sale.parquet",
    ]
    assert duckdb.sql(f"select * from '{folder}/sale/*.parquet' order by code").fetchall() == [("a", 10), ("b", 20)]


def test_nothing_changed_means_no_new_publication(warehouse: Warehouse) -> None:
    first = warehouse.publish()
    warehouse.alerted(3)
    record = read_json(warehouse.settings.state / "build.json")
    write_json(warehouse.settings.state / "build.json", {**record, "finished_at": "built again"})

    second = warehouse.publish()

    assert not second.changed
    assert second.published_at == first.published_at
    assert warehouse.shown("select count(*) from reporting.publication") == [(1,)]


def test_each_publication_is_listed_with_the_commit_that_it_shows(warehouse: Warehouse) -> None:
    warehouse.publish()
    warehouse.sql("insert into history.sale_version values (4, 5, 'c')")
    warehouse.built(4)
    warehouse.publish()

    assert warehouse.shown(
        "select seq, as_of::varchar, alerts_seq, forecast_cutoff_date::varchar from reporting.publication order by seq"
    ) == [
        (3, "2026-03-01", 3, "2026-02-23"),
        (4, "2026-03-01", 3, "2026-02-23"),
    ]


def test_the_hash_of_a_table_depends_on_its_rows_and_not_on_their_order(warehouse: Warehouse) -> None:
    first = warehouse.publish().tables
    warehouse.sql(
        "create or replace table history.sale_version as select * from history.sale_version order by code desc"
    )
    warehouse.built(5)
    second = warehouse.publish().tables
    warehouse.sql("update history.sale_version set qty_base = 11 where code = 'a'")
    warehouse.built(6)
    third = warehouse.publish().tables

    assert first == second
    assert first["alert"] == third["alert"]
    assert first["sale"] != third["sale"]


def test_what_needs_the_forecast_is_carried_on_when_its_build_failed(warehouse: Warehouse) -> None:
    warehouse.publish()
    warehouse.sql("insert into history.sale_version values (4, 5, 'c')", "delete from reporting.alert")
    warehouse.built(4)
    warehouse.alerted(4, status="running")

    warehouse.publish()

    assert warehouse.shown("select alert_id from reporting.alert") == [("A1",)]
    assert warehouse.shown("select count(*) from reporting.sale") == [(3,)]
    assert warehouse.shown("select alerts_seq from reporting.publication where seq = 4") == [(3,)]


@pytest.mark.parametrize("status", ["running", "failed"])
def test_marts_that_did_not_pass_are_not_published(warehouse: Warehouse, status: str) -> None:
    warehouse.publish()
    warehouse.built(4, status=status)

    with pytest.raises(NotBuilt, match="sellthrough build"):
        warehouse.publish()
    assert warehouse.shown("select max(seq) from reporting.publication") == [(3,)]


def test_a_copy_that_differs_from_the_warehouse_is_thrown_away(warehouse: Warehouse) -> None:
    warehouse.publish()
    warehouse.sql(
        "create or replace view reporting.sale as select code, (qty_base + (random() * 1000000)::bigint)::bigint as qty_base from history.sale_version"
    )
    warehouse.built(4)

    with pytest.raises(PublishCheckFailed, match=r"reporting\.sale"):
        warehouse.publish()
    assert warehouse.shown("select sum(qty_base) from reporting.sale") == [(30,)]


def test_the_last_versions_are_kept_and_the_pointer_names_the_newest(warehouse: Warehouse) -> None:
    for seq in range(3, 8):
        warehouse.sql(f"insert into history.sale_version values ({seq}, 1, 'x{seq}')")
        warehouse.built(seq)
        warehouse.publish()

    serving = warehouse.settings.serving
    pointer = json.loads((serving / "current.json").read_text())
    assert pointer["seq"] == 7
    assert (serving / pointer["file"]).samefile(serving / "sellthrough.duckdb")
    assert [path.name[:10] for path in sorted((serving / "versions").iterdir())] == ["0000000006", "0000000007"]


def test_a_publish_that_was_killed_before_the_pointer_changed_is_taken_up_again(warehouse: Warehouse) -> None:
    warehouse.publish()
    pointer = (warehouse.settings.serving / "current.json").read_text()
    warehouse.sql("insert into history.sale_version values (4, 5, 'c')")
    warehouse.built(4)
    warehouse.publish()
    (warehouse.settings.serving / "current.json").write_text(pointer)
    (warehouse.settings.serving / "versions" / ".fresh.duckdb.1.tmp").write_text("half")

    warehouse.publish()

    assert warehouse.shown("select seq from reporting.publication order by seq") == [(3,), (4,)]
    assert not list((warehouse.settings.serving / "versions").glob(".*"))


DAYS = (
    "create or replace table history.sale_version as select * from (values (1, 10, 'a', date '2026-03-01'), (2, 20, 'b', date '2026-03-01'), "
    "(3, 5, 'c', date '2026-03-02'), (4, 1, 'd', null)) as t(seq_from, qty_base, code, business_date)"
)
CHANGES = {
    "a day that is new": "insert into history.sale_version values (5, 7, 'e', date '2026-03-03')",
    "a line that moves to another day": "update history.sale_version set business_date = date '2026-03-02' where code = 'a'",
    "a day that empties": "delete from history.sale_version where business_date = date '2026-03-02'",
    "lines without a day": "update history.sale_version set qty_base = 2 where code = 'd'",
    "two values that change places": "update history.sale_version set code = case code when 'a' then 'b' when 'b' then 'a' else code end",
    "another type": "alter table history.sale_version alter qty_base type integer",
    "another column": "alter table history.sale_version add column note varchar default 'x'",
    "everything": "delete from history.sale_version",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_version_that_was_brought_up_is_that_of_a_publish_from_nothing(
    warehouse: Warehouse, tmp_path: Path, change: str
) -> None:
    view = "create or replace view reporting.sale as select * from history.sale_version"
    warehouse.sql(DAYS, view)
    warehouse.publish()
    warehouse.sql(CHANGES[change], view)
    warehouse.built(4)
    anew = Warehouse(tmp_path / "anew")
    anew.sql(DAYS, CHANGES[change], view)
    anew.built(4)
    anew.alerted(3)

    assert warehouse.publish().tables == anew.publish().tables
    for table in ("reporting.sale", "history.sale_version"):
        assert warehouse.shown(f"select * from {table} order by all") == anew.shown(
            f"select * from {table} order by all"
        )


def test_only_the_days_that_differ_are_counted_anew(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.sql(DAYS, "create or replace view reporting.sale as select * from history.sale_version")
    warehouse.publish()
    warehouse.sql(CHANGES["a line that moves to another day"])
    warehouse.built(4)
    seen: dict[str, set[str]] = {}
    bring_up = publishing._bring_up
    monkeypatch.setattr(
        publishing,
        "_bring_up",
        lambda con, source: seen.setdefault(source.name, bring_up(con, source)) or seen[source.name],
    )

    warehouse.publish()

    assert {str(day) for day in seen["sale"]} == {"2026-03-01", "2026-03-02"}
    assert seen["alert"] == set()


def test_what_the_builds_no_longer_make_leaves_the_copy(warehouse: Warehouse) -> None:
    record = read_json(warehouse.settings.state / "build.json")
    more = [*PHASE_1, "warehouse.reporting.not_ours"]
    write_json(warehouse.settings.state / "build.json", {**record, "relations": more})
    assert set(warehouse.publish().tables) == {"sale", "alert", "not_ours"}
    warehouse.built(4)

    warehouse.publish()

    assert warehouse.shown("select table_name from duckdb_tables() where schema_name = 'reporting' order by all") == [
        ("alert",),
        ("publication",),
        ("sale",),
    ]


def test_a_version_is_written_whole_for_other_models_and_when_the_file_has_swollen(warehouse: Warehouse) -> None:
    warehouse.publish()
    pointer = read_json(warehouse.settings.serving / "current.json")
    made_from = pointer["made_from"]

    assert publishing._base(warehouse.settings, pointer, made_from)
    assert not publishing._base(warehouse.settings, pointer, {**made_from, "code": "d"})
    assert not publishing._base(warehouse.settings, {**pointer, "whole_bytes": 1}, made_from)
