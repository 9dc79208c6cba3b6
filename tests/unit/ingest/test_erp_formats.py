"""The ERP profiles that ship, end to end: the files of tests/fixtures/formats taken in, and what they add up to."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import ingest

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


def test_stock_of_two_categories_and_one_condition_is_two_lines(landing):
    take_in(landing, "sap_proact01", "dms_stock__stock_categories.xml")

    assert landing.rows("dms_stock")["_key"].n_unique() == 4


@pytest.mark.parametrize(("profile", "name", "expected"), CASES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_mutated_file_is_accounted_for(tmp_path_factory, profile, name, expected, data):
    text = bytearray((FORMATS / profile / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.mktemp("mutated") / name
    file.write_bytes(text)

    report = ingest.check(file.parent, file, profile=profile, feed=expected.get("feed", name.partition("__")[0]))

    assert report.records == sum((report.loaded, report.rejected, report.left_out, report.blank, report.total_lines))
