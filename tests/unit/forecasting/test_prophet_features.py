"""What the batched solver derives from dates is what Prophet derives, for every start and gap."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecasting.prophet_batch import (
    CustomSeasonality,
    Holiday,
    ProphetSettings,
    Regressor,
    UnsupportedSettingError,
    holidays_from_frame,
)
from forecasting.prophet_batch.calendar import days, series_calendar, trend_columns
from forecasting.prophet_batch.features import calendar_features, free_calendar_features, standardization
from forecasting.prophet_batch.prophet_own import prophet_class
from forecasting.prophet_batch.settings import holiday_rows
from forecasting.prophet_stan import PROPHETS_OWN

SETTINGS = [
    ProphetSettings(),
    ProphetSettings(n_changepoints=10, changepoint_range=0.9, yearly_seasonality=3),
    ProphetSettings(n_changepoints=3, weekly_seasonality=True, yearly_seasonality=False),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("weeks", "step"), [(130, 7), (104, 7), (106, 7), (12, 7), (40, 1), (9, 1)])
def test_time_changepoints_and_seasons_are_prophets_own(calendar, settings, weeks, step):
    dates, _ = calendar(weeks, step=step)
    observed = np.ones((4, weeks), dtype=np.bool_)
    observed[1, : weeks // 3] = False
    observed[2, np.random.default_rng(3).random(weeks) < 0.3] = False
    observed[3, -2:] = False
    ours = series_calendar(days(dates), observed, settings)
    trend = trend_columns(days(dates), ours.first_day, ours.last_day, ours.changepoint_day)
    seasons = calendar_features(dates, settings)
    free = free_calendar_features(seasons, ours)

    for row, seen in enumerate(observed):
        model = prophet_class()(**{name: getattr(settings, name) for name in PROPHETS_OWN}, daily_seasonality=False)
        theirs = model.preprocess(pd.DataFrame({"ds": pd.to_datetime(dates[seen]), "y": np.arange(seen.sum()) + 1.0}))
        np.testing.assert_allclose(trend[row, 0, seen], theirs.t, atol=1e-12)
        changepoints = trend[row, 0, -1] - trend[row, 2 : 2 + ours.n_changepoints[row], -1]
        if ours.n_changepoints[row]:
            np.testing.assert_allclose(changepoints, theirs.t_change, atol=1e-12)
        features = seasons.values[free[row]][:, seen].T
        if features.shape[1]:
            np.testing.assert_allclose(features, np.asarray(theirs.X), atol=1e-9)
        else:
            assert not np.asarray(theirs.X).any()


def test_a_setting_that_cannot_be_fitted_is_refused_with_what_is_expected():
    with pytest.raises(UnsupportedSettingError, match=r"growth = 'logistic'.*linear or flat"):
        ProphetSettings(growth="logistic")
    with pytest.raises(UnsupportedSettingError, match="changepoint_prior_scale"):
        ProphetSettings(changepoint_prior_scale=0.0)
    with pytest.raises(UnsupportedSettingError, match="seasonality_mode"):
        ProphetSettings(seasonality_mode="other")
    with pytest.raises(UnsupportedSettingError, match="n_changepoints"):
        ProphetSettings(n_changepoints=-1)
    with pytest.raises(UnsupportedSettingError, match="changepoint_range"):
        ProphetSettings(changepoint_range=1.2)
    with pytest.raises(UnsupportedSettingError, match="holidays_mode"):
        ProphetSettings(holidays_mode="both")
    with pytest.raises(UnsupportedSettingError, match="prior_scale of price = 0"):
        Regressor("price", 0)
    with pytest.raises(UnsupportedSettingError, match="mode of price"):
        Regressor("price", mode="times")
    with pytest.raises(UnsupportedSettingError, match="dates of easter = '2024-13-01'"):
        Holiday("easter", ("2024-13-01",))
    with pytest.raises(UnsupportedSettingError, match="lower_window of easter"):
        Holiday("easter", ("2024-03-31",), lower_window=1)
    with pytest.raises(UnsupportedSettingError, match="one prior scale for all dates"):
        ProphetSettings(holidays=(Holiday("easter", (), prior_scale=1.0), Holiday("easter", (), prior_scale=2.0)))
    with pytest.raises(UnsupportedSettingError, match="fourier_order of quarter"):
        CustomSeasonality("quarter", 91, 0)
    with pytest.raises(UnsupportedSettingError, match=r"'price'.*nothing else in the model has"):
        ProphetSettings(regressors=(Regressor("price"),), seasonalities=(CustomSeasonality("price", 30, 1),))
    with pytest.raises(UnsupportedSettingError, match=r"'yearly'.*nothing else"):
        ProphetSettings(yearly_seasonality=2, seasonalities=(CustomSeasonality("yearly", 365.25, 1),))
    with pytest.raises(UnsupportedSettingError, match="target"):
        ProphetSettings(target="sqrt")
    with pytest.raises(UnsupportedSettingError, match="largest_correction"):
        ProphetSettings(largest_correction=0.5)


HOLIDAYS = pd.DataFrame(
    {
        "ds": ["2024-02-05", "2025-02-03", "2024-06-17", "2030-01-01"],
        "holiday": ["spring", "spring", "summer", "never"],
        "lower_window": [-7, -14, 0, 0],
        "upper_window": [0, 7, 1, 0],
        "prior_scale": [2.0, 2.0, np.nan, 5.0],
    }
)
OF_ALL_KINDS = ProphetSettings(
    seasonalities=(
        CustomSeasonality("quarter", 91.3, 2, 0.5, "multiplicative"),
        CustomSeasonality("yearly", 365.25, 3),
    ),
    holidays=holidays_from_frame(HOLIDAYS),
    holidays_prior_scale=0.7,
    holidays_mode="multiplicative",
)


def test_seasons_and_holidays_of_all_kinds_are_prophets_own_with_its_priors_and_modes(calendar):
    dates, _ = calendar(70)
    ours = calendar_features(dates, OF_ALL_KINDS)
    model = prophet_class()(
        holidays=HOLIDAYS.copy(), holidays_prior_scale=0.7, holidays_mode="multiplicative", weekly_seasonality=False
    )
    model.add_seasonality("quarter", 91.3, 2, 0.5, "multiplicative")
    model.add_seasonality("yearly", 365.25, 3)
    theirs = model.preprocess(pd.DataFrame({"ds": pd.to_datetime(dates), "y": np.arange(70.0)}))
    kept = [part for part in ours.components if part.name != "weekly"]
    columns = np.concatenate([np.arange(part.columns.start, part.columns.stop) for part in kept])
    modes = [part.mode == "multiplicative" for part in kept for _ in range(part.columns.start, part.columns.stop)]
    np.testing.assert_array_equal(ours.values[columns].T, np.asarray(theirs.X))
    np.testing.assert_array_equal(ours.prior_scale[columns], theirs.sigmas)
    np.testing.assert_array_equal(modes, np.asarray(theirs.s_m) == 1)


def test_features_of_a_calendar_are_made_once(calendar):
    dates, _ = calendar(70)
    assert calendar_features(dates.copy(), OF_ALL_KINDS) is calendar_features(dates.copy(), replace(OF_ALL_KINDS))


@pytest.mark.parametrize("standardize", ["auto", True, False])
@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 1, 0, 0, 1],
        [1, 1, 1, 1, 1, 1],
        [0, 2, 0, 2, 0, 0],
        [3.5, 3.2, 3.9, 3.5, 3.5, 3.1],
        [9, 1, 0, 1, 0, 1],
        [0] * 6,
    ],
)
def test_a_regressor_is_standardized_as_in_prophet_by_what_was_observed(values, standardize):
    observed = np.array([False, True, True, True, True, True])
    mean, std = standardization(np.array([values], dtype=float), observed[None], standardize)
    dates = np.datetime64("2024-01-01") + 7 * np.arange(6)
    model = prophet_class()(yearly_seasonality=False)
    model.add_regressor("x", standardize=standardize)
    y = np.where(observed, [5.0, 1.0, 2.0, 4.0, 3.0, 6.0], np.nan)
    model.preprocess(pd.DataFrame({"ds": pd.to_datetime(dates), "y": y, "x": values}))
    assert mean[0] == pytest.approx(model.extra_regressors["x"]["mu"], rel=1e-12)
    assert std[0] == pytest.approx(model.extra_regressors["x"]["std"], rel=1e-12)


def test_a_holiday_frame_gives_its_rows_back():
    frame = pd.DataFrame(holiday_rows(OF_ALL_KINDS.holidays)).sort_values("ds", ignore_index=True)
    pd.testing.assert_frame_equal(frame, HOLIDAYS.sort_values("ds", ignore_index=True)[frame.columns])
    bare = holidays_from_frame(pd.DataFrame({"ds": pd.to_datetime(["2024-01-01"]), "holiday": ["new year"]}))
    assert bare == (Holiday("new year", ("2024-01-01",)),)
