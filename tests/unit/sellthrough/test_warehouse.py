"""When a build may start from what the last one left, and which nodes it then runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
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


def test_the_log_of_files_is_made_anew_whatever_came_and_draws_nothing_along() -> None:
    nodes = warehouse.changed_nodes([], as_of=False, quality=False)

    assert {"stg_file", "stg_scope"} <= set(nodes)
    assert not any(node.startswith("stg_file+") for node in nodes)


@pytest.fixture
def panel(tmp_path: Path) -> Settings:
    """A home whose warehouse holds a panel of two rows."""
    settings = Settings(home=tmp_path / "home")
    settings.state.mkdir(parents=True)
    settings.panel.parent.mkdir(parents=True)
    _in_warehouse(
        settings,
        "create schema reporting; create table reporting.demand_panel_weekly as "
        "select sku_code, 'D1' as distributor_code, 'T1' as territory_code, date '2026-03-02' as week_start, 5 as qty_base, false as stocked_out, "
        "1 as price_ratio, 0 as promotion_share, 0 as discount_share, 0 as free_share, 0 as holiday_share, 0 as festival_share "
        "from (values ('A'), ('B')) as sku (sku_code); create table reporting.sku as "
        "select 'A' as sku_code, 'Tea' as category, 'T' as brand, '1 kg' as pack, null as predecessor_sku_code",
    )
    return settings


def _in_warehouse(settings: Settings, sql: str) -> None:
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(sql)


def test_a_panel_with_the_rows_that_stand_is_not_written_again(panel: Settings) -> None:
    record = warehouse.export_panel(panel, {})
    written = panel.panel.stat().st_ino

    assert warehouse.export_panel(panel, record) == record
    assert panel.panel.stat().st_ino == written


def test_a_panel_with_another_row_is_written(panel: Settings) -> None:
    record = warehouse.export_panel(panel, {})
    _in_warehouse(panel, "update reporting.demand_panel_weekly set qty_base = 6 where sku_code = 'B'")

    after = warehouse.export_panel(panel, record)

    assert after["panel"] != record["panel"]
    assert duckdb.sql(f"select sum(qty_base) from '{panel.panel}'").fetchone() == (11,)


def test_a_sku_with_another_category_is_another_panel(panel: Settings) -> None:
    record = warehouse.export_panel(panel, {})
    _in_warehouse(panel, "update reporting.sku set category = 'Coffee'")

    assert warehouse.export_panel(panel, record)["panel"] != record["panel"]
    assert duckdb.sql(f"select category from '{panel.panel_skus}'").fetchone() == ("Coffee",)


@pytest.mark.parametrize("harm", ["lost", "changed"])
def test_a_panel_file_that_is_not_ours_any_more_is_written_again(panel: Settings, harm: str) -> None:
    record = warehouse.export_panel(panel, {})
    if harm == "lost":
        panel.panel.unlink()
    else:
        panel.panel.write_bytes(b"else")

    assert warehouse.export_panel(panel, record) == record
    assert duckdb.sql(f"select count(*) from '{panel.panel}'").fetchone() == (2,)


def test_what_dbt_says_becomes_progress_and_the_reason_of_a_failure() -> None:
    said: list[str] = []
    seen: list[tuple[int, int, str]] = []
    lines = ('{"node": "sale_line_version", "index": 3, "total": 9}', '{"error": "no such table"}', "Killed", "7", "")

    for line in lines:
        warehouse._follow(line, said, lambda *told: seen.append(told))

    assert seen == [(3, 9, "sale_line_version")]
    assert said == ["no such table", "Killed", "7"]


def test_dbt_is_told_of_each_file_of_the_forecast_that_is_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.forecast.mkdir(parents=True)
    named = {"run": "r", "forecast": "runs/r/forecast.parquet", "archive": ["archive/a.parquet", "archive/b.parquet"]}
    (settings.forecast / "current.json").write_text(json.dumps(named), encoding="utf-8")

    warehouse._write_state_files(settings)

    rows = duckdb.sql(f"select kind, path from '{settings.snapshot / 'forecast.parquet'}' order by all").fetchall()
    folder = settings.forecast
    assert rows == [
        ("archive", f"{folder}/archive/a.parquet"),
        ("archive", f"{folder}/archive/b.parquet"),
        ("forecast", f"{folder}/runs/r/forecast.parquet"),
    ]
