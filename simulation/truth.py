"""What really happened, as tables that no pipeline reads: the final state that marts must reach once everything has landed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from simulation.classes import classify
from simulation.columns import NON_SALEABLE, SALEABLE, date_of, pick
from simulation.demand import Demand
from simulation.documents import Documents
from simulation.flow import Flow
from simulation.network import Ints, Network

MONEY = pl.Decimal(18, 4)
CELL = ["month_start", "distributor_code", "sku_code", "batch_no", "condition"]
DAY_KEY = ["business_date", "sku_code", "distributor_code", "territory_code"]
DAY_MEASURES = [
    "primary_qty_base",
    "primary_value_net",
    "secondary_gross_qty_base",
    "secondary_return_qty_base",
    "secondary_free_qty_base",
    "secondary_qty_base",
    "secondary_value_net",
    "tertiary_qty_base",
    "tertiary_value_net",
]


def value(cents: str) -> pl.Expr:
    """A sum of cents as DECIMAL(18,4)."""
    return (pl.col(cents).cast(pl.Decimal(18, 4)) / pl.lit(100).cast(pl.Decimal(18, 0))).cast(MONEY)


def tables(network: Network, demand: Demand, flow: Flow, documents: Documents) -> Iterator[tuple[str, pl.DataFrame]]:
    """All truth tables by name, one at a time: together they are larger than the network."""
    lines = sale_lines(documents)
    yield "secondary_sale_line", lines
    yield "demand_class", classify(lines, ["outlet_code", "sku_code"], "business_date", "qty_base")
    del lines
    yield "sell_through_daily", sell_through_daily(documents)
    yield "stock_daily", stock_daily(network, flow, documents)
    yield "reconciliation_cell", reconciliation_cells(documents)
    yield "dispatch", _dispatches(documents)
    yield "receipt", _receipts(documents)
    yield "pos", _pos(documents)
    yield "stock_out", stock_outs(network, flow)
    yield "promotion", _promotions(network, demand)
    yield "demand_event", _events(network, demand)
    yield "demand", _demand(network, flow)
    yield "network_conservation", conservation(network, flow)


def write(folder: Path, truth: Iterable[tuple[str, pl.DataFrame]]) -> None:
    """Write the truth tables, one Parquet file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in truth:
        frame.write_parquet(folder / f"{name}.parquet", compression="zstd", compression_level=1)


def sale_lines(documents: Documents) -> pl.DataFrame:
    """Every live secondary line; credit notes negative, cancelled documents absent."""
    signed = [(pl.col(c) * pl.col("sign")).alias(c) for c in ("gross", "discount", "net", "tax")]
    return (
        documents.invoice.filter(~pl.col("cancelled"))
        .with_columns(signed)
        .select(
            "distributor_code",
            "document_type",
            "document_no",
            "line_no",
            "business_date",
            "outlet_code",
            "sku_code",
            "territory_code",
            "sender_outlet_code",
            "sender_sku_code",
            "unit",
            "return_kind",
            "condition",
            "scheme_code",
            "qty_base",
            pl.col("free_base").alias("free_qty_base"),
            value("gross").alias("gross_value"),
            value("discount").alias("discount_value"),
            value("net").alias("value_net"),
            value("tax").alias("tax_value"),
        )
    )


def secondary_daily(invoice: pl.DataFrame) -> pl.DataFrame:
    """Secondary measures per day, SKU, distributor and territory; value still in cents (`net_cents`)."""
    return (
        invoice.filter(~pl.col("cancelled"))
        .group_by("day", "sku", "distributor", "territory")
        .agg(
            pl.col(DAY_KEY).first(),
            secondary_gross_qty_base=pl.col("qty_base").filter(pl.col("sign") > 0).sum(),
            secondary_return_qty_base=-pl.col("qty_base").filter(pl.col("sign") < 0).sum(),
            secondary_free_qty_base=pl.col("free_base").sum(),
            secondary_qty_base=pl.col("qty_base").sum(),
            net_cents=(pl.col("net") * pl.col("sign")).sum(),
        )
        .drop("day", "sku", "distributor", "territory")
    )


