"""The real wholesaler's invoice lines, by configuration alone, tie to the unit and the cent from file to published mart.

Most tests hold on a slice, and on all that there is when the long tests are run; the truth is what DuckDB says of the files that landed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

LINES = "iowa_invoice_lines_2021_2022_53stores.csv.gz"
HEADER = "invoice_item_number,date,store_number,item_number,bottles_sold,sale_dollars\n"
COLLIDING = "INV-99999900001,2022-05-03,6073,11788,6,60.00\nINV-99999900001,2022-05-04,4371,11788,12,120.00\n"
SLICE = (
    "store_number in ('2854', '4371', '5814', '6073', '10032') and date >= '2022-01-01' "
    "or invoice_item_number like 'INV-454628%' or item_number = '27251'"
)
"""Stores with returns, with a document number that two of them use, and without coordinates; another such number, and the item of no master."""


@pytest.fixture(scope="module")
def whole(new_home: Callable[[], Any], real_data: Path) -> Any:
    """A home that took in all real lines and published them."""
    home = with_masters(new_home(), real_data)
    shutil.copy2(real_data / "iowa" / LINES, landing(home))
    home.run("run", exits=(0, 1))
    return home


@pytest.fixture(scope="module")
def few_stores(new_home: Callable[[], Any], real_data: Path) -> Any:
    """A home that took in the lines of some stores, and a made pair of which document and line numbers collide, and published them."""
    home = with_masters(new_home(), real_data)
    duckdb.sql(
        f"copy (from read_csv('{real_data / 'iowa' / LINES}', all_varchar = true) where {SLICE}) to '{landing(home)}/{LINES}'"
    )
    (landing(home) / "iowa_invoice_lines_made.csv").write_text(HEADER + COLLIDING)
    home.run("run", exits=(0, 1))
    return home


@pytest.fixture(scope="module", params=["few_stores", pytest.param("whole", marks=pytest.mark.long)])
def iowa(request: pytest.FixtureRequest) -> Any:
    """Either home."""
    return request.getfixturevalue(request.param)


def landing(home: Any) -> Path:
    """Where the wholesaler's files land."""
    return home.path / "landing" / "iowa" / "IOWA"


def with_masters(home: Any, real_data: Path) -> Any:
    """The home with the masters landed and the counties configured."""
    landing(home).mkdir(parents=True)
    for file in (real_data / "iowa").glob("*_master_*.csv.gz"):
        shutil.copy2(file, landing(home))
    geo = home.path / "config" / "geo"
    geo.mkdir(parents=True)
    shutil.copy2(real_data / "geo" / "iowa_counties.geojson", geo)
    return home


def truth(home: Any, sql: str) -> list[tuple[Any, ...]]:
    """What the files that landed say: `line`, `item` and `store`."""
    with duckdb.connect() as con:
        for name, files in (("line", "iowa_invoice_lines*"), ("item", "product_master*"), ("store", "store_master*")):
            con.execute(f"create view sent_{name} as from read_csv('{landing(home)}/{files}', all_varchar = true)")
        con.execute(
            "create view line as select * replace (date::date as date), bottles_sold::int as bottles, sale_dollars::decimal(18, 4) as dollars "
            "from sent_line"
        )
        con.execute('create view item as select "Item Number" as item_number from sent_item')
        con.execute("create view store as select store as store_number, latitude from sent_store")
        return con.execute(sql).fetchall()


def test_lines_bottles_and_dollars_are_those_of_the_file(iowa: Any) -> None:
    assert iowa.query(
        "select count(*), sum(qty_base), sum(value_net) from reporting.secondary_sale_line"
    ) == truth(iowa, "select count(*), sum(bottles), sum(dollars) from line")  # fmt: skip


def test_the_credit_lines_appear_as_returns(iowa: Any) -> None:
    ((lines, bottles, dollars),) = truth(
        iowa, "select count(*), sum(bottles), sum(dollars) from line where invoice_item_number like 'RINV-%'"
    )
    assert lines > 1
    assert iowa.query(
        "select count(*), sum(qty_base), sum(value_net) from reporting.secondary_sale_line where document_type = 'CREDIT_NOTE'"
    ) == [(lines, bottles, dollars)]
    assert iowa.query("select sum(secondary_return_qty_base) from reporting.sell_through_daily") == [(-bottles,)]


