"""Stock statements: what each distributor declares that it holds, one in ten counts of a month's end wrong by a few units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulation.columns import NON_SALEABLE, SALEABLE, date_of, pick
from simulation.flow import Flow
from simulation.network import Bools, Ints, Network

MISCOUNT_SHARE = 0.1
MAX_MISCOUNT = 3


@dataclass(frozen=True)
class _Side:
    """One condition of the stock in one statement, per distributor and SKU."""

    condition: str
    listed: Bools
    opening: Ints
    closing: Ints
    adjustment: Ints
    sample: Ints
    purchase_return: Ints
    damage: Ints


def build(network: Network, flow: Flow) -> pl.DataFrame:
    """One row per statement, SKU and condition: opening, movements that only the statement tells, physical and declared close.

    A miscounted close is carried into the next statement's opening and put right there by an adjustment of the same size, as a distributor
    does who finds the error. So the variance of a month is its own miscount and nothing else, and openings equal the closes before them.
    """
    rng = network.sizes.rng(32)
    unsaleable_from = _first_unsaleable(network, flow)
    wrong = {SALEABLE: np.zeros(flow.opening.shape, np.int64), NON_SALEABLE: np.zeros(flow.opening.shape, np.int64)}
    parts: list[pl.DataFrame] = []
    for first, last in network.sizes.statement_periods():
        sides = _sides(flow, unsaleable_from, first, last)
        miscounts = _miscounts(sides, rng, counted=network.sizes.closes_month(last))
        for side, miscount in zip(sides, miscounts, strict=True):
            parts.append(_rows(side, first, last, wrong[side.condition], miscount))
            wrong[side.condition] = miscount
    stock = pl.concat(parts)
    distributor, sku = stock["distributor"].to_numpy(), stock["sku"].to_numpy()
    own_codes = [code for codes in network.sender_sku_codes for code in codes]
    stock = stock.with_columns(
        distributor_code=pick(network.distributor_codes, distributor),
        sku_code=pick(network.sku_codes, sku),
        sender_sku_code=pick(own_codes, distributor * network.sizes.skus + sku),
        business_date=date_of(network, stock["day"].to_numpy()),
        unit=pl.lit("EA"),
    )
    return stock.sort("distributor", "day", "sku", "condition", descending=[False, False, False, True])


def _sides(flow: Flow, unsaleable_from: Ints, first: int, last: int) -> tuple[_Side, _Side]:
    zero = np.zeros(flow.opening.shape, dtype=np.int64)
    care = {name: zero.copy() for name in ("reclassed", "sampled", "lifted", "destroyed")}
    today = np.flatnonzero(flow.care["day"] == last)
    for name, values in care.items():
        values[flow.care["distributor"][today], flow.care["sku"][today]] = flow.care[name][today]
    opening = (flow.saleable[first - 1] if first else flow.opening).astype(np.int64)
    opening_bad = (flow.unsaleable[first - 1] if first else zero).astype(np.int64)
    closing, closing_bad = flow.saleable[last].astype(np.int64), flow.unsaleable[last].astype(np.int64)
    return (
        _Side(SALEABLE, flow.ranged_from <= last, opening, closing, -care["reclassed"], care["sampled"], zero, zero),
        _Side(
            NON_SALEABLE, unsaleable_from <= last, opening_bad, closing_bad, care["reclassed"], zero,
            care["lifted"], care["destroyed"],
        ),
    )  # fmt: skip


def _rows(side: _Side, first: int, last: int, wrong_before: Ints, miscount: Ints) -> pl.DataFrame:
    distributor, sku = np.nonzero(side.listed)
    cell = (distributor, sku)
    return pl.DataFrame(
        {
            "distributor": distributor,
            "sku": sku,
            "first": np.full(len(sku), first),
            "day": np.full(len(sku), last),
            "condition": pl.repeat(side.condition, len(sku), eager=True),
            "opening": (side.opening + wrong_before)[cell],
            "physical": side.closing[cell],
            "declared": (side.closing + miscount)[cell],
            "adjustment": (side.adjustment - wrong_before)[cell],
            "sample": side.sample[cell],
            "purchase_return": side.purchase_return[cell],
            "damage": side.damage[cell],
        }
    )


def _miscounts(sides: tuple[_Side, _Side], rng: np.random.Generator, *, counted: bool) -> tuple[Ints, Ints]:
    """Errors of a counted close: one listed cell in ten, never into or out of zero."""
    shape = sides[0].closing.shape
    if not counted:
        return np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    listed = np.stack([side.listed for side in sides])
    closing = np.stack([side.closing for side in sides])
    eligible = rng.permutation(np.flatnonzero(listed & (closing > 0)))
    chosen = eligible[: round(int(listed.sum()) * MISCOUNT_SHARE)]
    units = rng.integers(1, MAX_MISCOUNT + 1, len(chosen))
    down = (rng.random(len(chosen)) < 0.5) & (closing.reshape(-1)[chosen] > units)
    wrong = np.zeros(listed.size, dtype=np.int64)
    wrong[chosen] = np.where(down, -units, units)
    both = wrong.reshape(listed.shape)
    return both[0], both[1]


def _first_unsaleable(network: Network, flow: Flow) -> Ints:
    """Day from which a distributor has held unsaleable goods of a SKU; the number of days where never."""
    first: Ints = np.full(flow.opening.shape, network.sizes.days, dtype=np.int64)
    bad = flow.returns["saleable"] == 0
    outlet = flow.returns["outlet"][bad]
    np.minimum.at(first, (network.outlet_distributor[outlet], flow.returns["sku"][bad]), flow.returns["day"][bad])
    hurt = flow.dispatches["damaged"] > 0
    sent = flow.dispatches
    np.minimum.at(first, (sent["distributor"][hurt], sent["sku"][hurt]), sent["receipt_day"][hurt])
    broken = flow.care["reclassed"] > 0
    np.minimum.at(first, (flow.care["distributor"][broken], flow.care["sku"][broken]), flow.care["day"][broken])
    return first
