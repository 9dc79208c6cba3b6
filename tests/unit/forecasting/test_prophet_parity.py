"""prophet_batch against Prophet's own Stan program.

Tolerance, at the tight tolerance of the solver:
- no series ends above the best objective that Stan reaches, by LBFGS or Newton, from Prophet's start or from ours: additive models
  to the digits that Stan prints, multiplicative ones, which have more than one optimum, to a twentieth of a nat;
- the mean absolute difference from the forecast of that best fit over its mean absolute forecast is within 1 % at the 95th
  percentile of series;
- additive forecasts are those of scipy's L-BFGS-B on the data that Prophet prepares for Stan, to a thousandth.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting import prophet_batch, prophet_stan
from forecasting.prophet_batch import TIGHT_TOLERANCE, CustomSeasonality, Holiday, ProphetSettings, Regressor

FESTIVAL = Holiday("festival", ("2024-03-04", "2024-12-02", "2025-04-07", "2025-12-01"), -7, 7, 3.0)
HARVEST = Holiday("harvest", ("2024-05-06", "2025-05-05"))
REGRESSORS = (Regressor("price"), Regressor("promotion", 2.0), Regressor("weather"), Regressor("rain"))
FLAT = ProphetSettings(growth="flat", n_changepoints=0, yearly_seasonality=2, seasonality_prior_scale=0.03)
ADDITIVE = {
    "defaults": ProphetSettings(),
    "season": ProphetSettings(yearly_seasonality=5),
    "flat": FLAT,
    "loose": ProphetSettings(n_changepoints=10, changepoint_prior_scale=0.5, yearly_seasonality=False),
    "stiff": ProphetSettings(n_changepoints=10, changepoint_range=0.95, changepoint_prior_scale=0.005),
    "holidays": ProphetSettings(n_changepoints=8, holidays=(FESTIVAL, HARVEST), holidays_prior_scale=0.5),
    "regressors": ProphetSettings(n_changepoints=8, yearly_seasonality=3, holidays=(FESTIVAL,), regressors=REGRESSORS),
    "custom seasons": ProphetSettings(
        n_changepoints=5,
        seasonalities=(CustomSeasonality("quarter", 91.3, 2, 0.5), CustomSeasonality("yearly", 365.25, 2)),
    ),
    "log": replace(FLAT, regressors=REGRESSORS[:2], target="log"),
    "log with an offset": ProphetSettings(n_changepoints=6, target="log", log_offset=0.5),
}
MULTIPLICATIVE = {
    "season times": ProphetSettings(yearly_seasonality=3, seasonality_mode="multiplicative"),
    "all": ProphetSettings(
        n_changepoints=6,
        yearly_seasonality=2,
        seasonality_mode="multiplicative",
        holidays=(FESTIVAL,),
        regressors=REGRESSORS,
    ),
    "season times, holidays and regressors plus": ProphetSettings(
        n_changepoints=6,
        yearly_seasonality=2,
        seasonality_mode="multiplicative",
        holidays=(FESTIVAL,),
        holidays_mode="additive",
        regressors=tuple(replace(part, mode="additive") for part in REGRESSORS),
    ),
    "season plus, one regressor times": replace(
        FLAT, regressors=(Regressor("price", mode="multiplicative"), Regressor("weather"))
    ),
}
GRID = ADDITIVE | MULTIPLICATIVE
PRINTED_NATS = 2e-5
"""Stan's objective as cmdstan prints it."""
OTHER_OPTIMUM_NATS = 0.05


def allowed(of):
    modes = {of.seasonality_mode, of.holidays_mode, *(part.mode for part in of.regressors)}
    return OTHER_OPTIMUM_NATS if "multiplicative" in modes else PRINTED_NATS


def drivers(of, size, length, seed=5):
    """Two regressors of each series' own and two that all share, as far as the settings have them."""
    rng = np.random.default_rng(seed)
    own = {"price": np.round(rng.lognormal(0, 0.1, (size, length)), 2), "promotion": rng.random((size, length)) < 0.1}
    shared = {"weather": rng.normal(15, 5, length), "rain": (rng.random(length) < 0.2).astype(float)}
    names = {part.name for part in of.regressors}
    return {
        "own": {name: values for name, values in own.items() if name in names},
        "shared": {name: values for name, values in shared.items() if name in names},
    }


def target(forecast, of):
    """The forecast in units of what is fitted."""
    return forecast.mean if of.target == "level" else np.log(forecast.median + of.log_offset)


def relative(ours, theirs):
    return np.abs(ours - theirs).mean(axis=1) / np.abs(theirs).mean(axis=1)


def compare(dates, y, future, of, **more):
    """Each series' relative difference from Stan's best, and how much lower our objective is."""
    more |= drivers(of, len(y), len(dates) + len(future))
    ours = prophet_batch.forecast(dates, y, future, of, TIGHT_TOLERANCE, **more)
    assert set(ours.status) == {prophet_batch.FITTED}
    starts = [prophet_stan.start_from(ours, row) for row in range(len(y))]
    stan = prophet_stan.forecast(dates, y, future, of, effort="thorough", starts=starts, **more)
    return relative(target(ours, of), stan.mean), stan.objective - ours.objective


@pytest.mark.parametrize("name", GRID)
def test_forecasts_are_stans_and_the_optimum_is_no_worse(calendar, demand, name):
    dates, future = calendar(80)
    difference, gain = compare(dates, demand(3, 80, seed=11), future, GRID[name])
    assert gain.min() > -allowed(GRID[name])
    assert np.median(difference) < 0.01


