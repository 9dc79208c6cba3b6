"""The distribution about a mean, its quantiles, and the chance that a stock does not last."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, norm

from forecasting.distribution import (
    COLUMNS,
    DISTRIBUTION_SCHEMA,
    PROBABILITIES,
    chance,
    dispersion,
    quantile,
    score,
    stock_out_probability,
    table,
)
from forecasting.hierarchy import LEVELS, levels
from forecasting.panel import KEY

NORMAL = norm.ppf(PROBABILITIES)
NAN = np.nan


def at(mean, spread):
    """Quantiles of a negative binomial that is right as it is."""
    return quantile(NORMAL, np.array([float(mean)]), np.array([float(spread)]))[0]


@given(st.floats(0.0, 1e15), st.floats(1.05, 500.0), st.lists(st.floats(-4.0, 4.0), min_size=1, max_size=5).map(sorted))
def test_a_quantile_has_the_score_that_it_was_asked_for(mean, spread, scores):
    units = quantile(np.array(scores), np.array([mean]), np.array([spread]))
    assert (np.diff(units[0]) >= 0).all()
    assert np.isfinite(units).all()
    back = score(units, np.array([[mean]]), np.array([[spread]]))
    inside = units > 0.6  # the cube root cannot tell what lies below zero
    assert np.abs(norm.cdf(back) - norm.cdf(scores))[inside].max(initial=0) < 0.06


def test_between_the_lines_of_the_table_probabilities_are_right_to_a_tenth_of_a_point_on_average():
    rng = np.random.default_rng(3)
    mean, spread = np.exp(rng.uniform(-4, 6, 3000)), np.exp(rng.uniform(0.1, 5, 3000))
    back = norm.cdf(score(quantile(NORMAL, mean, spread), mean[:, None], spread[:, None]))
    assert np.abs(back - PROBABILITIES).mean() < 0.0012


def test_demand_drawn_from_it_has_scores_of_a_standard_normal():
    rng = np.random.default_rng(4)
    mean, spread = np.repeat([0.2, 3.0, 300.0, 5000.0], 5000), 4.0
    drawn = rng.negative_binomial(mean / (spread - 1), 1 / spread) + rng.random(mean.size)
    seen = norm.cdf(score(drawn, mean, np.full(mean.size, spread))).reshape(4, -1)
    for line in seen:
        assert np.quantile(line, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.02)


@pytest.mark.parametrize(("mean", "spread"), [(0.3, 2.0), (2.0, 1.5), (12.0, 6.0), (400.0, 30.0)])
@pytest.mark.parametrize("stock", [0, 1, 3, 20, 500])
def test_the_stock_out_probability_is_that_of_the_distribution(mean, spread, stock):
    expected = nbinom.sf(stock, mean / (spread - 1), 1 / spread)
    assert stock_out_probability(np.array([stock]), at(mean, spread)[None])[0] == pytest.approx(expected, abs=0.03)


@given(st.floats(0.01, 1e6), st.floats(1.05, 100), st.lists(st.floats(0, 1e7), min_size=2, max_size=8).map(sorted))
def test_more_stock_never_runs_out_more_likely(mean, spread, stocks):
    chances = stock_out_probability(np.array(stocks), np.broadcast_to(at(mean, spread), (len(stocks), len(NORMAL))))
    assert (np.diff(chances) <= 1e-12).all()
    assert ((chances >= 0) & (chances <= 1)).all()


def test_a_fraction_of_a_unit_in_stock_serves_nobody():
    quantiles = np.broadcast_to(at(2.0, 1.5), (2, len(NORMAL)))
    one, more = stock_out_probability(np.array([1.0, 1.9]), quantiles)
    assert one == more


def test_the_chance_goes_in_straight_lines_and_then_in_an_exponential_tail():
    quantiles = np.arange(1.0, len(PROBABILITIES) + 1)
    seen = chance(np.array([-1.0, 0.5, 1.0, 4.5, 16.0, 18.0]), np.broadcast_to(quantiles, (6, len(quantiles))))
    assert seen[:5] == pytest.approx([0, 0.005, 0.01, 0.15, 0.99])
    assert 1 - seen[5] == pytest.approx(0.01 * 0.2)


def test_the_rule_for_sql_gives_the_same_chance():
    import duckdb

    rng = np.random.default_rng(5)
    quantiles = np.sort(rng.exponential(20, (200, len(COLUMNS))), axis=1)
    stock = rng.integers(0, 90, 200)
    steps = "\n".join(
        f"when x < {column} then {low} + ({high} - {low}) * (x - {before}) / nullif({column} - {before}, 0)"
        for column, before, low, high in zip(COLUMNS, ("0", *COLUMNS), (0, *PROBABILITIES), PROBABILITIES, strict=False)
    )
    frame = pl.DataFrame({name: quantiles[:, place] for place, name in enumerate(COLUMNS)} | {"x": stock + 1.0})
    relation = duckdb.connect().register("frame", frame.to_arrow())
    rows = relation.sql(
        f"select 1 - case {steps} else 1 - 0.01 * power(0.2, (x - q990) / nullif(q990 - q950, 0)) end from frame"
    )
    assert [row[0] for row in rows.fetchall()] == pytest.approx(stock_out_probability(stock, quantiles))


def test_a_long_history_tells_its_own_dispersion():
    rng = np.random.default_rng(6)
    history = np.vstack([rng.poisson(9, (40, 104)), rng.negative_binomial(1, 0.1, (40, 104))]).astype(float)
    spread = dispersion(history)
    assert np.median(spread[:40]) < 3
    assert np.median(spread[40:]) > 7


def test_a_short_history_borrows_from_series_of_its_size():
    rng = np.random.default_rng(7)
    history = rng.negative_binomial(1, 0.1, (60, 104)).astype(float)
    history[0, :-2] = NAN
    history[0, -2:] = 9
    assert dispersion(history)[0] > 5


def test_dispersion_is_at_least_that_of_chance_and_unknown_weeks_do_not_count():
    spread = dispersion(np.array([[4.0] * 60, [0.0] * 60, [NAN] * 60, [NAN, 4.0] * 30, [-3.0, 0.0] * 30]))
    assert (spread >= 1.05).all()
    assert spread[3] == pytest.approx(1.05)


def test_huge_demand_stays_finite():
    spread = dispersion(np.array([[9e15, 1.0] * 30, [9e15] * 60]))
    assert np.isfinite(spread).all()
    for value in spread:
        quantiles = at(9e15, value)
        assert np.isfinite(quantiles).all()
        assert np.isfinite(stock_out_probability(np.array([1e15]), quantiles[None])).all()


def test_the_table_has_a_row_per_member_and_week_with_exact_sums_of_the_mean():
    cells = pl.DataFrame([("S1", "D1", "T1"), ("S2", "D1", "T1")], schema=list(KEY), orient="row")
    level = next(level for level in levels(cells) if level.name == "SKU")
    units = np.array([[10**15, 1], [5, 5]])
    quantiles = np.broadcast_to(np.arange(len(COLUMNS)) / 3, (2, 2, len(COLUMNS)))
    cutoff = np.datetime64("2026-03-02")
    rows = table(level, units, quantiles, cutoff + 7 * np.arange(1, 3), cutoff)
    assert rows.schema == DISTRIBUTION_SCHEMA
    assert [str(value) for value in rows["cumulative_mean"].to_pylist()] == [
        "100000000000.0000",
        "100000000000.0001",
        "0.0005",
        "0.0010",
    ]
    assert rows["weeks_ahead"].to_pylist() == [1, 2, 1, 2]
    assert rows["sku_code"].to_pylist() == ["S1", "S1", "S2", "S2"]
    assert rows["distributor_code"].null_count == 4
    assert rows["q025"].to_pylist() == [0.333] * 4
    assert pa.types.is_int16(rows.schema.field("weeks_ahead").type)
    assert set(rows["level"].to_pylist()) <= set(LEVELS)
