"""Demand panels at other grains than the forecast's own, made from the published tables: no lock, no build.

The quantity of a group is the sum of its sale lines; what is known ahead, and whether the shelf was empty, comes from `demand_panel_weekly`, whose
cells are weighed by what they sell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb

from sellthrough.errors import NotBuilt, SellthroughError
from sellthrough.files import beside, swap
from sellthrough.settings import Settings

Every = Literal["week", "day"]

CELL = {
    "sku_code": "t.sku_code",
    "category": "sku.category",
    "brand": "sku.brand",
    "pack": "sku.pack",
    "distributor_code": "t.distributor_code",
    "territory_code": "t.territory_code",
    "area_code": "territory.area_code",
    "region_code": "territory.region_code",
    "zone_code": "territory.zone_code",
    "nation_code": "territory.nation_code",
}
OUTLET = {
    "outlet_code": "t.outlet_code",
    "outlet_class": "outlet.outlet_class",
    "channel": "outlet.channel",
    "retailer_code": "outlet.retailer_code",
}
COLUMNS = {**CELL, **OUTLET}
PERIODS = {"week": "week_start", "day": "business_date"}
SHARES = ("promotion", "holiday", "festival")
BENEFITS = ("discount", "free")


class NotParquet(SellthroughError):
    """A panel was asked for in another format."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"A panel is written as Parquet, and {path.name} says otherwise. Let the name end in .parquet."
        )


class NoSuchFolder(SellthroughError):
    """A panel was to be written into a folder that is not there."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"There is no folder {path.parent} for {path.name}. Make it, or name another with --out.")


class UnknownColumn(SellthroughError):
    """A panel was asked for by a column that nothing published has."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"No panel by {', '.join(names)}. Possible: {', '.join(COLUMNS)}.")


def write(settings: Settings, by: Sequence[str], every: Every, out: Path | None = None) -> Path:
    """Write the dense panel of the groups: one row per group and period from its first sale to the horizon of the forecast.

    Args:
        settings: the data home; its published file is read.
        by: columns whose values make a group, of COLUMNS; outlet, SKU and territory attributes as on the as-of date.
        every: week or day.
        out: the Parquet file; by default forecast/panel_<columns>_<every>.parquet of the home.

    Returns:
        The file. `forecasting.panel.load(file, key=by, every=every)` reads it.

    Raises:
        UnknownColumn: a column that is not one of COLUMNS.
        NotParquet: the name of `out` ends otherwise.
        NoSuchFolder: `out` is to be in a folder that is not there.
        NotBuilt: nothing has been published yet.
    """
    by = list(dict.fromkeys(by))
    unknown = [name for name in by if name not in COLUMNS]
    if unknown or not by:
        raise UnknownColumn(unknown or ["nothing"])
    if out is not None and out.suffix.lower() != ".parquet":
        raise NotParquet(out)
    if out is not None and not out.parent.is_dir():
        raise NoSuchFolder(out)
    if not settings.published.exists():
        raise NotBuilt("Nothing has been published yet. Run `sellthrough run`.")
    path = out or settings.forecast / f"panel_{'_'.join(by)}_{every}.parquet"
    temporary = beside(path)
    with duckdb.connect(str(settings.published), read_only=True) as con:
        con.execute("set schema = 'reporting'")
        con.execute(f"copy ({_query(by, every)}) to '{str(temporary).replace(chr(39), chr(39) * 2)}' (format parquet)")
    swap(temporary, path)
    return path


def summary(path: Path, by: Sequence[str], every: Every) -> dict[str, Any]:
    """What a panel that `write` wrote holds: rows, groups, and the first and last period with a quantity, and with what is known ahead."""
    period = PERIODS[every]
    codes = ", ".join(dict.fromkeys(by))
    query = f"""
    select count(*), count(distinct row({codes})), min({period}), max({period}) filter (where qty_base is not null), max({period})
    from read_parquet(?)"""
    with duckdb.connect() as con:
        row = con.execute(query, [str(path)]).fetchone() or (0, 0, None, None, None)
    return dict(zip(("rows", "groups", "first", "last", "known_ahead_to"), row, strict=True))


