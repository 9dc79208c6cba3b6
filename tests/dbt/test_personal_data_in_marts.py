"""Columns that the contracts tag as personal data reach no public mart."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bronze_factory import BronzeFactory, File
from warehouse_process import Warehouse, query

from ingest.contracts import Column, Contract, load_contracts

DAY = dt.date(2026, 3, 1)
SECRET, PLACE = "Zyx-98765", 12.3456789
PERSONAL = {
    feed: {column.name for column in contract.columns if column.personal} for feed, contract in load_contracts().items()
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """The models of the project by id, as dbt understands them."""
    home = tmp_path_factory.mktemp("parsed")
    manifest = Warehouse(home).manifest()
    return {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def feeds_of(node: dict) -> set[str]:
    """The feeds whose bronze a model reads."""
    return set(re.findall(r"(?:staged|bronze)\(\s*'(\w+)'", node["raw_code"])) & set(PERSONAL)


def above(name: str, models: dict[str, dict]) -> Iterator[str]:
    """A model and all that it is made from."""
    yield name
    for parent in models[name]["depends_on"]["nodes"]:
        if parent in models:
            yield from above(parent, models)


def named(node: dict, feed: str) -> set[str]:
    """The personal columns of a feed that a model names."""
    return {column for column in PERSONAL[feed] if re.search(rf"\b{column}\b", node["raw_code"])}


def test_bronze_is_read_by_models_that_are_not_public(models: dict[str, dict]) -> None:
    readers = [node for node in models.values() if feeds_of(node)]

    assert len(readers) >= 8
    assert {node["config"]["access"] for node in readers} <= {"protected", "private"}


def test_what_is_read_of_a_tagged_column_keeps_its_name(models: dict[str, dict]) -> None:
    renamed = [
        (node["name"], column)
        for node in models.values()
        for feed in feeds_of(node)
        for column in named(node, feed)
        if re.search(rf"\b{column}\b[^,\"']*\bas\s+(?!{column}\b)\w+", node["raw_code"])
    ]

    assert renamed == []


def test_no_public_model_has_a_tagged_column_of_a_feed_that_it_is_made_from(models: dict[str, dict]) -> None:
    public = {name: node for name, node in models.items() if node["config"]["access"] == "public"}
    leaks = [
        (node["name"], feed, column)
        for name, node in public.items()
        for parent in set(above(name, models))
        for feed in feeds_of(models[parent])
        for column in PERSONAL[feed]
        if column in node["columns"]
    ]

    assert leaks == []
    assert len(public) >= 15
    assert all(node["contract"]["enforced"] for node in public.values()), "else its columns are not those of its YAML"


def test_no_public_model_has_a_column_that_is_tagged_wherever_it_stands(models: dict[str, dict]) -> None:
    untagged = {
        column.name for contract in load_contracts().values() for column in contract.columns if not column.personal
    }
    always = set().union(*PERSONAL.values()) - untagged
    leaks = [
        (node["name"], column)
        for node in models.values()
        if node["config"]["access"] == "public"
        for column in always & set(node["columns"])
    ]

    assert {"phone", "tax_no", "outlet_tax_no", "owner_name", "device_id", "decided_by"} <= always
    assert leaks == []


def planted(column: Column, contract: Contract) -> Any:
    """A value for a column: the secret where it is personal."""
    if column.personal:
        return PLACE if column.kind == "double" else SECRET
    listed = [value for rule in contract.rules if rule.column == column.name for value in rule.valid_values]
    if listed:
        return listed[0]
    noon = dt.datetime.combine(DAY, dt.time(12))
    return {"string": "A", "date": DAY, "timestamp": noon, "boolean": True, "double": 1.0}.get(column.kind, 1)


def test_no_value_of_a_tagged_column_is_in_what_is_published(tmp_path: Path) -> None:
    bronze = BronzeFactory(tmp_path)
    for feed, contract in load_contracts().items():
        if PERSONAL[feed]:
            rows = [
                {
                    column.name: planted(column, contract)
                    for column in contract.columns
                    if column.required or column.personal
                }
            ]
            bronze.commit(feed, [File("S1", rows, f"{feed}.csv")])
    bronze.snapshot(as_of=DAY)
    Warehouse(tmp_path).dbt("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
    tables = query(tmp_path, "select table_name from information_schema.tables where table_schema = 'reporting'")

    assert len(tables) >= 15
    ((schema,),) = query(tmp_path, "select table_schema from information_schema.tables where table_name = 'stg_outlet'")
    assert query(tmp_path, f"select phone from {schema}.stg_outlet") == [(SECRET,)], (
        "what is planted is in the warehouse"
    )
    for (table,) in tables:
        found = query(tmp_path, f"select to_json(shown) from reporting.{table} as shown")
        assert [row for (row,) in found if SECRET in row or str(PLACE) in row] == [], table
