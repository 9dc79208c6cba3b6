"""The wholesaler's real files, by configuration alone; and made ones for what must not depend on them."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal

import polars as pl
import pytest

import ingest

LINES = "invoice_item_number,date,store_number,item_number,bottles_sold,sale_dollars\n"
STORES = "Store,Report Date,Name,Store Status,Address,State,Zip Code,latitude,longitude,City\n"
SQUARES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"GEOID": code, "NAME": name},
            "geometry": {"type": "Polygon", "coordinates": [[[x, 0], [x + 1, 0], [x + 1, 1], [x, 1], [x, 0]]]},
        }
        for code, name, x in (("02", "East", 1), ("01", "West", 0))
    ],
}


@pytest.fixture
def wholesaler(landing):
    landing.config("geo/iowa_counties.geojson", json.dumps(SQUARES))
    return landing


def test_two_documents_that_share_number_and_line_stay_two(wholesaler):
    same = "INV-10000100001,2022-01-0{day},{store},1,{qty},10.00\n"
    wholesaler.put(
        "iowa/IOWA/iowa_invoice_lines_1.csv",
        LINES + same.format(day=3, store=7, qty=1) + same.format(day=4, store=8, qty=2),
    )

    assert wholesaler.run(feed="dms_invoice_line").loaded == 2
    rows = wholesaler.rows()
    assert rows["_key"].to_list() == [
        "IOWA|INVOICE|INV-100001|1|2022-01-03|7",
        "IOWA|INVOICE|INV-100001|1|2022-01-04|8",
    ]


def test_returns_are_credit_notes_with_the_signs_as_sent(wholesaler):
    wholesaler.put("iowa/IOWA/iowa_invoice_lines_1.csv", LINES + "RINV-04220400021,2022-08-08,2595,18656,-1,-45.0\n")

    wholesaler.run()

    row = wholesaler.rows().row(0, named=True)
    assert (row["document_type"], row["document_no"], row["line_no"], row["return_kind"]) == (
        "CREDIT_NOTE",
        "RINV-042204",
        21,
        "GOODS",
    )
    assert (row["qty"], row["value_net"], row["unit"], row["distributor_code"]) == (
        Decimal(-1),
        Decimal(-45),
        "EA",
        "IOWA",
    )


def test_a_store_belongs_to_the_county_that_holds_it(wholesaler):
    places = [("1", "0.5", "0.5"), ("2", "0.5", "1.5"), ("3", "0.5", "1"), ("4", "5", "5"), ("5", "", "")]
    wholesaler.put(
        "iowa/IOWA/store_master_1.csv",
        STORES + "".join(f"{code},2022-01-01,N,A,,IA,,{lat},{lon},C\n" for code, lat, lon in places),
    )

    assert wholesaler.run().exit_code == 0
    outlets = wholesaler.rows("outlet")
    assert outlets["territory_code"].to_list() == ["01", "02", "01", None, None]
    assert wholesaler.rows("territory").select("territory_code", "parent_code", "level").rows() == [
        ("IA", None, "NATION"),
        ("01", "IA", "TERRITORY"),
        ("02", "IA", "TERRITORY"),
    ]
    assert wholesaler.rows("distributor")["distributor_code"].to_list() == ["IOWA"]


def test_without_the_counties_the_stores_wait_and_the_sales_do_not(landing):
    landing.put("iowa/IOWA/iowa_invoice_lines_1.csv", LINES + "INV-10000100001,2022-01-03,7,1,1,10.00\n")
    landing.put("iowa/IOWA/store_master_1.csv", STORES + "1,2022-01-01,N,A,,IA,,0.5,0.5,C\n")

    first = landing.run()
    landing.config("geo/iowa_counties.geojson", json.dumps(SQUARES))
    second = landing.run()

    assert (first.exit_code, first.loaded) == (1, 2)
    assert all("HOME/config/geo/iowa_counties.geojson" in problem for problem in first.problems)
    assert (second.exit_code, second.loaded) == (0, 4)


def test_the_counties_may_lie_beside_the_files_or_in_a_further_folder(landing, tmp_path):
    landing.put("iowa/IOWA/store_master_1.csv", STORES + "1,2022-01-01,N,A,,IA,,0.5,0.5,C\n")
    landing.put("iowa/iowa_counties.geojson", json.dumps(SQUARES))
    assert landing.run().exit_code == 0

    other = type(landing)(tmp_path / "other")
    other.put("iowa/IOWA/store_master_1.csv", STORES + "1,2022-01-01,N,A,,IA,,0.5,0.5,C\n")
    (tmp_path / "geo").mkdir()
    (tmp_path / "geo" / "iowa_counties.geojson").write_text(json.dumps(SQUARES))
    assert other.run(data_dirs=[tmp_path]).exit_code == 0


def test_other_counties_are_a_reason_to_read_the_stores_again(wholesaler):
    wholesaler.put("iowa/IOWA/store_master_1.csv", STORES + "1,2022-01-01,N,A,,IA,,0.5,0.5,C\n")
    wholesaler.run()
    moved = json.loads(json.dumps(SQUARES).replace('"01"', '"09"'))
    wholesaler.config("geo/iowa_counties.geojson", json.dumps(moved))

    assert ingest.replay(wholesaler.home, feed="outlet").files == 1
    assert wholesaler.rows("outlet")["territory_code"].to_list() == ["01", "09"]


def test_the_real_slice_is_exact_to_the_bottle_and_cent(landing, real_data):
    folder = landing.home / "landing" / "iowa" / "IOWA"
    folder.mkdir(parents=True)
    for path in (real_data / "iowa").glob("*.csv.gz"):
        shutil.copy(path, folder)
    report = landing.run(data_dirs=[real_data])
    lines, outlets, skus = landing.rows(), landing.rows("outlet"), landing.rows("sku")

    assert (report.exit_code, report.rejected, lines.height, lines["_key"].n_unique()) == (0, 0, 118_204, 118_204)
    assert (lines["qty"].sum(), lines["value_net"].sum()) == (1_540_898, Decimal("20300441.51"))
    returns = lines.filter(document_type="CREDIT_NOTE")
    assert (returns.height, returns["qty"].sum(), returns["value_net"].sum()) == (16, -143, Decimal("-1608.84"))
    documents = lines.filter(pl.col("document_no").is_in(["INV-451279", "INV-454628"]))
    assert documents.select("document_no", "business_date", "sender_outlet_code").n_unique() == 4
    months = lines.group_by(pl.col("business_date").dt.strftime("%Y-%m").alias("m")).agg(
        pl.len(), pl.col("qty").sum(), pl.col("value_net").sum(), pl.col("sender_outlet_code").n_unique()
    )
    truth = json.loads((real_data / "iowa" / "truth_dev_slice.json").read_text())
    assert {(m, n, int(q), v, s) for m, n, q, v, s in months.rows()} == {
        (t["m"], int(t["n"]), int(t["bottles"]), Decimal(t["dollars"]), int(t["stores"])) for t in truth
    }
    unmapped = lines.join(skus, left_on="sender_sku_code", right_on="sku_code", how="anti")
    assert unmapped.select("qty", "value_net").rows() == [(6, 135)]
    nowhere = outlets.filter(pl.col("territory_code").is_null())["outlet_code"]
    lost = lines.filter(pl.col("sender_outlet_code").is_in(nowhere.implode()))
    assert (lost["sender_outlet_code"].n_unique(), lost["value_net"].sum()) == (3, Decimal("606693.60"))
    assert landing.run(data_dirs=[real_data]).commits == ()
