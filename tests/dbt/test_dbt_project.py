"""The dbt project on a home in which nothing has landed: it builds, publishes every table that we promise, and its unit tests pass."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from bronze_factory import BronzeFactory
from warehouse_process import Warehouse, query

SALES = {
    "primary_qty_base", "primary_value_net", "secondary_gross_qty_base", "secondary_return_qty_base", "secondary_free_qty_base",
    "secondary_qty_base", "secondary_value_net", "tertiary_qty_base", "tertiary_value_net",
}  # fmt: skip
CELL = {"sku_code", "distributor_code", "territory_code"}
PROMISED = {
    "secondary_sale_line": {
        "distributor_code", "document_type", "document_no", "line_no", "business_date", "outlet_code", "sku_code", "sender_sku_code",
        "sender_outlet_code", "qty_base", "free_qty_base", "value_net", "source_file", "source_record", "seq_from",
    },
    "sell_through_daily": {"business_date"} | CELL | SALES,
    "sell_through_weekly": {"week_start"} | CELL | SALES,
    "sell_through_monthly": {"month_start"} | CELL | SALES,
    "row_conservation": {
        "profile", "sender", "file", "feed", "records", "loaded", "rejected", "blank", "total_lines", "left_out", "current_versions",
        "superseded", "duplicates", "deleted",
    },
    "unmapped_code": {"kind", "feed", "owner", "code", "lines", "qty", "value_net", "first_date", "last_date"},
    "sku": {"sku_code"},
    "outlet": {"outlet_code", "territory_code", "distributor_code"},
    "distributor": {"distributor_code", "territory_code"},
    "territory": {"territory_code", "level", "parent_code"},
    "calendar": {"date_day", "week_start", "month_start"},
}  # fmt: skip


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both phases built on nothing, then the unit tests run."""
    home = tmp_path_factory.mktemp("empty")
    BronzeFactory(home).snapshot(as_of=dt.date(2026, 1, 1))
    warehouse = Warehouse(home)
    warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    warehouse.dbt("test", "--selector", "unit")
    return home


@pytest.mark.timeout(300)
@pytest.mark.parametrize("table", PROMISED)
def test_a_home_in_which_nothing_has_landed_has_every_promised_column(empty_home: Path, table: str) -> None:
    columns = query(
        empty_home,
        f"select column_name from information_schema.columns where table_schema = 'reporting' and table_name = '{table}'",
    )
    assert {name for (name,) in columns} >= PROMISED[table]


def test_money_and_quantities_bear_the_promised_types(empty_home: Path) -> None:
    wrong = query(
        empty_home,
        "select table_name, column_name, data_type from information_schema.columns where table_schema = 'reporting' and ("
        "(column_name like '%qty_base' and data_type <> 'BIGINT') "
        "or (column_name like '%value_net' and data_type <> 'DECIMAL(18,4)') "
        "or (column_name in ('business_date', 'week_start', 'month_start') and data_type <> 'DATE'))",
    )
    assert wrong == []


def test_as_known_macros_answer_on_nothing(empty_home: Path) -> None:
    for table in ("secondary_sale_line", "sell_through_daily", "reconciliation_cell"):
        assert query(
            empty_home, f"select count(*) from reporting.{table}_as_known(reporting.seq_at('2026-01-01'))"
        ) == [(0,)]
