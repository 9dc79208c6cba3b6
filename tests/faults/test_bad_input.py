"""Bad input in numbers, and what is tried again; what one file may have wrong is in the catalogue of faults."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import ingest
from ingest.bronze import CommitLog
from ingest.connectors.folder import LandingFile

HEADER = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
LINE = "INVOICE,A,1,2026-03-01,O1,S1,2,EA,9.50\n"
BAD = "csv_generic/D001/dms_invoice_line_2026-03-01.csv"
GOOD = "csv_generic/D002/dms_invoice_line_2026-03-01.csv"


def put(home: Path, name: str, content: str | bytes) -> None:
    path = home / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def rejects(home: Path) -> pl.DataFrame:
    paths = [home / "bronze" / commit["rejects"] for commit in CommitLog(home).commits if commit["rejects"]]
    return pl.concat([pl.read_parquet(path) for path in paths])


def test_two_empty_files_are_two_rejected_files(tmp_path):
    put(tmp_path, BAD, b"")
    put(tmp_path, BAD.replace("03-01", "03-02"), b"")

    assert ingest.run(tmp_path).rejected_files == 2


@pytest.mark.parametrize("below", ["", "\n", ",\n  ,\n"])
def test_a_header_without_a_day_is_rejected(tmp_path, below):
    put(tmp_path, "csv_generic/HQ/sku.csv", "sku_code,sku_name\n" + below)

    report = ingest.run(tmp_path)

    assert (report.rejected_files, report.exit_code) == (1, 1)
    assert "names no day" in report.problems[0]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("strange/D001/dms_stock_2026-03-01.csv", "unknown profile strange"),
        ("csv_generic/D001/holiday.csv", "its name fits no feed"),
        ("csv_generic/dms_stock_2026-03-01.csv", "lies in no sender's folder"),
        ("dms_stock_2026-03-01.csv", "lies directly in landing/"),
    ],
)
def test_a_file_that_belongs_nowhere_is_reported_each_time_and_never_committed(tmp_path, name, says):
    put(tmp_path, name, HEADER + LINE)
    put(tmp_path, GOOD, HEADER + LINE)

    first, second = ingest.run(tmp_path), ingest.run(tmp_path)

    assert (first.exit_code, first.loaded) == (1, 1)
    assert (second.exit_code, second.files) == (1, 0)
    assert all(says in report.problems[0] and report.problems[0].startswith(name) for report in (first, second))


def test_ten_thousand_bad_records_give_twenty_messages_and_ten_thousand_rejects(tmp_path):
    put(tmp_path, BAD, HEADER + LINE.replace("9.50", "x") * 10_000)

    report = ingest.run(tmp_path)

    assert (report.rejected, len(report.problems)) == (10_000, 21)
    assert "and 9980 more" in report.problems[-1]
    assert rejects(tmp_path).height == 10_000


def test_a_file_that_cannot_be_opened_waits_for_the_next_run(tmp_path, monkeypatch):
    put(tmp_path, BAD, HEADER + LINE)
    put(tmp_path, GOOD, HEADER + LINE)
    read = LandingFile.read

    def locked(file, *_, **__):
        if file.name == BAD:
            raise PermissionError(13, "Permission denied")
        return read(file)

    with monkeypatch.context() as patch:
        patch.setattr(LandingFile, "read", locked)
        first = ingest.run(tmp_path)
    second = ingest.run(tmp_path)

    assert (first.loaded, first.exit_code) == (1, 1)
    assert first.problems[0].startswith(f"{BAD}: cannot be opened (Permission denied)")
    assert (second.loaded, second.exit_code) == (1, 0)
