"""Great Expectations says what the flags say; what it cannot evaluate fails the run."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

import ingest
from ingest import quality
from ingest.bronze import CommitLog
from ingest.contracts import load_contracts

HEADER = (
    "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,gross_value,discount_value,value_net,"
    "tax_rate,tax_value,cgst_value,mfg_date,expiry_date,gtin,control_note\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A sample with broken rules of each kind, at random but always the same."""
    home = tmp_path_factory.mktemp("quality")
    pick = random.Random(7)
    lines = []
    for number in range(300):
        unit = pick.choice(["EA", "CS", "KG", "", "DRUM"])
        kind = pick.choice(["INVOICE", "INVOICE", "CREDIT_NOTE", "ORDER"])
        qty = pick.choice(["1", "2", "-1", "x", ""])
        gross, discount = pick.choice(["10", "12", ""]), pick.choice(["0", "2", ""])
        tax, part = pick.choice(["5", "0.5", ""]), pick.choice(["0.5", "5", ""])
        expiry, gtin = (
            pick.choice(["2025-01-01", "2027-01-01", ""]),
            pick.choice(["8901030000010", "8901030000011", ""]),
        )
        note = pick.choice(["SE01 says 12", ""])
        lines.append(
            f"{kind},{number},1,2026-03-{1 + number % 28:02},O,S,{qty},{unit},{gross},{discount},10,5,{tax},{part},2026-01-01,{expiry},{gtin},{note}\n"
        )
    for name, content in (
        ("csv_generic/D001/dms_invoice_line_2026-03-01_2026-03-28.csv", HEADER + "".join(lines) + "INVOICE,1\n"),
        (
            "csv_generic/D001/dms_stock_2026-01-01.csv",
            "business_date,sender_sku_code,closing_qty,unit\n2026-01-01,S,-1,EA\n",
        ),
    ):
        path = home / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    ingest.run(home)
    return home


@pytest.fixture(scope="module")
def results(home) -> pl.DataFrame:
    report = quality.run(home)
    assert json.loads((home / "bronze" / "_quality" / "current.json").read_text())["path"] == report.path.name
    return pl.read_parquet(report.path)


def test_warnings_are_counted_as_the_flags_count_them(home, results):
    contract = load_contracts()["dms_invoice_line"]
    (path,) = [home / "bronze" / c["rows"] for c in CommitLog(home).commits if c["feed"] == "dms_invoice_line"]
    flags = pl.read_parquet(path)["_flags"]

    for rule in contract.warnings:
        expected = int(((flags // (1 << rule.bit)) % 2).sum())
        found = results.filter(feed="dms_invoice_line", expectation=rule.name).row(0, named=True)
        assert (found["unexpected"], found["evaluated"], found["success"]) == (expected, len(flags), False)
        assert expected > 0


def test_native_expectations_on_the_values_count_what_the_flags_count(home, results):
    import great_expectations as gx

    (path,) = [home / "bronze" / c["rows"] for c in CommitLog(home).commits if c["feed"] == "dms_invoice_line"]
    rows = pl.read_parquet(path).select("unit", "_flags").to_pandas()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("sample").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})

    native = batch.validate(gx.expectations.ExpectColumnValuesToBeInSet(column="unit", value_set=["EA", "IN", "CS"]))

    ours = results.filter(feed="dms_invoice_line", expectation="unknown_unit").row(0, named=True)
    assert native.result["unexpected_count"] == ours["unexpected"] > 0


def test_rejects_are_counted_per_record_of_all_that_were_read(home, results):
    (commit,) = [c for c in CommitLog(home).commits if c["feed"] == "dms_invoice_line"]
    rejects = pl.read_parquet(home / "bronze" / commit["rejects"])
    expected = Counter(rule for _, rule in rejects.select("_record", "rule").unique().rows())

    found = results.filter(suite="dms_invoice_line_rejects")
    assert {
        row["expectation"]: row["unexpected"] for row in found.iter_rows(named=True) if row["unexpected"]
    } == expected
    assert set(expected) >= {"type", "required", "valid_values", "invoice_not_negative", "columns"}
    assert found["evaluated"].unique().to_list() == [301]


def test_a_feed_that_stays_behind_the_others_is_not_fresh(results):
    fresh = results.filter(expectation="freshness").select("feed", "success").rows()

    assert sorted(fresh) == [("dms_invoice_line", True), ("dms_stock", False)]


def test_no_expectation_raised(results):
    assert results["raised"].null_count() == results.height


def test_an_expectation_that_raises_fails_the_run_and_is_no_bad_data(home, monkeypatch):
    broken = quality._Expectation(
        "ExpectColumnValuesToNotBeNull", {"column": "no_such_column"}, "broken", "no_such_column", "error"
    )
    monkeypatch.setattr(quality, "_suite", lambda *_: iter([broken]))

    with pytest.raises(quality.QualityRunFailed, match="broken"):
        quality.run(home)


def test_an_empty_home_has_no_results(tmp_path):
    report = quality.run(tmp_path)

    assert (report.suites, report.expectations, report.failed) == (0, 0, ())
    assert pl.read_parquet(report.path).columns == list(quality.RESULT)
