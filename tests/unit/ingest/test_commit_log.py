"""The commit log: exclusive numbers, time that never goes back, gaps that are refused, orphans that are swept."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ingest import bronze
from ingest.bronze import CommitLog
from ingest.errors import CommitLogBroken

EMPTY = {
    "feed": "sku",
    "profile": "p",
    "mode": "append",
    "replay": False,
    "scopes": [],
    "files": [],
    "rows": None,
    "rejects": None,
    "replaces": [],
}


def test_a_number_is_taken_once(tmp_path):
    mine, other = CommitLog(tmp_path), CommitLog(tmp_path)

    assert mine.create(EMPTY)["seq"] == 1
    assert other.create(EMPTY) is None
    other.refresh()
    assert other.create(EMPTY)["seq"] == 2


def test_the_time_of_a_commit_never_goes_back(tmp_path, monkeypatch):
    log = CommitLog(tmp_path)
    monkeypatch.setattr(bronze, "_now", lambda: "2026-03-02T00:00:00.000000Z")
    log.create(EMPTY)
    monkeypatch.setattr(bronze, "_now", lambda: "2026-03-01T00:00:00.000000Z")

    assert log.create(EMPTY)["committed_at"] == "2026-03-02T00:00:00.000000Z"


def test_a_gap_in_the_log_is_refused(tmp_path):
    log = CommitLog(tmp_path)
    for _ in range(3):
        log.create(EMPTY)
    (tmp_path / "bronze" / "_commits" / "0000000002.json").unlink()

    with pytest.raises(CommitLogBroken, match="is missing"):
        CommitLog(tmp_path)


@pytest.mark.parametrize("content", ["{", json.dumps({"seq": 7})])
def test_a_damaged_entry_is_refused(tmp_path, content):
    CommitLog(tmp_path)
    (tmp_path / "bronze" / "_commits" / "0000000001.json").write_text(content)

    with pytest.raises(CommitLogBroken):
        CommitLog(tmp_path)


def test_what_no_commit_names_is_swept_when_it_is_old_and_only_then(landing, invoice):
    landing.put("csv_generic/D001/dms_invoice_line_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()
    feed = landing.home / "bronze" / "dms_invoice_line"
    for name in (".tmp-1", "abandoned"):
        (feed / name).mkdir()
        (feed / name / "rows.parquet").write_bytes(b"x")
    (landing.home / "bronze" / "_commits" / "0000000002.json#1").write_bytes(b"half")

    assert bronze.sweep(landing.home) == []
    removed = bronze.sweep(landing.home, older_than=timedelta(0))

    assert removed == ["dms_invoice_line/.tmp-1", "dms_invoice_line/abandoned", "_commits/0000000002.json#1"]
    assert landing.rows().height == 1


def test_what_another_process_takes_away_meanwhile_is_passed_over(landing, monkeypatch):
    feed = landing.home / "bronze" / "dms_stock"
    for name in (".tmp-1", "abandoned"):
        (feed / name).mkdir(parents=True)
    modified = bronze._modified

    def too_late(path):
        if path.name == ".tmp-1":
            path.rename(feed / "committed")
        return modified(path)

    monkeypatch.setattr(bronze, "_modified", too_late)

    assert bronze.sweep(landing.home, older_than=timedelta(0)) == ["dms_stock/abandoned"]
    assert (feed / "committed").is_dir()


def test_a_file_that_somebody_else_committed_meanwhile_is_left_out(landing, invoice, monkeypatch):
    one, two = (f"csv_generic/D001/dms_invoice_line_2026-03-0{day}.csv" for day in (1, 2))
    landing.put(one, invoice(("A", 1, "2026-03-01", "1", "1")))
    create, calls = CommitLog.create, []

    def outrun(log, commit):
        calls.append(commit)
        if len(calls) == 1:
            assert create(
                CommitLog(landing.home), {**commit, "files": [f for f in commit["files"] if f["name"] == one]}
            )
        return create(log, commit)

    landing.put(two, invoice(("B", 1, "2026-03-02", "1", "1")))
    monkeypatch.setattr(CommitLog, "create", outrun)

    report = landing.run()

    assert [[file["name"] for file in commit["files"]] for commit in landing.commits()] == [[one], [two]]
    assert (report.files, report.already, report.loaded) == (1, 1, 1)
    assert landing.commits()[1]["rows"] != landing.commits()[0]["rows"]
