"""What is published of a made network differs from the truth by exactly what was planted, and by nothing once that is mended."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

DAILY_KEY = "business_date, sku_code, distributor_code, territory_code"
DAILY = (
    "primary_qty_base",
    "primary_value_net",
    "secondary_gross_qty_base",
    "secondary_return_qty_base",
    "secondary_free_qty_base",
    "secondary_qty_base",
    "secondary_value_net",
    "tertiary_qty_base",
    "tertiary_value_net",
)
CELL_KEY = "month_start, distributor_code, sku_code, batch_no, condition"
CELL = (
    "opening_declared_qty_base",
    "inflow_qty_base",
    "outflow_qty_base",
    "book_close_qty_base",
    "declared_close_qty_base",
)
HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "look-at-the-result.md"


@pytest.fixture(scope="module")
def clean(new_home: Callable[[], Any], network: Path) -> Any:
    """The network without defects, published with forecast and alerts; a home never holds truth/."""
    home = new_home()
    home.land(network / "landing")
    for stage in ("ingest", "build", "forecast", "alert", "publish"):
        home.run(stage)
    return home


@pytest.fixture(scope="module")
def faulty_and_mended(new_home: Callable[[], Any], faulty_network: Path) -> tuple[Any, Any]:
    """The network with defects: what was published as sent, and the home after the late files, the corrected profile and a replay."""
    home, faulty = new_home(), new_home()
    home.land(faulty_network / "landing")
    for stage in ("ingest", "build", "publish"):
        home.run(stage)
    shutil.copytree(home.path / "serving", faulty.path / "serving")
    home.land(faulty_network / "withheld" / "landing")
    shutil.copytree(faulty_network / "mend" / "config", home.path / "config", dirs_exist_ok=True)
    for stage in ("ingest", "replay", "build", "publish"):
        home.run(stage)
    return faulty, home


@pytest.fixture(scope="module")
def faulty(faulty_and_mended: tuple[Any, Any]) -> Any:
    """What was published of the network with defects as sent."""
    return faulty_and_mended[0]


@pytest.fixture(scope="module")
def mended(faulty_and_mended: tuple[Any, Any]) -> Any:
    """The same home mended and published again."""
    return faulty_and_mended[1]


def with_truth(home: Any, network: Path) -> duckdb.DuckDBPyConnection:
    """A connection that sees the published tables and, as views of schema truth, what really happened."""
    con = duckdb.connect()
    con.execute(f"attach '{home.path}/serving/sellthrough.duckdb' as published (read_only)")
    con.execute("create schema truth")
    for file in (network / "truth").glob("*.parquet"):
        con.execute(f"create view truth.{file.stem} as from '{file}'")
    if (network / "truth" / "effects.csv").exists():
        con.execute(f"create view truth.effects as from read_csv('{network}/truth/effects.csv', all_varchar = true)")
    return con


def differences(
    con: duckdb.DuckDBPyConnection, table: str, key: str, columns: tuple[str, ...]
) -> dict[tuple[Any, ...], Any]:
    """Published less true, by column and key, where it is not zero."""
    found = {}
    for column in columns:
        rows = con.execute(
            f"select {key}, coalesce(p.{column}, 0) - coalesce(t.{column}, 0) as difference "
            f"from published.reporting.{table} as p full join truth.{table} as t using ({key}) where difference <> 0"
        ).fetchall()
        found.update({(column, *map(str, row[:-1])): row[-1] for row in rows})
    return found


def effects(
    con: duckdb.DuckDBPyConnection, table: str, key: str, columns: tuple[str, ...], lasting: bool = False
) -> dict[tuple[Any, ...], Any]:
    """The recorded effects of all defects on a table, or only those that mending leaves, by column and key, where not zero."""
    rows = con.execute(
        f'select "column", {key}, sum(delta::decimal(18, 4)) as delta from truth.effects '
        f"where \"table\" = '{table}' and \"column\" in {columns} and delta is not null and (lasting = 'true' or not {lasting}) "
        "group by all having sum(delta::decimal(18, 4)) <> 0"
    ).fetchall()
    return {tuple(map(str, row[:-1])): row[-1] for row in rows}


def test_without_defects_every_cell_of_sell_through_equals_the_truth(clean: Any, network: Path) -> None:
    with with_truth(clean, network) as con:
        assert con.execute(
            "select sum(secondary_qty_base) > 0 from published.reporting.sell_through_daily"
        ).fetchone() == (True,)
        assert differences(con, "sell_through_daily", DAILY_KEY, DAILY) == {}


def test_the_forecast_queries_of_the_how_to_run_as_written(clean: Any) -> None:
    section = HOW_TO.read_text().split("## The forecast")[1].split("\n## ")[0]
    queries = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    ahead, year_ago, champions, stock_out = (clean.query(query) for query in queries)

    assert all((ahead, year_ago, stock_out))
    assert champions == []  # the network is too young for a backtest


def test_without_defects_the_miscounts_are_the_only_variances(clean: Any, network: Path) -> None:
    with with_truth(clean, network) as con:
        wrong = con.execute(
            f"select {CELL_KEY}, variance_as_fed_qty_base, variance_clean_qty_base, expected_variance_qty_base "
            f"from published.reporting.reconciliation_cell full join truth.reconciliation_cell using ({CELL_KEY}) "
            "where variance_as_fed_qty_base is distinct from expected_variance_qty_base "
            "or variance_clean_qty_base is distinct from expected_variance_qty_base limit 5"
        ).fetchall()
        assert wrong == []
        assert con.execute(
            "select count(*) > 0 from truth.reconciliation_cell where expected_variance_qty_base <> 0"
        ).fetchone() == (True,)


@pytest.mark.parametrize("period", ["daily", "weekly", "monthly"])
def test_the_marts_of_all_periods_have_the_total_of_the_lines(clean: Any, period: str) -> None:
    lines = clean.query(
        "select sum(qty_base), sum(value_net) from reporting.secondary_sale_line where qty_base is not null"
    )
    assert (
        clean.query(f"select sum(secondary_qty_base), sum(secondary_value_net) from reporting.sell_through_{period}")
        == lines
    )


def test_before_mending_sell_through_differs_by_exactly_the_recorded_effects(faulty: Any, faulty_network: Path) -> None:
    with with_truth(faulty, faulty_network) as con:
        recorded = effects(con, "sell_through_daily", DAILY_KEY, DAILY)
        assert recorded
        assert differences(con, "sell_through_daily", DAILY_KEY, DAILY) == recorded


def test_before_mending_reconciliation_differs_by_exactly_the_recorded_effects(
    faulty: Any, faulty_network: Path
) -> None:
    with with_truth(faulty, faulty_network) as con:
        recorded = effects(con, "reconciliation_cell", CELL_KEY, CELL)
        assert recorded
        assert differences(con, "reconciliation_cell", CELL_KEY, CELL) == recorded


def test_before_mending_each_defect_is_shown(faulty: Any, faulty_network: Path) -> None:
    with with_truth(faulty, faulty_network) as con:
        recorded = con.execute(
            'select file, "column", sum(delta::bigint) from truth.effects where "table" = \'row_conservation\' group by all order by all'
        ).fetchall()
        assert {column for _, column, _ in recorded} == {"duplicates", "superseded", "deleted"}
        assert (
            recorded
            == con.execute(
                "from (unpivot published.reporting.row_conservation on duplicates, superseded, deleted into name outcome value lines) "
                "select file, outcome, lines where lines > 0 order by all"
            ).fetchall()
        )
        missing = con.execute(
            "select feed, coalesce(sender, distributor_code), business_date::date from truth.effects where \"table\" = 'feed_status' order by all"
        ).fetchall()
        assert missing
        assert (
            missing
            == con.execute(
                "select feed, sender, business_date from published.reporting.feed_status where state = 'MISSING' order by all"
            ).fetchall()
        )
        unassessed = con.execute(
            f"select {CELL_KEY} from truth.effects where \"table\" = 'reconciliation_cell' and \"column\" = 'assessable' order by all"
        ).fetchall()
        found = con.execute(
            f"select {CELL_KEY} from published.reporting.reconciliation_cell where not assessable order by all"
        ).fetchall()
        assert unassessed == [tuple(map(str, row)) for row in found]


def test_after_the_late_file_the_corrected_profile_and_replay_everything_equals_the_truth(
    mended: Any, faulty_network: Path
) -> None:
    with with_truth(mended, faulty_network) as con:
        assert differences(con, "sell_through_daily", DAILY_KEY, DAILY) == {}
        copies = effects(con, "reconciliation_cell", CELL_KEY, CELL, lasting=True)
        assert differences(con, "reconciliation_cell", CELL_KEY, CELL) == copies
        clean_variance = con.execute(
            f"select count(*) from published.reporting.reconciliation_cell full join truth.reconciliation_cell using ({CELL_KEY}) "
            "where variance_clean_qty_base is distinct from expected_variance_qty_base"
        ).fetchone()
        assert clean_variance == (0,)
        assert con.execute(
            "select count(*) from published.reporting.feed_status where state = 'MISSING'"
        ).fetchone() == (0,)


def test_a_second_replay_changes_nothing(mended: Any) -> None:
    before = mended.hashes()
    for stage in ("replay", "build", "publish"):
        mended.run(stage)
    assert mended.hashes() == before


def test_every_loaded_row_has_one_outcome(faulty: Any) -> None:
    assert (
        faulty.query(
            "select file from reporting.row_conservation where records <> loaded + rejected + left_out + blank + total_lines "
            "or loaded <> current_versions + superseded + duplicates + deleted"
        )
        == []
    )


def test_stock_outs_of_today_are_alerted_and_none_where_the_shelf_never_emptied(clean: Any, network: Path) -> None:
    with with_truth(clean, network) as con:
        never = con.execute(
            "select count(*) from published.reporting.alert as a anti join truth.stock_out as t "
            "on t.distributor_code = a.distributor_code and t.sku_code = a.sku_code where a.kind = 'STOCK_OUT'"
        ).fetchone()
        assert never == (0,)
        empty, alerted = con.execute(
            "select count(*), count(a.alert_id) from truth.stock_out as t left join published.reporting.alert as a "
            "on t.distributor_code = a.distributor_code and t.sku_code = a.sku_code and a.kind = 'STOCK_OUT' where t.open_at_end"
        ).fetchone() or (0, 0)
        assert empty > 0
        assert alerted / empty >= 0.9
