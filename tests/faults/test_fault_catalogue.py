"""Every fault of the catalogue has the outcome that stands beside it, in what `check` says, in the commit log and in the Parquet."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from fault_files import COUNTS, PAGE, Fault, catalogue, page

import ingest
from ingest.bronze import CommitLog
from ingest.contracts import REJECTS, load_contracts
from ingest.errors import UnknownFeed, UnknownProfile
from ingest.limits import Limits
from ingest.profiles import Catalogue
from ingest.readers import LINES

FAULTS = catalogue()
NEIGHBOUR = "csv_semicolon/NEIGHBOUR/dms_stock_2026-03-01.csv"
"""A sound file that lands with the first file of each fault."""
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.id for fault in FAULTS])
def test_a_fault_has_the_outcome_that_the_catalogue_says(tmp_path: Path, fault: Fault) -> None:
    for name, text in fault.config.items():
        (tmp_path / "config" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "config" / name).write_text(text, encoding="utf-8")
    land(tmp_path / "landing" / NEIGHBOUR, b"As Of;Item Code;Closing;UOM\n01/03/2026;S1;5;PC\n")
    limits = Limits(**fault.limits)
    problems: list[str] = []
    rules: Counter[str] = Counter()
    for name, content in fault.files.items():
        path = land(tmp_path / "landing" / fault.landing_name(name), content)
        said = dry_run(tmp_path, path, fault.profile, limits)

        report = ingest.run(tmp_path, limits=limits)

        problems += report.problems
        rules.update(report.rules)
        new = [entry for seq in report.commits for entry in CommitLog(tmp_path).commits[seq - 1]["files"]]
        new = [entry for entry in new if entry["name"] != NEIGHBOUR]
        if new and said is not None:
            counts = [sum(entry[name] for entry in new) for name in COUNTS]
            assert said == (counts, report.rules, sorted(report.problems)), "check says otherwise than run"
        assert ingest.run(tmp_path, limits=limits).commits == ()

    commits = CommitLog(tmp_path).commits
    everything = [(commit, entry) for commit in commits for entry in commit["files"]]
    entries = [(commit, entry) for commit, entry in everything if entry["name"] != NEIGHBOUR]
    assert [entry["loaded"] for _, entry in everything if entry["name"] == NEIGHBOUR] == [1]
    found = [(c["feed"], e["name"], e["status"], {name: e[name] for name in COUNTS}) for c, e in entries]
    expected = [(one.feed, fault.landing_name(one.file), one.status, dict(one.counts)) for one in fault.outcomes]
    assert found == expected, problems
    assert dict(rules) == dict(fault.rules), problems
    assert bool(problems) == bool(fault.says), problems
    for part in fault.says:
        assert any(part in problem for problem in problems), (part, problems)
    assert all(problem.isprintable() for problem in problems)
    for commit, entry in entries:
        check_entry(tmp_path, commit, entry, fault)
    check_rows(tmp_path, fault)
    if fault.scopes is not None:
        assert len(commits[-1]["scopes"]) == fault.scopes


def land(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def dry_run(home: Path, path: Path, profile: str, limits: Limits) -> tuple[object, ...] | None:
    """What `check` says of a landed file; None where it knows neither profile nor feed of it."""
    try:
        first = ingest.check(home, path, profile=profile, limits=limits)
    except (UnknownFeed, UnknownProfile):
        return None
    reports = [first, *first.others]
    rules = sum((Counter(report.rules) for report in reports), Counter())
    counts = [sum(getattr(report, name) for report in reports) for name in COUNTS]
    return counts, dict(rules), sorted(problem for report in reports for problem in report.problems)


def check_entry(home: Path, commit: dict, entry: dict, fault: Fault) -> None:
    """What a file's entry counts is what stands in the Parquet, and no line of it is lost."""
    assert entry["records"] == sum(entry[name] for name in ("loaded", "rejected", "left_out", "blank", "total_lines"))
    rows, rejects = (of_file(home, commit[kind], entry["name"]) for kind in ("rows", "rejects"))
    assert rows.height == entry["loaded"]
    if entry["status"] == "rejected":
        assert rejects["_record"].to_list() == [None]
    else:
        assert rejects.drop_nulls("_record").height == rejects.height
        assert rejects["_record"].n_unique() == entry["rejected"]
        assert rejects["raw"].null_count() == 0
        text = plain_text(fault, commit, entry)
        if text is not None:
            lines, above = text
            assert len(lines) - above == entry["records"]
            assert all(lines[line - 1] == raw for line, raw in zip(rejects["_line"], rejects["raw"], strict=True))
    assert all(message.startswith(entry["name"]) for message in rejects["message"])


def of_file(home: Path, path: str | None, name: str) -> pl.DataFrame:
    if path is None:
        return pl.DataFrame(schema=REJECTS)
    return pl.read_parquet(home / "bronze" / path).filter(pl.col("_file") == name)


def plain_text(fault: Fault, commit: dict, entry: dict) -> tuple[list[str], int] | None:
    """Lines of a text in which each record is a line, split without our readers, and how many of them are the header's; else None."""
    content = {fault.landing_name(name): data for name, data in fault.files.items()}.get(entry["name"])
    if content is None or entry["name"].endswith(".gz") or b'"' in content or fault.config:
        return None
    form = Catalogue(None, load_contracts()).profile(fault.profile).feeds[commit["feed"]]
    if form.format not in LINES - {"sap_table"}:
        return None
    text = content.decode(form.encoding).removesuffix("\n")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines, 0 if form.format in ("jsonl", "fixed_width") else form.title_rows + form.header_rows


def check_rows(home: Path, fault: Fault) -> None:
    if not (fault.values or fault.sums or fault.keys is not None):
        return
    feed = fault.outcomes[0].feed
    paths = [c["rows"] for c in CommitLog(home).commits if c["feed"] == feed and c["rows"]]
    rows = pl.concat([pl.read_parquet(home / "bronze" / path) for path in paths]).filter(pl.col("_file") != NEIGHBOUR)
    for column, values in fault.values.items():
        assert [None if value is None else str(value) for value in rows[column]] == values, column
    for column, total in fault.sums.items():
        assert Decimal(rows[column].sum()) == Decimal(total), column
    if fault.keys is not None:
        assert rows["_key"].n_unique() == fault.keys


def test_the_catalogue_has_at_least_forty_five_kinds_each_with_an_id_of_its_own() -> None:
    ids = [fault.id for fault in FAULTS]

    assert len(set(ids)) == len(ids) >= 45


def test_every_fault_says_whence_it_is() -> None:
    assert [fault.id for fault in FAULTS if not re.fullmatch(r"T(0[1-9]|1\d|2[0-5])|trap|own", fault.source)] == []


def test_the_tests_that_show_what_becomes_of_a_fault_further_on_exist() -> None:
    for fault in FAULTS:
        for named in fault.seen_by:
            path, _, test = named.partition("::")
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), named


def test_the_page_of_faults_is_the_one_that_the_catalogue_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(FAULTS), "run `make docs`"
