"""Suites over bronze: what they count, what they say of shapes and readings, and what they do when they cannot tell."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ingest
from ingest import quality
from ingest.bronze import CommitLog
from ingest.contracts import Column, Contract, Rule, breaks, flags, load_contracts

NAME = "csv_generic/D001/dms_invoice_line_2026-03-01.csv"
DIGITS = ("4006381333931", "4006381333932", "490154203237518", "490154203237519")
"""A GTIN and an IMEI, each with its check digit and with another one."""


@pytest.fixture
def outcome(landing):
    """Run the suites and give one result as (success, unexpected, evaluated)."""

    def find(
        expectation: str, column: str | None = None, *, suite: str = "dms_invoice_line", through_seq: int | None = None
    ) -> tuple[bool, int, int]:
        results = pl.read_parquet(quality.run(landing.home, through_seq).path)
        chosen = (
            (pl.col("suite") == suite) & (pl.col("expectation") == expectation) & pl.col("column").eq_missing(column)
        )
        (row,) = results.filter(chosen).select("success", "unexpected", "evaluated").rows()
        return row

    return find


def commit(home: Path, contract: Contract, rows: pl.DataFrame, *, name: str) -> Path:
    """Commit rows of one file as they are, whatever the contract says of them."""
    folder = home / "bronze" / contract.feed / name
    folder.mkdir(parents=True)
    rows.write_parquet(folder / "rows.parquet")
    entry = {
        "name": name,
        "sender": "D001",
        "sha256": name,
        "status": "loaded",
        "records": rows.height,
        "blank": 0,
        "total_lines": 0,
    }
    CommitLog(home).create(
        {
            "feed": contract.feed,
            "profile": "csv_generic",
            "contract_version": contract.version,
            "mode": "append",
            "replay": False,
            "scopes": [],
            "files": [entry],
            "rows": f"{contract.feed}/{name}/rows.parquet",
            "rejects": None,
            "replaces": [],
        }
    )
    return folder / "rows.parquet"


def sample(contract: Contract, size: int = 400) -> pl.DataFrame:
    """Rows at random, always the same ones, of which each rule is broken by some."""
    pick = random.Random(7)
    table = {
        column.name: pl.Series([_value(column, contract, pick) for _ in range(size)], dtype=column.dtype)
        for column in contract.columns
    }
    rows = pl.DataFrame(table).with_columns(
        pl.lit(contract.feed).alias("_sender"),
        pl.lit("sample").alias("_file"),
        pl.int_range(1, size + 1, dtype=pl.Int64).alias("_record"),
        pl.int_range(1, size + 1, dtype=pl.Int64).alias("_pos"),
        pl.int_range(1, size + 1).cast(pl.String).alias("_key"),
        flags(contract.rules).alias("_flags"),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in contract.schema.items())


def _value(column: Column, contract: Contract, pick: random.Random) -> Any:
    if pick.random() < 0.15:
        return None
    if column.kind == "string":
        listed = [value for rule in contract.rules if rule.column == column.name for value in rule.valid_values]
        return pick.choice([*listed, "A", "B", "INVOICE", *DIGITS])
    return {
        "integer": lambda: pick.randint(-1, 6),
        "decimal": lambda: Decimal(pick.randint(-4, 4)) / 2,
        "double": lambda: pick.uniform(-300, 300),
        "date": lambda: date(2026, 3, 1) + timedelta(days=pick.randint(0, 3)),
        "boolean": lambda: pick.random() < 0.5,
        "timestamp": lambda: datetime(2026, 3, 1, 12, pick.randint(0, 40)),
    }[column.kind]()


def _in_duckdb(expression: str) -> str:
    """The expression as DuckDB says it, check digits included."""
    name, _, column = expression.rstrip(")").partition("(")
    if not name.endswith("_CHECK_DIGIT"):
        return expression
    digits = f"list_reverse([try_cast(sign as integer) for sign in string_split({column}, '')])"
    if name == "GS1_CHECK_DIGIT":
        weighted = f"[digit * (case when place % 2 = 0 then 3 else 1 end) for digit, place in {digits}]"
        return f"case when length({column}) <> 13 then false else list_sum({weighted}) % 10 = 0 end"
    doubled = (
        f"[case when place % 2 = 0 then digit * 2 // 10 + digit * 2 % 10 else digit end for digit, place in {digits}]"
    )
    return f"case when length({column}) <> 15 then true else list_sum({doubled}) % 10 = 0 end"


def native(rule: Rule) -> quality._Expectation:
    """A rule as an expectation on the values themselves."""
    if rule.valid_values:
        arguments: dict[str, Any] = {"column": rule.column, "value_set": list(rule.valid_values)}
        return quality._Expectation("ExpectColumnValuesToBeInSet", arguments, rule.name, rule.column, rule.severity)
    query = f"SELECT * FROM {{batch}} WHERE NOT coalesce({_in_duckdb(rule.expression)}, true)"
    arguments = {"unexpected_rows_query": query}
    return quality._Expectation("UnexpectedRowsExpectation", arguments, rule.name, rule.column, rule.severity)


def test_native_expectations_of_every_rule_count_what_flags_and_predicates_count(tmp_path):
    contracts = load_contracts()
    rows = {feed: sample(contract) for feed, contract in contracts.items()}
    for feed, contract in contracts.items():
        commit(tmp_path, contract, rows[feed], name=feed)
    sources = quality._sources(tmp_path / "bronze", CommitLog(tmp_path).commits)
    quality._lay(tmp_path / "x.duckdb", {feed: (contracts[feed], source) for feed, source in sources.items()})
    suites = {feed: [native(rule) for rule in contract.rules] for feed, contract in contracts.items()}
    found = list(quality._evaluate(tmp_path / "x.duckdb", suites, None))
    ours = pl.read_parquet(quality.run(tmp_path).path)

    assert [
        quality._raised(result.exception_info) for _, _, result in found if quality._raised(result.exception_info)
    ] == []
    counted = [result.result.get("unexpected_count", result.result.get("observed_value")) for _, _, result in found]
    rules = [(feed, rule) for feed, contract in contracts.items() for rule in contract.rules]
    assert counted == [int(rows[feed].select(breaks(rule)).to_series().sum()) for feed, rule in rules]
    assert min(counted) > 0
    by_flag = {
        (row["feed"], row["expectation"]): row["unexpected"] for row in ours.filter(severity="warning").to_dicts()
    }
    warned = [
        (feed, rule.name, count) for (feed, rule), count in zip(rules, counted, strict=True) if rule.bit is not None
    ]
    assert [by_flag[feed, name] for feed, name, _ in warned] == [count for _, _, count in warned]


def test_a_broken_warning_and_a_rejected_record_are_failures_with_their_counts(landing, invoice, outcome):
    lines = invoice(("A", 1, "2026-03-01", "1", "1"), ("A", 2, "2026-03-01", "1", "1"), unit="DRUM")
    landing.put(NAME, lines + "INVOICE,A,3,2026-03-01,O1,S1,-1,EA,-1\n" + "INVOICE,A,4,2026-03-01,O1,S1,x,EA,1\n")
    landing.run()

    assert outcome("unknown_unit", "unit") == (False, 2, 2)
    assert outcome("invoice_not_negative", suite="dms_invoice_line_rejects") == (False, 1, 4)
    assert outcome("type", suite="dms_invoice_line_rejects") == (False, 1, 4)
    assert outcome("required", suite="dms_invoice_line_rejects") == (True, 0, 4)
    assert outcome("column_set")[:2] == outcome("types")[:2] == outcome("required", "qty")[:2] == (True, 0)


def test_a_refused_file_counts_once_and_its_feed_has_no_rows(landing, outcome):
    landing.put(NAME, "menge\n1\n2\n")
    landing.run()

    assert outcome("missing_column", suite="dms_invoice_line_rejects")[:2] == (False, 1)
    assert outcome("has_rows") == (False, 1, 0)
    assert outcome("unknown_unit", "unit") == (True, 0, 0)


def test_a_file_that_was_read_again_counts_as_last_read(landing, invoice, outcome):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1"), ("A", 2, "2026-03-01", "x", "1"), unit="DRUM"))
    landing.put(NAME.replace("D001", "D002"), invoice(("A", 1, "2026-03-01", "1", "1"), unit="DRUM"))
    landing.run()
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D001, set: {unit: CS}}]\n")
    ingest.replay(landing.home)

    assert outcome("unknown_unit", "unit", through_seq=1) == (False, 2, 2)
    assert outcome("unknown_unit", "unit") == (False, 1, 2)
    assert outcome("type", suite="dms_invoice_line_rejects") == (False, 1, 3)


def test_replaced_data_is_not_looked_at(landing, invoice, outcome):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1"), unit="DRUM"))
    landing.run()
    (taken,) = landing.commits()
    CommitLog(landing.home).create(
        {name: value for name, value in taken.items() if name not in ("seq", "committed_at")}
        | {"files": [], "rows": None, "replaces": [taken["rows"]]}
    )

    assert outcome("unknown_unit", "unit") == (True, 0, 0)


def test_a_required_value_that_no_row_has_is_missing_from_all_of_them(tmp_path):
    contract = load_contracts()["pos_sale"]
    rows = sample(contract).drop("unit").with_columns(pl.lit("x").alias("extra"))
    commit(tmp_path, contract, rows.cast({"qty": pl.String}), name="drifted")

    results = pl.read_parquet(quality.run(tmp_path).path).filter(suite="pos_sale")

    by_name = {(row["expectation"], row["column"]): (row["success"], row["unexpected"]) for row in results.to_dicts()}
    assert by_name["required", "unit"] == (False, rows.height)
    assert by_name["column_set", None] == (False, 1)
    assert by_name["types", None] == (False, 1)


def test_duplicates_are_counted_where_the_contract_bounds_them(landing, invoice, outcome):
    landing.config(
        "contracts/dms_invoice_line.yaml",
        "schema:\n- name: dms_invoice_line\n  quality:\n"
        "  - {name: few_doubles, type: library, metric: duplicateValues, mustBeLessThan: 2, severity: warning}\n"
        "  - {name: no_doubles, type: library, metric: duplicateValues, mustBe: 0, severity: error}\n",
    )
    landing.put(
        NAME,
        invoice(("A", 1, "2026-03-01", "1", "1"), ("A", 1, "2026-03-01", "2", "2"), ("B", 1, "2026-03-01", "1", "1")),
    )
    landing.run()

    assert outcome("few_doubles") == (True, 1, 3)
    assert outcome("no_doubles") == (False, 1, 3)


def test_damaged_data_fails_the_run_and_leaves_the_results_that_stand(tmp_path):
    contract = load_contracts()["sku"]
    path = commit(tmp_path, contract, sample(contract), name="good")
    quality.run(tmp_path)
    pointer = tmp_path / "bronze" / "_quality" / "current.json"
    before = pointer.read_text()
    commit(tmp_path, contract, sample(contract), name="also good")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])

    with pytest.raises(quality.QualityRunFailed, match="sku"):
        quality.run(tmp_path)

    assert pointer.read_text() == before


def test_an_expectation_that_raises_fails_the_run_and_writes_nothing(landing, invoice, monkeypatch):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()
    broken = quality._Expectation("ExpectColumnValuesToNotBeNull", {"column": "nowhere"}, "broken", "nowhere", "error")
    monkeypatch.setattr(quality, "_suite", lambda *_: iter([broken]))

    with pytest.raises(quality.QualityRunFailed, match="dms_invoice_line broken") as failure:
        quality.run(landing.home)

    assert len(failure.value.raised) == 1
    assert not (landing.home / "bronze" / "_quality").exists()


def test_equal_data_gives_an_equal_file_and_the_pointer_names_it(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()

    first, second = quality.run(landing.home), quality.run(landing.home)

    assert first == second
    folder = landing.home / "bronze" / "_quality"
    assert json.loads((folder / "current.json").read_text()) == {"path": first.path.name, "through_seq": 1}
    assert sorted(path.name for path in folder.iterdir()) == sorted([first.path.name, "current.json"])


def test_a_feed_whose_contract_is_gone_is_named_and_hinders_nobody(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()
    (taken,) = landing.commits()
    CommitLog(landing.home).create(
        {name: value for name, value in taken.items() if name not in ("seq", "committed_at")} | {"feed": "own_feed"}
    )

    report = quality.run(landing.home)

    assert report.without_contract == ("own_feed",)
    assert report.suites == 2


def test_an_empty_home_has_nothing_to_report_and_does_not_import_the_library(tmp_path):
    code = (
        "import sys, pathlib\nfrom ingest import quality\n"
        "report = quality.run(pathlib.Path(sys.argv[1]))\n"
        "assert (report.suites, report.expectations, report.failed, report.through_seq) == (0, 0, (), 0)\n"
        "assert 'great_expectations' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(quality.__file__).parents[1])
