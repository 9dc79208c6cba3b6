"""How contracts are looked over and compared: what breaks, and which version it needs."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ingest import review as module
from ingest.contracts import Contract, parse_contract
from ingest.contracts.compare import Level, changes, unversioned
from ingest.contracts.lint import lint
from ingest.review import review

PATH = Path("feeds/thing.yaml")
THING = yaml.safe_load("""
apiVersion: v3.1.0
kind: DataContract
id: thing
name: Things
version: 1.2.0
status: active
domain: things
dataProduct: sellthrough
description: {purpose: To be changed.}
team: {name: things}
schema:
  - name: thing
    logicalType: object
    physicalType: table
    description: Things.
    dataGranularityDescription: One thing.
    properties:
      - {name: code, description: Code., logicalType: string, physicalType: VARCHAR, required: true, primaryKey: true, primaryKeyPosition: 1}
      - name: qty
        description: How many.
        logicalType: number
        physicalType: DECIMAL(18,3)
        customProperties: [{property: unit, value: pieces}]
        quality:
          - {name: few, description: Few., type: custom, engine: sellthrough, implementation: qty < 9, dimension: consistency, severity: warning}
      - name: kind
        description: Kind.
        logicalType: string
        physicalType: VARCHAR
        quality:
          - {name: valid_values, description: One of these., type: library, metric: invalidValues, arguments: {validValues: [A, B]}, mustBe: 0,
             dimension: conformity, severity: error}
    quality:
      - {name: named, description: Named., type: custom, engine: sellthrough, implementation: "kind <> code", dimension: consistency, severity: warning}
      - {name: has_rows, description: Rows., type: library, metric: rowCount, mustBeGreaterThan: 0, dimension: coverage, severity: warning}
slaProperties:
  - {property: frequency, value: 1, unit: d, element: thing.code}
