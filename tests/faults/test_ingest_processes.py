"""Several processes at once, and processes that die: each file is committed once, and a batch is there wholly or not at all."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import zipfile
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

BILL = (
    "ISA*00*{0:10}*00*{0:10}*ZZ*ACME           *ZZ*US             *260301*1200*U*00401*{1:09}*0*P*>~GS*IN*A*B*20260301*1200*1*X*004010~"
    "ST*810*1~BIG*20260301*INV{1}~N1*BY*Shop*92*D1~N1*SF*Plant*92*P1~IT1*1*2*EA*10**VP*S1~IT1*2*1*EA*5**VP*S2~SE*7*1~GE*1*1~IEA*1*{2:09}~\n"
)
"""An interchange of two items, its control number, and the one that its trailer repeats."""

RUN = "import sys, pathlib, ingest; ingest.run(pathlib.Path(sys.argv[1]))"
"""Take in what has landed, in a process of its own."""
REPLAY = RUN.replace("ingest.run", "ingest.replay")

DIE = """
import os, pathlib, signal, sys
import ingest
from ingest import bronze

left, where = int(sys.argv[2]), sys.argv[3]
count = 0

def step(frame, event, argument):
    global count
    if event in ("call", "c_call", "return", "c_return") and where in frame.f_code.co_filename:
        count += 1
        if count == left:
            os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(step)
ingest.run(pathlib.Path(sys.argv[1]))
sys.setprofile(None)
print(count)
"""
"""Take in what has landed and die at a given step of what some of our files do; print the number of steps."""

DIE_BEFORE = """
import os, pathlib, signal, sys
import ingest
from ingest.bronze import CommitLog

create = CommitLog.create

def killed(log, commit):
    if commit["feed"] == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    return create(log, commit)