def sell_through_daily(documents: Documents) -> pl.DataFrame:
    """The published mart's rows as they must be in the end."""
    secondary = (
        secondary_daily(documents.invoice).with_columns(secondary_value_net=value("net_cents")).drop("net_cents")
    )
    primary = (
        documents.dispatch.filter(~pl.col("cancelled"))
        .group_by(DAY_KEY)
        .agg(primary_qty_base=pl.col("qty_base").sum(), net_cents=pl.col("net").sum())
        .with_columns(primary_value_net=value("net_cents"))
        .drop("net_cents")
    )
    tertiary = (
        documents.pos.group_by(DAY_KEY)
        .agg(tertiary_qty_base=pl.col("qty").sum(), net_cents=pl.col("net").sum())
        .with_columns(tertiary_value_net=value("net_cents"))
        .drop("net_cents")
    )
    filled = pl.concat([primary, secondary, tertiary], how="diagonal").group_by(DAY_KEY).agg(pl.col(DAY_MEASURES).sum())
    casts = [pl.col(c).cast(MONEY if "value" in c else pl.Int64) for c in DAY_MEASURES]
    return filled.with_columns(casts).sort(DAY_KEY)


def stock_daily(network: Network, flow: Flow, documents: Documents) -> pl.DataFrame:
    """Physical close of every day from the first on which a cell was ranged or fed, beside the declared one where one was sent."""
    declared = documents.stock.select("distributor", "sku", "day", "condition", declared_qty_base="declared")
    parts = []
    days = np.arange(network.sizes.days)[:, None, None]
    bad_from = documents.stock.filter(pl.col("condition") == NON_SALEABLE).group_by("distributor", "sku").agg(pl.len())
    bad = np.zeros(flow.opening.shape, dtype=bool)
    bad[bad_from["distributor"].to_numpy(), bad_from["sku"].to_numpy()] = True
    ever_bad = (np.cumsum(flow.unsaleable > 0, axis=0) > 0) & bad[None]
    for condition, stock, listed in (
        (SALEABLE, flow.saleable, days >= flow.ranged_from[None]),
        (NON_SALEABLE, flow.unsaleable, ever_bad),
    ):
        day, distributor, sku = np.nonzero(listed)
        parts.append(
            pl.DataFrame(
                {
                    "day": day,
                    "distributor": distributor,
                    "sku": sku,
                    "condition": pl.repeat(condition, len(day), eager=True),
                    "physical_qty_base": stock[day, distributor, sku].astype(np.int64),
                }
            )
        )
    frame = pl.concat(parts).join(
        declared, on=["day", "distributor", "sku", "condition"], how="left", maintain_order="left"
    )
    return frame.select(
        date_of(network, frame["day"].to_numpy()).alias("business_date"),
        pick(network.distributor_codes, frame["distributor"].to_numpy()).alias("distributor_code"),
        pick(network.sku_codes, frame["sku"].to_numpy()).alias("sku_code"),
        "condition",
        "physical_qty_base",
        "declared_qty_base",
    )


def sale_movements(invoice: pl.DataFrame) -> pl.DataFrame:
    """Stock movements of live invoice rows: goods leave saleable stock, returned goods come into the condition in which they came."""
    where = ["business_date", "distributor_code", "sku_code"]
    total, nothing = pl.col("qty_base") + pl.col("free_base"), pl.lit(0, dtype=pl.Int64)
    live = invoice.filter(~pl.col("cancelled"))
    sold = live.filter(pl.col("sign") > 0).select(*where, condition=pl.lit(SALEABLE), inflow=nothing, outflow=total)
    goods = (pl.col("sign") < 0) & (pl.col("return_kind") == "GOODS")
    back = live.filter(goods).select(*where, "condition", inflow=-total, outflow=nothing)
    return pl.concat([sold, back])


