"""The paper that goes with the goods: invoices, credit notes, dispatches, receipts, stock statements and store sales, as frames.

Frames keep the names that senders use beside what is true (`sku_code`, `qty_base`): the landing writers take the former, truth/ the latter.
Money is in cents until it is written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulation import statements
from simulation.columns import NON_SALEABLE, SALEABLE, date_of, pick
from simulation.demand import Demand
from simulation.flow import Flow
from simulation.network import Ints, Network

CLASS_DISCOUNT_PERMILLE = (30, 15, 0, 0)
TAX_PERCENT = 18
CANCELLED_SHARE = 0.002
FINANCIAL_SHARE = 0.001
CANCELLED_DISPATCH_SHARE = 0.003


@dataclass(frozen=True)
class Documents:
    """All documents of the network, one frame per feed.

    `invoice`: signed base quantities and cents in `qty_base`, `free_base`, `net` …, positive ones in the sender's unit in `qty`, `free_qty`.
    `stock`: one row per statement x SKU x condition with physical and declared close.
    """

    invoice: pl.DataFrame
    stock: pl.DataFrame
    receipt: pl.DataFrame
    dispatch: pl.DataFrame
    pos: pl.DataFrame


def build(network: Network, demand: Demand, flow: Flow) -> Documents:
    """Write up what happened."""
    dispatch, receipt = _primary(network, flow)
    return Documents(
        invoice=_invoices(network, demand, flow),
        stock=statements.build(network, flow),
        receipt=receipt,
        dispatch=dispatch,
        pos=_pos(network, flow),
    )


def money(cents: pl.Expr) -> pl.Expr:
    """Cents as a decimal with two places."""
    return cents.cast(pl.Decimal(18, 2)) / pl.lit(100).cast(pl.Decimal(18, 0))


def _invoices(network: Network, demand: Demand, flow: Flow) -> pl.DataFrame:
    rng = network.sizes.rng(30)
    sales, returns = flow.sales, flow.returns
    permille = np.array([*(p.discount_permille for p in demand.promotions), 0])[sales["promotion"]]
    permille = permille + np.array(CLASS_DISCOUNT_PERMILLE)[network.outlet_class[sales["outlet"]]]
    sold_gross = sales["qty"] * network.trade_price[sales["sku"]]
    sold_discount = (sold_gross * permille + 500) // 1000
    zero, zero_return = np.zeros(len(sales), dtype=np.int64), np.zeros(len(returns), dtype=np.int64)
    parts = [
        {
            "credit": zero,
            "day": sales["day"],
            "outlet": sales["outlet"],
            "sku": sales["sku"],
            "order": zero + 1,
            "qty": sales["qty"],
            "free": sales["free"],
            "gross": sold_gross,
            "discount": sold_discount,
            "promotion": sales["promotion"],
            "cancelled": zero,
            "nature": zero,
        },
        {
            "credit": zero_return + 1,
            "day": returns["day"],
            "outlet": returns["outlet"],
            "sku": returns["sku"],
            "order": zero_return,
            "qty": returns["qty"],
            "free": zero_return,
            "gross": returns["qty"] * network.trade_price[returns["sku"]],
            "discount": zero_return,
            "promotion": zero_return - 1,
            "cancelled": zero_return,
            "nature": 2 - returns["saleable"],
        },
        *_odd_documents(network, flow, sold_gross, sold_discount, rng),
    ]
    column = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    distributor = network.outlet_distributor[column["outlet"]]
    document = (
        (distributor * 2 + column["credit"]) * network.sizes.days + column["day"]
    ) * network.sizes.outlets + column["outlet"]
    document = document * 3 + column["order"]
    order = np.argsort(document, kind="stable")
    column = {name: values[order] for name, values in column.items()}
    document, distributor = document[order], distributor[order]
    fresh = np.r_[True, document[1:] != document[:-1]] if len(document) else np.zeros(0, dtype=bool)
    starts = np.flatnonzero(fresh)
    ordinal = np.cumsum(fresh) - 1
    book = (distributor * 2 + column["credit"])[starts]
    book_start = np.searchsorted(book, book, side="left")
    serial = np.arange(len(starts)) - book_start + 1
    numbers = _document_numbers(network, book, serial, column["day"][starts])
    line_no = np.arange(len(document)) - starts[ordinal] + 1 if len(document) else np.zeros(0, dtype=np.int64)
    original = _originals(network, column, numbers, ordinal, starts)
    factor = network.units_per_case[column["sku"]]
    in_cases = (
        network.bills_in_cases[distributor]
        & (column["qty"] > 0)
        & (column["qty"] % factor == 0)
        & (column["free"] % factor == 0)
        & (column["credit"] == 0)
    )
    unit_factor = np.where(in_cases, factor, 1)
    net = column["gross"] - column["discount"]
    tax = (net * TAX_PERCENT + 50) // 100
    sign = 1 - 2 * column["credit"]
    alive = 1 - column["cancelled"]
    frame = pl.DataFrame(
        {
            "distributor": distributor,
            "day": column["day"],
            "sku": column["sku"],
            "outlet": column["outlet"],
            "territory": network.outlet_territory[column["outlet"]],
            "document_type": pick(["INVOICE", "CREDIT_NOTE"], column["credit"]),
            "document_no": pick(numbers, ordinal),
            "line_no": line_no,
            "business_date": date_of(network, column["day"]),
            "outlet_code": pick(network.outlet_codes, column["outlet"]),
            "sender_outlet_code": pick(network.sender_outlet_codes, column["outlet"]),
            "outlet_name": pick(network.outlet["outlet_name"].to_list(), column["outlet"]),
            "sku_code": pick(network.sku_codes, column["sku"]),
            "sender_sku_code": pick(
                [c for codes in network.sender_sku_codes for c in codes],
                distributor * network.sizes.skus + column["sku"],
            ),
            "sku_name": pick(network.sku["sku_name"].to_list(), column["sku"]),
            "distributor_code": pick(network.distributor_codes, distributor),
            "territory_code": pick(network.territory_codes, network.outlet_territory[column["outlet"]]),
            "case_factor": factor,
            "qty": column["qty"] * alive // unit_factor,
            "free_qty": column["free"] * alive // unit_factor,
            "unit": pick(["EA", "CS"], in_cases),
            "rate": np.where(column["qty"] > 0, network.trade_price[column["sku"]] * unit_factor, 0),
            "gross": column["gross"],
            "discount": column["discount"],
            "net": net,
            "tax": tax,
            "cancelled": column["cancelled"].astype(bool),
            "return_kind": pick(["", "GOODS", "GOODS", "FINANCIAL"], column["nature"]),
            "condition": pick(["", SALEABLE, NON_SALEABLE, ""], column["nature"]),
            "original_document_no": original,
            "scheme_code": pick(
                [*(p.code for p in demand.promotions), ""], column["promotion"] % (len(demand.promotions) + 1)
            ),
            "sign": sign,
            "qty_base": column["qty"] * alive * sign,
            "free_base": column["free"] * alive * sign,
        }
    )
    blank = ("return_kind", "condition", "original_document_no", "scheme_code")
    frame = frame.with_columns(pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c in blank)
    return frame.sort("distributor", "day", maintain_order=True)


def _odd_documents(
    network: Network, flow: Flow, gross: Ints, discount: Ints, rng: np.random.Generator
) -> list[dict[str, Ints]]:
    """Cancelled invoices (written wrongly, cancelled and written again) and credit notes that move money only."""
    sales = flow.sales
    if not len(sales):
        return []
    document = sales["day"] * network.sizes.outlets + sales["outlet"]
    starts = np.flatnonzero(np.r_[True, document[1:] != document[:-1]])
    ends = np.r_[starts[1:], len(document)]
    chosen = np.flatnonzero(rng.random(len(starts)) < CANCELLED_SHARE)
    rows = (
        np.concatenate([np.arange(starts[i], ends[i]) for i in chosen]) if len(chosen) else np.zeros(0, dtype=np.int64)
    )
    zero = np.zeros(len(rows), dtype=np.int64)
    cancelled = {
        "credit": zero,
        "day": sales["day"][rows],
        "outlet": sales["outlet"][rows],
        "sku": sales["sku"][rows],
        "order": zero,
        "qty": sales["qty"][rows],
        "free": sales["free"][rows],
        "gross": gross[rows],
        "discount": discount[rows],
        "promotion": sales["promotion"][rows],
        "cancelled": zero + 1,
        "nature": zero,
    }
    picked = np.sort(starts[rng.random(len(starts)) < FINANCIAL_SHARE])
    share = rng.integers(20, 60, len(picked))
    delay = rng.integers(3, 15, len(picked))
    value = np.maximum(1, ((gross - discount)[picked] * share + 500) // 1000)
    day = sales["day"][picked] + delay
    kept = day < network.sizes.days
    zero = np.zeros(int(kept.sum()), dtype=np.int64)
    financial = {
        "credit": zero + 1,
        "day": day[kept],
        "outlet": sales["outlet"][picked][kept],
        "sku": sales["sku"][picked][kept],
        "order": zero + 1,
        "qty": zero,
        "free": zero,
        "gross": value[kept],
        "discount": zero,
        "promotion": zero - 1,
        "cancelled": zero,
        "nature": zero + 3,
    }
    return [cancelled, financial]


def _document_numbers(network: Network, book: Ints, serial: Ints, day: Ints) -> list[str]:
    year = np.array([(d.year if d.month >= 4 else d.year - 1) % 100 for d in network.sizes.dates()])
    numbers = []
    for b, n, y in zip(book.tolist(), serial.tolist(), year[day].tolist(), strict=True):
        if network.numeric_documents[b // 2]:
            numbers.append(f"{n:07d}")
        else:
            numbers.append(f"{'CN' if b % 2 else 'SI'}/{y:02d}/{n:06d}")
    return numbers


def _originals(network: Network, column: dict[str, Ints], numbers: list[str], ordinal: Ints, starts: Ints) -> pl.Series:
    """For a credit note the outlet's latest invoice of that day or before, where there is one."""
    credit = column["credit"] == 1
    result = np.full(len(credit), -1, dtype=np.int64)
    live = (column["credit"][starts] == 0) & (column["cancelled"][starts] == 0)
    documents = np.flatnonzero(live)
    key = column["outlet"][starts][documents] * network.sizes.days + column["day"][starts][documents]
    by_key = np.argsort(key, kind="stable")
    wanted = column["outlet"][credit] * network.sizes.days + column["day"][credit]
    position = np.searchsorted(key[by_key], wanted, side="right") - 1
    found = documents[by_key[np.maximum(position, 0)]] if len(documents) else np.zeros(len(wanted), dtype=np.int64)
    same = (
        (position >= 0) & (column["outlet"][starts][found] == column["outlet"][credit])
        if len(documents)
        else position >= 0
    )
    result[credit] = np.where(same, found, -1)
    return pick([*numbers, ""], result % (len(numbers) + 1))


