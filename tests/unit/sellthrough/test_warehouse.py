"""When a build may start from what the last one left, and which nodes it then runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sellthrough import warehouse
from sellthrough.files import write_json
from sellthrough.settings import Settings


@pytest.fixture
def left(tmp_path: Path) -> tuple[Settings, dict[str, Any]]:
    """A home whose last build passed, and its record."""
    settings = Settings(home=tmp_path / "home")
    settings.state.mkdir(parents=True)
    settings.warehouse.write_text("built")
    return settings, {"status": "passed", "warehouse": warehouse._file_mark(settings)}


def test_a_build_starts_from_a_warehouse_that_stands_as_it_was_left(left: tuple[Settings, dict[str, Any]]) -> None:
    settings, record = left

    assert warehouse._stands_as_left(settings, record)


def test_what_our_alerts_wrote_is_ours(left: tuple[Settings, dict[str, Any]]) -> None:
    settings, record = left
    settings.warehouse.write_text("built, and alerts")
    assert not warehouse._stands_as_left(settings, record)

    write_json(settings.state / "alert.json", {"warehouse": warehouse._file_mark(settings)})
    assert warehouse._stands_as_left(settings, record)


@pytest.mark.parametrize("status", ["running", "failed", None])
def test_a_build_that_did_not_pass_is_no_start(left: tuple[Settings, dict[str, Any]], status: str | None) -> None:
    settings, record = left

    assert not warehouse._stands_as_left(settings, {**record, "status": status})


def test_a_home_that_was_moved_is_built_whole_for_its_views_name_files(
    left: tuple[Settings, dict[str, Any]], tmp_path: Path
) -> None:
    settings, record = left
    shutil.move(settings.home, tmp_path / "elsewhere")

    assert not warehouse._stands_as_left(Settings(home=tmp_path / "elsewhere"), record)
    assert not warehouse._stands_as_left(settings, record)


def test_an_increment_runs_what_lies_downstream_of_the_feeds_that_came() -> None:
    nodes = warehouse.changed_nodes(["pos_sale"], as_of=False, quality=False)

    assert "source:bronze.pos_sale+,config.materialized:incremental" in nodes
    assert "source:bronze.pos_sale+1,resource_type:model" in nodes
    assert not any("stg_build" in node or "quality_result" in node for node in nodes)


def test_another_as_of_date_and_new_expectations_are_roots_of_their_own() -> None:
    nodes = warehouse.changed_nodes([], as_of=True, quality=True)

    assert "stg_build+,config.materialized:table" in nodes
    assert "quality_result+,config.materialized:table" in nodes
