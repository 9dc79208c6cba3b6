"""Rolling origins and the measures."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting import backtest, hierarchy, metrics
from forecasting import panel as demand_panel
from forecasting.cells import pool
from forecasting.settings import ForecastSettings

SETTINGS = ForecastSettings()


def score(means, actual, origin="2026-01-05"):
    actual = np.array(actual, dtype=float)
    size = len(actual)
    return backtest.Scored(
        level="SKU", origin=np.datetime64(origin),
        means={model: np.array(mean, dtype=float) for model, mean in means.items()}, actual=actual,
        change=metrics.Change(np.full(size, 2.0), np.full(size, 4.0)), dispersion=np.full(size, 1.5),
        demand_class=np.full(size, "SMOOTH"),
    )  # fmt: skip


def test_origins_are_a_horizon_apart_and_fewer_when_the_history_is_short():
    assert backtest.origins(80, 8, 3, 26) == [72, 64, 56]
    assert backtest.origins(45, 8, 3, 26) == [37, 29]
    assert backtest.origins(33, 8, 3, 26) == []


def test_measures_are_those_of_the_kpi_dictionary():
    means = {"prophet_batch": [[8, 12]], "seasonal_naive": [[16, 10]]}
    table = backtest.accuracy([score(means, [[10, 10]])], SETTINGS)
    prophet, naive = (
        table.filter(model=model, demand_class="ALL").to_dicts()[0] for model in ("prophet_batch", "seasonal_naive")
    )
    assert prophet["wape"] == pytest.approx(0.2)
    assert prophet["bias"] == pytest.approx(0)
    assert prophet["mase"] == pytest.approx(1)
    assert prophet["rmsse"] == pytest.approx(0.5)
    assert prophet["fva"] == pytest.approx(0.1)
    assert prophet["skill"] == pytest.approx(1 / 3)
    assert naive["wape"] == pytest.approx(0.3)
    assert naive["bias"] == pytest.approx(0.3)
    assert naive["fva"] is None
    assert naive["skill"] is None
    assert prophet["series"] == 1
    assert prophet["coverage80"] is None
    assert prophet["pinball"] is None


def test_a_measure_that_is_too_large_for_a_number_is_none():
    with np.errstate(over="ignore"):
        table = backtest.accuracy([score({"seasonal_naive": [[1e300, 0]]}, [[1, 1]])], SETTINGS)
    row = table.filter(demand_class="ALL").to_dicts()[0]
    assert row["rmsse"] is None
    assert row["mase"] == pytest.approx(2.5e299)


def test_nothing_sold_has_no_wape_and_unknown_weeks_are_not_judged():
    table = backtest.accuracy([score({"seasonal_naive": [[1, 1]]}, [[0, np.nan]])], SETTINGS)
    row = table.filter(demand_class="ALL").to_dicts()[0]
    assert row["wape"] is None
    assert row["bias"] is None
    assert row["mase"] == pytest.approx(0.5)


def test_coverage_comes_from_the_other_origins():
    rng = np.random.default_rng(4)
    scored = [
        score({"seasonal_naive": np.full((400, 2), 50)}, rng.poisson(50, (400, 2)), origin)
        for origin in ("2026-01-05", "2026-03-02", "2026-04-27")
    ]
    table = backtest.accuracy(scored, SETTINGS).filter(demand_class="ALL")
    for share in (50, 80, 95):
        assert table[f"coverage{share}"].mean() == pytest.approx(share / 100, abs=0.02)
    # the mean pinball loss of a normal about 50 with a deviation of 7 at the seven quantiles, over 50
    assert table["pinball"].mean() == pytest.approx(0.03, abs=0.005)
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
        level.name: backtest.at_origin(panel, level, 52, forecasts, SETTINGS)
        for level in hierarchy.levels(panel.series)
    }
    assert by_level["SKU"].actual.tolist() == [[10] * 4 + [15] * 4]
    assert by_level["SKU_DISTRIBUTOR"].actual.tolist() == [[10] * 8]


def test_no_origins_give_an_empty_table_with_the_right_columns():
    table = backtest.accuracy([], SETTINGS)
    assert table.schema == pl.Schema(backtest.ACCURACY_SCHEMA)
    assert table.height == 0


def test_tallies_of_origins_add_up():
    one, two = score({"ses": [[4.0]]}, [[5]]), score({"ses": [[9.0]]}, [[6]], "2026-03-02")
    totals = [backtest.tallies(each, [one, two], SETTINGS)["ALL", "ses"] for each in (one, two)]
    assert (totals[0] + totals[1]).measures()["wape"] == pytest.approx(4 / 11)