@pytest.mark.parametrize("name", ["regressors", "log"])
def test_a_weight_is_the_observation_made_so_many_times(calendar, demand, name):
    dates, future = calendar(70)
    y = demand(3, 70, seed=4)
    weight = np.random.default_rng(6).integers(0, 4, y.shape).astype(float)
    difference, gain = compare(dates, y, future, GRID[name], weight=weight)
    assert gain.min() > -PRINTED_NATS
    assert np.median(difference) < 0.01


@pytest.mark.parametrize("name", ADDITIVE)
def test_additive_forecasts_are_those_of_another_optimizer_to_a_thousandth(calendar, demand, name):
    dates, future = calendar(90)
    y, of = demand(12, 90, seed=2), ADDITIVE[name]
    more = drivers(of, len(y), len(dates) + len(future))
    ours = prophet_batch.forecast(dates, y, future, of, TIGHT_TOLERANCE, **more)
    exact = prophet_stan.forecast(dates, y, future, of, effort="exact", **more)
    assert np.abs(ours.objective - exact.objective).max() < 1e-5
    assert relative(target(ours, of), exact.mean).max() < 1e-3


@pytest.mark.parametrize("mode", ["additive", "multiplicative"])
def test_days_with_a_weekly_season_agree_too(calendar, mode):
    dates, future = calendar(200, ahead=28, step=1)
    rng = np.random.default_rng(9)
    y = rng.poisson(5 + 3 * np.sin(2 * np.pi * np.arange(200) / 7), (5, 200)).astype(float)
    y[1, :60] = np.nan
    of = ProphetSettings(seasonality_mode=mode)
    ours = prophet_batch.forecast(dates, y, future, of, TIGHT_TOLERANCE)
    exact = prophet_stan.forecast(dates, y, future, of, effort="exact")
    assert (ours.components["weekly"] != 0).any(axis=1).all()
    assert relative(ours.mean, exact.mean).max() < 1e-3


def test_prophet_as_shipped_stops_short_of_the_optimum_never_beyond(calendar, demand):
    dates, future = calendar(110)
    y = demand(8, 110, seed=3)
    ours = prophet_batch.forecast(dates, y, future, ProphetSettings(), TIGHT_TOLERANCE)
    stan = prophet_stan.forecast(dates, y, future, ProphetSettings())
    assert (stan.objective - ours.objective).min() > -PRINTED_NATS
    assert np.abs(stan.objective - ours.objective).max() < 5.0


SCALES = st.sampled_from([0.02, 0.5, 10.0])
SOME_SETTINGS = st.builds(
    ProphetSettings,
    growth=st.sampled_from(["linear", "flat"]),
    n_changepoints=st.integers(0, 12),
    changepoint_range=st.sampled_from([0.5, 0.8, 1.0]),
    changepoint_prior_scale=st.sampled_from([0.01, 0.05, 0.5]),
    yearly_seasonality=st.sampled_from(["auto", False, 1, 3]),
    seasonality_prior_scale=SCALES,
    holidays_prior_scale=SCALES,
    holidays=st.sampled_from([(), (HARVEST,), (FESTIVAL, HARVEST)]),
    regressors=st.lists(
        st.builds(
            Regressor,
            st.sampled_from(["price", "promotion", "weather", "rain"]),
            standardize=st.sampled_from(["auto", True, False]),
        ),
        max_size=2,
        unique_by=lambda part: part.name,
    ).map(tuple),
    target=st.sampled_from(["level", "log"]),
)
SOME_SERIES = st.lists(st.one_of(st.integers(0, 40), st.none(), st.just(0)), min_size=30, max_size=60).filter(
    lambda values: len(set(values) - {None}) > 3 and sum(value is not None for value in values) > 12
)


def check_made_series(calendar, values, of):
    dates, future = calendar(len(values))
    y = np.array([[np.nan if value is None else value for value in values]])
    more = drivers(of, 1, len(dates) + len(future), seed=len(values))
    ours = prophet_batch.forecast(dates, y, future, of, TIGHT_TOLERANCE, **more)
    exact = prophet_stan.forecast(dates, y, future, of, effort="exact", **more)
    assert ours.objective[0] < exact.objective[0] + PRINTED_NATS
    assert np.abs(ours.mean[0]).sum() > 0.0
    size = np.abs(exact.mean[0]).mean()
    assert np.abs(target(ours, of) - exact.mean)[0].mean() < 0.01 * size + 1e-3


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(SOME_SERIES, SOME_SETTINGS)
def test_made_series_agree_whatever_the_settings(calendar, values, of):
    check_made_series(calendar, values, of)


@pytest.mark.long
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(SOME_SERIES, SOME_SETTINGS)
def test_many_made_series_agree(calendar, values, of):
    check_made_series(calendar, values, of)


@pytest.mark.long
@pytest.mark.parametrize("weeks", [80, 130])
@pytest.mark.parametrize("name", GRID)
def test_ninety_five_of_a_hundred_series_are_within_one_percent(calendar, demand, name, weeks):
    dates, future = calendar(weeks)
    difference, gain = compare(dates, demand(20, weeks, seed=weeks), future, GRID[name])
    assert gain.min() > -allowed(GRID[name])
    assert np.quantile(difference, 0.95) < 0.01