CommitLog.create = killed
ingest.run(pathlib.Path(sys.argv[1]))
"""
"""Take in what has landed and die when the first commit of a feed is due, its data already written."""


def day_book(*voucher_types: str) -> str:
    """An export of Tally with a voucher of one item for each type; sales and purchases are of two feeds."""
    vouchers = "".join(
        f'<VOUCHER VCHTYPE="{kind}"><GUID>g-{n}</GUID><DATE>20260301</DATE><VOUCHERNUMBER>V-{n}</VOUCHERNUMBER>'
        "<PARTYLEDGERNAME>Asha</PARTYLEDGERNAME><ALLINVENTORYENTRIES.LIST><STOCKITEMNAME>Soap</STOCKITEMNAME>"
        "<AMOUNT>40.00</AMOUNT><ACTUALQTY> 1 pcs</ACTUALQTY><BILLEDQTY> 1 pcs</BILLEDQTY></ALLINVENTORYENTRIES.LIST></VOUCHER>"
        for n, kind in enumerate(voucher_types)
    )
    return f"<ENVELOPE>{vouchers}</ENVELOPE>"


def archive(members: dict[str, str]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as packed:
        for name, text in members.items():
            packed.writestr(zipfile.ZipInfo(name), text)
    return memory.getvalue()


def land(home: Path, name: str, content: str | bytes) -> None:
    path = home / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (1_772_000_000, 1_772_000_000))


def fill(home: Path, days: int) -> int:
    """Let files of five feeds and four profiles land, a shared one and members of an archive among them; return how many entries they make."""
    count = 0

    def put(name: str, content: str | bytes, entries: int = 1) -> None:
        nonlocal count
        land(home, name, content)
        count += entries

    put("csv_generic/HQ/sku.csv", "sku_code,sku_name\nS1,Soap\n")
    for day in range(1, days + 1):
        for sender in ("D001", "D002", "D003"):
            line = f"INVOICE,{sender}-{day},1,2026-03-{day:02},O1,S1,{day},EA,{'x' if day == 3 else day}\n"
            put(f"csv_generic/{sender}/dms_invoice_line_2026-03-{day:02}.csv", HEADER + line)
        put(f"csv_semicolon/D009/dms_stock_2026-03-{day:02}.csv", SEMICOLON + f"{day:02}/03/2026;S1;;;1;{day};PC\n")
        put(f"csv_semicolon/D009/dms_stock_2026-03-{day:02}_r2.csv", SEMICOLON + f"{day:02}/03/2026;S1;;;2;{day};PC\n")
    line = "INVOICE,Z{day},1,2026-03-{day:02},O1,S1,{day},EA,{day}\n"
    members = {f"dms_invoice_line_{day}.csv": HEADER + line.format(day=day) for day in range(1, days + 1)}
    put("csv_generic/D004/march.zip", archive(members), entries=days)
    put("tally_daybook/D010/DayBook.xml", day_book("Sales", "Purchase", "Bill"), entries=2)
    put("x12_810/ERP/bills.edi", BILL.format("", 1, 1) + BILL.format("", 2, 9))
    return count


def state(home: Path) -> list[dict]:
    """What is committed, without the times."""
    return [
        {key: value for key, value in commit.items() if key != "committed_at"} for commit in CommitLog(home).commits
    ]


def rows(home: Path, feed: str) -> pl.DataFrame:
    frames = [
        pl.read_parquet(home / "bronze" / c["rows"]) for c in CommitLog(home).commits if c["rows"] and c["feed"] == feed
    ]
    return pl.concat(frames).drop("_pos").sort("_file", "_record")


def all_rows(home: Path) -> dict[str, pl.DataFrame]:
    return {feed: rows(home, feed) for feed in sorted({c["feed"] for c in CommitLog(home).commits if c["rows"]})}


def same(one: Path, other: Path) -> bool:
    """Whether two homes have the same rows of the same feeds."""
    mine, theirs = all_rows(one), all_rows(other)
    return mine.keys() == theirs.keys() and all(mine[feed].equals(theirs[feed]) for feed in mine)


def test_eight_processes_on_one_landing_commit_each_file_once(tmp_path):
    alone, crowded = tmp_path / "alone", tmp_path / "crowded"
    files = fill(alone, days=8)
    fill(crowded, days=8)
    ingest.run(alone)

    processes = [subprocess.Popen([sys.executable, "-c", RUN, str(crowded)]) for _ in range(8)]

    assert [process.wait(timeout=120) for process in processes] == [0] * 8
    commits = CommitLog(crowded).commits
    names = Counter((commit["feed"], entry["name"]) for commit in commits for entry in commit["files"])
    assert (len(names), set(names.values())) == (files, {1})
    assert [commit["seq"] for commit in commits] == list(range(1, len(commits) + 1))
    assert [commit["committed_at"] for commit in commits] == sorted(commit["committed_at"] for commit in commits)
    assert same(crowded, alone)


def test_two_replays_at_once_commit_each_change_once(tmp_path):
    files = fill(tmp_path, days=3)
    ingest.run(tmp_path)
    before = len(CommitLog(tmp_path).commits)
    profile = tmp_path / "config" / "profiles" / "csv_generic.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("overrides: [{sender: D001, set: {unit: CS}}]\n")

    processes = [subprocess.Popen([sys.executable, "-c", REPLAY, str(tmp_path)]) for _ in range(2)]

    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    replayed = [entry["name"] for commit in CommitLog(tmp_path).commits[before:] for entry in commit["files"]]
    assert files == 22
    assert sorted(replayed) == [f"csv_generic/D001/dms_invoice_line_2026-03-{day:02}.csv" for day in (1, 2)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed")
    fill(home, days=4)
    ingest.run(home)
    return home


@pytest.fixture(scope="module")
def steps(tmp_path_factory) -> dict[str, int]:
    """How many steps a run has in some of our files."""
    counted = {}
    for where in ("bronze.py", "/ingest/"):
        home = tmp_path_factory.mktemp("counted")
        fill(home, days=4)
        done = subprocess.run(
            [sys.executable, "-c", DIE, str(home), "0", where], capture_output=True, text=True, check=True, timeout=120
        )
        counted[where] = int(done.stdout)
    return counted


def check_as_if_never_killed(home: Path, expected: Path) -> None:
    """What is there can be read; run again, the home is as the undisturbed one, and nothing is left lying about."""
    for commit in CommitLog(home).commits:
        for kind in ("rows", "rejects"):
            if commit[kind]:
                pl.read_parquet(home / "bronze" / commit[kind])
    ingest.run(home)
    assert state(home) == state(expected)
    assert same(home, expected)
    bronze.sweep(home, older_than=timedelta(0))
    assert _tree(home) == _tree(expected)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("where", ["bronze.py", pytest.param("/ingest/", marks=pytest.mark.long)])
def test_killed_at_any_moment_and_run_again_it_ends_in_the_same_state(tmp_path, undisturbed, steps, where, seed):
    fill(tmp_path, days=4)
    moment = random.Random(seed).randrange(1, steps[where])

    killed = subprocess.run(
        [sys.executable, "-c", DIE, str(tmp_path), str(moment), where], capture_output=True, check=False, timeout=120
    )

    assert killed.returncode == -signal.SIGKILL
    check_as_if_never_killed(tmp_path, undisturbed)


def mend(home: Path) -> None:
    """Settings with which all that `fill` lets land can be read, but for the word in a quantity's place."""
    profiles = {"tally_daybook": "voucher_types: {Bill: Purchase}\n", "x12_810": "control_totals: lenient\n"}
    for name, text in profiles.items():
        path = home / "config" / "profiles" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


