"""What a calibration has learnt holds on an origin that it has not seen: class by class, week by week and for their sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from forecasting.distribution import PROBABILITIES as GRID
from forecasting.distribution import chance, stock_out_probability
from forecasting.intervals import (
    COLUMNS,
    PROBABILITIES,
    Outcome,
    calibrate,
    coverage,
    fractions,
    pool_quantiles,
    whole_bounds,
)
from forecasting.panel import CLASSES

NAN = np.nan
WEEKS = 8


def outcome(seed, series=1500, bias=1.0, shared=0.0, demand_class=None, weeks=WEEKS):
    """Demand of gamma-Poisson weeks about a mean that was forecast `bias` times too high, with a dispersion that is thought
    half as far from chance as it is; `shared` lets all weeks of a series go up and down together.
    """
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(0.5, 1.5, series))[:, None] * np.ones((1, weeks))
    together = rng.gamma(1 / shared, shared, (series, 1)) if shared else np.ones((series, 1))
    actual = rng.poisson(mean * together * rng.gamma(1.0, 1.0, mean.shape)).astype(float)
    classes = np.array(demand_class or CLASSES)[np.arange(series) % len(demand_class or CLASSES)]
    return Outcome(mean * bias, actual, 1.0 + mean[:, 0] / 2, classes)


def learnt(one, summed):
    """All scores that one origin has given."""
    return np.concatenate([np.empty(0), *calibrate([one], 1, summed=summed).pools.values()])


def pit(judged, quantiles, summed=False):
    """The randomised PIT of what came."""
    came = np.cumsum(judged.actual, axis=1) if summed else judged.actual
    return chance(came + np.random.default_rng(99).random(came.shape), quantiles)


def inside(seen, share):
    return (np.abs(seen - 0.5) < share / 2).mean()


@pytest.mark.parametrize("bias", [1.0, 1.4])
def test_each_class_holds_what_it_says_on_a_later_origin_though_spread_and_mean_were_wrong(bias):
    fitted = calibrate([outcome(seed, bias=bias) for seed in range(3)], 80, summed=False)
    later = outcome(9, bias=bias)
    seen = pit(later, fitted.quantiles(later.mean, later.dispersion, later.demand_class, GRID))
    for name in CLASSES:
        own = seen[later.demand_class == name]
        assert inside(own, 0.8) == pytest.approx(0.8, abs=0.02), name
        assert inside(own, 0.95) == pytest.approx(0.95, abs=0.015), name


def test_the_latest_origin_counts_most():
    lately, before = outcome(1, bias=1.0), outcome(2, bias=2.0)
    later = outcome(9, bias=1.0)

    def above(outcomes):
        fitted = calibrate(outcomes, 80, summed=False)
        return (pit(later, fitted.quantiles(later.mean, later.dispersion, later.demand_class, GRID)) > 0.5).mean()

    assert abs(above([lately, before]) - 0.5) < 0.5 * abs(above([before, lately]) - 0.5)


def test_weeks_that_rise_and_fall_together_widen_the_sum():
    fitted = calibrate([outcome(seed, shared=0.5) for seed in range(3)], 80, summed=True)
    apart = calibrate([outcome(seed) for seed in range(3)], 80, summed=True)
    later = outcome(9, shared=0.5)
    known = (later.mean, later.dispersion, later.demand_class, GRID)
    assert inside(pit(later, fitted.quantiles(*known), True)[:, -1], 0.8) == pytest.approx(0.8, abs=0.03)
    assert inside(pit(later, apart.quantiles(*known), True)[:, -1], 0.8) < 0.7


def test_a_stock_out_foretold_at_thirty_per_cent_comes_in_thirty_of_a_hundred():
    fitted = calibrate([outcome(seed, shared=0.3) for seed in range(3)], 80, summed=True)
    later = outcome(9, series=6000, shared=0.3)
    stock = np.floor(later.mean[:, :1] * WEEKS * np.random.default_rng(1).uniform(0.3, 2, (6000, 1)))
    quantiles = fitted.quantiles(later.mean, later.dispersion, later.demand_class, GRID)[:, -1]
    foretold = stock_out_probability(stock[:, 0], quantiles)
    came = later.actual.sum(axis=1) > stock[:, 0]
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        those = (foretold >= low) & (foretold < low + 0.2)
        assert those.sum() > 300
        assert came[those].mean() == pytest.approx(foretold[those].mean(), abs=0.05)


def test_a_class_of_its_own_is_used_where_it_is_large_enough():
    wild, calm = outcome(1, demand_class=["LUMPY"]), outcome(2, demand_class=["SMOOTH"])
    calm = Outcome(calm.mean, np.floor(calm.mean), calm.dispersion, calm.demand_class)

    def width(name, min_pool):
        fitted = calibrate([wild, calm], min_pool, summed=False)
        bounds = fitted.quantiles(np.array([[20.0]]), np.array([2.0]), np.array([name]), PROBABILITIES)[0, 0]
        return bounds[-1] - bounds[0]

    assert width("LUMPY", 80) > 3 * width("SMOOTH", 80)
    assert width("LUMPY", 10**6) == width("SMOOTH", 10**6)
    assert width("LUMPY", 10**6) < width("LUMPY", 80)


@pytest.mark.parametrize("size", [0, 1, 5, 24, 100])
def test_small_pools_still_give_ascending_scores(size):
    values = pool_quantiles(np.random.default_rng(1).normal(0, 2, 4 * size), PROBABILITIES)
    assert len(values) == len(COLUMNS)
    assert (np.diff(values) >= 0).all()
    assert np.isfinite(values).all()


def test_without_a_backtest_the_negative_binomial_stands_as_it_is():
    fitted = calibrate([], 80, summed=False)
    bounds = fitted.quantiles(np.array([[100.0]]), np.array([4.0]), np.array(["SMOOTH"]), PROBABILITIES)[0, 0]
    assert bounds[3] == pytest.approx(100, abs=2)
    assert bounds[-1] - bounds[0] == pytest.approx(2 * 1.96 * 20, rel=0.05)


@given(
    arrays.arrays(float, (3, 4), elements=st.floats(0, 1e15)),
    arrays.arrays(float, 3, elements=st.floats(1.05, 1e6)),
    st.booleans(),
)
def test_bounds_ascend_are_whole_and_never_below_zero_and_sums_never_fall(mean, spread, summed):
    fitted = calibrate([outcome(1, series=60, weeks=4)], 80, summed=summed)
    classes = np.array(["SMOOTH", "LUMPY", "NEW"])
    bounds = whole_bounds(fitted, mean, spread, classes)
    assert (bounds >= 0).all()
    assert (np.diff(bounds, axis=2) >= 0).all()
    assert (bounds == np.floor(bounds)).all()
    if summed:
        assert (np.diff(bounds, axis=1) >= 0).all()


def test_unknown_weeks_teach_nothing_and_nor_do_the_sums_that_hold_them():
    one = outcome(1, series=200)
    gaps = np.where(np.arange(WEEKS) == 3, NAN, one.actual)
    half = Outcome(one.mean, gaps, one.dispersion, one.demand_class)
    assert learnt(half, summed=False).size == 4 * 200 * (WEEKS - 1)
    assert learnt(half, summed=True).size == 4 * 200 * 3
    assert learnt(Outcome(one.mean, one.actual * NAN, one.dispersion, one.demand_class), summed=True).size == 0


def test_sums_are_of_what_was_wanted_and_single_weeks_of_what_was_sold():
    one = outcome(1, series=200)
    short = Outcome(one.mean, one.actual / 2, one.dispersion, one.demand_class, wanted=one.actual)
    half = Outcome(one.mean, one.actual / 2, one.dispersion, one.demand_class)
    assert learnt(short, summed=True).tolist() == learnt(one, summed=True).tolist()
    assert learnt(short, summed=False).tolist() == learnt(half, summed=False).tolist()


def test_more_returned_than_sold_counts_as_no_demand():
    one = outcome(1, series=200)
    back = Outcome(one.mean, one.actual * 0 - 5, one.dispersion, one.demand_class)
    none = Outcome(one.mean, one.actual * 0, one.dispersion, one.demand_class)
    first, second = (learnt(each, summed=True) for each in (back, none))
    assert first.tolist() == second.tolist()


def test_an_outcome_on_the_bound_counts_by_the_share_of_its_unit():
    quantiles = np.array([[[0.25, 1.5]]])
    seen = [coverage(np.array([[came]]), quantiles, 0, 1)[0, 0] for came in (0.0, 1.0, 2.0, -4.0)]
    assert seen == [0.75, 0.5, 0.0, 0.75]
    assert np.isnan(coverage(np.array([[NAN]]), quantiles, 0, 1)).all()


def test_fractions_are_even_over_any_run():
    some = fractions(1000)
    assert ((some >= 0) & (some < 1)).all()
    for part in (some[:, :100], some[:, 317:401]):
        assert np.histogram(part, 4, (0, 1))[0] / part.size == pytest.approx([0.25] * 4, abs=0.03)
