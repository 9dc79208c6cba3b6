"""What the batched solver derives from dates is what Prophet derives, for every start and gap."""

import numpy as np
import pandas as pd
import pytest

from forecasting.prophet_batch import ProphetSettings, UnsupportedSettingError
from forecasting.prophet_batch.calendar import days, series_calendar, trend_columns
from forecasting.prophet_batch.features import calendar_features, free_calendar_features
from forecasting.prophet_batch.prophet_own import prophet_class
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
