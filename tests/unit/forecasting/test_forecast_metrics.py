"""Measures of forecasts, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting import metrics

NAN = np.nan
MEAN = np.array([[4.0, 6.0], [1.0, 1.0]])
ACTUAL = np.array([[5.0, 3.0], [0.0, NAN]])
HISTORY = np.array([[2.0, 4.0, NAN, 9.0, 5.0], [1.0, 1.0, 1.0, 1.0, 1.0]])


def test_wape_is_the_sum_of_absolute_errors_over_the_sum_of_absolute_actuals():
    assert metrics.wape(MEAN, ACTUAL) == pytest.approx((1 + 3 + 1) / 8)


def test_bias_is_positive_where_forecasts_are_too_high():
    assert metrics.bias(MEAN, ACTUAL) == pytest.approx((-1 + 3 + 1) / 8)


def test_where_nothing_was_sold_there_is_neither():
    assert metrics.wape(MEAN, np.zeros((2, 2))) is None
    assert metrics.bias(MEAN, np.full((2, 2), NAN)) is None


def test_mase_divides_by_the_mean_change_between_known_neighbours_and_skips_what_never_changed():
    # changes 2 and 4 (the two beside the gap are unknown): mean 3; absolute errors 1 and 3: mean 2
    assert metrics.sums(MEAN, ACTUAL, metrics.naive_change(HISTORY)).mean_mase == pytest.approx(2 / 3)


def test_rmsse_is_the_same_with_squares():
    assert metrics.sums(MEAN, ACTUAL, metrics.naive_change(HISTORY)).mean_rmsse == pytest.approx(
        np.sqrt(5) / np.sqrt(10)
    )


def test_pinball_weighs_too_low_by_the_level_and_too_high_by_the_rest():
    assert metrics.pinball(np.array([[4.0, 6.0]]), np.array([[5.0, 3.0]]), 0.9) == pytest.approx(
        (0.9 * 1 + 0.1 * 3) / 2
    )
    assert metrics.pinball(np.array([[4.0]]), np.array([[NAN]]), 0.9) is None


def test_coverage_counts_known_points_on_the_bounds_as_inside():
    low, high = np.array([[1.0, 1.0, 1.0]]), np.array([[2.0, 2.0, 2.0]])
    assert metrics.coverage(low, high, np.array([[2.0, 3.0, NAN]])) == pytest.approx(0.5)


def test_skill_is_what_is_saved_of_seasonal_naives_error():
    assert metrics.skill(0.6, 0.8) == pytest.approx(0.25)
    assert metrics.skill(None, 0.8) is None
    assert metrics.skill(0.6, 0.0) is None


numbers = arrays(np.float64, (4, 3), elements=st.one_of(st.just(NAN), st.integers(0, 20).map(float)))


@settings(max_examples=50, deadline=None)
@given(mean=arrays(np.float64, (4, 3), elements=st.integers(0, 20).map(float)), actual=numbers, history=numbers)
def test_sums_of_parts_add_up_to_the_sums_of_the_whole(mean, actual, history):
    first = np.array([True, False, False, False])
    change = metrics.naive_change(history)
    whole = metrics.sums(mean, actual, change)
    parts = [metrics.sums(mean[rows], actual[rows], change.take(rows)) for rows in (first, ~first)]
    parts = parts[0] + parts[1]
    for name in whole.__dataclass_fields__:
        assert getattr(parts, name) == pytest.approx(getattr(whole, name))