""")
OPTIONAL = {"name": "colour", "description": "Colour.", "logicalType": "string", "physicalType": "VARCHAR"}
RULE = {"type": "custom", "engine": "sellthrough", "description": "New.", "dimension": "consistency", "name": "new"}

Edit = Callable[[dict], object]


def edited(edit: Edit, version: str = "1.2.0") -> Contract:
    document = copy.deepcopy(THING)
    edit(document)
    document["version"] = version
    return parse_contract(document, PATH)


def table(document: dict) -> dict:
    return document["schema"][0]


def column(document: dict, name: str) -> dict:
    return next(item for item in table(document)["properties"] if item["name"] == name)


OLD = {"thing": edited(lambda _: None)}

BREAKING: dict[str, Edit] = {
    "column kind is gone": lambda d: (table(d)["properties"].pop(), table(d)["quality"].pop(0)),
    "column qty was DECIMAL(18,3) and is BIGINT": lambda d: column(d, "qty").update(
        physicalType="BIGINT", logicalType="integer"
    ),
    "column kind is required now": lambda d: column(d, "kind").update(required=True),
    "column colour is new and required": lambda d: table(d)["properties"].append({**OPTIONAL, "required": True}),
    "the natural key was code and is code, kind": lambda d: column(d, "kind").update(
        primaryKey=True, primaryKeyPosition=2
    ),
    "column qty: unit was pieces and is cases": lambda d: column(d, "qty")["customProperties"][0].update(value="cases"),
    "rule few of qty was a warning and is a error": lambda d: column(d, "qty")["quality"][0].update(severity="error"),
    "rule valid_values of kind says something else": lambda d: column(d, "kind")["quality"][0]["arguments"].update(
        validValues=["A"]
    ),
    "rule new is new (error)": lambda d: table(d)["quality"].append(
        {**RULE, "implementation": "qty > 0", "severity": "error"}
    ),
    "rule named has another flag (1 before, 2 now): put new warnings after all others": lambda d: column(d, "kind")[
        "quality"
    ].append({**RULE, "implementation": "kind > 'A'", "severity": "warning"}),
    "rule few of qty leaves its flag to another: rows that are loaded bear it": lambda d: column(d, "qty").pop(
        "quality"
    ),
}
COMPATIBLE: dict[str, Edit] = {
    "column colour is new": lambda d: table(d)["properties"].append(OPTIONAL),
    "column code is no longer required": lambda d: column(d, "code").update(required=False),
    "rule valid_values of kind says something else": lambda d: column(d, "kind")["quality"][0]["arguments"].update(
        validValues=["A", "B", "C"]
    ),
    "rule valid_values of kind is gone": lambda d: column(d, "kind").pop("quality"),
    "rule few of qty says something else": lambda d: column(d, "qty")["quality"][0].update(implementation="qty < 8"),
    "rule new is new (warning)": lambda d: table(d)["quality"].append(
        {**RULE, "implementation": "qty > 0", "severity": "warning"}
    ),
    "rule new is new (error)": lambda d: (
        table(d)["properties"].append(OPTIONAL),
        table(d)["quality"].append({**RULE, "implementation": "colour <> 'red'", "severity": "error"}),
    ),
    "column kind: personalData was None and is phone": lambda d: column(d, "kind").update(
        classification="confidential", customProperties=[{"property": "personalData", "value": "phone"}]
    ),
}


@pytest.mark.parametrize("message", BREAKING)
def test_a_breaking_change_needs_a_new_major_version(message):
    new = {"thing": edited(BREAKING[message])}

    assert (Level.MAJOR, message) in [(change.level, change.message) for change in changes(OLD, new)]
    assert unversioned(OLD, new) == ["thing: has breaking changes and version 1.2.0; it needs 2.0.0"]
    assert unversioned(OLD, {"thing": edited(BREAKING[message], "1.3.0")}) != []
    assert unversioned(OLD, {"thing": edited(BREAKING[message], "2.0.0")}) == []


@pytest.mark.parametrize("message", COMPATIBLE)
def test_a_compatible_change_needs_a_new_minor_version(message):
    new = {"thing": edited(COMPATIBLE[message])}

    assert (Level.MINOR, message) in [(change.level, change.message) for change in changes(OLD, new)]
    assert unversioned(OLD, new) == ["thing: has changed and still has version 1.2.0; it needs 1.3.0"]
    assert unversioned(OLD, {"thing": edited(COMPATIBLE[message], "1.3.0")}) == []


def test_other_words_need_no_version():
    new = {"thing": edited(lambda d: column(d, "kind").update(description="Which kind."))}

    assert [str(change) for change in changes(OLD, new)] == ["thing: wording: column kind is described anew"]
    assert unversioned(OLD, new) == []


def test_a_contract_is_not_taken_away():
    assert unversioned(OLD, {}) == [
        "thing: a contract is not taken away while there is data of its feed; set its status to retired"
    ]


def test_a_new_contract_is_no_change_of_another():
    assert changes({}, OLD) == []


LINTED: dict[str, Edit] = {
    "thing.yaml: colour is no key that we know": lambda d: d.update(colour="red"),
    "the contract: domain is missing": lambda d: d.pop("domain"),
    "status 'new' is none of": lambda d: d.update(status="new"),
    "version '1.2' is not three numbers": lambda d: d.update(version="1.2"),
    "description.purpose is missing": lambda d: d["description"].pop("purpose"),
    "team.name, who owns the contract, is missing": lambda d: d["team"].pop("name"),
    "slaProperties has no frequency": lambda d: d["slaProperties"][0].update(property="latency"),
    "element 'thing.colour' is no column": lambda d: d["slaProperties"][0].update(element="thing.colour"),
    "property kind stands twice": lambda d: table(d)["properties"].append({**OPTIONAL, "name": "kind"}),
    "property Kind: write names in small letters": lambda d: table(d)["properties"].append(
        {**OPTIONAL, "name": "Kind"}
    ),
    "property kind: the description is no sentence": lambda d: column(d, "kind").update(description="kind"),
    "property qty: logicalType of DECIMAL(18,3) is number": lambda d: column(d, "qty").update(logicalType="integer"),
    "property qty: customProperties does not say the unit": lambda d: column(d, "qty").pop("customProperties"),
    "property kind: customProperties: shade is no key": lambda d: column(d, "kind").update(
        customProperties=[{"property": "shade", "value": 1}]
    ),
    "property kind: personalData and classification": lambda d: column(d, "kind").update(classification="confidential"),
    "property code: a column of the key holds no personal data": lambda d: column(d, "code").update(
        classification="confidential", customProperties=[{"property": "personalData", "value": "phone"}]
    ),
    "primaryKeyPosition counts from 1 without gaps, not 2": lambda d: column(d, "code").update(primaryKeyPosition=2),
    "rule few: dimension 'beauty' is none of": lambda d: column(d, "qty")["quality"][0].update(dimension="beauty"),
    "rule type: is the name of a rule about the framing": lambda d: column(d, "qty")["quality"][0].update(name="type"),
    "rule few: two warnings have this name": lambda d: table(d)["quality"][0].update(name="few"),
    "rule few: is an error here and a warning there": lambda d: table(d)["quality"][0].update(
        name="few", severity="error"
    ),
    "rule few: a library rule has a metric": lambda d: column(d, "qty")["quality"][0].update(metric="nullValues"),
    "property kind: physicalType 'TEXT' is none of": lambda d: column(d, "kind").update(physicalType="TEXT"),
}


@pytest.mark.parametrize("says", LINTED)
def test_a_contract_that_does_not_keep_to_the_standard_is_told_so(says):
    document = copy.deepcopy(THING)
    LINTED[says](document)

    problems = lint(document, PATH)

    assert any(says.removeprefix("thing.yaml: ") in problem for problem in problems), problems
    assert all(problem.startswith("contract thing.yaml: ") for problem in problems)


def test_a_contract_that_keeps_to_the_standard_has_no_problems():
    assert lint(THING, PATH) == []


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A repository with one contract, committed on `main`."""
    path = tmp_path / "data_contracts" / "feeds" / "thing.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(THING), encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(module.overlay, "SHIPPED", path.parent.parent)
    return path


