"""The network is physically possible, the same for the same seed, and as varied as asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import simulation
from simulation import demand, documents, flow, network, truth
from simulation.sizes import Sizes

END = date(2026, 6, 18)


def _world(sizes: Sizes) -> tuple[network.Network, demand.Demand, flow.Flow, documents.Documents]:
    members = network.build(sizes)
    process = demand.build(members)
    flows = flow.run(members, process)
    return members, process, flows, documents.build(members, process, flows)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    distributors=st.integers(1, 6),
    more_outlets=st.integers(0, 40),
    skus=st.integers(1, 12),
    days=st.integers(2, 130),
    end=st.dates(date(2024, 1, 1), date(2027, 12, 31)),
)
def test_units_are_conserved_from_plant_to_shelf(
    seed: int, distributors: int, more_outlets: int, skus: int, days: int, end: date
) -> None:
    members, _, flows, papers = _world(Sizes(seed, distributors, distributors + more_outlets, skus, days, end))
    nodes = {name: column.to_numpy() for name, column in truth.conservation(members, flows).to_dict().items()}

    def left(*names: str) -> Any:
        return sum(nodes[f"{name}_qty_base"] for name in names)

    assert (left("plant_opening", "produced") == left("dispatched", "plant_closing")).all()
    assert (left("dispatched") == left("received", "in_transit_closing")).all()
    assert (
        left("distributor_opening", "received", "returned_by_outlets")
        == left("sold_to_outlets", "sampled", "returned_to_company", "destroyed", "distributor_closing")
    ).all()
    assert (
        left("outlet_opening", "sold_to_outlets") == left("returned_by_outlets", "consumed", "outlet_closing")
    ).all()
    for stock in (flows.saleable, flows.unsaleable, flows.shelf_closing, flows.plant_closing):
        assert stock.min() >= 0
    cells = truth.reconciliation_cells(papers)
    assert (cells["book_close_qty_base"] == cells["physical_close_qty_base"]).all()
    miscount = cells["declared_close_qty_base"] - cells["physical_close_qty_base"]
    assert (cells["expected_variance_qty_base"] == miscount).all()
    assert miscount.abs().max() is None or int(miscount.abs().max()) <= 3  # type: ignore[arg-type]


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), distributors=st.integers(1, 5), days=st.integers(40, 120))
def test_a_distributor_never_sells_more_than_it_holds(seed: int, distributors: int, days: int) -> None:
    members, _, flows, papers = _world(Sizes(seed, distributors, distributors * 8, 6, days, END))
    day_cell = ["business_date", "distributor_code", "sku_code", "condition"]
    moved = truth.movements(papers).group_by(day_cell).agg(pl.col("inflow", "outflow").sum())
    stock = truth.stock_daily(members, flows, papers).join(moved, on=day_cell, how="left").fill_null(0)
    rolled = stock.sort(day_cell).with_columns(
        before=pl.col("physical_qty_base").shift(1).over("distributor_code", "sku_code", "condition")
    )
    corrected = papers.stock.filter(pl.col("adjustment") != 0).select(day_cell)
    plain = rolled.drop_nulls("before").join(corrected, on=day_cell, how="anti")
    assert (plain["before"] + plain["inflow"] - plain["outflow"] == plain["physical_qty_base"]).all()
    assert (plain["outflow"] <= plain["before"] + plain["inflow"]).all()


def test_openings_equal_the_closes_before_them() -> None:
    _, _, _, papers = _world(Sizes(3, 4, 60, 8, 130, END))
    stock = papers.stock.sort("distributor", "sku", "condition", "day")
    chained = stock.with_columns(prior=pl.col("declared").shift(1).over("distributor", "sku", "condition")).drop_nulls(
        "prior"
    )
    assert (chained["opening"] == chained["prior"]).all()


def test_one_counted_cell_in_ten_is_wrong_by_one_to_three_units_and_none_at_zero() -> None:
    _, _, _, papers = _world(Sizes(3, 12, 200, 40, 200, END))
    cells = truth.reconciliation_cells(papers)
    wrong = cells["declared_close_qty_base"] - cells["physical_close_qty_base"]
    assert (wrong != 0).mean() == pytest.approx(0.1, abs=0.005)
    assert set(wrong.abs().unique().to_list()) == {0, 1, 2, 3}
    assert ((cells["declared_close_qty_base"] == 0) == (cells["physical_close_qty_base"] == 0)).all()


def test_stock_runs_out_and_sales_stop_where_it_does() -> None:
    members, _, flows, papers = _world(Sizes(1, 6, 120, 20, 200, END))
    spells = truth.stock_outs(members, flows)
    assert len(spells) > 50
    inner = spells.filter(pl.col("days") >= 3).with_columns(
        business_date=pl.date_ranges(pl.col("date_from") + timedelta(days=1), pl.col("date_to"))
    )
    empty = inner.explode("business_date").select("distributor_code", "sku_code", "business_date")
    received = papers.receipt.filter(pl.col("condition") == "SALEABLE").select(
        "distributor_code", "sku_code", "business_date"
    )
    returned = papers.invoice.filter(pl.col("sign") < 0).select("distributor_code", "sku_code", "business_date")
    idle = empty.join(pl.concat([received, returned]), on=empty.columns, how="anti")
    assert len(idle) > 100
    sold = papers.invoice.filter((pl.col("sign") > 0) & ~pl.col("cancelled"))
    assert len(sold.join(idle, on=empty.columns, how="semi")) == 0
    assert len(flows.lost) > 0


def test_a_promotion_multiplies_demand_by_its_uplift_of_five_to_sixty_percent() -> None:
    members, process, _, _ = _world(Sizes(2, 8, 80, 30, 300, END))
    assert len(process.promotions) > 20
    assert all(0.05 <= p.uplift <= 0.60 for p in process.promotions)
    promotion = next(p for p in process.promotions if process.open_day[p.first] and p.first > 0)
    running = demand.factors(members, process, promotion.first)
    quiet = process.season[promotion.sku, promotion.first] * process.day_factor[promotion.first]
    touched = {e.distributor for e in process.events if e.sku == promotion.sku}
    zone = [d for d in np.flatnonzero(members.distributor_zone == promotion.zone).tolist() if d not in touched]
    assert running[zone, promotion.sku] == pytest.approx(quiet * (1 + promotion.uplift))


def test_a_launched_sku_is_not_sold_before_its_launch() -> None:
    members, _, flows, _ = _world(Sizes(4, 4, 80, 24, 200, END))
    launched = np.flatnonzero(members.launch_day >= 0)
    assert len(launched) == 2
    for sku in launched.tolist():
        days = flows.sales["day"][flows.sales["sku"] == sku]
        assert len(days) > 0
        assert days.min() >= members.launch_day[sku]


def test_masters_hang_together() -> None:
    members, _, _, _ = _world(Sizes(6, 5, 50, 12, 40, END))
    levels = dict(zip(members.territory["territory_code"], members.territory["level"], strict=True))
    parents = members.territory.drop_nulls("parent_code")["parent_code"]
    assert set(parents) <= set(levels)
    assert {levels[c] for c in members.outlet["territory_code"]} == {"BEAT"}
    assert {levels[c] for c in members.distributor["territory_code"]} == {"TERRITORY"}
    assert sorted(set(levels.values())) == ["AREA", "BEAT", "NATION", "REGION", "TERRITORY", "ZONE"]
    assert any(code.startswith("0") for code in members.outlet_codes)
    assert any(code.startswith("0") for code in members.sku_codes)
    for xref, ours, codes in (
        (members.sku_xref, "sku_code", members.sku_codes),
        (members.outlet_xref, "outlet_code", members.outlet_codes),
    ):
        theirs = xref.columns[1]
        assert not xref.select("distributor_code", theirs).is_duplicated().any()
        assert set(xref[ours]) <= set(codes)
        assert not set(xref[theirs]) & set(codes)
    assert len(set(members.distributor_profile)) == 3


def test_the_documents_are_as_varied_as_real_ones() -> None:
    _, _, _, papers = _world(Sizes(1, 8, 300, 40, 300, END))
    lines = papers.invoice
    assert set(lines["unit"]) == {"EA", "CS"}
    assert set(lines["return_kind"]) == {None, "GOODS", "FINANCIAL"}
    assert set(lines["condition"]) == {None, "SALEABLE", "NON_SALEABLE"}
    assert lines["cancelled"].any()
    assert (lines["free_base"] > 0).any()
    assert (lines.filter(pl.col("return_kind") == "FINANCIAL")["qty_base"] == 0).all()
    assert (lines.filter(pl.col("cancelled"))["qty"] == 0).all()
    assert not lines.select("distributor", "document_type", "document_no", "line_no").is_duplicated().any()
    assert (lines["gross"] - lines["discount"] == lines["net"]).all()
    assert lines["document_no"].str.len_chars().max() <= 16
    assert (papers.receipt["condition"] == "NON_SALEABLE").any()


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(simulate: Callable[..., Any]) -> None:
    small = {"days": 36, "outlets": 12, "distributors": 3, "defects": simulation.DEFAULT_DEFECTS, "skus": 4}
    first, second, other = simulate(**small), simulate(**small), simulate(**small, seed=6)
    assert _digest(first.out) == _digest(second.out)
    assert _digest(first.out) != _digest(other.out)


def _digest(out: Path) -> dict[str, str]:
    result = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        arrived = str(path.stat().st_mtime) if "landing" in path.parts else ""
        result[str(path.relative_to(out))] = hashlib.sha256(path.read_bytes()).hexdigest() + arrived
    return result


def test_planted_defects_change_no_file_that_they_do_not_touch(simulate: Callable[..., Any], clean: Any) -> None:
    planted = simulate("- {class: file_again, id: a}\n- {class: day_missing, id: b}\n", distributors=3)
    before, after = _digest(clean.out), _digest(planted.out)
    changed = {path for path in before if after.get(path) != before[path] and path.startswith("landing")}
    assert len(changed) == 1
    assert {p for p in before if p.startswith("truth") and p.endswith(".parquet") and after[p] != before[p]} == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [("distributors", 0), ("outlets", 2), ("skus", 0), ("days", 1), ("seed", -1), ("distributors", 1000)],
)
def test_an_impossible_size_is_refused_by_name(tmp_path: Path, name: str, value: int) -> None:
    sizes: dict[str, Any] = {"seed": 1, "distributors": 3, "outlets": 2000, "skus": 5, "days": 40} | {name: value}
    with pytest.raises(simulation.InvalidSize, match=f"{name} = {value}"):
        simulation.run(tmp_path, **sizes)


def test_a_second_network_is_not_written_over_the_first(clean: Any) -> None:
    with pytest.raises(simulation.OutputNotEmpty, match="landing already holds files"):
        simulation.run(clean.out, seed=1, distributors=3, outlets=10, skus=3, days=33)
