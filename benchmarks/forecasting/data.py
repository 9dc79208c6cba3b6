"""Weekly demand to judge forecasts on: a real wholesaler's invoice lines, and a simulated network whose true mean is known."""

import json
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

import simulation
from forecasting.panel import Bools, Dates, Floats, Strings
from forecasting.series import Series
from simulation import demand

LINES = "iowa/iowa_invoice_lines_2021_2022_53stores.csv.gz"
STORES = "iowa/store_master_2022-11-01.csv.gz"
PRODUCTS = "iowa/product_master_2022-11-01.csv.gz"
COUNTIES = "geo/iowa_counties.geojson"
SIMULATED = {"seed": 11, "distributors": 40, "outlets": 1500, "skus": 60, "days": 840, "end": date(2026, 6, 28)}


@dataclass(frozen=True)
class Data:
    """N series over T weeks with all that is known ahead.

    Attributes:
        name: of the data and its grain.
        keys: N rows that name the series.
        weeks: (T,) Mondays.
        quantity, stocked_out: (N, T), as in `Series`.
        shared, own: (T,) and (N, T) drivers; a forecast sees those of its horizon too.
        groups: (N,) codes.
        truth: (N, T) true mean demand; empty where nobody knows it.
    """

    name: str
    keys: pl.DataFrame
    weeks: Dates
    quantity: Floats
    stocked_out: Bools
    shared: dict[str, Floats] = field(default_factory=dict)
    own: dict[str, Floats] = field(default_factory=dict)
    groups: dict[str, Strings] = field(default_factory=dict)
    truth: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def take(self, rows: npt.NDArray[np.intp]) -> "Data":
        """Some of the series."""
        return replace(
            self,
            keys=self.keys[rows],
            quantity=self.quantity[rows],
            stocked_out=self.stocked_out[rows],
            own={name: values[rows] for name, values in self.own.items()},
            groups={name: codes[rows] for name, codes in self.groups.items()},
            truth=self.truth[rows] if len(self.truth) else self.truth,
        )

    def best_sellers(self, size: int, until: int) -> "Data":
        """The series that sold most in the first `until` weeks."""
        sold = np.nansum(self.quantity[:, :until], axis=1)
        return self.take(np.sort(np.argsort(-sold, kind="stable")[:size]))

    def at(self, length: int, horizon: int, drivers: bool = True) -> tuple[npt.NDArray[np.intp], Series]:
        """What is known after the first `length` weeks: the series that have begun, and their rows."""
        rows = np.flatnonzero((~np.isnan(self.quantity[:, :length])).any(axis=1))
        return rows, Series(
            dates=self.weeks[:length],
            quantity=self.quantity[rows, :length],
            stocked_out=self.stocked_out[rows, :length],
            future=self.weeks[length : length + horizon],
            shared={name: values[: length + horizon] for name, values in self.shared.items()} if drivers else {},
            own={name: values[rows, : length + horizon] for name, values in self.own.items()} if drivers else {},
            groups={name: codes[rows] for name, codes in self.groups.items()},
        )


def iowa(real_data: Path, grain: str) -> Data:
    """Bottles by SKU and `store` or `county`, from each series' first sale on; the last week is incomplete and left out."""
    sales = pl.read_csv(
        real_data / LINES, schema_overrides={"store_number": pl.String, "item_number": pl.String}
    ).with_columns(week=pl.col("date").str.to_date().dt.truncate("1w"))
    sales = sales.filter(pl.col("week") < pl.col("week").max()).join(
        _counties(real_data), on="store_number", how="left"
    )
    sales = sales.with_columns(pl.col("county").fill_null("UNKNOWN"))
    place = {"store": "store_number", "county": "county"}[grain]
    products = pl.read_csv(real_data / PRODUCTS, infer_schema=False).select(
        item_number="Item Number", category="Category Name", vendor="Vendor"
    )
    keys, weeks, quantity = _pivot(sales, ["item_number", place], "bottles_sold")
    named = keys.join(products.unique("item_number", keep="first"), on="item_number", how="left", maintain_order="left")
    groups = {"sku_code": "item_number", "territory": place, "category": "category", "vendor": "vendor"}
    return Data(
        f"iowa sku x {grain}",
        keys,
        weeks,
        quantity,
        np.zeros(quantity.shape, dtype=np.bool_),
        groups={name: named[column].fill_null("UNKNOWN").to_numpy().astype(np.str_) for name, column in groups.items()},
    )


