"""The real wholesaler's invoice lines, by configuration alone, tie to the unit and the cent from file to published mart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

HEADER = "invoice_item_number,date,store_number,item_number,bottles_sold,sale_dollars\n"


@pytest.fixture(scope="module")
def iowa(new_home: Callable[[], Any], real_data: Path) -> Any:
    """A home that took in the real slice and published it."""
    home = new_home()
    folder = home.path / "landing" / "iowa" / "IOWA"
    folder.mkdir(parents=True)
    for file in sorted((real_data / "iowa").glob("*.csv.gz")):
        shutil.copy2(file, folder)
    geo = home.path / "config" / "geo"
    geo.mkdir(parents=True)
    shutil.copy2(real_data / "geo" / "iowa_counties.geojson", geo)
    home.run("run", exits=(0, 1))
    return home


def test_lines_bottles_and_dollars_are_those_of_the_file(iowa: Any) -> None:
    assert iowa.query("select count(*), sum(qty_base), sum(value_net) from reporting.secondary_sale_line") == [
        (118_204, 1_540_898, Decimal("20300441.5100"))
    ]


def test_the_sixteen_credit_lines_appear_as_returns(iowa: Any) -> None:
    assert iowa.query(
        "select count(*), sum(qty_base), sum(value_net) from reporting.secondary_sale_line where document_type = 'CREDIT_NOTE'"
    ) == [(16, -143, Decimal("-1608.8400"))]
    assert iowa.query("select sum(secondary_return_qty_base) from reporting.sell_through_daily") == [(143,)]


def test_every_month_equals_the_truth_to_the_unit_and_the_cent(iowa: Any, real_data: Path) -> None:
    truth = json.loads((real_data / "iowa" / "truth_dev_slice.json").read_text())
    months = iowa.query(
        "select strftime(month_start, '%Y-%m'), sum(secondary_qty_base), sum(secondary_value_net) from reporting.sell_through_monthly group by 1 order by 1"
    )
    assert months == [(month["m"], int(month["bottles"]), Decimal(month["dollars"])) for month in truth]
    lines = iowa.query(
        "select strftime(business_date, '%Y-%m'), count(*) from reporting.secondary_sale_line group by 1 order by 1"
    )
    assert lines == [(month["m"], int(month["n"])) for month in truth]


@pytest.mark.parametrize("number", ["INV-451279", "INV-454628"])
def test_a_reused_document_number_stays_two_documents(iowa: Any, number: str) -> None:
    assert iowa.query(
        f"select count(distinct (outlet_code, business_date)) from reporting.secondary_sale_line where document_no = '{number}'"
    ) == [(2,)]


def test_the_line_missing_from_the_item_master_keeps_its_dollars_under_unknown(iowa: Any) -> None:
    assert iowa.query(
        "select sum(secondary_qty_base), sum(secondary_value_net) from reporting.sell_through_daily where sku_code = 'UNKNOWN'"
    ) == [(6, Decimal("135.0000"))]


def test_stores_without_coordinates_keep_their_dollars_under_unknown(iowa: Any) -> None:
    assert iowa.query(
        "select sum(secondary_value_net) from reporting.sell_through_daily where territory_code = 'UNKNOWN'"
    ) == [(Decimal("606693.6000"),)]
    assert iowa.query(
        "select count(distinct outlet_code) from reporting.secondary_sale_line join reporting.outlet using (outlet_code) "
        "where coalesce(outlet.territory_code, 'UNKNOWN') = 'UNKNOWN'"
    ) == [(3,)]


def test_running_it_again_changes_nothing(iowa: Any) -> None:
    before, publications = iowa.hashes(), iowa.query("select count(*) from reporting.publication")
    iowa.run("run", exits=(0, 1))
    iowa.run("build")
    iowa.run("alert")
    iowa.run("publish")

    assert iowa.hashes() == before
    assert iowa.query("select count(*) from reporting.publication") == publications


def test_a_made_pair_whose_document_and_line_numbers_collide_stays_two_documents(home: Any) -> None:
    folder = home.path / "landing" / "iowa" / "IOWA"
    folder.mkdir(parents=True)
    pair = "INV-99999900001,2021-05-03,1001,2002,6,60.00\nINV-99999900001,2021-05-04,1003,2002,12,120.00\n"
    (folder / "iowa_invoice_lines_made.csv").write_text(HEADER + pair)
    home.run("ingest", exits=(0, 1))
    home.run("build")
    home.run("publish")

    assert home.query(
        "select document_no, line_no, business_date::varchar, qty_base from reporting.secondary_sale_line order by business_date"
    ) == [("INV-999999", 1, "2021-05-03", 6), ("INV-999999", 1, "2021-05-04", 12)]
