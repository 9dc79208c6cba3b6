"""Weeks that an empty shelf has cut short are unknown to every model: what was sold in them changes nothing, and it shows."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import forecasting
from forecasting import baselines, global_model
from forecasting.backtest import wanted
from forecasting.cells import forecast_prophet
from forecasting.panel import load
from forecasting.series import Series
from forecasting.settings import ForecastSettings

SERIES, WEEKS, HORIZON = 150, 80, 8
SETTINGS = ForecastSettings(global_least_rows=10, global_rounds=60)
MODELS = ("ses", "tsb", "croston_sba", "adida", "imapa", "prophet_batch", "seasonal_ses", "lightgbm")


@pytest.fixture(scope="module")
def network():
    """Steady demand; in one week of six the shelf is empty for most of the time. With the true means."""
    rng = np.random.default_rng(11)
    mean = rng.gamma(2.0, 8.0, (SERIES, 1)) + 1.0
    demand = rng.poisson(mean * rng.gamma(4.0, 0.25, (SERIES, WEEKS))).astype(float)
    empty = rng.random(demand.shape) < 1 / 6
    sold = np.where(empty, np.minimum(demand, np.floor(mean * rng.uniform(0.0, 0.6, demand.shape))), demand)
    dates = np.datetime64("2024-01-01") + 7 * np.arange(WEEKS + HORIZON)
    groups = {"sku": np.array([f"S{number % 10}" for number in range(SERIES)])}
    return Series(dates[:WEEKS], sold, empty, dates[WEEKS:], groups=groups), mean


def forecast(name, series):
    simple = {"ses": baselines.ses, "tsb": baselines.tsb, "croston_sba": baselines.croston_sba, "adida": baselines.adida,
              "imapa": baselines.imapa, "prophet_batch": forecast_prophet}  # fmt: skip
    if name in simple:
        return simple[name](series, SETTINGS).mean
    model = global_model.train(series, SETTINGS, HORIZON)
    forecaster = {"seasonal_ses": global_model.seasonal_ses, "lightgbm": global_model.lightgbm_direct}[name](model)
    return forecaster(series, SETTINGS).mean


@pytest.mark.parametrize("name", MODELS)
def test_knowing_of_empty_shelves_lowers_wape_against_true_demand_by_five_per_cent_and_more(network, name):
    series, truth = network
    assert series.stocked_out.mean() > 0.1
    blind = replace(series, stocked_out=np.zeros_like(series.stocked_out))
    told, not_told = (np.abs(forecast(name, each) - truth).sum() / truth.sum() / HORIZON for each in (series, blind))
    assert told < 0.95 * not_told


@pytest.mark.parametrize("name", MODELS)
def test_what_was_sold_in_a_week_cut_short_changes_nothing(network, name):
    series, _ = network
    other = np.where(series.stocked_out, np.floor(series.quantity / 2), series.quantity)
    np.testing.assert_array_equal(forecast(name, replace(series, quantity=other)), forecast(name, series))


def test_in_a_week_cut_short_at_least_what_was_forecast_was_wanted(panel_file):
    panel = load(panel_file({("S", "D", "T"): [10] * 8 + [2, 12, 3, 9]}, stocked_out={("S", "D", "T"): {8, 9}}))
    assert wanted(panel, 8, np.array([[7.0, 7, 7, 7]]), SETTINGS).tolist() == [[7, 12, 3, 9]]
    assert wanted(panel, 8, np.full((1, 4), np.nan), SETTINGS).tolist() == [[2, 12, 3, 9]]


def test_the_distribution_of_a_run_is_of_demand_though_the_shelf_was_empty(panel_file, tmp_path):
    rng = np.random.default_rng(12)
    sold, empty = {}, {}
    for number in range(60):
        key = (f"S{number}", "D", "T")
        weeks = rng.poisson(20, 90)
        empty[key] = set(np.flatnonzero(rng.random(90) < 0.3).tolist())
        sold[key] = [int(week) // 4 if place in empty[key] else int(week) for place, week in enumerate(weeks)]
    told = forecasting.run(panel_file(sold, stocked_out=empty), tmp_path / "told")
    table = pl.read_parquet(told.forecast.with_name("distribution.parquet"))
    middle = table.filter(level="SKU_DISTRIBUTOR", weeks_ahead=8)["q500"].mean()
    assert middle > 0.93 * 8 * 20