def movements(documents: Documents) -> pl.DataFrame:
    """All stock movements of distributors: date, cell and base units in and out."""
    where = ["business_date", "distributor_code", "sku_code"]
    received = documents.receipt.select(
        *where, "condition", inflow=pl.col("qty_base") + pl.col("free_base"), outflow=pl.lit(0, dtype=pl.Int64)
    )
    stated = documents.stock.select(
        *where,
        "condition",
        inflow=pl.col("adjustment").clip(0),
        outflow=pl.col("sample") + pl.col("purchase_return") + pl.col("damage") - pl.col("adjustment").clip(None, 0),
    )
    return pl.concat([sale_movements(documents.invoice), received, stated])


def reconciliation_cells(documents: Documents) -> pl.DataFrame:
    """Roll-forward of every month and cell; the variance is the miscount and nothing else."""
    month = pl.col("business_date").dt.truncate("1mo").alias("month_start")
    cell = ["month_start", "distributor_code", "sku_code", "condition"]
    moved = (
        movements(documents)
        .group_by(month, "distributor_code", "sku_code", "condition")
        .agg(pl.col("inflow", "outflow").sum())
    )
    stated = (
        documents.stock.sort("day")
        .group_by(month, "distributor_code", "sku_code", "condition", maintain_order=True)
        .agg(pl.col("opening").first(), pl.col("declared").last(), pl.col("physical").last())
    )
    frame = stated.join(moved, on=cell, how="left").with_columns(pl.col("inflow", "outflow").fill_null(0))
    frame = frame.with_columns(batch_no=pl.lit("-"), book=pl.col("opening") + pl.col("inflow") - pl.col("outflow"))
    return frame.select(
        *CELL,
        opening_declared_qty_base="opening",
        inflow_qty_base="inflow",
        outflow_qty_base="outflow",
        book_close_qty_base="book",
        declared_close_qty_base="declared",
        physical_close_qty_base="physical",
        expected_variance_qty_base=pl.col("declared") - pl.col("book"),
    ).sort(CELL)


def stock_outs(network: Network, flow: Flow) -> pl.DataFrame:
    """Spells in which a distributor's saleable stock of a ranged SKU closed the day at zero."""
    days = np.arange(network.sizes.days)[:, None, None]
    empty = (flow.saleable == 0) & (days >= flow.ranged_from[None])
    padded = np.concatenate([np.zeros_like(empty[:1]), empty, np.zeros_like(empty[:1])]).astype(np.int8)
    step = np.diff(padded, axis=0)
    d0, s0, first = np.nonzero(np.moveaxis(step == 1, 0, 2))
    _, _, last = np.nonzero(np.moveaxis(step == -1, 0, 2))
    return pl.DataFrame(
        {
            "distributor_code": pick(network.distributor_codes, d0),
            "sku_code": pick(network.sku_codes, s0),
            "date_from": date_of(network, first),
            "date_to": date_of(network, last - 1),
            "days": last - first,
            "open_at_end": last == network.sizes.days,
        }
    ).sort("distributor_code", "sku_code", "date_from")


def conservation(network: Network, flow: Flow) -> pl.DataFrame:
    """Per SKU, every unit at every node of the network: what came, what went, what is left."""
    skus = network.sizes.skus

    def total(sku: Ints, units: Ints) -> Ints:
        result: Ints = np.zeros(skus, dtype=np.int64)
        np.add.at(result, sku, units)
        return result

    sent = flow.dispatches["paid"] + flow.dispatches["free"]
    arrived = flow.dispatches["receipt_day"] < network.sizes.days
    sales, returns, care = flow.sales, flow.returns, flow.care
    return pl.DataFrame(
        {
            "sku_code": network.sku_codes,
            "plant_opening_qty_base": flow.plant_opening,
            "produced_qty_base": flow.plant_produced,
            "dispatched_qty_base": total(flow.dispatches["sku"], sent),
            "plant_closing_qty_base": flow.plant_closing,
            "received_qty_base": total(flow.dispatches["sku"][arrived], sent[arrived]),
            "in_transit_closing_qty_base": total(flow.dispatches["sku"][~arrived], sent[~arrived]),
            "distributor_opening_qty_base": flow.opening.sum(axis=0).astype(np.int64),
            "sold_to_outlets_qty_base": total(sales["sku"], sales["qty"] + sales["free"]),
            "returned_by_outlets_qty_base": total(returns["sku"], returns["qty"]),
            "sampled_qty_base": total(care["sku"], care["sampled"]),
            "returned_to_company_qty_base": total(care["sku"], care["lifted"]),
            "destroyed_qty_base": total(care["sku"], care["destroyed"]),
            "distributor_closing_qty_base": (flow.saleable[-1] + flow.unsaleable[-1]).sum(axis=0).astype(np.int64),
            "outlet_opening_qty_base": flow.shelf_opening.sum(axis=0).astype(np.int64),
            "consumed_qty_base": flow.consumed.sum(axis=0),
            "outlet_closing_qty_base": flow.shelf_closing.sum(axis=0).astype(np.int64),
        }
    )


