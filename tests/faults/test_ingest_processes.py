"""Several processes at once, and processes that die: each file is committed once, and a batch is there wholly or not at all."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import ingest
from ingest import bronze
from ingest.bronze import CommitLog

HEADER = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
SEMICOLON = "As Of;Item Code;Batch;Condition;Opening;Closing;UOM\n"

RUN = "import sys, pathlib, ingest; ingest.run(pathlib.Path(sys.argv[1]))"
"""Take in what has landed, in a process of its own."""

DIE = """
import os, pathlib, signal, sys
import ingest
from ingest import bronze

left = int(sys.argv[2])
count = 0

def step(frame, event, argument):
    global count
    if event in ("call", "c_call", "return", "c_return") and "bronze.py" in frame.f_code.co_filename:
        count += 1
        if count == left:
            os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(step)
ingest.run(pathlib.Path(sys.argv[1]))
sys.setprofile(None)
print(count)
"""
"""Take in what has landed and die at a given step of what bronze does; print the number of steps."""


def fill(home: Path, days: int) -> int:
    """Let files of three feeds and two profiles land; return how many."""
    count = 0

    def put(name: str, content: str) -> None:
        nonlocal count
        path = home / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (1_772_000_000, 1_772_000_000))
        count += 1

    put("csv_generic/HQ/sku.csv", "sku_code,sku_name\nS1,Soap\n")
    for day in range(1, days + 1):
        for sender in ("D001", "D002", "D003"):
            line = f"INVOICE,{sender}-{day},1,2026-03-{day:02},O1,S1,{day},EA,{'x' if day == 3 else day}\n"
            put(f"csv_generic/{sender}/dms_invoice_line_2026-03-{day:02}.csv", HEADER + line)
        put(f"csv_semicolon/D009/dms_stock_2026-03-{day:02}.csv", SEMICOLON + f"{day:02}/03/2026;S1;;;1;{day};PC\n")
        put(f"csv_semicolon/D009/dms_stock_2026-03-{day:02}_r2.csv", SEMICOLON + f"{day:02}/03/2026;S1;;;2;{day};PC\n")
    return count


def state(home: Path) -> list[dict]:
    """What is committed, without the times."""
    return [
        {key: value for key, value in commit.items() if key != "committed_at"} for commit in CommitLog(home).commits
    ]


def rows(home: Path) -> pl.DataFrame:
    frames = [
        pl.read_parquet(home / "bronze" / c["rows"])
        for c in CommitLog(home).commits
        if c["rows"] and c["feed"] == "dms_invoice_line"
    ]
    return pl.concat(frames).drop("_pos").sort("_file", "_record")


def test_eight_processes_on_one_landing_commit_each_file_once(tmp_path):
    alone, crowded = tmp_path / "alone", tmp_path / "crowded"
    files = fill(alone, days=8)
    fill(crowded, days=8)
    ingest.run(alone)

    processes = [subprocess.Popen([sys.executable, "-c", RUN, str(crowded)]) for _ in range(8)]

    assert [process.wait(timeout=120) for process in processes] == [0] * 8
    commits = CommitLog(crowded).commits
    names = Counter(entry["name"] for commit in commits for entry in commit["files"])
    assert (len(names), set(names.values())) == (files, {1})
    assert [commit["seq"] for commit in commits] == list(range(1, len(commits) + 1))
    assert [commit["committed_at"] for commit in commits] == sorted(commit["committed_at"] for commit in commits)
    assert rows(crowded).equals(rows(alone))


def test_two_replays_at_once_commit_each_change_once(tmp_path):
    files = fill(tmp_path, days=3)
    ingest.run(tmp_path)
    before = len(CommitLog(tmp_path).commits)
    profile = tmp_path / "config" / "profiles" / "csv_generic.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("overrides: [{sender: D001, set: {unit: CS}}]\n")
    command = RUN.replace("ingest.run", "ingest.replay")

    processes = [subprocess.Popen([sys.executable, "-c", command, str(tmp_path)]) for _ in range(2)]

    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    replayed = [entry["name"] for commit in CommitLog(tmp_path).commits[before:] for entry in commit["files"]]
    assert files == 16
    assert sorted(replayed) == [f"csv_generic/D001/dms_invoice_line_2026-03-{day:02}.csv" for day in (1, 2)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[Path, int]:
    home = tmp_path_factory.mktemp("undisturbed")
    fill(home, days=4)
    done = subprocess.run(
        [sys.executable, "-c", DIE, str(home), "0"], capture_output=True, text=True, check=True, timeout=120
    )
    return home, int(done.stdout)


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_moment_and_run_again_it_ends_in_the_same_state(tmp_path, undisturbed, seed):
    expected, steps = undisturbed
    fill(tmp_path, days=4)
    moment = random.Random(seed).randrange(1, steps)

    killed = subprocess.run(
        [sys.executable, "-c", DIE, str(tmp_path), str(moment)], capture_output=True, check=False, timeout=120
    )

    assert killed.returncode == -signal.SIGKILL
    for commit in CommitLog(tmp_path).commits:
        for kind in ("rows", "rejects"):
            if commit[kind]:
                pl.read_parquet(tmp_path / "bronze" / commit[kind])
    ingest.run(tmp_path)
    assert state(tmp_path) == state(expected)
    assert rows(tmp_path).equals(rows(expected))
    bronze.sweep(tmp_path, older_than=timedelta(0))
    assert _tree(tmp_path) == _tree(expected)


def _tree(home: Path) -> list[str]:
    return sorted(path.relative_to(home).as_posix() for path in (home / "bronze").rglob("*") if path.is_file())


def test_the_log_is_readable_by_anybody(undisturbed):
    home, _ = undisturbed

    first = json.loads((home / "bronze" / "_commits" / "0000000001.json").read_text())

    assert (first["seq"], first["feed"], first["files"][0]["name"]) == (1, "sku", "csv_generic/HQ/sku.csv")