def _query(by: Sequence[str], every: Every) -> str:
    period = PERIODS[every]
    codes = ", ".join(by)
    known = [name for name in by if name in CELL]
    first_day = "date_trunc('week', t.business_date)::date" if every == "week" else "t.business_date"
    last = "(select max(week_start) from demand_panel_weekly where qty_base is not null)"
    reach = "(select max(week_start) from demand_panel_weekly)"
    days = 7 if every == "week" else 1
    offset = 0 if every == "week" else 6
    same_group = " and ".join(
        [*(f"driver.{name} = series.{name}" for name in known), f"driver.{period} = dense.{period}"]
    )
    same_sale = " and ".join([*(f"sold.{name} = series.{name}" for name in by), f"sold.{period} = dense.{period}"])
    drivers = ["price_ratio", *(f"{name}_share" for name in ("promotion", *BENEFITS, "holiday", "festival"))]
    return f"""
with sold as (
    select {_values(by)}, {first_day} as {period}, sum(t.qty_base)::bigint as qty_base
    from secondary_sale_line as t {_joins(by)}
    where t.qty_base <> 0 and t.business_date < {last} + 7
    group by all
),
series as (select {codes}, min({period}) as first from sold group by all),
driver as ({_drivers(known, every)})
select
    {", ".join(f"series.{name}" for name in by)}, dense.{period},
    case when dense.{period} <= {last} + {offset} then coalesce(sold.qty_base, 0) end as qty_base,
    coalesce(driver.stocked_out, false) and dense.{period} <= {last} + {offset} as stocked_out,
    coalesce(driver.price_ratio, 1) as price_ratio,
    {", ".join(f"coalesce(driver.{name}, 0) as {name}" for name in drivers[1:])}
from series
cross join lateral (
    select unnest(generate_series(series.first, {reach} + {offset}, interval {days} day))::date as {period}
) as dense
left join sold on {same_sale}
left join driver on {same_group}
order by {", ".join(f"series.{name}" for name in by)}, dense.{period}"""


def _drivers(known: Sequence[str], every: Every) -> str:
    """What is known ahead per group and period: the mean over its cells, each weighed by what it sells."""
    if every == "week":
        source, period = "demand_panel_weekly as t", "t.week_start"
        value = {name: f"t.{name}_share" for name in (*SHARES, *BENEFITS)}
    else:
        source = "demand_panel_weekly as t cross join (select unnest(range(7))::int as n) as day"
        period = "t.week_start + day.n as business_date"
        value = {name: f"((t.{name}_days >> day.n) & 1)" for name in SHARES}
        promoted = f"{value['promotion']} * 7 / nullif(bit_count(t.promotion_days), 0)"
        value |= {name: f"coalesce(t.{name}_share * {promoted}, 0)" for name in BENEFITS}

    def mean(expression: str) -> str:
        return f"sum(weight.sold * {expression}) / sum(weight.sold)"

    return f"""
    select {_values(known, comma=True)}{period},
        {mean("coalesce(t.stocked_out, false)::int")} >= 0.5 as stocked_out,
        {mean("t.price_ratio")} as price_ratio,
        {", ".join(f"{mean(value[name])} as {name}_share" for name in value)}
    from {source}
    inner join (
        select sku_code, distributor_code, territory_code, 1 + sum(greatest(qty_base, 0)) as sold from demand_panel_weekly group by all
    ) as weight using (sku_code, distributor_code, territory_code)
    {_joins(known)}
    group by all"""


def _values(names: Sequence[str], comma: bool = False) -> str:
    text = ", ".join(f"coalesce({COLUMNS[name]}, 'UNKNOWN') as {name}" for name in names)
    return text + ", " if comma and text else text


def _joins(names: Sequence[str]) -> str:
    """The masters that the columns come from."""
    masters = {"sku": "sku_code", "territory": "territory_code", "outlet": "outlet_code"}
    needed = [master for master in masters if any(COLUMNS[name].startswith(f"{master}.") for name in names)]
    return " ".join(f"left join {master} on t.{masters[master]} = {master}.{masters[master]}" for master in needed)
