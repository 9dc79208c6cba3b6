"""Settings of sources, connections, names, and when a file in landing/ counts as whole; no server is needed."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ingest
from ingest.connectors import landing as place
from ingest.connectors import sql
from ingest.connectors.connection import Connection, ConnectionUnusable, from_environment, parse_connection
from ingest.connectors.sources import Ready, SqlSource
from ingest.contracts import load_contracts
from ingest.errors import ProfileInvalid
from ingest.profiles import Period, Profile, parse_profile

CONTRACTS = load_contracts(None)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


def profile(*sources: dict[str, Any], **more: Any) -> Profile:
    feeds = {"erp_dispatch_line": {"files": ["erp_dispatch_line*.csv"]}}
    return parse_profile("p", {"feeds": feeds, "contract_names": True, "sources": list(sources), **more}, CONTRACTS)


def query(**more: Any) -> dict[str, Any]:
    return {"sql": "select 1", "connection": "erp", "feed": "erp_dispatch_line", "sender": "ERP", **more}


WATERMARK = {"sql": "select 1 where x >= :since", "watermark": "x", "start": date(2026, 1, 1)}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"url": "ftp://h/*.csv", "sender": "D"}, "begins with sftp://, s3:// or file://"),
        ({"url": "sftp://h/out/", "sender": "D"}, "ends with the name of a file"),
        ({"url": "sftp://h/**/a/*.csv", "sender": "D"}, "stands alone, as the last folder"),
        ({"url": "sftp://h/out/*.csv"}, "says not who sends"),
        ({"url": "sftp://h/{sender}/*.csv", "sender": "D"}, "state either `sender` or {sender}"),
        ({"url": "s3://b/*.csv", "sender": "D", "ready": {}}, "either `stable_seconds` or `marker`"),
        ({"url": "s3://b/*.csv", "sender": "D", "ready": {"marker": "{name}"}}, "is the name of another file"),
        (query(start=1), "only with a `watermark`"),
        (query(watermark="x"), "needs `start`, and a query that compares it with :since"),
        (query(**WATERMARK, overlap=3), "`overlap` is a span"),
        (query(**WATERMARK, overlap="3 moons"), "is no span of time"),
        (query(feed="sku"), "is none of the profile's feeds"),
    ],
)
def test_a_wrong_source_is_refused_with_a_reason(source: dict[str, Any], says: str) -> None:
    with pytest.raises(ProfileInvalid) as error:
        profile(source)

    assert says in str(error.value)


def test_a_login_in_a_url_is_refused_without_being_shown() -> None:
    with pytest.raises(ProfileInvalid) as error:
        profile({"url": "sftp://me:hunter2@h/*.csv", "sender": "D"})

    assert "logins belong in a `connection`" in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("more", "says"),
    [({"mode": "replace"}, "mode must be append"), ({"delimiter": ";"}, "extracts are written with delimiter ','")],
)
def test_a_feed_that_would_misread_its_extracts_is_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ProfileInvalid) as error:
        profile(query(**WATERMARK), **more)

    assert says in str(error.value)


def test_two_queries_for_one_feed_and_sender_are_refused() -> None:
    with pytest.raises(ProfileInvalid) as error:
        profile(query(), query())

    assert "a second query" in str(error.value)


def test_sources_do_not_change_how_files_read() -> None:
    contract = CONTRACTS["erp_dispatch_line"]

    assert profile().digest("erp_dispatch_line", "D", contract) == profile(query()).digest(
        "erp_dispatch_line", "D", contract
    )


def test_a_connection_reads_the_same_from_a_uri_and_from_json() -> None:
    uri = parse_connection("c", "sftp://me:p%40ss%2Fw@host:2222/db%20x?key_file=%2Fk&__extra__=%7B%22n%22%3A%201%7D")
    document = (
        '{"conn_type": "sftp", "login": "me", "password": "p@ss/w", "host": "host", "port": 2222, "schema": "db x",'
        ' "extra": "{\\"key_file\\": \\"/k\\", \\"n\\": 1}"}'
    )

    assert uri == parse_connection("c", document)
    assert (uri.password, uri.extra) == ("p@ss/w", {"key_file": "/k", "n": 1})


@pytest.mark.parametrize(
    "text", ["hunter2", "{hunter2", '{"password": "hunter2"}', "://hunter2", "sftp://h:hunter2/", "[1]"]
)
def test_a_connection_that_cannot_be_read_is_never_shown(text: str) -> None:
    with pytest.raises(ConnectionUnusable) as error:
        parse_connection("c", text)

    shown = f"{error.value!r}{error.value}{error.value.__cause__!r}"
    assert "hunter2" not in shown


def test_our_own_variable_goes_before_airflows_and_a_missing_one_is_named() -> None:
    both = {"SELLTHROUGH_CONN_ERP_1": "postgres://ours@h", "AIRFLOW_CONN_ERP_1": "postgres://theirs@h"}

    assert from_environment("erp-1", both).login == "ours"
    assert from_environment("erp-1", {"AIRFLOW_CONN_ERP_1": "postgres://theirs@h"}).login == "theirs"
    with pytest.raises(ConnectionUnusable, match="set SELLTHROUGH_CONN_ERP_1 or AIRFLOW_CONN_ERP_1"):
        from_environment("erp-1", {})


def test_secrets_are_masked_in_every_form_and_not_in_the_repr() -> None:
    connection = Connection(
        "c", "sftp", password="p@ss w", extra={"private_key_passphrase": "k/y", "region_name": "eu"}
    )

    assert connection.mask("p@ss w, p%40ss%20w, p%40ss+w, k/y, k%2Fy, eu") == "***, ***, ***, ***, ***, eu"
    assert "p@ss" not in repr(connection)
    assert "k/y" not in repr(connection)


@given(NAMES)
def test_a_cleaned_name_stands_in_its_folder_and_is_seen(name: str) -> None:
    cleaned = place.clean(name)

    assert len(cleaned.encode()) <= 200
    assert Path("folder", cleaned).resolve().parent == Path("folder").resolve()
    assert cleaned.isprintable() or " " in cleaned or not cleaned.isascii()
    assert not cleaned.startswith(".")
    assert not cleaned.endswith(place.PASSED_OVER)
    assert place.clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("sales 2026.csv", "sales 2026.csv"),
        ("März.csv", "März.csv"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("..", "_."),
        ("a\x00b\u202ecsv", "a_b_csv"),
        ("CON", "_CON"),
        ("lpt1.csv", "_lpt1.csv"),
        (".hidden", "_hidden"),
        ("x.part", "x.part_"),
    ],
)
def test_names_are_neutralised(name: str, cleaned: str) -> None:
    assert place.clean(name) == cleaned


def test_long_names_that_differ_at_their_end_stay_different_and_keep_their_ending() -> None:
    one, other = (place.clean("s" * 400 + letter + ".csv.gz") for letter in "ab")

    assert one != other
    assert one.endswith(".csv.gz")


def test_versions_of_a_name_are_read_in_their_order(tmp_path: Path) -> None:
    for content in (b"1", b"2", b"1", b"3"):
        with place.part(tmp_path) as part:
            part.file.write(content)
            part.place("sales.csv.gz")

    found = place.versions(tmp_path, "sales.csv.gz")
    assert [path.name for path in found] == ["sales.csv.gz", "sales_r00002.csv.gz", "sales_r00003.csv.gz"]
    assert [path.read_bytes() for path in found] == [b"1", b"2", b"3"]


def test_a_name_that_a_folder_bears_is_not_taken_from_it(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").mkdir()
    with place.part(tmp_path) as part:
        assert part.place("sales.csv") == tmp_path / "sales_r00002.csv"


def test_what_was_not_placed_is_gone(tmp_path: Path) -> None:
    with place.part(tmp_path) as part:
        part.file.write(b"half")

    assert list(tmp_path.iterdir()) == []


MARKS = st.one_of(
    st.integers(0, 10**15),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
)


@given(
    st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    st.booleans(),
    MARKS,
    MARKS,
)
def test_the_name_of_an_extract_says_exactly_what_it_is(at: datetime, is_full: bool, since: Any, to: Any) -> None:
    extract = sql.Extract("erp_dispatch_line", at, is_full, since, to)

    assert sql.parse_name(extract.name) == extract


def test_the_name_of_an_extract_states_no_business_day() -> None:
    name = sql.Extract("f", datetime(2026, 3, 1, tzinfo=UTC), True, date(2026, 3, 1), datetime(2026, 3, 2)).name
    pattern = Period().pattern

    assert pattern is not None
    assert re.search(pattern, name) is None


def test_a_full_compare_is_due_a_while_after_the_first_extract_and_after_each_other() -> None:
    source = SqlSource.model_validate(query(**WATERMARK, full_every="7d"))
    first = sql.Extract(
        "erp_dispatch_line", datetime(2026, 3, 1, tzinfo=UTC), False, date(2026, 1, 1), date(2026, 3, 1)
    ).name
    whole = sql.Extract(
        "erp_dispatch_line", datetime(2026, 3, 8, tzinfo=UTC), True, date(2026, 1, 1), date(2026, 3, 8)
    ).name

    def is_full(names: list[str], day: int) -> bool:
        return sql.plan(source, names, None, datetime(2026, 3, day, tzinfo=UTC)).is_full

    assert [is_full([], 1), is_full([first], 7), is_full([first], 8)] == [False, False, True]
    assert [is_full([first, whole], 14), is_full([first, whole], 15)] == [False, True]


def test_a_marker_is_known_by_its_name() -> None:
    ready = Ready(marker="{stem}.ok")

    assert (ready.marker_of("a.b.csv"), ready.is_marker("a.b.ok"), ready.is_marker("ok")) == ("a.b.ok", True, False)


READY = "ready: {stable_seconds: 60}\n"
MARKED = 'ready: {marker: "{name}.done"}\n'


def test_a_file_in_landing_that_is_still_changing_waits_and_is_shown(landing: Any, invoice: Any) -> None:
    landing.config("profiles/csv_generic.yaml", READY)
    path = landing.put("csv_generic/D1/dms_invoice_line.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
    os.utime(path)

    early = landing.run()
    then = (datetime.now(UTC) - timedelta(seconds=61)).timestamp()
    os.utime(path, (then, then))

    assert (early.files, early.waiting) == (0, ("csv_generic/D1/dms_invoice_line.csv",))
    assert landing.run().files == 1


def test_a_file_in_landing_waits_for_its_marker_which_is_no_file_of_its_own(landing: Any, invoice: Any) -> None:
    landing.config("profiles/csv_generic.yaml", MARKED)
    landing.put("csv_generic/D1/dms_invoice_line.csv", invoice(("A", 1, "2026-03-01", "1", "1")))

    assert ingest.waiting(landing.home) == ["csv_generic/D1/dms_invoice_line.csv"]
    assert ingest.landed(landing.home) == []
    landing.put("csv_generic/D1/dms_invoice_line.csv.done", b"")

    report = landing.run()
    assert (report.files, report.problems, report.waiting) == (1, (), ())


def test_an_archive_that_is_still_being_written_is_not_opened(landing: Any) -> None:
    landing.config("profiles/csv_generic.yaml", MARKED)
    landing.put("csv_generic/D1/march.zip", b"PK\x03\x04 half")

    report = landing.run()

    assert (report.files, report.problems, report.waiting) == (0, (), ("csv_generic/D1/march.zip",))


def test_full_files_are_committed_as_such_among_the_others(landing: Any, invoice: Any) -> None:
    landing.config("profiles/csv_generic.yaml", 'full_files: ["*_full*"]\n')
    for name in ("1", "2_full", "3"):
        landing.put(f"csv_generic/D1/dms_invoice_line_{name}.csv", invoice((name, 1, "2026-03-01", "1", "1")))

    landing.run()

    assert [commit["mode"] for commit in landing.commits()] == ["append", "full", "append"]
