"""Rows of a database: PostgreSQL as the company's ERP, from query to bronze."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

import ingest
from ingest.bronze import CommitLog

PROFILE = """
id: erp
units: {{EA: [EA]}}
contract_names: true
ignore_columns: [changed_at]
timestamps: ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.fZ"]
feeds:
  erp_dispatch_line: {{files: ["erp_dispatch_line*.csv"]}}
sources:
  - sql: >-
      select document_no, line_no, distributor_code, business_date, sender_sku_code, qty, unit, value_net{columns}
      from dispatch{where}
    connection: erp
    feed: erp_dispatch_line
    sender: ERP
    {more}
"""
TABLE = """
create table dispatch (
  document_no text, line_no int, distributor_code text, business_date date, sender_sku_code text, qty numeric(18, 3), unit text,
  value_net numeric(18, 4), changed_at timestamp
)
"""
BY_MARK = {"columns": ", changed_at", "where": " where changed_at >= :since order by changed_at"}


def incremental(more: str = "") -> str:
    """The profile that reads what has changed, with an overlap of two days."""
    return PROFILE.format(**BY_MARK, more=f"watermark: changed_at\n    start: 2026-01-01\n    overlap: 2d\n    {more}")


def row(number: str, changed: str, *, qty: str = "1.000", value: str = "10.0000") -> str:
    """A statement that inserts a dispatch line."""
    return f"insert into dispatch values ('{number}', 1, 'D001', '2026-03-01', 'S1', {qty}, 'EA', {value}, '{changed}')"


def at(day: int) -> datetime:
    """Noon of a day of March."""
    return datetime(2026, 3, day, 12, tzinfo=UTC)


def texts(home: Any) -> list[str]:
    """The extracts in landing, in order."""
    return [content.decode() for _, content in sorted(home.landed().items())]


def loaded(home: Any) -> list[tuple[str, ...]]:
    """Document numbers of the rows of each commit."""
    commits = CommitLog(home.path).commits
    tables = [pl.read_parquet(home.path / "bronze" / commit["rows"]) for commit in commits if commit["rows"]]
    return [tuple(table["document_no"].to_list()) for table in tables]


@pytest.fixture
def dispatches(home: Any, erp: Any) -> Any:
    """A home that pulls from the ERP's table of dispatches."""
    home.connections["erp"] = erp.connection
    erp.run(TABLE)
    return home


def test_an_extract_is_text_exactly_as_the_database_has_it(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental())
    erp.run(row('A,"1"\n2', "2026-03-01 10:00:00.000001", qty="0.100", value="123456789012.5000"))
    erp.run("insert into dispatch values ('', 2, ' D001', '2026-03-01', null, 1e3, 'EA', 1, '2026-03-01 09:00:00')")

    report = dispatches.fetch(at=at(2))

    assert (report.rows, report.exit_code) == (2, 0)
    assert report.fetched == (
        "erp/ERP/erp_dispatch_line_20260302T120000000000_since_d20260101_to_t20260301T100000000001.csv",
    )
    assert texts(dispatches) == [
        "document_no,line_no,distributor_code,business_date,sender_sku_code,qty,unit,value_net,changed_at\n"
        '"",2," D001",2026-03-01,,1000.000,EA,1.0000,2026-03-01T09:00:00\n'
        '"A,""1""\n2",1,D001,2026-03-01,S1,0.100,EA,123456789012.5000,2026-03-01T10:00:00.000001\n'
    ]


def test_rows_reach_bronze_with_their_values(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental())
    erp.run(row("A", "2026-03-01 10:00:00", qty="0.100", value="12345678901.2345"))

    dispatches.fetch(at=at(2))
    report = ingest.run(dispatches.path)

    assert (report.loaded, report.problems) == (1, ())
    commit = CommitLog(dispatches.path).commits[0]
    rows = pl.read_parquet(dispatches.path / "bronze" / commit["rows"])
    assert [str(rows[name][0]) for name in ("document_no", "qty", "value_net")] == ["A", "0.100", "12345678901.2345"]
    assert (commit["mode"], commit["scopes"]) == ("append", [])