DIE_IN_REPLAY = DIE.replace("ingest.run", "ingest.replay")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory, undisturbed) -> tuple[Path, int]:
    """A home that was read again after the mend, and the steps that it took."""
    home = tmp_path_factory.mktemp("replayed") / "home"
    shutil.copytree(undisturbed, home)
    mend(home)
    command = [sys.executable, "-c", DIE_IN_REPLAY, str(home), "0", "bronze.py"]
    return home, int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)


@pytest.mark.parametrize("seed", range(5))
def test_a_replay_killed_at_any_moment_and_run_again_ends_in_the_same_state(tmp_path, undisturbed, replayed, seed):
    expected, steps = replayed
    home = tmp_path / "home"
    shutil.copytree(undisturbed, home)
    mend(home)
    moment = random.Random(seed).randrange(1, steps)

    killed = subprocess.run(
        [sys.executable, "-c", DIE_IN_REPLAY, str(home), str(moment), "bronze.py"],
        capture_output=True,
        check=False,
        timeout=120,
    )
    ingest.replay(home)

    assert killed.returncode == -signal.SIGKILL
    assert sum(commit["replay"] for commit in state(home)) == 3
    assert state(home) == state(expected)
    assert ingest.replay(home).commits == ()


@pytest.mark.parametrize("feed", ["goods_receipt", "dms_invoice_line"])
def test_killed_between_the_feeds_of_a_shared_file_both_are_taken_once(tmp_path, undisturbed, feed):
    fill(tmp_path, days=4)

    killed = subprocess.run(
        [sys.executable, "-c", DIE_BEFORE, str(tmp_path), feed], capture_output=True, check=False, timeout=120
    )

    assert killed.returncode == -signal.SIGKILL
    assert feed not in {commit["feed"] for commit in CommitLog(tmp_path).commits}
    check_as_if_never_killed(tmp_path, undisturbed)


def _tree(home: Path) -> list[str]:
    return sorted(path.relative_to(home).as_posix() for path in (home / "bronze").rglob("*") if path.is_file())


def test_the_log_is_readable_by_anybody(undisturbed):
    first = json.loads((undisturbed / "bronze" / "_commits" / "0000000001.json").read_text())

    assert (first["seq"], first["feed"], first["files"][0]["name"]) == (1, "sku", "csv_generic/HQ/sku.csv")
