"""The units that profiles may name are those that the contracts accept and that the warehouse can turn into pieces."""

from __future__ import annotations

import re
from pathlib import Path

from ingest.contracts import load_contracts
from ingest.profiles import UNITS

MACRO = Path(__file__).parents[2] / "dbt_project" / "macros" / "units.sql"


def test_the_warehouse_knows_the_pieces_of_every_unit():
    text = MACRO.read_text(encoding="utf-8").partition("{% macro")[2]

    assert set(re.findall(r"when '(EA|IN|CS)'", text)) | set(re.findall(r"\('([A-Z]+)', \d+\)", text)) == set(UNITS)


def test_every_contract_accepts_the_same_units():
    rules = [rule for contract in load_contracts().values() for rule in contract.rules if rule.name == "unknown_unit"]

    assert rules
    assert {frozenset(rule.valid_values) for rule in rules} == {frozenset(UNITS)}