def _counties(real_data: Path) -> pl.DataFrame:
    """store_number -> county, by the county's polygon that the store lies in."""
    stores = pl.read_csv(real_data / STORES, infer_schema=False).drop_nulls(["longitude", "latitude"])
    features = json.loads((real_data / COUNTIES).read_text())["features"]
    shapes = shapely.STRtree([shapely.geometry.shape(feature["geometry"]) for feature in features])
    points = shapely.points(stores["longitude"].cast(pl.Float64), stores["latitude"].cast(pl.Float64))
    store, county = shapes.query(points, predicate="within")
    return pl.DataFrame(
        {"store_number": stores["Store"].gather(store), "county": pl.Series(county).cast(pl.String)}
    ).unique("store_number", keep="first", maintain_order=True)


def _pivot(sales: pl.DataFrame, key: list[str], measure: str) -> tuple[pl.DataFrame, Dates, Floats]:
    keys = sales.select(key).unique().sort(key)
    placed = sales.join(keys.with_row_index("row"), on=key, how="left")
    monday = placed["week"].to_numpy().astype("datetime64[D]").astype(np.int64)
    weeks: Dates = np.arange(monday.min(), monday.max() + 1, 7).astype("datetime64[D]")
    quantity = np.zeros((keys.height, len(weeks)))
    np.add.at(
        quantity, (placed["row"].to_numpy(), (monday - monday.min()) // 7), placed[measure].cast(pl.Float64).to_numpy()
    )
    sold = np.zeros(quantity.shape, dtype=np.bool_)
    sold[placed["row"].to_numpy(), (monday - monday.min()) // 7] = True
    return keys, weeks, np.where(np.maximum.accumulate(sold, axis=1), quantity, np.nan)


def simulated(folder: Path, planned_uplift: bool = True) -> Data:
    """Net units by SKU x distributor x territory of a network made in `folder` (once), with its true mean demand.

    Known ahead: holidays and the weeks before festivals; per series the share of the week on promotion (times the uplift
    that the plan expects, with `planned_uplift`), the price over the usual one, and free goods per unit bought.
    """
    if not (folder / "truth").is_dir():
        simulation.run(folder, defects=None, **SIMULATED)  # type: ignore[arg-type]
    truth = folder / "truth"
    key = ["sku_code", "distributor_code", "territory_code"]
    sales = (
        pl.read_parquet(truth / "sell_through_daily.parquet")
        .filter((pl.col("secondary_gross_qty_base") != 0) | (pl.col("secondary_return_qty_base") != 0))
        .with_columns(week=pl.col("business_date").dt.truncate("1w"))
    )
    keys, weeks, quantity = _pivot(sales, key, "secondary_gross_qty_base")
    whole = _whole_weeks(sales, weeks)
    shape = (keys.height, len(weeks))
    mean = pl.read_parquet(truth / "demand.parquet").join(keys.with_row_index("row"), on=key)
    true = np.zeros(shape)
    at = (mean["week_start"].to_numpy().astype("datetime64[D]") - weeks[0]).astype(np.int64) // 7
    inside = (at >= 0) & (at < len(weeks))
    true[mean["row"].to_numpy()[inside], at[inside]] = mean["mean_qty_base"].to_numpy()[inside]
    empty = _days(
        pl.read_parquet(truth / "stock_out.parquet"), keys, weeks, ["sku_code", "distributor_code"], pl.lit(1.0)
    )
    zones = _zones(folder)
    placed = keys.join(zones, on="distributor_code", how="left", maintain_order="left")
    plan = pl.read_parquet(truth / "promotion.parquet")
    on = ["sku_code", "zone_code"]
    uplift = pl.col("uplift") if planned_uplift else pl.lit(1.0)
    promotion = _days(plan, placed, weeks, on, uplift)
    price = 1 - _days(plan, placed, weeks, on, pl.col("discount_share"))
    free = _days(
        plan, placed, weeks, on, pl.col("free_qty_base") / pl.max_horizontal(pl.col("buy_qty_base"), pl.lit(1))
    )
    data = Data(
        "simulation",
        keys,
        weeks,
        quantity,
        empty > 0,
        shared=_calendar(weeks),
        own={"promotion": promotion, "price": price, "free": free},
        groups={
            name: keys[column].to_numpy().astype(np.str_)
            for name, column in zip(("sku_code", "distributor", "territory"), key, strict=True)
        },
        truth=true,
    )
    return replace(
        data,
        weeks=weeks[whole],
        quantity=quantity[:, whole],
        stocked_out=data.stocked_out[:, whole],
        truth=true[:, whole],
        shared={name: values[whole] for name, values in data.shared.items()},
        own={name: values[:, whole] for name, values in data.own.items()},
    )


def _whole_weeks(sales: pl.DataFrame, weeks: Dates) -> slice:
    first, last = sales["business_date"].min(), sales["business_date"].max()
    begin = 0 if weeks[0].astype(date) == first else 1
    end = len(weeks) if weeks[-1].astype(date) + timedelta(days=5) <= last else len(weeks) - 1
    return slice(begin, end)


def _zones(folder: Path) -> pl.DataFrame:
    """distributor_code -> zone_code, up the tree of territories."""
    masters = folder / "landing" / "csv_generic" / "HQ"
    parent = dict(
        pl.read_csv(masters / "territory.csv", infer_schema=False).select("territory_code", "parent_code").iter_rows()
    )
    level = dict(
        pl.read_csv(masters / "territory.csv", infer_schema=False).select("territory_code", "level").iter_rows()
    )

    def zone(code: str) -> str:
        while level[code] != "ZONE":
            code = parent[code]
        return code

    rows = pl.read_csv(masters / "distributor.csv", infer_schema=False).select("distributor_code", "territory_code")
    return rows.select("distributor_code", zone_code=pl.col("territory_code").map_elements(zone, pl.String))


def _days(spells: pl.DataFrame, keys: pl.DataFrame, weeks: Dates, on: list[str], value: pl.Expr) -> Floats:
    """(N, T): sum of `value` over a series' spells, weighed by the share of the week's six trading days that they cover."""
    daily = (
        spells.with_columns(value=value)
        .select(*on, "value", day=pl.date_ranges("date_from", "date_to"))
        .explode("day")
        .filter(pl.col("day").dt.weekday() < 7)
        .group_by(*on, week=pl.col("day").dt.truncate("1w"))
        .agg(pl.col("value").sum() / 6)
    )
    placed = keys.with_row_index("row").select("row", *on).join(daily, on=on)
    at = (placed["week"].to_numpy().astype("datetime64[D]") - weeks[0]).astype(np.int64) // 7
    inside = (at >= 0) & (at < len(weeks))
    result = np.zeros((keys.height, len(weeks)))
    np.add.at(result, (placed["row"].to_numpy()[inside], at[inside]), placed["value"].to_numpy()[inside])
    return result


def _calendar(weeks: Dates) -> dict[str, Floats]:
    """Shares of a week's six trading days: closed for a public holiday, and in the two weeks before a festival."""
    days = [
        [monday + timedelta(days=weekday) for weekday in range(6)]
        for monday in weeks.astype("datetime64[D]").astype(date)
    ]
    holidays, festivals = set(demand.HOLIDAYS), demand.FESTIVALS
    closed = [[(day.month, day.day) in holidays for day in week] for week in days]
    build_up = [[any(0 < (date(day.year, *of) - day).days <= 14 for of in festivals) for day in week] for week in days]
    return {"holiday": np.mean(closed, axis=1), "festival": np.mean(build_up, axis=1)}
