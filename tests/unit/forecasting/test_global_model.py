"""What is learnt from all series: season, drivers and the booster; known up to the origin only, the same in any chunk."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from forecasting import global_model, profile
from forecasting.baselines import ALPHAS
from forecasting.global_model import GlobalModel, lightgbm_direct, seasonal_ses, train
from forecasting.series import Series
from forecasting.settings import ForecastSettings

HORIZON = 8
WEEKS = 110
MONDAY = np.datetime64("2023-01-02")
SMALL = replace(ForecastSettings(), global_rounds=20, global_rows=5_000, global_least_rows=100)


def season(dates, peak_day=180):
    day = (dates - dates.astype("datetime64[Y]")).astype("timedelta64[D]").astype(np.int64)
    return 0.5 * np.cos(2 * np.pi * (day - peak_day) / 365.25)


def panel(size=60, noise=True, seed=3):
    """Poisson demand: SKU A peaks in summer and B in winter, a promotion multiplies by e^0.5, a holiday week by e^-1."""
    rng = np.random.default_rng(seed)
    dates = MONDAY + 7 * np.arange(WEEKS + HORIZON)
    sku = np.where(np.arange(size) % 2 == 0, "A", "B")
    sign = np.where(sku == "A", 1.0, -1.0)
    promotion = (rng.random((size, len(dates))) < 0.2).astype(np.float64)
    holiday = (np.arange(len(dates)) % 13 == 5).astype(np.float64)
    level = rng.uniform(3, 40, (size, 1))
    mean = level * np.exp(sign[:, None] * season(dates) + 0.5 * promotion - holiday)
    quantity = rng.poisson(mean).astype(np.float64) if noise else mean
    quantity[1, :20] = np.nan
    series = Series(
        dates[:WEEKS],
        quantity[:, :WEEKS],
        np.zeros((size, WEEKS), dtype=np.bool_),
        dates[WEEKS:],
        shared={"holiday": holiday},
        own={"promotion": promotion},
        groups={"sku_code": sku, "territory": np.array([f"T{i % 5}" for i in range(size)])},
    )
    return series, mean[:, WEEKS:]


def some(series, rows):
    return replace(
        series,
        quantity=series.quantity[rows],
        stocked_out=series.stocked_out[rows],
        own={name: values[rows] for name, values in series.own.items()},
        groups={name: codes[rows] for name, codes in series.groups.items()},
    )


def until(series, length):
    """The same as it was known after `length` weeks."""
    return replace(
        series,
        dates=series.dates[:length],
        quantity=series.quantity[:, :length],
        stocked_out=series.stocked_out[:, :length],
        future=series.dates[length : length + HORIZON],
        shared={name: values[: length + HORIZON] for name, values in series.shared.items()},
        own={name: values[:, : length + HORIZON] for name, values in series.own.items()},
    )


@pytest.fixture(scope="module")
def learnt():
    series, truth = panel()
    return series, truth, train(series, SMALL, HORIZON)


def test_the_effects_of_drivers_are_found(learnt):
    model = learnt[2]
    assert model.profile.own["promotion"] == pytest.approx(0.5, abs=0.05)
    assert model.profile.shared["holiday"] == pytest.approx(-1.0, abs=0.1)


def test_the_order_in_which_drivers_are_given_does_not_matter(learnt):
    series = learnt[0]
    drivers = {**series.own, "discount": np.roll(series.own["promotion"], 1, axis=1)}
    model = train(replace(series, own=drivers), SMALL, HORIZON)
    forward, backward = (
        lightgbm_direct(model)(replace(series, own={name: drivers[name] for name in names}), SMALL).mean
        for names in (("promotion", "discount"), ("discount", "promotion"))
    )
    assert np.array_equal(forward, backward)


def test_each_sku_has_its_own_season(learnt):
    series, _, model = learnt
    still = replace(series, shared={}, own={})
    factor = profile.factors(model.profile, still)
    dates = np.concatenate([series.dates, series.future])
    assert np.abs(np.log(factor[0]) - season(dates)).max() < 0.15
    assert np.abs(np.log(factor[1]) + season(dates)).max() < 0.15


def test_a_group_that_was_never_seen_has_the_season_of_all(learnt):
    series, _, model = learnt
    stranger = replace(some(series, slice(0, 1)), shared={}, own={}, groups={"sku_code": np.array(["Z"])})
    everybody = replace(model.profile, deviation={}, codes={})
    np.testing.assert_array_equal(profile.factors(model.profile, stranger), profile.factors(everybody, stranger))


def test_growth_is_not_taken_for_season():
    dates = MONDAY + 7 * np.arange(60)
    growing = np.exp(0.01 * np.arange(52))[None] * np.full((4, 1), 20.0)
    series = Series(dates[:52], growing, np.zeros((4, 52), dtype=np.bool_), dates[52:])
    found = profile.fit(series, growing, (), 1, 0.1)
    to_origin = np.minimum(np.arange(60) - 51, 0)
    assert np.abs(np.log(profile.factors(found, series)) - 0.01 * to_origin).max() < 0.05


def test_days_have_the_pattern_of_the_week():
    days = np.datetime64("2025-01-06") + np.arange(207)
    pattern = np.array([1.5, 1.0, 1.0, 1.0, 2.0, 0.5, 0.0])
    truth = 8.0 * np.tile(pattern, 30)[None, :207].repeat(40, axis=0)
    drawn = np.random.default_rng(4).poisson(truth[:, :200]).astype(np.float64)
    series = Series(days[:200], drawn, np.zeros(drawn.shape, dtype=np.bool_), days[200:])
    mean = seasonal_ses(train(series, SMALL, 7))(series, SMALL).mean.mean(axis=0)
    np.testing.assert_allclose(mean, truth[0, 200:], rtol=0.1, atol=0.5)


def test_each_sku_has_its_own_growth_and_the_forecast_begins_where_it_has_come_to():
    dates = MONDAY + 7 * np.arange(112)
    slope = np.repeat([0.005, -0.005], 30)[:, None]
    truth = 20.0 * np.exp(slope * np.minimum(np.arange(112) - 103, 0))
    drawn = np.random.default_rng(7).poisson(truth[:, :104]).astype(np.float64)
    groups = {"sku_code": np.repeat(["UP", "DOWN"], 30)}
    series = Series(dates[:104], drawn, np.zeros(drawn.shape, dtype=np.bool_), dates[104:], groups=groups)
    mean = seasonal_ses(train(series, SMALL, HORIZON))(series, SMALL).mean
    for sku in (slice(0, 30), slice(30, 60)):
        assert mean[sku].mean() == pytest.approx(20.0, rel=0.05)


def opposite(sku, level, season=0.0, growth=0.0):
    """Two years of SKU A, and of the others with A's season and growth the other way round, without noise."""
    dates = MONDAY + 7 * np.arange(112)
    turn = 2 * np.pi * dates.astype("datetime64[D]").astype(np.int64) / 365.25
    course = season * np.sin(turn) + growth * (np.arange(112) - 103) * 7 / 365.25
    mean = (level * np.exp(np.where(sku == "A", 1.0, -1.0)[:, None] * course))[:, :104]
    return Series(dates[:104], mean, np.zeros(mean.shape, dtype=np.bool_), dates[104:], groups={"sku_code": sku})