def test_every_month_equals_the_truth_to_the_unit_and_the_cent(iowa: Any) -> None:
    months = truth(
        iowa,
        "select strftime(date, '%Y-%m'), sum(bottles), sum(dollars), count(*) from line group by 1 order by 1",
    )  # fmt: skip
    assert len(months) >= 10
    assert iowa.query(
        "select strftime(month_start, '%Y-%m'), sum(secondary_qty_base), sum(secondary_value_net) from reporting.sell_through_monthly group by 1 order by 1"
    ) == [month[:3] for month in months]
    assert iowa.query(
        "select strftime(business_date, '%Y-%m'), count(*) from reporting.secondary_sale_line group by 1 order by 1"
    ) == [(month, lines) for month, _, _, lines in months]


@pytest.mark.parametrize("number", ["INV-451279", "INV-454628"])
def test_a_reused_document_number_stays_two_documents(iowa: Any, number: str) -> None:
    assert iowa.query(
        f"select count(distinct (outlet_code, business_date)) from reporting.secondary_sale_line where document_no = '{number}'"
    ) == [(2,)]


def test_the_line_missing_from_the_item_master_keeps_its_dollars_under_unknown(iowa: Any) -> None:
    missing = truth(iowa, "select sum(bottles), sum(dollars) from line anti join item using (item_number)")
    assert missing == [(6, Decimal(135))]
    assert (
        iowa.query(
            "select sum(secondary_qty_base), sum(secondary_value_net) from reporting.sell_through_daily where sku_code = 'UNKNOWN'"
        )
        == missing
    )


def test_stores_without_coordinates_keep_their_dollars_under_unknown(iowa: Any) -> None:
    ((dollars, stores),) = truth(
        iowa,
        "select sum(dollars), count(distinct store_number) from line semi join (from store where latitude is null) using (store_number)",
    )  # fmt: skip
    assert stores > 1
    assert iowa.query(
        "select sum(secondary_value_net) from reporting.sell_through_daily where territory_code = 'UNKNOWN'"
    ) == [(dollars,)]
    assert iowa.query(
        "select count(distinct outlet_code) from reporting.secondary_sale_line join reporting.outlet using (outlet_code) "
        "where coalesce(outlet.territory_code, 'UNKNOWN') = 'UNKNOWN'"
    ) == [(stores,)]


def test_running_it_again_changes_nothing(iowa: Any) -> None:
    before, publications = iowa.hashes(), iowa.query("select count(*) from reporting.publication")
    iowa.run("run", exits=(0, 1))
    iowa.run("build")
    iowa.run("alert")
    iowa.run("publish")

    assert iowa.hashes() == before
    assert iowa.query("select count(*) from reporting.publication") == publications


def test_a_made_pair_whose_document_and_line_numbers_collide_stays_two_documents(few_stores: Any) -> None:
    assert few_stores.query(
        "select document_no, line_no, business_date::varchar, qty_base from reporting.secondary_sale_line "
        "where document_no = 'INV-999999' order by business_date"
    ) == [("INV-999999", 1, "2022-05-03", 6), ("INV-999999", 1, "2022-05-04", 12)]


@pytest.mark.long
def test_the_figures_of_the_whole_file_are_the_known_ones(whole: Any, real_data: Path) -> None:
    assert whole.query("select count(*), sum(qty_base), sum(value_net) from reporting.secondary_sale_line") == [
        (118_204, 1_540_898, Decimal("20300441.5100"))
    ]
    assert whole.query(
        "select count(*), sum(qty_base), sum(value_net) from reporting.secondary_sale_line where document_type = 'CREDIT_NOTE'"
    ) == [(16, -143, Decimal("-1608.8400"))]
    assert whole.query(
        "select sum(secondary_value_net) from reporting.sell_through_daily where territory_code = 'UNKNOWN'"
    ) == [(Decimal("606693.6000"),)]
    known = json.loads((real_data / "iowa" / "truth_dev_slice.json").read_text())
    assert whole.query(
        "select strftime(month_start, '%Y-%m'), sum(secondary_qty_base), sum(secondary_value_net) from reporting.sell_through_monthly group by 1 order by 1"
    ) == [(month["m"], int(month["bottles"]), Decimal(month["dollars"])) for month in known]
    assert whole.query(
        "select strftime(business_date, '%Y-%m'), count(*) from reporting.secondary_sale_line group by 1 order by 1"
    ) == [(month["m"], int(month["n"])) for month in known]