def test_a_row_that_was_committed_late_is_found_within_the_overlap(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental())
    erp.run(row("A", "2026-03-05 10:00:00"))
    dispatches.fetch(at=at(5))
    erp.run(row("LATE", "2026-03-04 10:00:00"), row("TOO LATE", "2026-03-02 10:00:00"))

    dispatches.fetch(at=at(6))

    assert [text.count("\n") - 1 for text in texts(dispatches)] == [1, 2]
    assert "LATE" in texts(dispatches)[1]
    assert "TOO LATE" not in texts(dispatches)[1]


def test_nothing_new_lands_nothing(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental())
    assert (dispatches.fetch(at=at(1)).fetched, dispatches.landed()) == ((), {})
    erp.run(row("A", "2026-03-05 10:00:00"))
    dispatches.fetch(at=at(5))

    again = dispatches.fetch(at=at(6))

    assert (again.fetched, again.already, again.rows) == ((), 1, 1)
    assert len(dispatches.landed()) == 1


def test_the_mark_is_found_in_the_commits_where_landing_was_cleared(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental())
    erp.run(row("A", "2026-03-01 10:00:00"), row("B", "2026-03-09 10:00:00"))
    dispatches.fetch(at=at(10))
    ingest.run(dispatches.path)
    for name in dispatches.landed():
        (dispatches.path / "landing" / name).unlink()

    assert dispatches.fetch(at=at(11)).rows == 1


def test_a_row_from_the_future_does_not_hide_what_comes_until_then(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental())
    erp.run(row("MISTYPED", "2062-03-01 10:00:00"))
    dispatches.fetch(at=at(5))
    erp.run(row("B", "2026-03-06 10:00:00"))

    assert dispatches.fetch(at=at(7)).rows == 2


def test_a_large_extract_comes_in_files_each_of_which_is_a_step(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental("chunk_rows: 2"))
    erp.run(*(row(f"N{day}", f"2026-03-{day:02} 10:00:00") for day in range(1, 6)))

    report = dispatches.fetch(at=at(9))

    assert [text.count("\n") - 1 for text in texts(dispatches)] == [2, 2, 1]
    assert [name[-13:-4] for name in report.fetched] == ["000000000"] * 3
    assert "_to_t20260302T" in report.fetched[0]


def test_chunks_of_rows_in_no_order_are_refused(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental("chunk_rows: 3").replace("order by changed_at", "order by document_no"))
    erp.run(row("A", "2026-03-05 10:00:00"), row("B", "2026-03-01 10:00:00"))

    report = dispatches.fetch(at=at(9))

    assert "order by changed_at" in report.failures[0]
    assert dispatches.landed() == {}


def test_a_whole_number_may_be_the_watermark(dispatches: Any, erp: Any) -> None:
    text = PROFILE.format(
        columns=", version", where=" where version >= :since", more="watermark: version\n    start: 0\n    overlap: 5"
    )
    dispatches.profile("erp", text.replace("[changed_at]", "[version]"))
    erp.run(
        "alter table dispatch add version numeric", row("A", "2026-03-01").replace("')", "', 3)").replace("''", "'")
    )
    erp.run("update dispatch set version = 90")

    first = dispatches.fetch(at=at(1))
    erp.run(
        "insert into dispatch select 'B', line_no, distributor_code, business_date, sender_sku_code, qty, unit, value_net, changed_at, 85 from dispatch"
    )

    assert first.fetched[0].endswith("_since_i0_to_i90.csv")
    assert dispatches.fetch(at=at(2)).rows == 2


