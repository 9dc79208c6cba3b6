"""Status reads the commit log and the published copy; on an empty home it has nothing to say and says so."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from sellthrough import status
from sellthrough.commits import last_seq, live_paths
from sellthrough.errors import NotBuilt
from sellthrough.settings import Settings


def file(name: str, **counts: int) -> dict[str, object]:
    base = dict.fromkeys(("records", "loaded", "rejected", "blank", "total_lines", "left_out"), 0)
    return {"name": name, "sender": "D001", "sha256": name, "status": "loaded", **base, **counts}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with two commits: 10 records of which one was rejected, then a file that was refused."""
    settings = Settings(home=tmp_path)
    rejects = settings.bronze / "dms_stock" / "abc" / "rejects.parquet"
    rejects.parent.mkdir(parents=True)
    duckdb.sql(
        "copy (select 'D001' as _sender, 'p/D001/a.csv' as _file, 7::bigint as _record, 8::bigint as _line, 'type' as rule, 'qty' as \"column\", "
        f"'x' as value, 'x,y' as raw, 'qty is not a number' as message) to '{rejects}' (format parquet)"
    )
    log = settings.bronze / "_commits"
    log.mkdir()
    commits = [
        {"files": [file("p/D001/a.csv", records=10, loaded=9, rejected=1)], "rejects": "dms_stock/abc/rejects.parquet"},
        {"files": [{**file("p/D001/b.csv"), "status": "rejected"}], "rejects": None},
    ]
    for seq, commit in enumerate(commits, 1):
        whole = {"seq": seq, "feed": "dms_stock", "replay": False, "rows": None, "replaces": [], **commit}
        (log / f"{seq:010d}.json").write_text(json.dumps(whole))
    return settings


def test_an_empty_home_has_empty_lists(tmp_path: Path) -> None:
    report = status.status(Settings(home=tmp_path / "nothing"))

    assert (report.commits, report.feeds, report.rejects, report.lateness, report.published) == (0, [], [], [], {})


def test_feeds_are_counted_from_the_commit_log(settings: Settings) -> None:
    (feed,) = status.status(settings).feeds

    assert feed == {
        "feed": "dms_stock",
        "senders": 1,
        "files": 2,
        "records": 10,
        "loaded": 9,
        "rejected": 1,
        "blank": 0,
        "total_lines": 0,
        "left_out": 0,
        "last_seq": 2,
    }


def test_rejects_are_shown_by_rule_with_an_example(settings: Settings) -> None:
    assert status.status(settings).rejects == [
        {
            "feed": "dms_stock",
            "rule": "type",
            "records": 1,
            "example": "p/D001/a.csv, record 7",
            "message": "qty is not a number",
        }
    ]


def test_a_refused_file_is_named(settings: Settings) -> None:
    assert status.status(settings).refused_files == [{"file": "p/D001/b.csv", "feed": "dms_stock", "seq": 2}]


def test_columns_that_came_or_went_are_shown_for_the_last_file_of_a_sender(settings: Settings) -> None:
    warning = {"rule": "unknown_column", "column": "colour", "message": "..."}
    older = warning | {"column": "older"}
    for seq, kind, warnings in ((3, "loaded", [older]), (4, "loaded", [warning]), (5, "rejected", [])):
        commit = {"seq": seq, "feed": "sku", "profile": "p", "rows": None, "rejects": None, "replaces": []}
        files = [{**file(f"p/D001/{seq}.csv"), "status": kind, "warnings": warnings}]
        (settings.bronze / "_commits" / f"{seq:010d}.json").write_text(json.dumps({**commit, "files": files}))

    assert status.status(settings).file_warnings == [
        {"feed": "sku", "sender": "D001", "file": "p/D001/4.csv", "seq": 4, **warning}
    ]


def test_a_path_that_a_later_commit_replaced_is_not_read(settings: Settings) -> None:
    commit = {"seq": 3, "feed": "dms_stock", "replay": True, "files": [], "rows": None, "rejects": None}
    (settings.bronze / "_commits" / "0000000003.json").write_text(
        json.dumps({**commit, "replaces": ["dms_stock/abc/rejects.parquet"]})
    )

    assert last_seq(settings) == 3
    assert live_paths(settings, "rejects") == []


def test_a_file_that_was_read_again_counts_as_it_was_last_read(settings: Settings) -> None:
    replay = {"seq": 3, "feed": "dms_stock", "replay": True, "rows": None, "rejects": None, "replaces": []}
    files = [file("p/D001/a.csv", records=10, loaded=10), file("p/D001/b.csv", records=2, loaded=2)]
    (settings.bronze / "_commits" / "0000000003.json").write_text(json.dumps({**replay, "files": files}))

    report = status.status(settings)

    (feed,) = report.feeds
    assert (feed["files"], feed["records"], feed["loaded"], feed["rejected"], feed["last_seq"]) == (2, 12, 12, 0, 3)
    assert report.rejects == []
    assert report.refused_files == []


def test_rejects_count_again_when_a_file_is_read_as_it_was_at_first(settings: Settings) -> None:
    for seq, rejects in ((3, None), (4, "dms_stock/abc/rejects.parquet")):
        replay = {"seq": seq, "feed": "dms_stock", "replay": True, "rows": None, "rejects": rejects, "replaces": []}
        files = [file("p/D001/a.csv", records=10, loaded=9, rejected=1)]
        (settings.bronze / "_commits" / f"{seq:010d}.json").write_text(json.dumps({**replay, "files": files}))

    assert [(row["rule"], row["records"]) for row in status.status(settings).rejects] == [("type", 1)]


def test_tracing_a_figure_before_anything_is_published_says_what_to_do(settings: Settings) -> None:
    from datetime import date

    with pytest.raises(NotBuilt, match="sellthrough run"):
        status.trace(settings, date(2026, 1, 1))
