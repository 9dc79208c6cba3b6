"""The ERP profiles that ship, end to end: the files of tests/fixtures/formats taken in, and what they add up to."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml

FORMATS = Path(__file__).parents[2] / "fixtures" / "formats"
PROFILES = ("sap_delvry07", "sap_invoic02", "sap_proact01", "sap_likp_lips", "sap_vbrk_vbrp", "oracle_ebs")
CASES = [
    pytest.param(profile, name, expected, id=f"{profile}/{name}")
    for profile in PROFILES
    for name, expected in yaml.safe_load((FORMATS / profile / "expected.yaml").read_text(encoding="utf-8")).items()
]


def take_in(landing, profile: str, name: str, sender: str = "SENDER"):
    landing.put(f"{profile}/{sender}/{name}", (FORMATS / profile / name).read_bytes())
    return landing.run()


@pytest.mark.parametrize(("profile", "name", "expected"), CASES)
def test_a_file_gives_what_it_adds_up_to(landing, profile, name, expected):
    report = take_in(landing, profile, name, expected.get("sender", "SENDER"))
    rows = landing.rows(expected.get("feed", name.partition("__")[0]))

    assert (report.records, report.loaded, report.rejected, report.left_out) == (
        expected["records"],
        expected["loaded"],
        expected.get("rejected", 0),
        expected.get("left_out", 0),
    ), report.problems
    for rule, count in expected.get("rules", {}).items():
        assert report.rules.get(rule) == count
    for column, total in expected.get("sums", {}).items():
        assert rows[column].sum() == Decimal(total), column
    for column, values in expected.get("values", {}).items():
        assert rows[column].cast(pl.String).to_list() == values, column
