"""Demand classes: the definition, and the share of each beside a real wholesaler's."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from simulation import classes, demand, documents, flow, network, truth
from simulation.sizes import Sizes

MONDAY = date(2026, 1, 5)
INVOICE_LINES = "iowa/iowa_invoice_lines_2021_2022_53stores.csv.gz"


def _sales(*weekly: int) -> pl.DataFrame:
    rows = [("A", MONDAY + timedelta(days=7 * week), qty) for week, qty in enumerate(weekly) if qty]
    return pl.DataFrame(rows, schema=["series", "day", "qty"], orient="row")


@pytest.mark.parametrize(
    ("weekly", "expected"),
    [
        ((10, 11, 9, 10, 10), "SMOOTH"),
        ((1, 40, 1, 1, 1), "ERRATIC"),
        ((10, 0, 0, 10, 0, 0, 10), "INTERMITTENT"),
        ((1, 0, 0, 40, 0, 0, 1), "LUMPY"),
    ],
)
def test_a_series_is_classed_by_its_interval_and_its_spread(weekly: tuple[int, ...], expected: str) -> None:
    assert classes.classify(_sales(*weekly), ["series"], "day", "qty")["demand_class"].to_list() == [expected]


def test_weeks_count_from_the_first_sale_and_returns_do_not_count() -> None:
    sales = pl.concat(
        [_sales(0, 0, 5, 5, 0, 5), pl.DataFrame([("A", MONDAY, -3)], schema=["series", "day", "qty"], orient="row")]
    )
    row = classes.classify(sales, ["series"], "day", "qty").row(0, named=True)
    assert (row["weeks"], row["selling_weeks"], row["cv2"]) == (4, 3, 0.0)


def test_simulated_class_shares_lie_within_ten_points_of_a_real_wholesalers(real_data: Path) -> None:
    lines = pl.read_csv(
        real_data / INVOICE_LINES,
        schema_overrides={"store_number": pl.String, "item_number": pl.String},
        try_parse_dates=True,
    )
    theirs = classes.shares(classes.classify(lines, ["store_number", "item_number"], "date", "bottles_sold"))
    members = network.build(Sizes(1, 8, 450, 100, 400, date(2026, 6, 30)))
    process = demand.build(members)
    papers = documents.build(members, process, flow.run(members, process))
    sold = truth.sale_lines(papers)
    ours = classes.shares(classes.classify(sold, ["outlet_code", "sku_code"], "business_date", "qty_base"))
    gaps = {name: round(ours[name] - theirs[name], 4) for name in classes.CLASSES}
    assert all(abs(gap) <= 0.10 for gap in gaps.values()), gaps