def test_a_delete_is_seen_by_the_full_compare_alone(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", incremental("full_every: 7d"))
    erp.run(row("A", "2026-03-01 10:00:00"), row("B", "2026-03-01 11:00:00"))
    dispatches.fetch(at=at(2))
    ingest.run(dispatches.path)
    erp.run("delete from dispatch where document_no = 'A'", row("C", "2026-03-03 10:00:00"))

    dispatches.fetch(at=at(4))
    ingest.run(dispatches.path)
    dispatches.fetch(at=at(9))
    ingest.run(dispatches.path)

    commits = CommitLog(dispatches.path).commits
    assert [commit["mode"] for commit in commits] == ["append", "append", "full"]
    assert loaded(dispatches) == [("A", "B"), ("B", "C"), ("B", "C")]
    assert commits[2]["scopes"] == [
        {"sender": "ERP", "date_from": "0001-01-01", "date_to": "9999-12-31", "closes": True}
    ]


def test_extracts_that_waited_together_are_committed_in_the_order_in_which_they_were_read(
    dispatches: Any, erp: Any
) -> None:
    dispatches.profile("erp", incremental("full_every: 7d"))
    erp.run(row("A", "2026-03-01 10:00:00"))
    for day, new in ((2, "B"), (9, "C"), (10, "D")):
        dispatches.fetch(at=at(day))
        erp.run(row(new, f"2026-03-{day:02} 13:00:00"))
    dispatches.fetch(at=at(11))

    ingest.run(dispatches.path)

    commits = CommitLog(dispatches.path).commits
    assert [commit["mode"] for commit in commits] == ["append", "full", "append"]
    assert [set(rows) for rows in loaded(dispatches)] == [{"A"}, {"A", "B"}, {"A", "B", "C", "D"}]


def full(more: str = "") -> str:
    """The profile that compares everything each time."""
    return PROFILE.format(columns="", where="", more=more)


def test_without_a_watermark_every_extract_is_a_full_compare(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", full())
    erp.run(row("A", "2026-03-01"), row("B", "2026-03-01"))
    dispatches.fetch(at=at(1))
    erp.run("delete from dispatch where document_no = 'A'")
    dispatches.fetch(at=at(2))
    unchanged = dispatches.fetch(at=at(3))

    ingest.run(dispatches.path)

    assert (unchanged.fetched, unchanged.already) == ((), 1)
    assert [commit["mode"] for commit in CommitLog(dispatches.path).commits] == ["full", "full"]
    assert loaded(dispatches) == [("A", "B"), ("B",)]


def test_a_row_that_comes_back_makes_a_full_compare_that_is_none_of_the_old_ones(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", full())
    erp.run(row("A", "2026-03-01"), row("B", "2026-03-01"))
    dispatches.fetch(at=at(1))
    erp.run("delete from dispatch where document_no = 'B'")
    dispatches.fetch(at=at(2))
    erp.run(row("B", "2026-03-01"))
    dispatches.fetch(at=at(3))

    report = ingest.run(dispatches.path)

    assert loaded(dispatches) == [("A", "B"), ("A",), ("A", "B")]
    assert (report.loaded, report.blank, report.problems) == (5, 1, ())


def test_an_empty_full_compare_deletes_nothing_and_is_told(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", full())
    erp.run(row("A", "2026-03-01"))
    dispatches.fetch(at=at(1))
    ingest.run(dispatches.path)
    erp.run("truncate dispatch")
    dispatches.fetch(at=at(2))

    report = ingest.run(dispatches.path)

    assert report.rejected_files == 1
    assert "has a header and no records" in report.problems[0]
    assert [commit["scopes"] == [] for commit in CommitLog(dispatches.path).commits] == [False, True]


def test_a_full_compare_is_made_no_more_often_than_wanted(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", full("full_every: 7d"))
    erp.run(row("A", "2026-03-01"))

    rows = [dispatches.fetch(at=at(day)).rows for day in (1, 2, 8, 9, 15)]

    assert rows == [1, 0, 1, 0, 1]


def test_a_query_cannot_change_the_database(dispatches: Any, erp: Any) -> None:
    erp.run(
        "create function wipe() returns int language sql as 'delete from dispatch; select 1'", row("A", "2026-03-01")
    )
    dispatches.profile("erp", full().replace("from dispatch", "from dispatch, wipe()"))

    report = dispatches.fetch(at=at(1))

    assert "read-only transaction" in report.failures[0]
    with erp.engine.connect() as session:
        assert session.exec_driver_sql("select count(*) from dispatch").scalar() == 1


def test_a_statement_that_takes_too_long_is_ended(dispatches: Any, erp: Any) -> None:
    slow = full("timeout_seconds: 1").replace("from dispatch", "from dispatch, pg_sleep(30)")
    dispatches.profile("erp", slow)
    erp.run(row("A", "2026-03-01"))

    report = dispatches.fetch(at=at(1))

    assert "statement timeout" in report.failures[0]
    assert dispatches.landed() == {}


def test_a_login_that_fails_never_shows_the_password(dispatches: Any, capfd: Any, caplog: Any) -> None:
    dispatches.profile("erp", full())
    good = dispatches.connections["erp"]
    secret = "wr:ng/p@ss%20"
    dispatches.connections["erp"] = type(good)("erp", "postgres", good.host, good.port, good.login, secret, good.schema)

    with caplog.at_level("DEBUG"):
        report = dispatches.fetch(at=at(1))

    assert "password authentication failed" in report.failures[0]
    stored = b"".join(path.read_bytes() for path in dispatches.path.rglob("*") if path.is_file())
    said = f"{report!r}{dispatches.connections['erp']!r}{caplog.text}{''.join(capfd.readouterr())}{stored!r}"
    for form in (secret, "wr%3Ang%2Fp%40ss%2520"):
        assert form not in said


def test_a_kind_without_a_driver_says_what_is_missing(dispatches: Any) -> None:
    dispatches.profile("erp", full())
    good = dispatches.connections["erp"]
    dispatches.connections["erp"] = type(good)(
        "erp", "oracle+oracledb", good.host, good.port, good.login, "x", good.schema
    )

    assert "no driver for oracle+oracledb is installed" in dispatches.fetch(at=at(1)).failures[0]


def test_rows_of_many_pages_are_all_written(dispatches: Any, erp: Any) -> None:
    dispatches.profile("erp", full())
    erp.run(
        "insert into dispatch select 'N' || n, 1, 'D001', '2026-03-01', 'S1', n, 'EA', n, '2026-03-01' from generate_series(1, 12345) n"
    )

    assert dispatches.fetch(at=at(1) + timedelta()).rows == 12345
    assert texts(dispatches)[0].count("\n") == 12346


def test_a_crms_accounts_come_as_outlets_by_a_profile_laid_over_ours(home: Any, erp: Any) -> None:
    home.connections["crm"] = erp.connection
    home.profile(
        "crm_accounts",
        "sources:\n  - connection: crm\n    feed: outlet\n    sender: CRM\n    sql: >-\n"
        '      select "Id", "AccountNumber", "Name", "IsDeleted", "LastModifiedDate", "BillingLatitude" from account order by 1\n',
    )
    erp.run(
        'create table account ("Id" text, "AccountNumber" text, "Name" text, "IsDeleted" bool, "LastModifiedDate" timestamptz, "BillingLatitude" float)',
        "insert into account values ('a1', 'O1', 'Shop', false, '2026-03-01 10:00+00', 0.00001), ('a2', 'O2', 'Kiosk', true, '2026-03-02 10:00+00', null)",
    )
    home.fetch(at=at(3))

    report = ingest.run(home.path)

    commit = CommitLog(home.path).commits[0]
    rows = pl.read_parquet(home.path / "bronze" / commit["rows"])
    assert (commit["mode"], report.loaded, report.problems) == ("full", 2, ())
    assert rows.select("outlet_code", "status", "latitude").rows() == [
        ("O1", "ACTIVE", 0.00001),
        ("O2", "CLOSED", None),
    ]
