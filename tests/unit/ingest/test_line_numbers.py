"""Lines of a sender who numbers none are numbered by their order within the document, so that none counts as a correction of another."""

from __future__ import annotations

import pytest

from ingest import batch, job
from ingest.connectors import folder
from ingest.readers import delimited

PROFILE = """
contract_names: true
number_lines: true
constants: {document_type: INVOICE}
totals: {values: [Total], column: sender_sku_code}
feeds:
  dms_invoice_line: {files: "inv*.csv"}
"""
HEADER = "document_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"


def text(*lines: tuple[str, str]) -> str:
    """Lines of a document with a quantity each."""
    return HEADER + "".join(f"{document},2026-03-01,O1,S1,{qty},EA,9.50\n" for document, qty in lines)


@pytest.fixture
def sender(landing):
    landing.config("profiles/p.yaml", PROFILE)
    return landing


def numbers(landing) -> list[tuple[str, int]]:
    return landing.rows().select("document_no", "line_no").rows()


def test_lines_are_numbered_within_their_document(sender):
    sender.put("p/D1/inv1.csv", text(("A", "1"), ("A", "1"), ("B", "1"), ("A", "2")))
    sender.put("p/D1/inv2.csv", text(("A", "7")))

    assert sender.run().exit_code == 0
    assert numbers(sender) == [("A", 1), ("A", 2), ("B", 1), ("A", 3), ("A", 1)]
    assert sender.rows()["_key"].n_unique() == 4


def test_where_the_number_alone_is_the_key_lines_are_numbered_through_the_file(landing):
    landing.config("profiles/p.yaml", PROFILE + "    key: [line_no]\n".replace("    ", "", 1))
    landing.put("p/D1/inv1.csv", text(("A", "1"), ("B", "1"), ("A", "2")))

    assert landing.run().exit_code == 0
    assert numbers(landing) == [("A", 1), ("B", 2), ("A", 3)]


def test_a_rejected_line_keeps_its_number_and_a_total_has_none(sender):
    total = "A,2026-03-01,O1,Total,2,EA,9.50\n"
    sender.put("p/D1/inv1.csv", text(("A", "1"), ("A", "two")) + total + text(("A", "3")).removeprefix(HEADER))

    assert sender.run().rejected == 1
    assert numbers(sender) == [("A", 1), ("A", 3)]


@pytest.mark.parametrize("bad", ["A,2026-03-01,O1,S1,1,EA,9.50,beyond\n", text(("", "1")).removeprefix(HEADER)])
def test_a_line_that_does_not_tell_its_document_takes_a_number_of_the_one_beside_it(sender, bad: str):
    behind = text(("A", "3"), ("B", "1")).removeprefix(HEADER)
    sender.put("p/D1/inv1.csv", text(("A", "1")) + bad + behind)

    assert sender.run().rejected == 1
    assert numbers(sender) == [("A", 1), ("A", 3), ("B", 1)]


def test_a_line_above_all_others_that_cannot_be_read_takes_the_first_number(sender):
    sender.put("p/D1/inv1.csv", HEADER + "A\n" + text(("A", "2")).removeprefix(HEADER))
    sender.run()

    assert numbers(sender) == [("A", 2)]


def test_a_line_that_is_left_out_and_tells_no_document_has_no_number(sender):
    sender.config("profiles/p.yaml", PROFILE + "leave_out: {unit: [-]}\n")
    sender.put("p/D1/inv1.csv", text(("A", "1")) + ",,,,,-,\n" + text(("A", "2")).removeprefix(HEADER))

    assert sender.run().left_out == 1
    assert numbers(sender) == [("A", 1), ("A", 2)]


def test_a_large_file_is_numbered_as_a_whole(sender, monkeypatch):
    monkeypatch.setattr(folder, "_BLOCK", 150)
    monkeypatch.setattr(delimited, "_BLOCK", 150)
    monkeypatch.setattr(batch, "_TOGETHER_BYTES", 200)
    monkeypatch.setattr(job, "_LARGE", 1)
    sender.put("p/D1/inv1.csv", text(*[("A", "1"), ("B", "1")] * 60))

    sender.run()

    assert numbers(sender) == [(document, number) for number in range(1, 61) for document in "AB"]


def test_a_file_that_has_line_numbers_is_not_numbered_too(landing):
    landing.config("profiles/p.yaml", PROFILE + "columns: {line_no: Pos}\n")
    landing.put("p/D1/inv1.csv", text(("A", "1")))

    assert "leave line_no out of the other settings" in landing.run().problems[0]
