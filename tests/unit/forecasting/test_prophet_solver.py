"""The solver finds the optimum of the stated objective, and gives every series a forecast or a reason."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import prophet_batch
from forecasting.prophet_batch import (
    CONSTANT,
    FITTED,
    NOT_FINITE,
    TIGHT_TOLERANCE,
    TOO_FEW_POINTS,
    ProphetSettings,
)
from forecasting.prophet_batch.solver import Problem, solve

WEEKS = 70
DATES = np.datetime64("2024-01-01") + 7 * np.arange(WEEKS)
FUTURE = DATES[-1] + 7 * np.arange(1, 9)
BENDING = ProphetSettings(n_changepoints=8, changepoint_prior_scale=0.3, yearly_seasonality=2)


def problem(y, multiplicative=False, weight=None):
    t = np.linspace(0, 1, y.shape[1])
    knots = np.linspace(0.1, 0.8, 6)
    trend = np.concatenate([t[:, None], np.ones((len(t), 1)), np.maximum(t[:, None] - knots, 0)], axis=1)
    features = np.stack([np.sin(9 * t), np.cos(9 * t)], axis=1)
    return Problem(
        y=y,
        pattern=np.zeros(len(y), dtype=np.intp),
        weight=np.ones((1, y.shape[1])) if weight is None else weight,
        design=np.concatenate([trend, features], axis=1).T[None],
        own=np.zeros((len(y), 0, y.shape[1])),
        multiplicative=np.array([multiplicative] * 2),
        feature_scale=np.array([10.0, 10.0]),
        free=np.ones((len(y), 10), dtype=np.bool_),
        changepoint_scale=0.3,
    )


def objective(of, row, parameters, sigma):
    """The negative log posterior, written down once more and slowly."""
    trend, features, beta = of.design[0, :8].T, of.design[0, 8:].T, parameters[8:]
    added, multiplied = features @ (beta * ~of.multiplicative), features @ (beta * of.multiplicative)
    value = (trend @ parameters[:8]) * (1 + multiplied) + added
    weight = of.weight[0]
    likelihood = weight.sum() * np.log(sigma) + (weight * (of.y[row] - value) ** 2).sum() / (2 * sigma**2)
    priors = (parameters[:2] ** 2).sum() / 50 + np.abs(parameters[2:8]).sum() / 0.3 + (parameters[8:] ** 2).sum() / 200
    return likelihood + 2 * sigma**2 + priors


@pytest.mark.parametrize("multiplicative", [False, True])
def test_no_point_near_the_solution_is_better(multiplicative):
    rng = np.random.default_rng(5)
    y = np.abs(np.cumsum(rng.normal(0, 0.05, (5, 60)), axis=1) + 0.5 + 0.1 * np.sin(np.arange(60)))
    of = problem(y / y.max(axis=1)[:, None], multiplicative)
    found = solve(of, TIGHT_TOLERANCE)

    assert found.converged.all()
    for row in range(5):
        best = objective(of, row, found.parameters[row], found.sigma[row])
        assert best == pytest.approx(found.objective[row], abs=1e-8)
        for size in (1e-1, 1e-3, 1e-5):
            for _ in range(50):
                elsewhere = found.parameters[row] + rng.normal(0, size, 10) * (rng.random(10) < 0.5)
                sigma = found.sigma[row] * np.exp(rng.normal(0, size))
                assert objective(of, row, elsewhere, sigma) >= best - 1e-9


def test_no_straight_trend_that_crosses_zero_fits_a_multiplicative_model_better():
    rng = np.random.default_rng(3)
    y = rng.poisson(0.12, (150, 60)) * rng.integers(1, 12, (150, 60))
    y = y[(y > 0).sum(axis=1) >= 4]
    of = problem(y / y.max(axis=1)[:, None], multiplicative=True)
    found = solve(of, TIGHT_TOLERANCE)
    t, features = of.design[0, 0], of.design[0, 8:]
    for crossing in (0.2, 0.35, 0.5, 0.65, 0.8):
        line = t - crossing
        fits = np.linalg.lstsq(np.vstack([line, line * features]).T, of.y.T, rcond=None)[0].T
        for row, (slope, *effects) in enumerate(fits):
            parameters = np.array([slope, -slope * crossing, *np.zeros(6), *np.array(effects) / slope])
            error = of.y[row] - line * slope * (1 + parameters[8:] @ features)
            assert found.objective[row] <= objective(of, row, parameters, np.sqrt((error**2).mean())) + 1e-9


def test_a_small_trend_under_a_large_season_is_found_where_it_fits_a_multiplicative_model_better():
    y = np.zeros((1, 60))
    y[0, [1, 24, 47, 49]] = 0.3, 0.9, 1.0, 0.7
    of = problem(y, multiplicative=True)
    found = solve(of, TIGHT_TOLERANCE)
    small_trend = np.array([0.06, -0.01, 0, 0, -0.13, 0, -0.04, 0.33, -12.0, -4.48])
    assert found.objective[0] < objective(of, 0, small_trend, sigma=0.17)


def test_the_tight_tolerance_looks_for_the_optimum_of_a_multiplicative_model_from_one_more_start():
    drawn = [np.random.default_rng(seed).gamma(0.25, 1, 60).round(1) for seed in range(190, 200)]
    of = problem(np.stack([series / series.max() for series in drawn]), multiplicative=True)
    found = solve(of, TIGHT_TOLERANCE).objective
    fewer = solve(of, replace(TIGHT_TOLERANCE, further_starts=6)).objective
    assert (found <= fewer + 1e-6).all()
    assert (found < fewer - 0.5).any()


def test_changepoints_that_are_not_needed_are_exactly_zero():
    line = np.linspace(0.2, 1, 60) + np.random.default_rng(1).normal(0, 0.2, 60)
    bent = np.where(np.arange(60) < 30, 0.2, 0.2 + 0.8 * np.linspace(-1, 1, 60))
    found = solve(problem(np.stack([line, bent])), TIGHT_TOLERANCE)

    assert (found.parameters[0, 2:8] == 0).all()
    assert (found.parameters[1, 2:8] != 0).any()


def test_changepoints_that_come_and_go_under_a_loose_prior_end_at_exactly_zero_or_clearly_not():
    wandering = np.cumsum(np.random.default_rng(1).normal(0, 0.1, (300, 60)), axis=1)
    of = replace(problem(wandering / np.abs(wandering).max(axis=1)[:, None]), changepoint_scale=3.0)
    found = solve(of, TIGHT_TOLERANCE)

    delta = np.abs(found.parameters[:, 2:8])
    assert found.converged.all()
    assert ((delta == 0) | (delta > 1e-6)).all()


def test_a_weight_of_two_is_the_point_twice_and_of_zero_not_at_all():
    rng = np.random.default_rng(2)
    y = rng.random((1, 40))
    weight = rng.integers(0, 3, (1, 40)).astype(float)
    weighted = solve(problem(y, weight=weight), TIGHT_TOLERANCE)
    repeated = np.repeat(np.arange(40), weight[0].astype(int))
    of = problem(y)
    often = replace(
        of,
        y=y[:, repeated],
        weight=np.ones((1, len(repeated))),
        design=of.design[:, :, repeated],
        own=of.own[:, :, repeated],
    )

    np.testing.assert_allclose(weighted.parameters, solve(often, TIGHT_TOLERANCE).parameters, atol=1e-5)


def test_a_series_is_forecast_the_same_alone_and_in_company(demand):
    y = demand(40, WEEKS)
    together = prophet_batch.forecast(DATES, y, FUTURE, BENDING, TIGHT_TOLERANCE)
    for row in (0, 1, 2, 17):
        alone = prophet_batch.forecast(DATES, y[row : row + 1], FUTURE, BENDING, TIGHT_TOLERANCE)
        np.testing.assert_allclose(alone.mean[0], together.mean[row], rtol=1e-5, atol=1e-6)


def test_a_late_start_is_as_good_as_a_shorter_calendar(demand):
    y = demand(6, WEEKS)
    y[:, :20] = np.nan
    late = prophet_batch.forecast(DATES, y, FUTURE, BENDING, TIGHT_TOLERANCE)
    short = prophet_batch.forecast(DATES[20:], y[:, 20:], FUTURE, BENDING, TIGHT_TOLERANCE)
    np.testing.assert_allclose(late.mean, short.mean, rtol=1e-7)


def test_a_weight_of_zero_is_as_good_as_no_value(demand):
    y = np.nan_to_num(demand(6, WEEKS), nan=3.0)
    weight = np.ones_like(y)
    weight[:, [5, 6, 40]] = 0
    weighted = prophet_batch.forecast(DATES, y, FUTURE, BENDING, TIGHT_TOLERANCE, weight=weight)
    without = prophet_batch.forecast(DATES, np.where(weight > 0, y, np.nan), FUTURE, BENDING, TIGHT_TOLERANCE)
    np.testing.assert_array_equal(weighted.mean, without.mean)


def test_the_default_tolerance_forecasts_what_the_tight_one_does(demand):
    y = demand(60, WEEKS)
    quick = prophet_batch.forecast(DATES, y, FUTURE, ProphetSettings(yearly_seasonality=3))
    exact = prophet_batch.forecast(DATES, y, FUTURE, ProphetSettings(yearly_seasonality=3), TIGHT_TOLERANCE)
    difference = np.abs(quick.mean - exact.mean).mean(axis=1) / np.abs(exact.mean).mean(axis=1)
    assert np.quantile(difference, 0.95) < 0.01
    assert (quick.sweeps <= exact.sweeps).all()


def test_bad_series_get_a_forecast_or_a_reason():
    nothing = np.full(WEEKS, np.nan)
    one = nothing.copy()
    one[30] = 4.0
    two = one.copy()
    two[31] = 6.0
    endless = np.arange(WEEKS, dtype=float)
    endless[3] = np.inf
    gaps = np.where(np.arange(WEEKS) % 5 == 0, 7.0 + np.arange(WEEKS), np.nan)
    y = np.stack(
        [nothing, one, two, np.zeros(WEEKS), np.full(WEEKS, 9.0), endless, gaps, np.arange(WEEKS) * 1e300,
         -np.arange(WEEKS) % 7 * -1.0, np.where(np.arange(WEEKS) == WEEKS - 1, 1e12, 0.0)]
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = prophet_batch.forecast(DATES, y, FUTURE, ProphetSettings())

    assert result.status.tolist() == [
        TOO_FEW_POINTS, TOO_FEW_POINTS, FITTED, CONSTANT, CONSTANT, NOT_FINITE, FITTED, FITTED, FITTED, FITTED
    ]  # fmt: skip
    assert np.isfinite(result.mean[[2, 3, 4, 6, 7, 8, 9]]).all()
    assert (result.mean[3] == 0).all()
    assert (result.mean[4] == 9).all()


def test_nothing_to_fit_is_no_error():
    empty = prophet_batch.forecast(DATES, np.empty((0, WEEKS)), FUTURE, ProphetSettings())
    assert empty.mean.shape == (0, 8)


def test_twenty_years_of_weeks_are_cut_into_chunks_that_fit(demand):
    weeks = 1043
    dates = np.datetime64("2004-01-05") + 7 * np.arange(weeks)
    result = prophet_batch.forecast(dates, demand(40, weeks), FUTURE, ProphetSettings())
    assert set(result.status) == {FITTED}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-(10**9), 10**9), st.just(0)), min_size=1, max_size=WEEKS),
    st.sampled_from([BENDING, ProphetSettings(), ProphetSettings(seasonality_mode="multiplicative", growth="flat")]),
)
def test_any_series_gives_a_finite_forecast_or_a_reason(values, of):
    y = np.full((1, WEEKS), np.nan)
    y[0, -len(values) :] = [np.nan if value is None else value for value in values]
    result = prophet_batch.forecast(DATES, y, FUTURE, of)
    assert np.isfinite(result.mean).all() or result.status[0] == TOO_FEW_POINTS