def _primary(network: Network, flow: Flow) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = network.sizes.rng(31)
    sent = flow.dispatches
    clones = np.flatnonzero(rng.random(len(sent)) < CANCELLED_DISPATCH_SHARE)
    rows = np.r_[np.arange(len(sent)), clones]
    cancelled = np.r_[np.zeros(len(sent), dtype=np.int64), np.ones(len(clones), dtype=np.int64)]
    column = {
        name: sent[name][rows]
        for name in (
            "day",
            "distributor",
            "sku",
            "paid",
            "free",
            "ordered_day",
            "planned_day",
            "receipt_day",
            "damaged",
        )
    }
    key = (column["day"] * network.sizes.distributors + column["distributor"]) * 2 + cancelled
    order = np.lexsort((column["sku"], key))
    column = {name: values[order] for name, values in column.items()}
    key, cancelled = key[order], cancelled[order]
    ordinal, line_no, count = _number(key)
    case = network.units_per_case[column["sku"]]
    numbers = [f"{80000001 + i}" for i in range(count)]
    dispatch = pl.DataFrame(
        {
            "distributor": column["distributor"],
            "sku": column["sku"],
            "day": column["day"],
            "document_no": pick(numbers, ordinal),
            "line_no": line_no * 10,
            "plant_code": pick(network.plant_codes, network.sku_plant[column["sku"]]),
            "distributor_code": pick(network.distributor_codes, column["distributor"]),
            "territory_code": pick(network.territory_codes, network.distributor_territory[column["distributor"]]),
            "business_date": date_of(network, column["day"]),
            "planned_delivery_date": date_of(network, column["planned_day"]),
            "sku_code": pick(network.sku_codes, column["sku"]),
            "sender_sku_code": pick(network.sku_codes, column["sku"]),
            "qty": column["paid"] // case,
            "free_qty": column["free"] // case,
            "unit": pl.repeat("CS", len(order), eager=True),
            "net": column["paid"] * network.ex_factory_price[column["sku"]],
            "cancelled": cancelled.astype(bool),
            "order_no": pl.Series(
                [f"PO{d:03d}{o:05d}" for d, o in zip(column["distributor"] + 1, column["ordered_day"], strict=True)],
                dtype=pl.String,
            ),
            "qty_base": column["paid"] * (1 - cancelled),
            "free_base": column["free"] * (1 - cancelled),
            "receipt_day": column["receipt_day"],
            "damaged": column["damaged"] * (1 - cancelled),
        }
    )
    return dispatch, _receipts(
        network, dispatch.filter(~pl.col("cancelled") & (pl.col("receipt_day") < network.sizes.days))
    )


