"""Intervals hold what they say, class by class."""

import numpy as np
import pytest

from forecasting.intervals import COLUMNS, Pool, bounds, quantiles, spread


def pool(size, seed=1):
    rng = np.random.default_rng(seed)
    return Pool(rng.exponential(1, size) - 1, np.where(np.arange(size) < size / 2, "SMOOTH", "LUMPY"))


def test_a_class_of_its_own_is_used_where_it_is_large_enough():
    mixed = pool(1000)
    mixed.residual[mixed.demand_class == "LUMPY"] *= 10
    table = quantiles(mixed, min_pool=100)
    assert table["LUMPY"][-1] > 5 * table["SMOOTH"][-1]
    assert table["NEW"].tolist() == quantiles(mixed, min_pool=10**6)["SMOOTH"].tolist()


@pytest.mark.parametrize("size", [0, 1, 5, 24, 100])
def test_small_pools_still_give_seven_ascending_bounds(size):
    for values in quantiles(pool(size), min_pool=80).values():
        assert len(values) == len(COLUMNS)
        assert (np.diff(values) >= 0).all()
        assert np.isfinite(values).all()


def test_bounds_ascend_scale_with_the_series_and_end_at_zero():
    table = quantiles(pool(1000), min_pool=100)
    result = bounds(np.array([[10.0], [10.0]]), np.array([1.0, 20.0]), np.array(["SMOOTH", "SMOOTH"]), table)
    assert (np.diff(result, axis=2) >= 0).all()
    assert result.min() == 0
    at = dict(zip(COLUMNS, result[1, 0], strict=True))
    assert at["lo95"] <= at["lo80"] <= at["lo50"] <= at["median"] <= at["hi50"] <= at["hi80"] <= at["hi95"]
    assert at["hi95"] - at["median"] == pytest.approx(20 * (result[0, 0, 6] - result[0, 0, 3]))


def test_the_spread_is_at_least_that_of_chance():
    assert spread(np.array([[4.0] * 10]))[0] == 2
    assert spread(np.array([[0.0] * 10, [np.nan] * 10])).tolist() == [0.1, 0.1]
    assert spread(np.array([[0.0, 20] * 5]))[0] == 10
