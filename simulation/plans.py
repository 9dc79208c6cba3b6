"""What head office announces ahead of time: the trade schemes behind the promotions, and the calendar of holidays and festivals."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from simulation.demand import FESTIVAL_BUILD_UP_DAYS, FESTIVALS, HOLIDAYS, Demand
from simulation.network import Network

DAYS_AHEAD = 366


def schemes(network: Network, demand: Demand) -> pl.DataFrame:
    """One row per promotion, with the end that was announced, be it after the last day."""
    rows = [
        {
            "scheme_code": p.code,
            "level": "SECONDARY",
            "valid_from": network.sizes.day(p.first),
            "valid_to": network.sizes.day(p.announced_last),
            "territory_codes": f"Z{p.zone + 1}",
            "basis": "QTY",
            "counted_per": "INVOICE",
            "buy_sku_codes": network.sku_codes[p.sku],
            "buy_qty": p.buy or 1,
            "unit": "EA",
            "benefit": "FREE_QTY" if p.free else "DISC_PCT",
            "benefit_amount": None if p.free else p.discount_permille / 10,
            "free_qty": p.free or None,
        }
        for p in demand.promotions
    ]
    schema = {
        **dict.fromkeys(("scheme_code", "level"), pl.String),
        **dict.fromkeys(("valid_from", "valid_to"), pl.Date),
        **dict.fromkeys(("territory_codes", "basis", "counted_per", "buy_sku_codes"), pl.String),
        "buy_qty": pl.Int64,
        **dict.fromkeys(("unit", "benefit"), pl.String),
        "benefit_amount": pl.Float64,
        "free_qty": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)


def calendar(network: Network) -> pl.DataFrame:
    """The holidays, on which nobody trades, and the days before festivals, from the first day to a year after the last."""
    first, last = network.sizes.start, network.sizes.end + timedelta(days=DAYS_AHEAD)
    rows = []
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        holiday = "Public holiday" if (day.month, day.day) in HOLIDAYS else None
        festival = next((f"Festival of {found:%d %B}" for found in _festivals(day)), None)
        if holiday or festival:
            rows.append((day, holiday is None, holiday, festival))
    schema = {
        "calendar_date": pl.Date,
        "selling_day": pl.Boolean,
        "holiday_name": pl.String,
        "festival_name": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _festivals(day: date) -> list[date]:
    """The festivals that a day leads up to."""
    dates = [date(day.year, month, of_month) for month, of_month in FESTIVALS]
    return [found for found in dates if 0 < (found - day).days <= FESTIVAL_BUILD_UP_DAYS]