def _receipts(network: Network, arrived: pl.DataFrame) -> pl.DataFrame:
    good = arrived.with_columns(
        condition=pl.lit(SALEABLE), received=pl.col("qty_base") - pl.col("damaged"), received_free=pl.col("free_base")
    )
    hurt = arrived.filter(pl.col("damaged") > 0).with_columns(
        condition=pl.lit(NON_SALEABLE), received=pl.col("damaged"), received_free=pl.lit(0, dtype=pl.Int64)
    )
    lines = pl.concat([good, hurt]).filter(pl.col("received") + pl.col("received_free") > 0)
    lines = lines.sort(
        "distributor", "receipt_day", "document_no", "line_no", "condition", descending=[False] * 4 + [True]
    )
    key = (lines["distributor"] * network.sizes.days + lines["receipt_day"]).to_numpy() * 10**8 + lines[
        "document_no"
    ].cast(pl.Int64).to_numpy()
    ordinal, line_no, count = _number(key)
    starts = np.flatnonzero(line_no == 1)
    owner = lines["distributor"].to_numpy()[starts]
    serial = np.arange(count) - np.searchsorted(owner, owner, side="left") + 1
    numbers = [f"GR{n:06d}" for n in serial.tolist()]
    distributor, sku = lines["distributor"].to_numpy(), lines["sku"].to_numpy()
    case = network.units_per_case[sku]
    base, free = lines["received"].to_numpy(), lines["received_free"].to_numpy()
    in_cases = (base % case == 0) & (free % case == 0) & network.bills_in_cases[distributor]
    unit_factor = np.where(in_cases, case, 1)
    days = lines["receipt_day"].to_numpy()
    return pl.DataFrame(
        {
            "distributor": distributor,
            "sku": sku,
            "day": days,
            "distributor_code": lines["distributor_code"],
            "document_no": pick(numbers, ordinal),
            "line_no": line_no,
            "business_date": date_of(network, days),
            "dispatch_no": lines["document_no"],
            "dispatch_line_no": lines["line_no"],
            "sku_code": lines["sku_code"],
            "sender_sku_code": pick(
                [c for codes in network.sender_sku_codes for c in codes], distributor * network.sizes.skus + sku
            ),
            "condition": lines["condition"],
            "qty": base // unit_factor,
            "free_qty": free // unit_factor,
            "unit": pick(["EA", "CS"], in_cases),
            "tracking_no": pl.Series([f"LR{d}" for d in lines["document_no"].to_list()], dtype=pl.String),
            "qty_base": base,
            "free_base": free,
        }
    )


