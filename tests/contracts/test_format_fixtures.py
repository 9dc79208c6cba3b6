"""Each format that a profile claims to read is read from a file, with the outcome that stands beside it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

import ingest
from ingest.contracts import load_contracts
from ingest.overlay import SHIPPED
from ingest.profiles import Catalogue
from ingest.reference import covered, feeds_page
from ingest.review import review

FORMATS = Path(__file__).resolve().parents[1] / "fixtures" / "formats"
PAGE = SHIPPED.parent / "docs" / "reference" / "feeds.md"
CONTRACTS = load_contracts()
CATALOGUE = Catalogue(None, CONTRACTS)
KEYS = {
    "feed",
    "sender",
    "records",
    "loaded",
    "rejected",
    "left_out",
    "blank",
    "total_lines",
    "rules",
    "sums",
    "values",
}


def expectations() -> Iterator[tuple[str, str, dict]]:
    """Profile, file and what is expected of one feed in it."""
    for path in sorted(FORMATS.glob("*/expected.yaml")):
        for file, outcomes in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            for outcome in outcomes if isinstance(outcomes, list) else [outcomes]:
                yield path.parent.name, file, {"feed": file.partition("__")[0], **outcome}


EXPECTED = list(expectations())


@pytest.mark.parametrize(
    ("profile", "file", "expected"),
    EXPECTED,
    ids=[f"{profile}-{file}-{item['feed']}" for profile, file, item in EXPECTED],
)
def test_a_file_gives_what_stands_beside_it(tmp_path, profile, file, expected):
    assert set(expected) <= KEYS

    report = ingest.check(
        tmp_path,
        FORMATS / profile / file,
        profile=profile,
        feed=expected["feed"],
        sender=expected.get("sender", "SENDER"),
        data_dirs=[FORMATS / profile],
    )

    counts = {name: getattr(report, name) for name in ("records", "loaded", "rejected", "left_out")}
    assert counts == {name: expected.get(name, 0) for name in counts}, report.problems
    assert report.records == sum((report.loaded, report.rejected, report.left_out, report.blank, report.total_lines))
    for name in {"blank", "total_lines", "rules"} & set(expected):
        assert getattr(report, name) == expected[name], report.problems
    rows = {
        name: column.to_pylist() for name, column in zip(report.rows.column_names, report.rows.columns, strict=True)
    }
    for column, total in expected.get("sums", {}).items():
        assert sum(Decimal(str(value)) for value in rows[column] if value is not None) == Decimal(str(total)), column
    for column, values in expected.get("values", {}).items():
        assert [None if value is None else str(value) for value in rows[column]] == [
            None if value is None else str(value) for value in values
        ], column


@pytest.mark.parametrize(
    ("feed", "form", "profile"), covered(CATALOGUE.profile(name) for name in CATALOGUE.profile_ids)
)
def test_what_the_table_of_feeds_and_formats_claims_is_shown_by_a_file(feed, form, profile):
    shown = {(own, item["feed"]) for own, _, item in EXPECTED if item["loaded"] > 0}

    assert (profile, feed) in shown, (
        f"tests/fixtures/formats/{profile}/ has no {form} file of {feed} that loads a record"
    )


def test_every_file_beside_an_expectation_is_expected_to_give_something():
    expected = {(profile, file) for profile, file, _ in EXPECTED}
    there = {
        (path.parent.name, path.name) for path in FORMATS.glob("*/*") if path.is_file() and path.name != "expected.yaml"
    }

    assert there == expected


def test_the_page_of_feeds_is_the_one_that_the_contracts_give():
    assert PAGE.read_text(encoding="utf-8") == review(against="HEAD").page, "run `make docs`"


def test_the_page_of_feeds_names_every_column_and_rule():
    page = feeds_page(CONTRACTS, [CATALOGUE.profile(name) for name in CATALOGUE.profile_ids])

    for contract in CONTRACTS.values():
        section = page.partition(f"\n## {contract.feed}\n")[2].partition("\n## ")[0]
        assert all(f"`{column.name}`" in section for column in contract.columns)
        assert all(f"`{rule.name}`" in section for rule in contract.rules)
