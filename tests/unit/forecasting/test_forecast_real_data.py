"""On the wholesaler's real invoice lines, SKU x county by week: better than seasonal naive, with intervals that hold."""

import json

import polars as pl
import pytest
import shapely

import forecasting

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def iowa(tmp_path_factory, real_data):
    lines = real_data / "iowa" / "iowa_invoice_lines_2021_2022_53stores.csv.gz"
    stores = pl.read_csv(real_data / "iowa" / "store_master_2022-11-01.csv.gz", infer_schema=False)
    counties = json.loads((real_data / "geo" / "iowa_counties.geojson").read_text())["features"]
    shapes = shapely.STRtree([shapely.geometry.shape(county["geometry"]) for county in counties])
    located = stores.drop_nulls(["longitude", "latitude"])
    points = shapely.points(located["longitude"].cast(pl.Float64), located["latitude"].cast(pl.Float64))
    store, county = shapes.query(points, predicate="within")
    territory = pl.DataFrame(
        {"store_number": located["Store"].gather(store), "territory_code": pl.Series(county).cast(pl.String)}
    ).unique("store_number", keep="first", maintain_order=True)
    sales = (
        pl.read_csv(lines, schema_overrides={"store_number": pl.String, "item_number": pl.String})
        .join(territory, on="store_number", how="left")
        .select(
            "territory_code",
            sku_code="item_number",
            distributor_code=pl.lit("IOWA"),
            week_start=pl.col("date").str.to_date().dt.truncate("1w"),
            qty_base="bottles_sold",
        )
        .with_columns(pl.col("territory_code").fill_null("UNKNOWN"))
        .filter(pl.col("week_start") < pl.col("week_start").max())
        .group_by(pl.exclude("qty_base"))
        .agg(pl.col("qty_base").sum())
    )
    key = ["sku_code", "distributor_code", "territory_code"]
    weeks = sales.select("week_start").unique().sort("week_start")
    dense = (
        sales.group_by(key)
        .agg(first=pl.col("week_start").min())
        .join(weeks, how="cross")
        .filter(pl.col("week_start") >= pl.col("first"))
        .join(sales, on=[*key, "week_start"], how="left")
        .select(*key, "week_start", pl.col("qty_base").fill_null(0), stocked_out=pl.lit(value=False))
    )
    folder = tmp_path_factory.mktemp("iowa")
    dense.write_parquet(folder / "panel.parquet")
    return forecasting.run(folder / "panel.parquet", folder / "forecast")


def test_prophet_beats_seasonal_naive_at_every_level(iowa):
    assert iowa.series > 15_000
    for level, naive in iowa.wape["seasonal_naive"].items():
        assert iowa.wape["prophet_batch"][level] < naive, level


def test_intervals_hold_what_they_say_on_origins_they_have_not_seen(iowa):
    accuracy = pl.read_parquet(iowa.accuracy).filter(level="SKU_TERRITORY", model="champion")
    for (demand_class,), rows in accuracy.group_by("demand_class"):
        if rows["series"].sum() * 8 >= 2000:
            share = rows["series"] / rows["series"].sum()
            assert (rows["coverage80"] * share).sum() == pytest.approx(0.8, abs=0.02), demand_class
            assert (rows["coverage95"] * share).sum() == pytest.approx(0.95, abs=0.015), demand_class
