"""A line whose new version is rejected is not lacking: no file that states its days wholly deletes it thereby."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ingest
from ingest import batch, job
from ingest.bronze import write_snapshot
from ingest.readers import delimited

FILE = "csv_semicolon/D001/dms_invoice_line_2026-03-01.csv"


@pytest.fixture
def sent(landing, semicolon) -> Callable[..., Any]:
    """A file of the day with these lines, taken in."""

    def send(*lines: tuple[str, str, int, str, str, str]):
        landing.put(FILE, semicolon(*lines))
        landing.run()
        return landing

    return send


def line(number: str, qty: str = "1", line_no: int = 1, day: str = "01/03/2026", kind: str = "INV") -> tuple[Any, ...]:
    return (kind, number, line_no, day, qty, "10,00")


def told(landing) -> tuple[list[bool], list[str | None]]:
    """Whether the last commit closes what it lacks, and the keys of its rejected records."""
    closes = [scope["closes"] for scope in landing.commits()[-1]["scopes"]]
    return closes, landing.rejects()["_key"].to_list()


def test_a_file_without_rejects_closes_what_it_lacks(sent: Callable[..., Any]):
    assert [scope["closes"] for scope in sent(line("A")).commits()[-1]["scopes"]] == [True]


def test_the_key_of_a_record_with_a_bad_quantity_is_kept_and_the_rest_closes(sent: Callable[..., Any]):
    landing = sent(line("A"), line("B", qty="x"))

    assert told(landing) == ([True], ["D001|INVOICE|B|1"])


@pytest.mark.parametrize(
    "bad",
    [line("", qty="1"), line("B", kind="PROFORMA"), line("B", qty="-1")],
    ids=["no_number", "unknown_document_type", "a_return_in_disguise"],
)
def test_a_record_whose_key_is_in_doubt_suspends_the_closing(sent: Callable[..., Any], bad: tuple[Any, ...]):
    landing = sent(line("A"), bad)

    closes, keys = told(landing)
    assert (closes, set(keys)) == ([False], {None})
    assert [warning["rule"] for warning in landing.commits()[-1]["files"][0]["warnings"]] == ["closing_suspended"]


def test_a_record_that_cannot_be_framed_suspends_the_closing_and_says_what_to_do(landing, semicolon):
    landing.put(FILE, semicolon(line("A")) + b"INV;B\n")

    report = landing.run()

    assert told(landing) == ([False], [None])
    assert report.rules == {"columns": 1, "closing_suspended": 1}
    assert any(
        "no line that the file lacks counts as deleted; mend it, then `sellthrough replay`" in p
        for p in report.problems
    )


def test_in_append_mode_nothing_is_said_about_closing(landing, invoice):
    landing.put("csv_generic/D001/dms_invoice_line_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "9")) + "x\n")

    assert landing.run().rules == {"columns": 1}


def test_a_replay_after_mending_closes(landing, semicolon):
    landing.put(FILE, semicolon(line("A"), line("B", kind="SALE")))
    landing.run()
    landing.config("profiles/csv_semicolon.yaml", "values: {document_type: {SALE: INVOICE}}\n")

    ingest.replay(landing.home)

    first, again = landing.commits()
    assert [scope["closes"] for commit in (first, again) for scope in commit["scopes"]] == [False, True]


def test_a_rejected_file_closes_nothing_on_replay_either(landing, semicolon):
    landing.put(FILE, semicolon(line("A")))
    landing.run()
    landing.config("profiles/csv_semicolon.yaml", "feeds: {dms_invoice_line: {columns: {document_no: Number}}}\n")

    ingest.replay(landing.home)

    assert [commit["files"][0]["closes"] for commit in landing.commits()] == [True, False]


def test_a_broken_record_of_a_shared_file_may_be_of_either_feed(landing):
    landing.config(
        "profiles/shared.yaml",
        "mode: replace\ncontract_names: true\n"
        "feeds:\n"
        '  dms_invoice_line: {files: ["day_*.csv"], where: {kind: [sale]}, ignore_columns: [kind]}\n'
        '  dms_return: {files: ["day_*.csv"], where: {kind: [return]}, ignore_columns: [kind]}\n',
    )
    header = (
        "kind,document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net"
    )
    landing.put(
        "shared/D001/day_2026-03-01.csv",
        f"{header}\nsale,INVOICE,A,1,2026-03-01,O1,S1,1,EA,9\nreturn,,R,1,2026-03-01,O1,S1,1,EA,9\nother,,X,1,2026-03-01,O1,S1,1,EA,9\n",
    )

    landing.run()

    commits = landing.commits()
    assert {commit["feed"]: commit["scopes"][0]["closes"] for commit in commits} == {
        "dms_invoice_line": False,
        "dms_return": False,
    }


NAMELESS = "csv_semicolon/D001/dms_invoice_line.csv"


def dated(landing, semicolon, *days: str, name: str = NAMELESS) -> tuple[list[bool], list[str]]:
    """Whether a file with an invoice of each of some days closes what it lacks, and what is said about that."""
    landing.put(name, semicolon(*(line(f"A{place}", day=day) for place, day in enumerate(days))))
    report = landing.run()
    assert report.loaded == len(days)
    said = [w["message"] for w in landing.commits()[-1]["files"][0]["warnings"] if w["rule"] == "closing_suspended"]
    return [scope["closes"] for scope in landing.commits()[-1]["scopes"]], said


def test_a_mistyped_year_in_a_file_that_names_no_days_suspends_the_closing_and_says_why(landing, semicolon):
    closes, said = dated(landing, semicolon, "04/03/2026", "05/03/2025", "06/03/2026")

    assert closes == [False]
    assert "between them (2025-03-05 to 2026-03-04), so that no line that the file lacks counts as deleted" in said[0]
    assert "have the first and last day put into its name" in said[0]


@pytest.mark.parametrize(("day", "closes"), [("01/04/2026", True), ("02/04/2026", False)], ids=["31_days", "32_days"])
def test_the_days_of_a_file_may_lie_a_month_apart(landing, semicolon, day: str, closes: bool):
    assert dated(landing, semicolon, "01/03/2026", day)[0] == [closes]


def test_a_file_that_names_its_days_closes_however_far_its_dates_lie_apart(landing, semicolon):
    name = "csv_semicolon/D001/dms_invoice_line_2026-03-01_2026-03-31.csv"

    assert dated(landing, semicolon, "04/03/2026", "05/03/2025", name=name) == ([True], [])


def test_a_long_stretch_that_is_filled_closes(landing, semicolon):
    days = [f"15/{month:02}/2026" for month in range(1, 7)]

    assert dated(landing, semicolon, *days) == ([True], [])


def test_in_full_mode_the_dates_say_nothing_about_what_a_file_lacks(landing, semicolon):
    landing.config("profiles/csv_semicolon.yaml", "mode: full\n")

    assert dated(landing, semicolon, "04/03/2026", "05/03/2025") == ([True], [])


@pytest.mark.parametrize(("month", "closes"), [("03", True), ("05", False)], ids=["filled", "a_gap_between_pieces"])
def test_a_large_file_is_judged_by_the_dates_of_all_its_pieces(
    landing, semicolon, monkeypatch, month: str, closes: bool
):
    monkeypatch.setattr(delimited, "_BLOCK", 150)
    monkeypatch.setattr(batch, "_TOGETHER_BYTES", 200)
    monkeypatch.setattr(job, "_LARGE", 1)
    days = [f"{day:02}/{of}/2026" for of in ("02", month) for day in range(1, 29)]

    assert dated(landing, semicolon, *days)[0] == [closes]


KILLED = """
import os, pathlib, signal, sys
import ingest
from ingest.bronze import CommitLog

