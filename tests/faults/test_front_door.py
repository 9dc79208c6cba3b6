"""What is sent to do harm, or might as well have been: refused or harmless, and the other files go on."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import duckdb
import polars as pl
import pytest

import ingest
from ingest.bronze import CommitLog, write_snapshot
from ingest.limits import Limits
from sellthrough import status, terminal
from sellthrough.settings import Settings

HEADER = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
LINE = "INVOICE,A,1,2026-03-01,O1,S1,2,EA,9.50\n"
GOOD = "csv_generic/D002/dms_invoice_line_2026-03-01.csv"
MEBIBYTE = 2**20


def put(home: Path, name: str, content: str | bytes) -> Path:
    path = home / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table(home: Path, kind: str) -> pl.DataFrame:
    paths = [home / "bronze" / commit[kind] for commit in CommitLog(home).commits if commit[kind]]
    return pl.concat([pl.read_parquet(path) for path in paths])


def peak_of(run) -> int:
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_one_endless_line_is_refused_without_being_held_in_memory(tmp_path, packed):
    put(tmp_path, GOOD, HEADER + LINE)
    path = put(tmp_path, "csv_generic/D001/dms_invoice_line.csv" + (".gz" if packed else ""), "")
    if packed:
        incompressible = os.urandom(MEBIBYTE).replace(b"\n", b"x")
        with gzip.open(path, "wb", compresslevel=1) as file:
            for _ in range(64):
                file.write(incompressible)
    else:
        path.write_bytes(HEADER.encode())
        os.truncate(path, 512 * MEBIBYTE)
    reports = []

    peak = peak_of(lambda: reports.append(ingest.run(tmp_path, limits=Limits(line_bytes=8 * MEBIBYTE))))

    assert (reports[0].rejected_files, reports[0].loaded) == (1, 1)
    assert "longer than 8388608 bytes" in reports[0].problems[0]
    assert peak < 200 * MEBIBYTE


def test_a_million_columns_are_refused(tmp_path):
    put(tmp_path, "csv_generic/D001/dms_invoice_line.csv", ",".join(map(str, range(1_000_000))) + "\n" + LINE)
    put(tmp_path, GOOD, HEADER + LINE)

    report = ingest.run(tmp_path)

    assert (report.rejected_files, report.loaded) == (1, 1)
    assert "its header has 1000000 columns, more than 2000" in report.problems[0]
    assert len(report.problems[0]) < 500


NAMES = [
    "dms_invoice_line'; drop table x; --.csv",
    'dms_invoice_line"quoted".csv',
    "dms_invoice_line\nproblem: none.csv",
    "dms_invoice_line\x1b[31mred.csv",
    "dms_invoice_line..csv",
    "dms_invoice_line[a]*?.csv",
    "dms_invoice_line%0A{}.csv",
    "dms_invoice_line\\back.csv",
    "dms_invoice_line ₹ é.csv",
    "dms_invoice_line_" + "x" * 220 + ".csv",
    os.fsdecode(b"dms_invoice_line_caf\xe9.csv"),
]


def test_a_name_is_only_a_name(tmp_path):
    for number, name in enumerate(NAMES):
        put(tmp_path, f"csv_generic/D'{number}\u202e/{name}", HEADER + LINE.replace("A", f"A{number}") + "bad\n")

    report = ingest.run(tmp_path)
    write_snapshot(tmp_path, tmp_path / "snapshot")

    assert (report.files, report.loaded, report.rejected) == (len(NAMES), len(NAMES), len(NAMES))
    assert all(problem.isprintable() for problem in report.problems)
    assert table(tmp_path, "rows")["_file"].n_unique() == len(NAMES)
    assert all(name.isprintable() for name in table(tmp_path, "rejects")["_file"])
    assert ingest.run(tmp_path).files == 0
    with duckdb.connect() as con:
        files = con.execute(f"select count(distinct file) from '{tmp_path}/snapshot/file.parquet'").fetchone()
    assert files == (len(NAMES),)


VALUES = [
    "'; drop table sale; --",
    "=HYPERLINK(1)",
    "../../etc/passwd",
    "[/red]",
    "\x1b[31m",
    "${HOME}",
    "{{ 1 }}",
    "\u202e",
]


def test_codes_are_only_codes(tmp_path, capsys):
    lines = [LINE.replace("S1", code).replace("A,1", f"A{n},1") for n, code in enumerate(VALUES)]
    bad = [line.replace(",2,", ",two,") for line in lines]
    put(tmp_path, GOOD, HEADER + "".join(lines) + "".join(bad))

    report = ingest.run(tmp_path)
    seen = status.status(Settings(home=tmp_path))
    terminal.show_rows("Rejected", table(tmp_path, "rejects").to_dicts())

    assert (report.loaded, report.rejected) == (len(VALUES), len(VALUES))
    assert table(tmp_path, "rows")["sender_sku_code"].to_list() == VALUES
    assert seen.rejects[0]["records"] == len(VALUES)
    assert "\x1b[31m" not in capsys.readouterr().out


def test_limits_are_settings(monkeypatch):
    monkeypatch.setenv("SELLTHROUGH_MAX_LINE_BYTES", "1000")

    assert Settings().limits == Limits(line_bytes=1000)
    assert set(vars(Limits())) == {name[4:] for name in Settings.model_fields if name.startswith("max_")}
