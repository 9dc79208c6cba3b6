"""Columns that the contracts tag as personal data reach no public mart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from warehouse_process import Warehouse

from ingest.contracts import load_contracts

PERSONAL = {
    feed: {column.name for column in contract.columns if column.personal} for feed, contract in load_contracts().items()
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """The models of the project by id, as dbt understands them."""
    home = tmp_path_factory.mktemp("parsed")
    with Warehouse(home) as warehouse:
        warehouse.dbt("parse")
    manifest = json.loads((home / "state" / "dbt" / "target" / "manifest.json").read_text())
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
