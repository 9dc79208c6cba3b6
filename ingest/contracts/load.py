"""Read ODCS contracts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ingest import overlay
from ingest.contracts.model import Column, Contract, DatasetRule, Kind, Rule, Severity
from ingest.contracts.rules import check_expression
from ingest.errors import ContractInvalid, IngestError

_TYPES: dict[str, Kind] = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "BOOLEAN": "boolean",
}
_DECIMAL = re.compile(r"DECIMAL\(18,\s*([34])\)")
_OPERATORS = ("mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBe")


def load_contracts(home: Path | None = None) -> dict[str, Contract]:
    """All contracts by feed id: ours, with HOME/config/contracts laid over."""
    return {feed: _load(tuple(paths), _stamps(paths)) for feed, paths in sorted(overlay.layers("feeds", home).items())}


def _stamps(paths: list[Path]) -> tuple[int, ...]:
    return tuple(path.stat().st_mtime_ns for path in paths)


@lru_cache(maxsize=256)
def _load(paths: tuple[Path, ...], _stamps: tuple[int, ...]) -> Contract:
    path = paths[-1]
    try:
        document = overlay.load(list(paths))
    except IngestError as error:
        raise ContractInvalid(path, str(error)) from error
    return parse_contract(document, path)


def parse_contract(document: Mapping[str, Any], path: Path) -> Contract:
    """Turn an ODCS v3.1 document into a contract."""
    for name, expected in (("apiVersion", "v3.1.0"), ("kind", "DataContract")):
        if document.get(name) != expected:
            raise ContractInvalid(path, f"{name} must be {expected}, is {document.get(name)!r}")
    for name in ("id", "version", "schema", "status"):
        if not document.get(name):
            raise ContractInvalid(path, f"{name} is missing")
    if document["id"] != path.stem:
        raise ContractInvalid(path, f"id {document['id']!r} must equal the file's name {path.stem!r}")
    if len(document["schema"]) != 1:
        raise ContractInvalid(path, "one schema object is expected")
    table = document["schema"][0]
    properties = table.get("properties") or []
    columns = tuple(_column(item, path) for item in properties)
    keyed = [item for item in properties if item.get("primaryKey")]
    key = tuple(item["name"] for item in sorted(keyed, key=lambda item: int(item.get("primaryKeyPosition", 0))))
    if not key:
        raise ContractInvalid(path, "no property is marked primaryKey")
    rules = _rules(properties, table.get("quality") or [], path)
    names = [column.name for column in columns]
    for rule in rules:
        problem = check_expression(rule.expression, names)
        if problem:
            raise ContractInvalid(path, f"rule {rule.name}: {problem}")
    latency = next((p["value"] for p in document.get("slaProperties") or [] if p.get("property") == "latency"), None)
    return Contract(
        feed=document["id"],
        version=str(document["version"]),
        title=str(document.get("name", document["id"])),
        columns=columns,
        key=key,
        rules=rules,
        dataset_rules=tuple(_dataset_rules(table.get("quality") or [], path)),
        latency_days=None if latency is None else int(latency),
        digest=hashlib.sha256(overlay.canonical(document).encode()).hexdigest(),
        purpose=str((document.get("description") or {}).get("purpose", "")),
        limitations=str((document.get("description") or {}).get("limitations", "")),
        owner=str((document.get("team") or {}).get("name", "")),
    )


def _column(item: Mapping[str, Any], path: Path) -> Column:
    name, physical = item.get("name"), str(item.get("physicalType", ""))
    if not name:
        raise ContractInvalid(path, "a property has no name")
    decimal = _DECIMAL.fullmatch(physical)
    kind: Kind
    if decimal:
        kind = "decimal"
    elif physical in _TYPES:
        kind = _TYPES[physical]
    else:
        raise ContractInvalid(
            path,
            f"property {name}: physicalType {physical!r} is none of {', '.join([*_TYPES, 'DECIMAL(18,3)', 'DECIMAL(18,4)'])}",
        )
    custom = {entry["property"]: entry["value"] for entry in item.get("customProperties") or []}
    return Column(
        name=name,
        kind=kind,
        scale=int(decimal.group(1)) if decimal else 0,
        required=bool(item.get("required", False)),
        description=str(item.get("description", "")),
        physical_type=physical,
        default=str(custom["default"]) if custom.get("default") is not None else None,
        from_sender=bool(custom.get("fromSender", False)),
        unit=custom.get("unit"),
        personal=custom.get("personalData"),
    )


def _rules(properties: list[Mapping[str, Any]], table_rules: list[Mapping[str, Any]], path: Path) -> tuple[Rule, ...]:
    found: list[Rule] = []
    scoped: list[tuple[str | None, Mapping[str, Any]]] = [
        (item["name"], rule) for item in properties for rule in item.get("quality") or []
    ]
    scoped += [(None, rule) for rule in table_rules]
    bit = 0
    for column, rule in scoped:
        name = rule.get("name")
        if not name:
            raise ContractInvalid(path, f"a quality rule of {column or 'the table'} has no name")
        severity = _severity(rule, path)
        values: tuple[str, ...] = ()
        if rule.get("type") == "custom" and rule.get("engine") == "sellthrough":
            expression = str(rule["implementation"])
        elif rule.get("metric") == "invalidValues" and column:
            values = tuple(str(value) for value in rule.get("arguments", {}).get("validValues", []))
            if not values:
                raise ContractInvalid(path, f"rule {name} of {column}: arguments.validValues is missing")
            quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
            expression = f"{column} IN ({quoted})"
        elif rule.get("metric") in ("rowCount", "duplicateValues"):
            continue
        else:
            raise ContractInvalid(
                path, f"rule {name}: a row rule is `type: custom, engine: sellthrough` or `metric: invalidValues`"
            )
        found.append(
            Rule(
                name=name,
                severity=severity,
                description=str(rule.get("description", "")),
                expression=expression,
                column=column,
                valid_values=values,
                bit=bit if severity == "warning" else None,
            )
        )
        bit += severity == "warning"
    if bit > 62:
        raise ContractInvalid(path, "more than 62 warnings do not fit into the flags")
    return tuple(found)


def _dataset_rules(table_rules: list[Mapping[str, Any]], path: Path) -> Iterator[DatasetRule]:
    for rule in table_rules:
        if rule.get("metric") not in ("rowCount", "duplicateValues"):
            continue
        operator = next((key for key in _OPERATORS if key in rule), None)
        if operator is None:
            raise ContractInvalid(path, f"rule {rule.get('name')}: one of {', '.join(_OPERATORS)} is needed")
        yield DatasetRule(
            name=str(rule["name"]),
            metric=str(rule["metric"]),
            operator=operator,
            bound=float(rule[operator]),
            severity=_severity(rule, path),
            description=str(rule.get("description", "")),
        )


def _severity(rule: Mapping[str, Any], path: Path) -> Severity:
    severity = rule.get("severity", "error")
    if severity == "error":
        return "error"
    if severity == "warning":
        return "warning"
    raise ContractInvalid(path, f"rule {rule.get('name')}: severity {severity!r} is neither error nor warning")
