"""The steward's sheet, and decisions as rows of a feed."""

import json
from datetime import date

import pytest

from sellthrough import decisions, steward
from sellthrough.decisions import DecisionIncomplete
from sellthrough.settings import Settings
from sellthrough.steward import SheetUnreadable

ROW = {
    "kind": "SKU",
    "owner": "D1",
    "code": "=HYPERLINK(1)",
    "name": "@soap",
    "lines": 3,
    "value_net": -5,
    "suggested_code": "S1",
}


def test_no_text_in_a_sheet_is_a_formula():
    _, row = steward.sheet([ROW]).splitlines()

    assert row.split(",")[2:6] == ["'=HYPERLINK(1)", "'@soap", "3", "-5"]


def test_a_code_comes_back_from_a_sheet_as_it_went_in():
    sheet = steward.sheet([{**ROW, "accept": "S1"}])

    [decision] = steward.accepted(sheet, decided_by="asha", reason="same item")

    assert (decision.kind, decision.distributor_code, decision.sender_sku_code, decision.value) == (
        "SKU_XREF",
        "D1",
        "=HYPERLINK(1)",
        "S1",
    )


def test_what_a_steward_does_not_accept_is_no_decision():
    assert steward.accepted(steward.sheet([ROW]), decided_by="asha", reason="same item") == []


def test_a_sheet_without_its_columns_says_so():
    with pytest.raises(SheetUnreadable, match="no column kind, owner, accept"):
        steward.accepted("code\nX\n", decided_by="asha", reason="same item")


def test_a_unit_cannot_be_accepted_as_a_mapping():
    with pytest.raises(SheetUnreadable, match="record 1: UNIT 'BOX'"):
        steward.accepted(
            steward.sheet([{**ROW, "kind": "UNIT", "code": "BOX", "accept": "CS"}]), decided_by="a", reason="b"
        )


def test_decisions_land_as_one_file_of_their_own_profile(tmp_path):
    settings = Settings(home=tmp_path)
    made = decisions.mapping(
        "OUTLET", "D1", "0017", "O17", decided_by="asha", reason="visited", valid_from=date(2026, 3, 1)
    )

    path = decisions.record(settings, [made])

    assert path.parent == settings.landing / "decisions"
    line = json.loads(path.read_text())
    assert {name: line[name] for name in ("kind", "distributor_code", "sender_outlet_code", "value", "valid_from")} == {
        "kind": "OUTLET_XREF",
        "distributor_code": "D1",
        "sender_outlet_code": "0017",
        "value": "O17",
        "valid_from": "2026-03-01",
    }


def test_a_decision_without_a_reason_is_none(tmp_path):
    with pytest.raises(DecisionIncomplete, match="--reason"):
        decisions.record(
            Settings(home=tmp_path), [decisions.mapping("SKU", "D1", "X", "S1", decided_by="asha", reason=" ")]
        )
