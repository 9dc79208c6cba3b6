"""What a contract must keep to beyond being readable: the Open Data Contract Standard v3.1, and our own ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.contracts.load import parse_contract
from ingest.contracts.rules import FRAMING_RULES
from ingest.errors import ContractInvalid

_TOP = {
    *("apiVersion", "kind", "id", "name", "version", "status", "domain", "dataProduct"),
    *("description", "team", "schema", "slaProperties"),
}
_OPTIONAL_TOP = {
    "tenant",
    "tags",
    "support",
    "price",
    "roles",
    "servers",
    "customProperties",
    "authoritativeDefinitions",
    "contractCreatedTs",
}
_STATUS = ("proposed", "draft", "active", "deprecated", "retired")
_TABLE = {
    *("name", "logicalType", "physicalType", "description", "dataGranularityDescription"),
    *("properties", "quality"),
}
_PROPERTY = {
    *("name", "description", "logicalType", "physicalType", "required", "primaryKey", "primaryKeyPosition"),
    *("classification", "customProperties", "quality"),
}
_CUSTOM = {"fromSender", "default", "unit", "personalData"}
_RULE = {
    *("name", "description", "type", "metric", "arguments", "mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo"),
    *("mustBeLessThan", "mustBeLessOrEqualTo", "unit", "engine", "implementation", "dimension", "severity"),
}
_LOGICAL = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "BOOLEAN": "boolean",
}
_DIMENSIONS = ("accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness")


def lint(document: Mapping[str, Any], path: Path) -> list[str]:
    """What is wrong with a contract, as sentences; empty where it keeps to everything."""
    try:
        parse_contract(document, path)
    except ContractInvalid as error:
        return [str(error)]
    table = document["schema"][0]
    problems = [
        *_head(document),
        *_agreements(document, table),
        *_table(table),
        *(problem for item in table["properties"] for problem in _property(item)),
        *_key(table["properties"]),
        *_rules(table),
    ]
    return [f"contract {path.name}: {problem}" for problem in problems]


def _head(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _keys("the contract", document, _TOP, _OPTIONAL_TOP)
    if document["status"] not in _STATUS:
        yield f"status {document['status']!r} is none of {', '.join(_STATUS)}"
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(document["version"])):
        yield f"version {document['version']!r} is not three numbers with points"
    if not (document.get("description") or {}).get("purpose"):
        yield "description.purpose is missing"
    if not (document.get("team") or {}).get("name"):
        yield "team.name, who owns the contract, is missing"


def _agreements(document: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[str]:
    agreements = document.get("slaProperties") or []
    if "frequency" not in {item.get("property") for item in agreements}:
        yield "slaProperties has no frequency"
    elements = {f"{table['name']}.{item['name']}" for item in table["properties"]}
    for item in agreements:
        if item.get("value") is None:
            yield f"slaProperties {item.get('property')}: value is missing"
        if item.get("element") not in elements:
            yield f"slaProperties {item.get('property')}: element {item.get('element')!r} is no column of the table"


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    yield from _keys(f"table {table.get('name')}", table, _TABLE, set())
    if table.get("logicalType") != "object":
        yield f"table {table.get('name')}: logicalType must be object"
    names = [item["name"] for item in table["properties"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"property {name} stands twice"


def _property(item: Mapping[str, Any]) -> Iterator[str]:
    where = f"property {item['name']}"
    yield from _keys(where, item, {"name", "description", "logicalType", "physicalType"}, _PROPERTY)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", item["name"]):
        yield f"{where}: write names in small letters, with _ between words"
    if not str(item.get("description", "")).endswith("."):
        yield f"{where}: the description is no sentence with a full stop"
    logical = _LOGICAL.get(item["physicalType"], "number")
    if item.get("logicalType") != logical:
        yield f"{where}: logicalType of {item['physicalType']} is {logical}, not {item.get('logicalType')!r}"
    custom = {entry.get("property"): entry.get("value") for entry in item.get("customProperties") or []}
    yield from _keys(f"{where}: customProperties", custom, set(), _CUSTOM)
    if logical == "number" and "unit" not in custom:
        yield f"{where}: customProperties does not say the unit"
    if ("personalData" in custom) != (item.get("classification") == "confidential"):
        yield f"{where}: personalData and classification: confidential go together"
    if item.get("primaryKey") and "personalData" in custom:
        yield f"{where}: a column of the key holds no personal data, since keys stand in messages"


def _key(properties: list[Mapping[str, Any]]) -> Iterator[str]:
    positions = sorted(item.get("primaryKeyPosition", 0) for item in properties if item.get("primaryKey"))
    if positions != list(range(1, len(positions) + 1)):
        yield f"primaryKeyPosition counts from 1 without gaps, not {', '.join(map(str, positions))}"


def _rules(table: Mapping[str, Any]) -> Iterator[str]:
    severities: dict[str, set[str]] = {}
    warnings: list[str] = []
    rules = [rule for item in table["properties"] for rule in item.get("quality") or []]
    for rule in [*rules, *table["quality"]]:
        where = f"rule {rule['name']}"
        yield from _keys(where, rule, {"name", "description", "type", "dimension", "severity"}, _RULE)
        if rule.get("type") not in ("library", "custom") or ("metric" in rule) != (rule["type"] == "library"):
            yield f"{where}: a library rule has a metric, a custom one has none"
        if rule.get("dimension") not in _DIMENSIONS:
            yield f"{where}: dimension {rule.get('dimension')!r} is none of {', '.join(_DIMENSIONS)}"
        if rule["name"] in FRAMING_RULES:
            yield f"{where}: is the name of a rule about the framing of files"
        severities.setdefault(rule["name"], set()).add(rule.get("severity", "error"))
        if rule.get("severity") == "warning" and rule.get("metric") not in ("rowCount", "duplicateValues"):
            warnings.append(rule["name"])
    for name in sorted(name for name, found in severities.items() if len(found) > 1):
        yield f"rule {name}: is an error here and a warning there"
    for name in sorted({name for name in warnings if warnings.count(name) > 1}):
        yield f"rule {name}: two warnings have this name, and each has a flag of its own"


def _keys(where: str, found: Mapping[Any, Any], needed: set[str], allowed: set[str]) -> Iterator[str]:
    for name in sorted(needed - set(found)):
        yield f"{where}: {name} is missing"
    for name in sorted(set(found) - needed - allowed):
        yield f"{where}: {name} is no key that we know"
