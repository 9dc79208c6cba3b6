"""What a forecast consists of, and that each series' is its own: components, models, groups, log target, drivers."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import prophet_batch
from forecasting.prophet_batch import (
    CONSTANT,
    FITTED,
    NO_LOGARITHM,
    NO_REGRESSOR,
    NOT_CONVERGED,
    NOT_FINITE,
    TIGHT_TOLERANCE,
    TOO_FEW_POINTS,
    TOO_LARGE,
    CustomSeasonality,
    Holiday,
    Models,
    ProphetSettings,
    Regressor,
    RegressorError,
    Tolerance,
    batch,
)

WEEKS, AHEAD = 90, 8
ALL = np.datetime64("2024-01-01") + 7 * np.arange(WEEKS + AHEAD)
DATES, FUTURE = ALL[:WEEKS], ALL[WEEKS:]
DRIVEN = ProphetSettings(
    n_changepoints=6,
    changepoint_prior_scale=0.3,
    yearly_seasonality=2,
    seasonalities=(CustomSeasonality("quarter", 91.3, 1),),
    holidays=(Holiday("festival", ("2024-03-04", "2024-12-02", "2025-09-22"), -7, 7),),
    regressors=(Regressor("price"), Regressor("weather"), Regressor("promotion")),
)
MULTIPLICATIVE = replace(DRIVEN, seasonality_mode="multiplicative")
MIXED = replace(
    DRIVEN, regressors=(Regressor("price", mode="multiplicative"), Regressor("weather"), Regressor("promotion", 0.5))
)
LOG = replace(DRIVEN, target="log")
KINDS = {"additive": DRIVEN, "multiplicative": MULTIPLICATIVE, "mixed": MIXED, "log": LOG}
STEEP = ProphetSettings(growth="linear", n_changepoints=0, yearly_seasonality=False)


def driven(size, seed=3):
    rng = np.random.default_rng(seed)
    return {
        "own": {
            "price": np.round(rng.lognormal(0, 0.1, (size, WEEKS + AHEAD)), 2),
            "promotion": (rng.random((size, WEEKS + AHEAD)) < 0.1).astype(float),
        },
        "shared": {"weather": rng.normal(15, 5, WEEKS + AHEAD)},
    }


def rows_of(drivers, rows):
    return drivers | {"own": {name: values[rows] for name, values in drivers["own"].items()}}


def added_up(result, target="level", offset=1.0):
    whole = None
    for part in result.components.values():
        whole = part if whole is None else whole * part if target == "log" else whole + part
    return whole - offset if target == "log" else whole


@pytest.mark.parametrize("name", KINDS)
def test_components_make_the_forecast_to_the_last_bit(demand, name):
    of = KINDS[name]
    result = prophet_batch.forecast(DATES, demand(9, WEEKS), FUTURE, of, **driven(9))
    named = ["trend", "quarter", "yearly", "weekly", "holidays", "price", "weather", "promotion"]
    assert list(result.components) == named + ["noise"] * (of.target == "log")
    np.testing.assert_array_equal(added_up(result, of.target), result.mean)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=WEEKS), st.sampled_from(sorted(KINDS)))
def test_components_make_the_forecast_of_any_series(values, name):
    y = np.full((1, WEEKS), np.nan)
    y[0, -len(values) :] = values
    result = prophet_batch.forecast(DATES, y, FUTURE, KINDS[name], **driven(1))
    if np.isfinite(result.mean).all():
        np.testing.assert_array_equal(added_up(result, KINDS[name].target), result.mean)
    else:
        assert result.status[0] in (TOO_LARGE, TOO_FEW_POINTS)


def test_a_price_that_halves_sales_shows_as_its_component():
    price = np.where(np.arange(WEEKS + AHEAD) % 4 == 0, 2.0, 1.0)[None]
    y = np.where(price[:, :WEEKS] == 2.0, 50.0, 100.0) + np.arange(WEEKS) % 3
    of = ProphetSettings(growth="flat", yearly_seasonality=False, regressors=(Regressor("price"),))
    effect = prophet_batch.forecast(DATES, y, FUTURE, of, own={"price": price}).components["price"][0]
    dear, cheap = effect[price[0, WEEKS:] == 2.0], effect[price[0, WEEKS:] == 1.0]
    assert cheap.mean() - dear.mean() == pytest.approx(50, abs=1)


def test_a_multiplicative_component_is_given_in_units_of_y():
    promotion = (np.arange(WEEKS + AHEAD) % 5 == 0).astype(float)
    y = 100.0 * (1 + 0.5 * promotion[:WEEKS])[None] + np.arange(WEEKS) % 2
    of = ProphetSettings(
        growth="flat", yearly_seasonality=False, regressors=(Regressor("promotion", mode="multiplicative"),)
    )
    result = prophet_batch.forecast(DATES, y, FUTURE, of, shared={"promotion": promotion})
    assert result.components["promotion"][0, promotion[WEEKS:] == 1] == pytest.approx(50, abs=1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("tolerance", [Tolerance(), TIGHT_TOLERANCE])
@pytest.mark.parametrize("name", KINDS)
def test_a_series_has_the_same_forecast_to_the_last_bit_in_any_company(demand, monkeypatch, name, tolerance, weighted):
    size, of = 40, KINDS[name]
    y, drivers = demand(size, WEEKS, seed=8), driven(size)
    weight = np.random.default_rng(1).integers(0, 4, y.shape).astype(float) if weighted else None

    def of_rows(rows):
        chosen = None if weight is None else weight[rows]
        return prophet_batch.forecast(
            DATES, y[rows], FUTURE, of, tolerance, weight=chosen, **rows_of(drivers, rows)
        ).mean

    whole = of_rows(np.arange(size))
    shuffled = np.random.default_rng(2).permutation(size)
    np.testing.assert_array_equal(of_rows(shuffled), whole[shuffled])
    for row in (0, 1, 2, 17):
        np.testing.assert_array_equal(of_rows(np.array([row])), whole[[row]])
    np.testing.assert_array_equal(of_rows(np.arange(5, 12)), whole[5:12])
    monkeypatch.setattr(batch, "LARGEST_CHUNK", 7)
    np.testing.assert_array_equal(of_rows(np.arange(size)), whole)


@pytest.mark.parametrize("name", KINDS)
def test_stored_models_forecast_the_same_again(demand, name, tmp_path):
    y, drivers = demand(6, WEEKS), driven(6)
    y[4] = 7.0
    result = prophet_batch.forecast(DATES, y, FUTURE, KINDS[name], **drivers)
    models = result.models[0]
    arrays = {field.name: getattr(models, field.name) for field in fields(Models) if field.name != "settings"}
    np.savez(tmp_path / "models.npz", **arrays)
    with np.load(tmp_path / "models.npz") as stored:
        again = Models(settings=KINDS[name], **stored)

    ahead = {kind: {name: values[..., WEEKS:] for name, values in of.items()} for kind, of in drivers.items()}
    np.testing.assert_array_equal(prophet_batch.predict(again, FUTURE, **ahead).mean, result.mean)


def test_models_say_what_they_make_of_the_history(demand):
    y = np.nan_to_num(demand(4, WEEKS), nan=5.0) * 100
    of = ProphetSettings(n_changepoints=0, yearly_seasonality=2)
    result = prophet_batch.forecast(DATES, y, FUTURE, of, TIGHT_TOLERANCE)
    residual = y - prophet_batch.predict(result.models[0], DATES).mean
    np.testing.assert_allclose(result.sigma, np.sqrt((residual**2).mean(axis=1)), rtol=0.03)


def test_each_group_has_its_own_settings(demand):
    y = demand(6, WEEKS)
    groups = np.array(["calm", "wild", "calm", "calm", "wild", "log"])
    of = {
        "calm": ProphetSettings(growth="flat", yearly_seasonality=False),
        "wild": DRIVEN,
        "log": replace(STEEP, target="log"),
    }
    result = prophet_batch.forecast(DATES, y, FUTURE, of, groups=groups, **driven(6))
    for name, chosen in of.items():
        rows = np.flatnonzero(groups == name)
        alone = prophet_batch.forecast(DATES, y[rows], FUTURE, chosen, **rows_of(driven(6), rows))
        np.testing.assert_array_equal(result.mean[rows], alone.mean)
        np.testing.assert_array_equal(result.status[rows], alone.status)
    assert (result.components["price"][groups == "calm"] == 0).all()
    assert (result.components["price"][groups == "log"] == 1).all()
    assert [models.rows.tolist() for models in result.models] == [[0, 2, 3], [1, 4], [5]]


def test_the_log_target_forecasts_mean_and_median_of_a_log_normal():
    rng = np.random.default_rng(4)
    y = np.exp(rng.normal(3.0, 0.6, (200, WEEKS))) - 1.0
    of = ProphetSettings(growth="flat", yearly_seasonality=False, target="log")
    result = prophet_batch.forecast(DATES, y, FUTURE, of, TIGHT_TOLERANCE)
    assert result.median.mean() == pytest.approx(np.exp(3.0) - 1, rel=0.02)
    assert result.mean.mean() == pytest.approx(np.exp(3.0 + 0.6**2 / 2) - 1, rel=0.02)
    np.testing.assert_allclose(result.components["noise"], np.exp(result.sigma**2 / 2)[:, None].repeat(AHEAD, 1))


def test_the_mean_never_stands_further_above_the_median_than_the_cap():
    y = np.where(np.random.default_rng(5).random((3, WEEKS)) < 0.1, 10.0**6, 0.0)
    of = ProphetSettings(growth="flat", yearly_seasonality=False, target="log", largest_correction=2.5)
    result = prophet_batch.forecast(DATES, y, FUTURE, of)
    assert (result.sigma > 3).all()
    np.testing.assert_allclose((result.mean + 1) / (result.median + 1), 2.5)


def test_log1p_is_the_logarithm_with_an_offset_of_one(demand):
    y = np.nan_to_num(demand(4, WEEKS), nan=3.0)
    one = prophet_batch.forecast(DATES, y, FUTURE, replace(STEEP, target="log"), TIGHT_TOLERANCE)
    by_hand = prophet_batch.forecast(DATES, np.log1p(y), FUTURE, STEEP, TIGHT_TOLERANCE)
    np.testing.assert_allclose(np.log1p(one.median), by_hand.mean, rtol=1e-12)


def test_a_weight_weighs_the_likelihood():
    y = np.where(np.arange(WEEKS) < 45, 10.0, 20.0)[None]
    y = y + np.arange(WEEKS) % 2
    of = ProphetSettings(growth="flat", yearly_seasonality=False)
    weight = np.where(np.arange(WEEKS) < 45, 1.0, 3.0)[None]
    result = prophet_batch.forecast(DATES, y, FUTURE, of, TIGHT_TOLERANCE, weight=weight)
    assert result.mean[0, 0] == pytest.approx((10.5 * 45 + 20.5 * 135) / 180, abs=0.1)


def test_a_series_says_why_it_has_no_forecast(demand):
    y = np.nan_to_num(demand(8, WEEKS), nan=2.0)
    drivers = driven(8)
    y[1, 5] = -1.0
    y[2, 5] = np.inf
    y[3, 1:] = np.nan
    y[4] = 4.0
    drivers["own"]["price"][5, 3] = np.nan
    drivers["own"]["price"][6, WEEKS + 2] = np.nan
    result = prophet_batch.forecast(DATES, y, FUTURE, LOG, **drivers)
    assert result.status.tolist() == [
        FITTED, NO_LOGARITHM, NOT_FINITE, TOO_FEW_POINTS, CONSTANT, NO_REGRESSOR, NO_REGRESSOR, FITTED
    ]  # fmt: skip
    known = np.isfinite(result.mean).all(axis=1)
    assert known.tolist() == [True, False, False, False, True, False, False, True]
    np.testing.assert_allclose(result.mean[4], 4.0)


def test_a_regressor_may_be_missing_where_nothing_was_observed(demand):
    y, drivers = demand(3, WEEKS), driven(3)
    y[:, 7] = np.nan
    before = prophet_batch.forecast(DATES, y, FUTURE, DRIVEN, **drivers)
    drivers["own"]["price"][:, 7] = np.nan
    after = prophet_batch.forecast(DATES, y, FUTURE, DRIVEN, **drivers)
    np.testing.assert_array_equal(before.mean, after.mean)


def test_a_forecast_beyond_all_numbers_is_a_reason_not_a_number():
    y = np.exp(np.linspace(0, 600, WEEKS))[None]
    far = DATES[-1] + 7 * np.arange(1, 200)
    result = prophet_batch.forecast(DATES, y, far, replace(STEEP, target="log"))
    assert result.status[0] == TOO_LARGE
    assert np.isnan(result.mean).all()


def test_sweeps_that_run_out_are_said(demand):
    result = prophet_batch.forecast(
        DATES, demand(5, WEEKS), FUTURE, MULTIPLICATIVE, Tolerance(1e-12, 1e-9, max_sweeps=2), **driven(5)
    )
    assert set(result.status) == {NOT_CONVERGED}
    assert np.isfinite(result.mean).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shared": {}}, "Regressor weather: no values given"),
        ({"shared": {"weather": np.full(WEEKS + AHEAD, np.nan)}}, "Regressor weather: not finite"),
        ({"shared": {"weather": np.zeros(WEEKS)}}, r"weather: values of shape \(90,\) where \(98,\) is needed"),
        (
            {"own": {"price": np.zeros((3, WEEKS + AHEAD)), "promotion": np.zeros((2, WEEKS + AHEAD))}},
            r"price: values of shape \(3, 98\)",
        ),
    ],
)
def test_drivers_that_do_not_fit_are_refused_by_name(demand, change, said):
    with pytest.raises((RegressorError, ValueError), match=said):
        prophet_batch.forecast(DATES, demand(2, WEEKS), FUTURE, DRIVEN, **(driven(2) | change))


def test_arrays_that_do_not_fit_are_refused():
    y = np.ones((2, WEEKS))
    for wrong, said in (
        ({"y": y[:, 1:]}, "one column per date"),
        ({"dates": DATES[::-1]}, "dates are not ascending"),
        ({"future": FUTURE[[1, 1]]}, "future are not ascending"),
        ({"weight": -y}, "0 or more"),
        ({"groups": np.array(["a"])}, "1 groups for 2 series"),
        ({"groups": np.array(["a", "b"]), "settings": {"a": STEEP}}, "no settings for group 'b'"),
        ({"settings": {"a": STEEP}}, "need the group of each series"),
    ):
        given = {"dates": DATES, "y": y, "future": FUTURE, "settings": STEEP} | wrong
        with pytest.raises(ValueError, match=said):
            prophet_batch.forecast(**given)
