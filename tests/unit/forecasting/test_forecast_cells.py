"""A forecast or a fallback with its reason for every cell."""

import numpy as np
import pytest

from forecasting.baselines import naive
from forecasting.cells import forecast_prophet
from forecasting.global_model import GlobalModel
from forecasting.profile import Profile
from forecasting.series import Series
from forecasting.settings import ForecastSettings, settings_for

WEEKS = 60
DATES = np.datetime64("2025-01-06") + 7 * np.arange(WEEKS)
FUTURE = DATES[-1] + 7 * np.arange(1, 5)
NAN = np.nan


def forecast(values, stocked_out=None, settings=None):
    history = np.full((1, WEEKS), NAN)
    history[0, WEEKS - len(values) :] = values
    empty = np.zeros(history.shape, dtype=np.bool_)
    if stocked_out is not None:
        empty[0, stocked_out] = True
    result = forecast_prophet(Series(DATES, history, empty, FUTURE), settings or ForecastSettings())
    return result.model[0], result.mean[0]


def test_a_steady_seller_goes_on():
    model, mean = forecast([10, 12, 8, 10] * 15)
    assert model == "prophet_batch"
    assert mean == pytest.approx(np.full(4, 10), abs=1)


@pytest.mark.parametrize(
    ("values", "expected", "mean"),
    [
        ([0] * 40, "prophet_batch (constant)", 0),
        ([7] * 60, "prophet_batch (constant)", 7),
        ([8], "young_item (fewer than 8 weeks)", 2),
        ([], "young_item (fewer than 8 weeks)", 0),
        ([-4] * 60, "prophet_batch (constant)", 0),
        ([NAN] * 20 + [12, 6, 6] + [NAN] * 3, "young_item (fewer than 8 weeks)", 4),
    ],
)
def test_what_cannot_be_fitted_falls_back_and_says_why(values, expected, mean):
    model, forecasts = forecast(values)
    assert model == expected
    assert forecasts.tolist() == [mean] * 4


def test_a_mean_is_never_below_zero():
    _, mean = forecast([-5, -6, -4, 1] * 15)
    assert (mean == 0).all()


def test_a_fit_far_above_anything_seen_is_not_believed():
    settings = ForecastSettings(highest_multiple=0.5)
    model, mean = forecast([10, 12, 8, 10] * 15, settings=settings)
    assert model == "seasonal_naive (implausible fit)"
    assert mean.tolist() == [10, 12, 8, 10]


def test_weeks_of_an_empty_shelf_do_not_pull_the_forecast_down():
    values = np.array([10.0, 12, 8, 10] * 15)
    values[30:36] = 0
    _, blind = forecast(values)
    _, seeing = forecast(values, stocked_out=range(30, 36))
    assert seeing.mean() == pytest.approx(10, abs=0.7)
    assert blind.mean() < seeing.mean()


def test_a_listing_that_ended_is_forecast_low():
    values = np.array([10.0, 12, 8, 10] * 15)
    values[20:] = 0
    _, mean = forecast(values, stocked_out=range(20, 60))
    assert mean.mean() < 5


def test_huge_quantities_stay_finite():
    _, mean = forecast([9.2e18, 1.0] * 30)
    assert np.isfinite(mean).all()


def test_seasonal_naive_takes_what_was_sold_and_clips_returns():
    history = np.full((1, WEEKS), NAN)
    history[0, -4:] = [3, -2, 5, 0]
    result = naive(Series(DATES, history, np.ones_like(history, dtype=np.bool_), FUTURE), ForecastSettings())
    assert result.mean.tolist() == [[3, 0, 5, 0]]
    assert result.model.tolist() == ["seasonal_naive"]


def test_the_season_that_all_have_is_in_the_forecast_and_growth_brings_the_past_to_today():
    wave, yearly = 0.3, 0.5
    dates = np.concatenate([DATES, FUTURE])
    turn = 2 * np.pi * dates.astype("datetime64[D]").astype(np.int64) / 365.25
    to_origin = np.minimum((dates - DATES[-1]).astype("timedelta64[D]").astype(np.int64), 0) / 365.25
    mean = 10.0 * np.exp(wave * np.sin(turn) + yearly * to_origin)
    learned = GlobalModel(Profile(np.array([wave, 0.0, yearly])), 0.25)
    series = Series(DATES, mean[None, :WEEKS], np.zeros((1, WEEKS), bool), FUTURE)

    result = forecast_prophet(series, ForecastSettings(), learned)

    assert result.mean[0] == pytest.approx(mean[WEEKS:])
    assert result.parts["trend"][0] == pytest.approx([10.0] * 4)
    assert result.parts["season"][0] == pytest.approx(mean[WEEKS:] - 10.0)


def test_a_cell_of_days_has_its_own_pattern_of_the_week():
    days = np.datetime64("2025-01-06") + np.arange(140)
    sold = np.tile([20.0, 10.0, 10.0, 10.0, 10.0, 10.0, 0.0], 20)
    series = Series(days[:133], sold[None, :133], np.zeros((1, 133), bool), days[133:])
    assert forecast_prophet(series, settings_for("day")).mean[0] == pytest.approx(sold[133:], abs=0.5)


def test_what_promotions_are_known_to_do_is_in_the_forecast_and_shown_as_a_part():
    promoted = np.zeros(WEEKS + 4)
    promoted[[5, 19, 33, 47, WEEKS + 1]] = 1.0
    history = 10.0 * np.where(promoted[:WEEKS] > 0, 3.0, 1.0)[None, :]
    learned = GlobalModel(
        Profile(np.zeros(3), own={"promotion_share": float(np.log(3))}, centre={"promotion_share": 0.0}), 0.25
    )
    series = Series(DATES, history, np.zeros((1, WEEKS), bool), FUTURE, own={"promotion_share": promoted[None, :]})

    result = forecast_prophet(series, ForecastSettings(), learned)

    assert result.mean[0] == pytest.approx([10, 30, 10, 10])
    assert result.parts["promotion"][0] == pytest.approx([0, 20, 0, 0])
    assert result.parts["price"][0] == pytest.approx([0, 0, 0, 0])