def test_a_review_compares_with_the_revision_that_is_named(repository):
    document = copy.deepcopy(THING)
    column(document, "kind")["required"] = True
    repository.write_text(yaml.safe_dump(document), encoding="utf-8")

    found = review()

    assert found.changes == ("thing: breaking: column kind is required now",)
    assert found.problems == ("thing: has breaking changes and version 1.2.0; it needs 2.0.0",)
    assert (found.contracts, found.compared_with) == (1, "main")


def test_a_review_without_the_revision_says_so_and_looks_over_the_rest(repository):
    found = review(against="elsewhere")

    assert found.compared_with.startswith("nothing: fatal: ")
    assert "elsewhere" in found.compared_with
    assert (found.problems, found.changes) == ((), ())


def test_a_review_without_git_says_so(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert review().compared_with == "nothing: git is not installed"


def test_a_review_names_profiles_that_cannot_be_read(repository):
    folder = repository.parent.parent / "profiles"
    folder.mkdir()
    (folder / "odd.yaml").write_text("feeds: {thing: {files: [t.csv], columns: {colour: Colour}}}\n", encoding="utf-8")
    (folder / "bare.yaml").write_text("feeds: {thing: {files: [t.csv]}}\n", encoding="utf-8")

    assert review().problems == (
        "profile bare: description is missing",
        "profile bare: owner is missing",
        "profile odd: feeds.thing.columns: unknown key `colour`",
    )


def test_a_home_with_contracts_of_its_own_is_looked_over_with_them(repository, tmp_path):
    path = tmp_path / "home" / "config" / "contracts" / "own.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("id: own\n", encoding="utf-8")

    assert review(tmp_path / "home").problems == ("contract own.yaml: apiVersion must be v3.1.0, is None",)
