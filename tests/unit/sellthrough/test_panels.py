"""Panels at other grains, made from what is published."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from sellthrough import cli, panels
from sellthrough.errors import NotBuilt
from sellthrough.settings import Settings

PUBLISHED = """
create schema reporting;
set schema = 'reporting';
create table sku as select 'A' as sku_code, 'Tea' as category, 'B' as brand, '1 kg' as pack;
create table territory as select * from (values ('T1', 'Z1'), ('T2', 'Z1')) as t (territory_code, zone_code);
create table outlet as select * from (values ('O1', 'A'), ('O2', 'B'), ('O3', null)) as t (outlet_code, outlet_class);
create table secondary_sale_line as
select 'A' as sku_code, 'D1' as distributor_code, * from (values
    ('O1', 'T1', date '2026-03-03', 6), ('O2', 'T1', date '2026-03-10', 4), ('O2', 'T2', date '2026-03-04', 5), ('O3', 'T2', date '2026-03-05', 0),
    ('O1', 'T1', date '2026-03-16', 9)
) as t (outlet_code, territory_code, business_date, qty_base);
create table demand_panel_weekly as
select 'A' as sku_code, 'D1' as distributor_code, *, bit_count(promotion_days) / 7 as promotion_share, 0.0 as free_share,
    0::smallint as holiday_days, 0.0 as holiday_share, 0::smallint as festival_days, 0.0 as festival_share
from (values
    ('T1', date '2026-03-02', 6, false, 1.0, 0::smallint, 0.0), ('T1', date '2026-03-09', 4, true, 1.0, 3::smallint, 0.02),
    ('T1', date '2026-03-16', null, null, 1.5, 0::smallint, 0.0),
    ('T2', date '2026-03-02', 5, false, 1.0, 0::smallint, 0.0), ('T2', date '2026-03-09', 0, false, 1.0, 0::smallint, 0.0),
    ('T2', date '2026-03-16', null, null, 1.0, 0::smallint, 0.0)
) as t (territory_code, week_start, qty_base, stocked_out, price_ratio, promotion_days, discount_share);
"""


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home whose published file has a SKU, two territories and a few sales."""
    settings = Settings(home=tmp_path)
    settings.serving.mkdir()
    with duckdb.connect(str(settings.published)) as con:
        con.execute(PUBLISHED)
    return settings


def _rows(settings: Settings, by: list[str], every: panels.Every, columns: str) -> list[tuple[object, ...]]:
    path = panels.write(settings, by, every)
    return duckdb.sql(f"select {columns} from '{path}'").fetchall()


def test_a_group_is_dense_from_its_first_sale_and_goes_on_for_the_horizon(home: Settings) -> None:
    rows = _rows(home, ["sku_code", "outlet_class"], "week", "outlet_class, week_start::varchar, qty_base")

    assert rows == [
        ("A", "2026-03-02", 6), ("A", "2026-03-09", 0), ("A", "2026-03-16", None),
        ("B", "2026-03-02", 5), ("B", "2026-03-09", 4), ("B", "2026-03-16", None),
    ]  # fmt: skip


def test_a_column_that_is_named_twice_counts_once(home: Settings) -> None:
    path = panels.write(home, ["zone_code", "zone_code"], "week")
    assert path == panels.write(home, ["zone_code"], "week")
    assert duckdb.sql(f"from '{path}'").columns[:2] == ["zone_code", "week_start"]


def test_drivers_are_the_mean_of_the_cells_by_what_they_sell(home: Settings) -> None:
    rows = _rows(home, ["zone_code"], "week", "qty_base, stocked_out, round(price_ratio, 4), round(promotion_share, 4)")

    # T1 weighs 1 + 10, T2 1 + 5
    assert rows == [
        (11, False, 1.0, 0.0),
        (4, True, 1.0, round(11 / 17 * 2 / 7, 4)),
        (None, False, round((11 * 1.5 + 6) / 17, 4), 0.0),
    ]


def test_a_day_is_promoted_or_not(home: Settings) -> None:
    rows = _rows(
        home,
        ["sku_code", "territory_code"],
        "day",
        "territory_code, business_date::varchar, qty_base, promotion_share, discount_share",
    )
    first = [row[1:] for row in rows if row[0] == "T1"]

    assert first[0] == ("2026-03-03", 6, 0.0, 0.0)
    assert first[6:9] == [("2026-03-09", 0, 1.0, 0.07), ("2026-03-10", 4, 1.0, 0.07), ("2026-03-11", 0, 0.0, 0.0)]
    assert first[13] == ("2026-03-16", None, 0.0, 0.0)
    assert first[-1][0] == "2026-03-22"


def test_what_cannot_be_written_is_refused_with_the_next_step(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(panels.UnknownColumn, match=r"No panel by colour\. Possible: sku_code"):
        panels.write(home, ["sku_code", "colour"], "week")
    with pytest.raises(panels.NotParquet, match=r"panel\.csv says otherwise\. Let the name end in \.parquet"):
        panels.write(home, ["sku_code"], "week", tmp_path / "panel.csv")
    with pytest.raises(panels.NoSuchFolder, match=r"no folder .*nowhere for panel\.parquet\. Make it"):
        panels.write(home, ["sku_code"], "week", tmp_path / "nowhere" / "panel.parquet")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(NotBuilt, match="sellthrough run"):
        panels.write(Settings(home=tmp_path / "none"), ["sku_code"], "week")


@pytest.mark.parametrize("by", [["sku_code"], ["sku_code", "outlet_class"]])
def test_a_panel_says_what_it_holds(home: Settings, by: list[str]) -> None:
    held = panels.summary(panels.write(home, by, "week"), by, "week")

    groups = len(by)
    assert (held["rows"], held["groups"]) == (3 * groups, groups)
    assert [str(held[name]) for name in ("first", "last", "known_ahead_to")] == [
        "2026-03-02", "2026-03-09", "2026-03-16",
    ]  # fmt: skip


def test_the_command_prints_what_the_panel_holds(home: Settings) -> None:
    ended = CliRunner().invoke(cli.main, ["panel", "--by", "zone_code", "--home", str(home.home)])

    assert ended.exit_code == 0
    assert "3 rows, 1 group; sales from 2026-03-02 to 2026-03-09, prices, promotions and holidays to 2026-03-16" in (
        ended.stdout
    )
    ended = CliRunner().invoke(
        cli.main, ["panel", "--by", "zone_code", "--home", str(home.home), "--out", str(home.home / "no" / "p.parquet")]
    )
    assert ended.exit_code == 2
    assert "There is no folder" in ended.stderr
