"""Exponential smoothing and its kin, against what one can work out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting import baselines
from forecasting.baselines import shares_of_constants, smooth, smooth_averaged
from forecasting.series import Series
from forecasting.settings import ForecastSettings

NAN = np.nan
SETTINGS = ForecastSettings()
FORECASTERS = [
    baselines.naive,
    baselines.ses,
    baselines.tsb,
    baselines.croston_sba,
    baselines.adida,
    baselines.imapa,
]
MONDAY = np.datetime64("2024-01-01")


def series(quantity, ahead=2):
    quantity = np.atleast_2d(np.asarray(quantity, dtype=np.float64))
    length = quantity.shape[1]
    dates = MONDAY + 7 * np.arange(length + ahead)
    return Series(dates[:length], quantity, np.zeros(quantity.shape, dtype=np.bool_), dates[length:])


def test_smoothing_moves_the_level_by_a_share_of_each_error():
    # from the best first level a: errors 4 - a, and 8 - (a + (4 - a) / 2) = 6 - a / 2; least squares: a = 5.6
    level, alpha, loss = smooth(np.array([[4.0, 8.0]]), np.array([0.5]))
    assert level[0] == pytest.approx(6.4)  # 5.6 -> 4.8 -> 6.4
    assert alpha[0] == 0.5
    assert loss[0] == pytest.approx((1.6**2 + 3.2**2) / 2)


def test_a_constant_of_zero_is_the_mean_of_what_is_known():
    assert smooth(np.array([[2.0, NAN, 4.0]]), np.array([0.0]))[0].tolist() == [3]


def test_a_step_asks_for_a_large_constant_and_noise_for_a_small_one():
    step = [0.0] * 20 + [10.0] * 20
    noise = [0.0, 10.0] * 20
    _, alpha, _ = smooth(np.array([step, noise]))
    assert alpha[0] == baselines.ALPHAS[-1]
    assert alpha[1] == 0


def test_a_series_of_which_nothing_is_known_has_no_level():
    assert np.isnan(smooth(np.full((1, 3), NAN))[0]).all()


def test_averaged_levels_weigh_by_how_well_each_constant_fits():
    # constant 0: first level 4, squared errors 4 + 4; constant 1: first level 2, 0 + 16; for two weeks weights are 1/8 : 1/16
    quantity = np.array([[2.0, 6.0]])
    assert smooth(quantity, np.array([0.0]))[0][0] == pytest.approx(4)
    assert smooth(quantity, np.array([1.0]))[0][0] == pytest.approx(6)
    both = np.array([0.0, 1.0])
    assert smooth_averaged(quantity, alphas=both)[0] == pytest.approx((16 * 4 + 8 * 6) / 24)
    assert smooth_averaged(quantity, share=np.array([0.75, 0.25]), alphas=both)[0] == pytest.approx(
        (3 * 16 * 4 + 8 * 6) / 56
    )


def test_a_week_counts_as_much_as_its_weight_says():
    quantity, weight = np.array([[2.0, NAN, 6.0]]), np.array([[3.0, 9.0, 1.0]])
    assert smooth_averaged(quantity, weight, alphas=np.array([0.0]))[0] == pytest.approx(3)


def test_shares_of_constants_tell_series_that_stay_from_series_that_wander():
    rng = np.random.default_rng(3)
    staying = 50 + rng.normal(0, 5, (200, 100))
    wandering = 50 + rng.normal(0, 5, (100, 100)).cumsum(axis=1)
    alphas = np.array([0.0, 0.8])
    share = shares_of_constants(np.concatenate([staying, wandering, np.full((5, 100), NAN)]), alphas=alphas)
    assert share == pytest.approx([2 / 3, 1 / 3], abs=0.03)
    assert shares_of_constants(np.empty((0, 9)), alphas=alphas).tolist() == [0.5, 0.5]


def test_a_constant_series_keeps_its_level_whatever_the_weights():
    assert smooth_averaged(np.full((1, 20), 3.0))[0] == pytest.approx(3)
    assert np.isnan(smooth_averaged(np.full((1, 3), NAN))[0])


def test_tsb_multiplies_the_chance_of_demand_by_its_size():
    forecast = baselines.tsb(series([6, 0, 0] * 20), SETTINGS).mean
    assert forecast[0] == pytest.approx([2, 2], rel=0.1)


def test_tsb_fades_when_demand_stops_and_croston_does_not():
    stopped = series([6, 6, 6, 6] * 8 + [0] * 20)
    assert baselines.tsb(stopped, SETTINGS).mean[0, 0] < 0.1
    assert baselines.croston_sba(stopped, SETTINGS).mean[0, 0] > 2


def test_croston_is_size_over_interval_with_the_correction_of_syntetos_and_boylan():
    assert baselines.croston_sba(series([0, 6] * 20), SETTINGS).mean[0] == pytest.approx([2.85, 2.85])


def test_adida_sees_every_third_week_as_a_level():
    forecast = baselines.adida(series([9, 0, 0] * 12), SETTINGS)
    assert forecast.mean[0] == pytest.approx([3, 3])
    assert forecast.model.tolist() == ["adida"]


def test_imapa_is_the_mean_over_buckets_of_one_week_to_the_mean_interval():
    quantity = np.array([[4.0, 0.0] * 10])
    weekly, fortnightly = smooth(quantity)[0], smooth(np.full((1, 10), 2.0))[0]
    assert baselines.imapa(series(quantity), SETTINGS).mean[0, 0] == pytest.approx((weekly[0] + fortnightly[0]) / 2)


def test_weeks_of_an_empty_shelf_are_not_taken_for_low_demand():
    quantity = [10.0, 0.0] * 10
    full = series(quantity)
    empty = Series(full.dates, full.quantity, full.quantity == 0, full.future)
    assert baselines.ses(empty, SETTINGS).mean[0] == pytest.approx([10, 10])


def test_the_week_that_a_series_begins_with_does_not_count():
    assert baselines.ses(series([NAN, 100] + [2] * 10), SETTINGS).mean[0] == pytest.approx([2, 2])


def test_a_short_history_has_the_level_of_a_young_item_and_says_so():
    forecast = baselines.ses(series([NAN, 8, 0, 0, 0, 0]), SETTINGS)
    assert forecast.mean[0] == pytest.approx([1, 1])  # (4 weeks x 0.25 x 8 + 0) / (4 + 4)
    assert forecast.model.tolist() == ["young_item (fewer than 8 weeks)"]


values = st.one_of(st.just(NAN), st.integers(0, 50).map(float))
panels = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=values)


@pytest.mark.parametrize("forecaster", FORECASTERS)
@settings(max_examples=40, deadline=None)
@given(quantity=panels)
def test_a_forecast_is_finite_not_negative_and_the_same_whatever_else_is_in_the_call(forecaster, quantity):
    together = forecaster(series(quantity), SETTINGS)
    assert together.mean.shape == (len(quantity), 2)
    assert np.isfinite(together.mean).all()
    assert (together.mean >= 0).all()
    for row in range(len(quantity)):
        alone = forecaster(series(quantity[row : row + 1]), SETTINGS)
        np.testing.assert_array_equal(alone.mean[0], together.mean[row])
        assert alone.model[0] == together.model[row]


@pytest.mark.parametrize("forecaster", FORECASTERS)
@settings(max_examples=40, deadline=None)
@given(quantity=panels, factor=st.sampled_from([0.25, 4.0, 1024.0]))
def test_units_do_not_matter(forecaster, quantity, factor):
    # factors of two, so that a tie between constants stays a tie
    one = forecaster(series(quantity), SETTINGS).mean
    np.testing.assert_allclose(forecaster(series(quantity * factor), SETTINGS).mean, one * factor, rtol=1e-9)


def test_buckets_end_with_the_history_and_leave_out_what_is_unknown():
    assert baselines._buckets(np.array([[1.0, 2, 3, NAN, 5]]), 2).tolist() == [[2.5, 5]]