def test_a_group_deviates_by_what_the_wider_ones_leave():
    sku, level = np.array(list("AABB")), np.array([900.0, 100.0, 100.0, 900.0])[:, None]
    series = opposite(sku, level, season=0.5, growth=0.4)
    series.groups["territory"] = np.array(list("XYXY"))
    found = profile.fit(series, series.quantity, ("sku_code", "territory"), 1, 0.1)
    assert np.ptp(found.deviation["sku_code"][:, 0]) == pytest.approx(1.0, abs=0.05)
    assert np.abs(found.deviation["territory"]).max() < 0.02


def test_a_group_is_drawn_towards_all_by_what_the_prior_says_beside_its_sales():
    series = opposite(np.array(list("AB")), np.ones((2, 1)), season=0.5)
    found = profile.fit(series, series.quantity, ("sku_code",), 1, 0.1)
    own, prior = series.quantity[0].sum() / 2, 1 / 0.1**2
    assert found.deviation["sku_code"][:, 0] == pytest.approx(np.array([0.5, -0.5]) * own / (own + prior), abs=0.02)


def test_a_group_has_a_level_of_its_own():
    series = opposite(np.array(list("A")), np.ones((1, 1)), growth=0.5)
    design = profile._design(series, series.dates, 1)
    flat = np.full(series.quantity.shape, series.quantity.mean())
    one, other = (profile._deviations(series.quantity, expected, design, 0.1) for expected in (flat, 2 * flat))
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_level_is_found_by_the_constants_that_are_usual():
    dates = MONDAY + 7 * np.arange(60)
    quantity = np.repeat([2.0, 6.0], 26)[None]
    series = Series(dates[:52], quantity, np.zeros(quantity.shape, dtype=np.bool_), dates[52:])
    usual = np.full(len(ALPHAS), 1e-300)
    usual[0] = 1.0
    model = GlobalModel(profile.Profile(np.zeros(3)), 0.25, usual)
    assert seasonal_ses(model)(series, SMALL).mean[0] == pytest.approx([4.0] * 8)


@pytest.mark.parametrize("make", [seasonal_ses, lightgbm_direct])
def test_with_plans_known_it_comes_close_to_the_true_mean(learnt, make):
    series, truth, model = learnt
    mean = make(model)(series, SMALL).mean
    assert np.abs(mean - truth).sum() / truth.sum() < 0.13


@pytest.mark.parametrize("make", [seasonal_ses, lightgbm_direct])
def test_a_chunk_gets_the_numbers_of_the_whole(learnt, make):
    series, _, model = learnt
    whole = make(model)(series, SMALL)
    for rows in (slice(0, 1), slice(1, 7), slice(7, 60)):
        part = make(model)(some(series, rows), SMALL)
        np.testing.assert_allclose(part.mean, whole.mean[rows], rtol=1e-12)
        assert part.model.tolist() == whole.model[rows].tolist()