def killed(log, commit):
    os.kill(os.getpid(), signal.SIGKILL)

CommitLog.create = killed
ingest.run(pathlib.Path(sys.argv[1]))
"""


def test_a_kill_before_the_commit_leaves_neither_the_rows_nor_the_suspension(landing, semicolon):
    landing.put(FILE, semicolon(line("A"), line("B", qty="x"), line("", qty="1")))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(landing.home)], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert landing.commits() == []

    landing.run()

    closes, keys = told(landing)
    assert (closes, set(keys)) == ([False], {"D001|INVOICE|B|1", None})


def test_the_snapshot_tells_dbt_which_scopes_close(landing, semicolon, tmp_path: Path):
    landing.put(FILE, semicolon(line("A"), line("", qty="1")))
    landing.run()
    write_snapshot(landing.home, tmp_path / "snapshot")

    assert [
        pl.read_parquet(tmp_path / "snapshot" / f"{name}.parquet")["closes"].to_list() for name in ("scope", "file")
    ] == [
        [False],
        [False],
    ]


def test_the_snapshot_tells_dbt_which_file_states_a_scope_also_where_the_rows_name_the_sender(landing, tmp_path: Path):
    landing.config(
        "profiles/hub.yaml",
        "sender: {from: column, column: who}\nmode: replace\ncontract_names: true\n"
        "feeds: {dms_invoice_line: {files: '*.csv', ignore_columns: [who]}}\n",
    )
    header = (
        "who,document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
    )
    for name, senders, day in (("a", "AB", 1), ("b", "BC", 2), ("c", "A", 3)):
        lines = (f"{who},INVOICE,1,1,2026-03-0{day},O1,S1,1,EA,9.50\n" for who in senders)
        landing.put(f"hub/HUB/{name}.csv", header + "".join(lines))
    landing.put("hub/C/d.csv", header + "D,INVOICE,1,1,2026-03-02,O1,S1,1,EA,9.50\n")
    landing.run()

    def stating() -> list[tuple[str, str]]:
        write_snapshot(landing.home, tmp_path / "snapshot")
        scopes = pl.read_parquet(tmp_path / "snapshot" / "scope.parquet")
        return sorted(scopes.select("sender", pl.col("file").str.tail(5)).rows())

    assert stating() == [
        *(("A", "a.csv"), ("A", "c.csv"), ("B", "a.csv"), ("B", "b.csv"), ("C", "b.csv"), ("D", "d.csv")),
    ]
    for path in (landing.home / "bronze" / "_commits").glob("*.json"):
        path.write_text(re.sub(r'"senders":\[[^]]*\],', "", path.read_text()))
    assert ("A", "c.csv") in stating()
    assert all(name for _, name in stating())
