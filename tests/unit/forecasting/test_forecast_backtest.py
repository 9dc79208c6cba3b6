"""Rolling origins and the measures."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting import backtest, hierarchy
from forecasting import panel as demand_panel
from forecasting.cells import pool
from forecasting.settings import ForecastSettings

SETTINGS = ForecastSettings()


def score(model, mean, actual, origin="2026-01-05"):
    mean, actual = np.array(mean, dtype=float), np.array(actual, dtype=float)
    size = len(mean)
    return backtest.Scored(
        level="SKU", model=model, origin=np.datetime64(origin), mean=mean, actual=actual, scale=np.ones(size),
        naive_error=np.full(size, 2.0), demand_class=np.full(size, "SMOOTH"),
    )  # fmt: skip


def test_origins_are_a_horizon_apart_and_fewer_when_the_history_is_short():
    assert backtest.origins(80, 8, 3, 26) == [72, 64, 56]
    assert backtest.origins(45, 8, 3, 26) == [37, 29]
    assert backtest.origins(33, 8, 3, 26) == []


def test_measures_are_those_of_the_kpi_dictionary():
    table = backtest.accuracy(
        [score("prophet_batch", [[8, 12]], [[10, 10]]), score("seasonal_naive", [[16, 10]], [[10, 10]])], SETTINGS
    )
    prophet, naive = (
        table.filter(model=model, demand_class="ALL").to_dicts()[0] for model in ("prophet_batch", "seasonal_naive")
    )
    assert prophet["wape"] == pytest.approx(0.2)
    assert prophet["bias"] == pytest.approx(0)
    assert prophet["mase"] == pytest.approx(1)
    assert prophet["fva"] == pytest.approx(0.1)
    assert naive["wape"] == pytest.approx(0.3)
    assert naive["bias"] == pytest.approx(0.3)
    assert naive["fva"] is None
    assert prophet["series"] == 1
    assert prophet["coverage80"] is None


def test_nothing_sold_has_no_wape_and_unknown_weeks_are_not_judged():
    table = backtest.accuracy([score("seasonal_naive", [[1, 1]], [[0, np.nan]])], SETTINGS)
    row = table.filter(demand_class="ALL").to_dicts()[0]
    assert row["wape"] is None
    assert row["bias"] is None
    assert row["mase"] == pytest.approx(0.5)


def test_coverage_comes_from_the_other_origins():
    rng = np.random.default_rng(4)
    scored = [
        score("seasonal_naive", np.full((400, 2), 50), 50 + rng.normal(0, 3, (400, 2)), origin)
        for origin in ("2026-01-05", "2026-03-02", "2026-04-27")
    ]
    table = backtest.accuracy(scored, SETTINGS).filter(demand_class="ALL")
    assert table["coverage80"].mean() == pytest.approx(0.8, abs=0.03)
    assert table["coverage95"].mean() == pytest.approx(0.95, abs=0.02)
    assert table["origin_date"].to_list() == [date(2026, 1, 5), date(2026, 3, 2), date(2026, 4, 27)]


def test_a_backtest_knows_nothing_after_its_origin(panel_file):
    rng = np.random.default_rng(1)
    early = {("S1", "D1", "T1"): rng.poisson(20, 60).tolist(), ("S2", "D1", "T1"): rng.poisson(3, 60).tolist()}
    late = {key: values[:52] + [900] * 8 for key, values in early.items()}
    forecasts = []
    for name, series in (("early", early), ("late", late)):
        known = demand_panel.load(panel_file(series, name=f"{name}.parquet")).until(52, 8)
        forecasts.append([forecaster(known, SETTINGS).mean for forecaster in pool(None).values()])
    for one, two in zip(*forecasts, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_cell_that_starts_after_the_origin_counts_in_the_actuals_above_it(panel_file):
    series = {("S1", "D1", "T1"): [10] * 60, ("S1", "D2", "T1"): [5] * 4}
    panel = demand_panel.load(panel_file(series))
    forecasts = {"seasonal_naive": np.array([[10.0] * 8, [np.nan] * 8])}
    by_level = {
        level.name: backtest.at_origin(panel, level, 52, forecasts, SETTINGS)[0]
        for level in hierarchy.levels(panel.series)
    }
    assert by_level["SKU"].actual.tolist() == [[10] * 4 + [15] * 4]
    assert by_level["SKU_DISTRIBUTOR"].actual.tolist() == [[10] * 8]


def test_no_origins_give_an_empty_table_with_the_right_columns():
    table = backtest.accuracy([], SETTINGS)
    assert table.schema == pl.Schema(backtest.ACCURACY_SCHEMA)
    assert table.height == 0
