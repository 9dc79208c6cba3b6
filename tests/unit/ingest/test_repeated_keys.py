"""Records of one file with one natural key are one line; that this is so is said, and how many there are."""

from __future__ import annotations

import polars as pl
import pytest

import ingest

NAME = "csv_generic/D001/dms_invoice_line_2026-03-01.csv"


def warned(landing) -> list[str]:
    return [warning["message"] for warning in landing.commits()[-1]["files"][0]["warnings"]]


def test_records_that_are_alike_are_counted_but_for_the_first(landing, invoice):
    same = ("A", 1, "2026-03-01", "1", "9")
    path = landing.put(NAME, invoice(same, same, same, ("B", 1, "2026-03-01", "1", "9")))

    assert ingest.check(landing.home, path, profile="csv_generic").rules == {"repeated_key": 2}
    report = landing.run()

    assert (report.loaded, report.rules) == (4, {"repeated_key": 2})
    assert "2 records have the natural key" in warned(landing)[0]
    assert "0 of them with another content" in warned(landing)[0]


def test_those_with_another_content_are_counted_besides(landing, invoice):
    landing.put(NAME, invoice(*(("A", 1, "2026-03-01", qty, "9") for qty in ("1", "1", "2"))))
    landing.run()

    assert "2 records have the natural key" in warned(landing)[0]
    assert "1 of them with another content" in warned(landing)[0]


def test_versions_that_the_sender_tells_apart_are_no_repeats(landing, invoice):
    header, *lines = invoice(("A", 1, "2026-03-01", "1", "9"), ("A", 1, "2026-03-01", "2", "18")).splitlines()
    stamped = [f"{line},2026-03-01T10:00:0{n}" for n, line in enumerate(lines)]
    landing.put(NAME, "\n".join([f"{header},modified_at", *stamped]) + "\n")

    assert landing.run().rules == {}


def test_files_of_one_batch_are_looked_at_one_by_one(landing, invoice):
    for day in ("01", "02"):
        landing.put(NAME.replace("03-01", f"03-{day}"), invoice(("A", 1, "2026-03-01", "1", day)))

    assert landing.run().rules == {}


@pytest.mark.parametrize("large", [1, 10**9])
def test_a_file_that_is_read_piece_by_piece_is_looked_at_as_a_whole(landing, invoice, monkeypatch, large):
    monkeypatch.setattr("ingest.job._LARGE", large)
    monkeypatch.setattr("ingest.batch._TOGETHER_BYTES", 100)
    lines = [(f"D{n % 7}", 1, "2026-03-01", str(n + 1), "9") for n in range(10)]
    landing.put(NAME, invoice(*lines))

    assert landing.run().rules == {"repeated_key": 3}
    assert landing.rows()["_key"].n_unique() == 7
    assert pl.Series(warned(landing)).str.contains("3 of them with another content").all()