def _dispatches(documents: Documents) -> pl.DataFrame:
    return documents.dispatch.filter(~pl.col("cancelled")).select(
        "document_no",
        "line_no",
        "plant_code",
        "distributor_code",
        "territory_code",
        "business_date",
        "planned_delivery_date",
        "sku_code",
        "qty_base",
        pl.col("free_base").alias("free_qty_base"),
        value("net").alias("value_net"),
        "order_no",
    )


def _receipts(documents: Documents) -> pl.DataFrame:
    return documents.receipt.select(
        "distributor_code",
        "document_no",
        "line_no",
        "business_date",
        "dispatch_no",
        "dispatch_line_no",
        "sku_code",
        "condition",
        "qty_base",
        pl.col("free_base").alias("free_qty_base"),
        "tracking_no",
    )


def _pos(documents: Documents) -> pl.DataFrame:
    return documents.pos.select(
        "retailer_code",
        "outlet_code",
        "distributor_code",
        "territory_code",
        "sku_code",
        "business_date",
        pl.col("qty").alias("qty_base"),
        value("net").alias("value_net"),
        pl.col("on_hand_qty").alias("on_hand_qty_base"),
    )


def _promotions(network: Network, demand: Demand) -> pl.DataFrame:
    rows = [
        (
            p.code,
            network.sku_codes[p.sku],
            f"Z{p.zone + 1}",
            network.sizes.day(p.first),
            network.sizes.day(p.last),
            p.uplift,
            p.discount_permille / 1000,
            p.buy,
            p.free,
        )
        for p in demand.promotions
    ]
    schema = {
        "scheme_code": pl.String,
        "sku_code": pl.String,
        "zone_code": pl.String,
        "date_from": pl.Date,
        "date_to": pl.Date,
        "uplift": pl.Float64,
        "discount_share": pl.Float64,
        "buy_qty_base": pl.Int64,
        "free_qty_base": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _events(network: Network, demand: Demand) -> pl.DataFrame:
    rows = [
        (
            e.kind,
            network.distributor_codes[e.distributor],
            network.sku_codes[e.sku],
            network.sizes.day(e.first),
            network.sizes.day(e.last),
            e.factor,
        )
        for e in demand.events
    ]
    schema = {
        "kind": pl.String,
        "distributor_code": pl.String,
        "sku_code": pl.String,
        "date_from": pl.Date,
        "date_to": pl.Date,
        "factor": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _demand(network: Network, flow: Flow) -> pl.DataFrame:
    week, group, sku = np.nonzero(flow.demand_week)
    monday = network.sizes.start - timedelta(days=network.sizes.start.weekday())
    starts = pl.Series([monday + timedelta(days=7 * w) for w in range(flow.demand_week.shape[0])], dtype=pl.Date)
    return pl.DataFrame(
        {
            "week_start": starts.gather(week.astype(np.uint32)),
            "sku_code": pick(network.sku_codes, sku),
            "distributor_code": pick(network.distributor_codes, network.group_distributor[group]),
            "territory_code": pick(network.territory_codes, network.group_territory[group]),
            "mean_qty_base": flow.demand_week[week, group, sku],
        }
    )