def test_training_twice_gives_the_same_text(learnt):
    series, _, model = learnt
    assert train(series, SMALL, HORIZON).booster == model.booster


def test_what_came_after_the_origin_changes_nothing(learnt):
    series = learnt[0]
    other = replace(series, quantity=np.where(np.arange(WEEKS) >= 90, 999.0, series.quantity))
    one, two = (train(until(data, 90), SMALL, HORIZON) for data in (series, other))
    assert one.booster == two.booster
    for make in (seasonal_ses, lightgbm_direct):
        np.testing.assert_array_equal(make(one)(until(series, 90), SMALL).mean, make(two)(until(other, 90), SMALL).mean)


def test_drivers_ahead_are_looked_at_by_the_forecast_and_not_by_training(learnt):
    series, _, model = learnt
    ahead = np.where(np.arange(WEEKS + HORIZON) >= WEEKS, 1.0, series.own["promotion"])
    planned = replace(series, own={"promotion": ahead})
    assert train(planned, SMALL, HORIZON).booster == model.booster
    dull = replace(series, own={"promotion": np.where(np.arange(WEEKS + HORIZON) >= WEEKS, 0.0, ahead)})
    for make in (seasonal_ses, lightgbm_direct):
        assert (make(model)(planned, SMALL).mean.sum() / make(model)(dull, SMALL).mean.sum()) > 1.4


def test_no_training_row_reaches_beyond_the_history():
    series, _ = panel(20)
    history = global_model._history(series.quantity, series.quantity, 0.5)
    _, week, step = global_model._training_rows(history, HORIZON, 500, np.random.default_rng(1))
    assert (week + step).max() == WEEKS - 1
    assert set(step.tolist()) == set(range(1, HORIZON + 1))


def test_features_at_a_week_know_nothing_later():
    series, _ = panel(6)
    cell, week, step = np.arange(6), np.full(6, 80), np.full(6, 3)
    factor = np.ones((6, WEEKS + HORIZON))

    def at(quantity):
        history = global_model._history(quantity, quantity, 0.5)
        groups = {
            name: (found[0], codes, found[1])
            for name, codes in series.groups.items()
            for found in [global_model._group_levels(codes, quantity)]
        }
        usual = global_model._usual(history, cell, week, 0.5)
        return global_model._features(series, history, factor, groups, cell, week, step, usual)

    later = np.where(np.arange(WEEKS) > 80, 500.0, series.quantity)
    np.testing.assert_array_equal(at(series.quantity), at(later))


def test_units_do_not_matter_to_the_seasonal_level():
    series, _ = panel(noise=False)
    larger = replace(series, quantity=series.quantity * 64)
    one, many = (seasonal_ses(train(data, SMALL, HORIZON))(data, SMALL).mean for data in (series, larger))
    np.testing.assert_allclose(many, one * 64, rtol=0.02)


def test_without_lightgbm_the_pool_runs_and_says_so(monkeypatch):
    def missing(name):
        raise OSError("libgomp.so.1: cannot open shared object file")

    series, _ = panel(10)
    monkeypatch.setattr(global_model.importlib, "import_module", missing)
    model = train(series, SMALL, HORIZON)
    assert model.booster is None
    assert "libgomp" in model.problem
    assert lightgbm_direct(model) is None
    assert np.isfinite(seasonal_ses(model)(series, SMALL).mean).all()


def test_too_few_rows_give_no_booster_and_a_reason():
    series, _ = panel(2)
    model = train(series, replace(SMALL, global_least_rows=10_000), HORIZON)
    assert model.booster is None
    assert "rows" in model.problem


def test_a_model_can_be_handed_to_another_process(learnt):
    series, _, model = learnt
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        lightgbm_direct(again)(series, SMALL).mean, lightgbm_direct(model)(series, SMALL).mean
    )


@pytest.mark.parametrize(
    "quantity",
    [
        np.zeros((3, 60)),
        np.full((3, 60), np.nan),
        np.full((3, 60), 7.0),
        np.full((3, 60), 1e12),
        np.full((3, 60), -5.0),
        np.hstack([np.full((3, 59), np.nan), np.ones((3, 1))]),
        np.ones((3, 1)),
    ],
    ids=["zero", "unknown", "constant", "huge", "negative", "one point", "one week"],
)
def test_series_of_every_bad_kind_have_a_finite_forecast(quantity, learnt):
    length = quantity.shape[1]
    dates = MONDAY + 7 * np.arange(length + HORIZON)
    series = Series(
        dates[:length], quantity, np.zeros(quantity.shape, dtype=np.bool_), dates[length:],
        groups={"sku_code": np.array(["A", "B", "C"])},
    )  # fmt: skip
    model = replace(learnt[2], codes={}, recent={})
    assert np.isfinite(seasonal_ses(train(series, SMALL, HORIZON))(series, SMALL).mean).all()
    assert np.isfinite(seasonal_ses(model)(series, SMALL).mean).all()
