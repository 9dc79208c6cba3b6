"""The catalogue of bad input: each gives a clear message with file, record, column and value, and never stops the other files."""

from __future__ import annotations

import gzip
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


WHOLE_FILE = {
    "renamed required column": (
        HEADER.replace("qty", "quantity") + LINE,
        "missing_column",
        "qty",
        ["required column qty is missing", '"quantity" may be it: add it to `columns` as qty'],
    ),
    "missing required column": (
        HEADER.replace(",value_net", "") + LINE.replace(",9.50", ""),
        "missing_column",
        "value_net",
        ["required column value_net is missing"],
    ),
    "column without a name": (
        HEADER.replace("qty", "") + LINE,
        "unknown_column",
        "",
        ["column 7 has no name in the header and values below it"],
    ),
    "column twice": (HEADER.replace("unit", "qty") + LINE, "duplicate_column", "qty", ['column "qty" stands twice']),
    "two columns that mean the same": (
        HEADER.replace("unit", "unit,uom").replace("\n", "\n") + LINE.replace("EA", "EA,EA"),
        "duplicate_column",
        "unit",
        ["both mean unit"],
    ),
    "wrong encoding": (
        (HEADER + LINE.replace("O1", "Café")).encode("cp1252"),
        "encoding",
        None,
        ["line 2: bytes e9", "utf-8"],
    ),
    "utf-16": ((HEADER + LINE).encode("utf-16"), "encoding", None, ["utf-8"]),
    "no header": ("\n" + HEADER + LINE, "missing_column", None, ["line 1 is empty where the header should be"]),
    "empty file": (b"", "empty_file", None, ["is empty (0 bytes)"]),
    "only blank lines": (b"\n\n", "empty_file", None, ["without even a header"]),
}


@pytest.mark.parametrize("case", WHOLE_FILE)
def test_a_whole_file_is_rejected_with_its_reason(tmp_path, case):
    content, rule, column, says = WHOLE_FILE[case]
    put(tmp_path, BAD, content)
    put(tmp_path, GOOD, HEADER + LINE)

    report = ingest.run(tmp_path)

    assert (report.exit_code, report.files, report.rejected_files, report.loaded) == (1, 2, 1, 1)
    assert report.problems[0].startswith(BAD)
    assert all(part in report.problems[0] for part in says)
    row = rejects(tmp_path).row(0, named=True)
    assert (row["_file"], row["_record"], row["rule"], row["column"]) == (BAD, None, rule, column)
    entry = CommitLog(tmp_path).commits[0]["files"][0]
    assert entry["status"] == "rejected"
    assert entry["records"] == entry["loaded"] + entry["rejected"]
    assert ingest.run(tmp_path).exit_code == 0


RECORD = {
    "wrong type": (LINE.replace(",2,EA", ",two,EA"), "type", "qty", "two"),
    "wrong date": (LINE.replace("2026-03-01", "01/03/2026"), "type", "business_date", "01/03/2026"),
    "impossible date": (LINE.replace("2026-03-01", "2026-02-30"), "type", "business_date", "2026-02-30"),
    "number in another format": (LINE.replace("9.50", "9;50"), "type", "value_net", "9;50"),
    "missing value": (LINE.replace(",O1,", ",,"), "required", "sender_outlet_code", None),
    "unknown document type": (LINE.replace("INVOICE", "ORDER"), "valid_values", "document_type", "ORDER"),
    "negative quantity on an invoice": (LINE.replace(",2,EA", ",-2,EA"), "invoice_not_negative", "qty", "-2"),
    "negative value on an invoice": (LINE.replace("9.50", "-9.50"), "invoice_not_negative", "value_net", "-9.50"),
    "undeclared total row": ("Total,,,,,,2,,9.50\n", "required", "document_no", None),
    "too few values": ("INVOICE,A,1\n", "columns", None, None),
    "too many values": (LINE.replace("\n", ",x\n"), "columns", None, None),
    "a quote that never closes": (LINE.replace("O1", '"O1'), "quote", None, None),
}


@pytest.mark.parametrize("case", RECORD)
def test_a_record_is_rejected_with_its_place_and_raw_text_and_the_others_load(tmp_path, case):
    raw, rule, column, value = RECORD[case]
    other = LINE.replace(",A,", ",B,")
    put(tmp_path, BAD, HEADER + LINE + raw + other)
    put(tmp_path, GOOD, HEADER + LINE)

    report = ingest.run(tmp_path)

    assert (report.exit_code, report.files, report.records, report.loaded, report.rejected) == (1, 2, 4, 3, 1)
    found = rejects(tmp_path).filter((pl.col("rule") == rule) & pl.col("column").eq_missing(pl.lit(column)))
    row = found.row(0, named=True)
    assert (row["_file"], row["_record"], row["_line"], row["value"], row["raw"]) == (
        BAD,
        2,
        3,
        value,
        raw.rstrip("\n"),
    )
    message = next(problem for problem in report.problems if problem == row["message"])
    assert message.startswith(f"{BAD}, record 2 (line 3)")
    assert (column or "") in message
    assert (f'"{value}"' if value else "") in message


def test_a_truncated_gzip_is_rejected_and_the_whole_one_loads(tmp_path):
    packed = gzip.compress((HEADER + LINE * 50).encode())
    put(tmp_path, BAD + ".gz", packed[:-20])
    put(tmp_path, GOOD + ".gz", packed)

    report = ingest.run(tmp_path)

    assert (report.rejected_files, report.loaded, report.exit_code) == (1, 50, 1)
    assert "truncated" in report.problems[0]


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


def test_a_workbook_that_is_none_is_rejected(tmp_path):
    put(tmp_path, "xlsx_generic/D001/dms_stock_2026-03-01.xlsx", b"not a workbook")
    put(tmp_path, GOOD, HEADER + LINE)

    report = ingest.run(tmp_path)

    assert (report.rejected_files, report.loaded) == (1, 1)
    assert "no readable workbook" in " ".join(report.problems)


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


def test_a_file_that_is_still_being_written_is_passed_over(tmp_path):
    put(tmp_path, BAD + ".part", HEADER)
    put(tmp_path, BAD.replace("dms_", ".dms_"), HEADER)

    report = ingest.run(tmp_path)

    assert (report.files, report.exit_code) == (0, 0)


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
