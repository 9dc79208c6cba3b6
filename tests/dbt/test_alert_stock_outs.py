"""Alerts on a made network whose truth is known: every shelf that is empty on the last day, and none that never emptied."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from inventory_warehouse import Warehouse

import simulation

END = dt.date(2026, 6, 20)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, Path]:
    """A small network without defects, taken in and built as far as the alerts, before any forecast."""
    made = tmp_path_factory.mktemp("network") / "made"
    simulation.run(made, seed=11, distributors=6, outlets=150, skus=30, days=150, end=END, defects=None)
    warehouse = Warehouse(tmp_path_factory.mktemp("alerts"))
    shutil.copytree(made / "landing", warehouse.home / "landing")
    warehouse.take_in(END)
    warehouse.refresh("+alert", "+reconciliation_cell")
    return warehouse, made / "truth"


def _alerts(warehouse: Warehouse, kind: str) -> dict[tuple[str, str], dict[str, Any]]:
    names = ("alert_id", "severity", "status", "first_seen", "last_seen", "reason", "figures")
    rows = warehouse.rows(
        f"select distributor_code, sku_code, {', '.join(names)} from reporting.alert where kind = '{kind}'"
    )
    return {row[:2]: dict(zip(names, row[2:], strict=True)) for row in rows}


def _empty_at_the_end(warehouse: Warehouse, truth: Path) -> dict[tuple[str, str], dt.date]:
    rows = warehouse.rows(
        f"select distributor_code, sku_code, date_from from '{truth}/stock_out.parquet' where open_at_end"
    )
    return {row[:2]: row[2] for row in rows}


def test_every_empty_shelf_is_alerted_and_no_other(network: tuple[Warehouse, Path]) -> None:
    warehouse, truth = network
    empty = _empty_at_the_end(warehouse, truth)

    assert empty
    assert _alerts(warehouse, "STOCK_OUT").keys() == empty.keys()


def test_a_stock_out_began_when_the_shelf_emptied_and_lasts_to_the_as_of_date(network: tuple[Warehouse, Path]) -> None:
    warehouse, truth = network
    alerts = _alerts(warehouse, "STOCK_OUT")
    empty = _empty_at_the_end(warehouse, truth)

    exact = [cell for cell, began in empty.items() if alerts[cell]["first_seen"] == began]
    assert len(exact) >= 0.95 * len(empty)
    assert {alert["last_seen"] for alert in alerts.values()} == {END}


def test_each_alert_says_why_in_words_and_figures(network: tuple[Warehouse, Path]) -> None:
    warehouse, _ = network

    for (distributor, sku), alert in _alerts(warehouse, "STOCK_OUT").items():
        figures = json.loads(alert["figures"])
        assert figures["stock_qty_base"] == 0
        assert alert["reason"].startswith(f"No saleable stock of {sku} at {distributor} since {figures['empty_since']}")


def test_demand_that_stopped_months_ago_leaves_slow_stock(network: tuple[Warehouse, Path]) -> None:
    warehouse, truth = network
    stopped = warehouse.rows(
        f"""
        select event.distributor_code, event.sku_code
        from '{truth}/demand_event.parquet' as event
        inner join intermediate.int_stock_now as stock
            on event.distributor_code = stock.distributor_code and event.sku_code = stock.sku_code
        where event.kind = 'STOP' and event.date_from <= date '2026-04-15' and stock.saleable_qty_base >= 12
        """
    )

    assert set(stopped) <= _alerts(warehouse, "SLOW_MOVING").keys()


def test_without_defects_the_variances_are_the_miscounts(network: tuple[Warehouse, Path]) -> None:
    warehouse, truth = network

    assert warehouse.rows(
        f"""
        select count(*), count(*) filter (
            where cell.variance_as_fed_qty_base is distinct from truth.expected_variance_qty_base
            or cell.variance_clean_qty_base is distinct from truth.expected_variance_qty_base
        )
        from '{truth}/reconciliation_cell.parquet' as truth
        full outer join reporting.reconciliation_cell as cell
            using (month_start, distributor_code, sku_code, batch_no, condition)
        """
    ) == [(warehouse.rows("select count(*) from reporting.reconciliation_cell")[0][0], 0)]