def _number(key: Ints) -> tuple[Ints, Ints, int]:
    """Number sorted keys: ordinal of the document, line within it, number of documents."""
    if not len(key):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0
    fresh = np.r_[True, key[1:] != key[:-1]]
    ordinal = np.cumsum(fresh) - 1
    starts = np.flatnonzero(fresh)
    return ordinal, np.arange(len(key)) - starts[ordinal] + 1, len(starts)


def _pos(network: Network, flow: Flow) -> pl.DataFrame:
    pos = flow.pos
    outlet, sku = pos["outlet"], pos["sku"]
    retailer = network.outlet_retailer[outlet]
    stores = [network.retailer_store_codes.get(o, "") for o in range(network.sizes.outlets)]
    frame = pl.DataFrame(
        {
            "retailer": retailer,
            "outlet": outlet,
            "sku": sku,
            "day": pos["day"],
            "retailer_code": pick(network.retailer_codes, retailer),
            "sender_outlet_code": pick(stores, outlet),
            "sender_sku_code": pick(
                [c for codes in network.retailer_sku_codes for c in codes], retailer * network.sizes.skus + sku
            ),
            "business_date": date_of(network, pos["day"]),
            "qty": pos["qty"],
            "return_qty": np.zeros(len(pos), dtype=np.int64),
            "unit": pl.repeat("EA", len(pos), eager=True),
            "net": pos["qty"] * network.mrp[sku],
            "on_hand_qty": pos["on_hand"],
            "outlet_code": pick(network.outlet_codes, outlet),
            "sku_code": pick(network.sku_codes, sku),
            "distributor_code": pick(network.distributor_codes, network.outlet_distributor[outlet]),
            "territory_code": pick(network.territory_codes, network.outlet_territory[outlet]),
        }
    )
    return frame.sort("retailer", "day", "outlet", "sku")


def class_shares_input(documents: Documents) -> pl.DataFrame:
    """Invoiced quantities per outlet, SKU and date: what demand classes are computed from."""
    return documents.invoice.filter((pl.col("document_type") == "INVOICE") & ~pl.col("cancelled")).select(
        pl.col("outlet_code"), pl.col("sku_code"), pl.col("business_date"), pl.col("qty_base")
    )
