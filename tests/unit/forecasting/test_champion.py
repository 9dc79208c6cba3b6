"""Which model serves a class, and why."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting import champion, ensembles
from forecasting.series import SeriesForecast
from forecasting.settings import ForecastSettings

SETTINGS = replace(
    ForecastSettings(),
    default_model="usual",
    ensemble_members=("usual", "other"),
    champion_points=10,
    champion_margin=0.02,
    champion_bias=0.1,
)
SIZE, HORIZON = 10, 4


def origin(place, actual=10.0, classes="SMOOTH", **forecasts):
    """All series sold `actual` each week; each model forecast one figure for all, or one per series."""
    shape = (SIZE, HORIZON)
    means = {
        name: np.broadcast_to(np.reshape(value, (-1, 1)), shape).astype(np.float64) for name, value in forecasts.items()
    }
    return champion.Origin(
        np.datetime64("2025-01-06") + 56 * place,
        means,
        np.full(shape, actual),
        np.tile([8.0, 12.0], (SIZE, 10)),
        np.broadcast_to(np.asarray(classes), SIZE),
    )


def pooled(chosen, group, model):
    """The evidence over all origins."""
    table = chosen.evidence.filter(pl.col("origin_date").is_null(), demand_class=group, model=model)
    return table.row(0, named=True)


def test_a_model_that_is_better_by_more_than_the_margin_takes_over_and_the_evidence_says_by_how_much():
    setting = replace(SETTINGS, ensemble_members=())
    chosen = champion.choose([origin(place, usual=12.0, other=10.9) for place in range(3)], setting)
    assert chosen.model["ALL"] == "other"
    row = pooled(chosen, "ALL", "other")
    assert row["wape"] == pytest.approx(0.09)
    assert row["bias"] == pytest.approx(0.09)
    assert row["gain"] == pytest.approx(1 - 0.09 / 0.2)
    assert row["chosen"]
    assert "at 3 of 3 origins" in row["reason"]
    assert chosen.evidence.filter(demand_class="ALL", model="usual")["origin_date"].null_count() == 1


def test_a_class_starts_from_the_champion_of_all():
    setting = replace(SETTINGS, ensemble_members=())
    chosen = champion.choose([origin(place, usual=12.0, other=10.9) for place in range(3)], setting)
    assert chosen.model["SMOOTH"] == chosen.model["LUMPY"] == "other"
    assert pooled(chosen, "SMOOTH", "other")["gain"] == 0


def test_within_the_margin_the_incumbent_stays():
    chosen = champion.choose([origin(place, usual=11.0, other=10.99) for place in range(3)], SETTINGS)
    assert chosen.model["SMOOTH"] == "usual"


def test_two_origins_change_nothing():
    chosen = champion.choose([origin(place, usual=12.0, other=10.0) for place in range(2)], SETTINGS)
    assert chosen.model["SMOOTH"] == "usual"
    assert pooled(chosen, "SMOOTH", "usual")["reason"] == "fewer than 3 origins"


def test_better_on_the_whole_but_at_one_origin_of_three_is_not_enough():
    setting = replace(SETTINGS, ensemble_members=())
    found = [origin(0, usual=19.0, other=10.0), origin(1, usual=11, other=11.5), origin(2, usual=11, other=11.5)]
    assert champion.choose(found, replace(setting, champion_bias=1.0)).model["SMOOTH"] == "usual"


def test_a_model_far_from_the_mean_is_no_candidate_however_small_its_errors():
    # two series in ten sell 50: zero for all is nearer to most, and is no mean
    actual = np.where(np.arange(SIZE) < 2, 50.0, 0.0)
    found = [replace_actual(origin(place, usual=10.0, zero=0.0), actual) for place in range(3)]
    assert np.abs(0 - actual).sum() < np.abs(10 - actual).sum()
    assert champion.choose(found, SETTINGS).model["SMOOTH"] == "usual"
    assert champion.choose(found, replace(SETTINGS, champion_bias=1.0)).model["SMOOTH"] == "zero"


def replace_actual(one, by_series):
    return replace(one, actual=np.repeat(by_series[:, None], HORIZON, axis=1))


def test_an_incumbent_is_held_against_the_default():
    found = [origin(place, usual=11.0, other=10.99) for place in range(3)]
    chosen = champion.choose(found, SETTINGS, {"SMOOTH": "other"})
    assert chosen.model["SMOOTH"] == "other"


def test_a_class_with_too_little_to_go_by_does_as_all_together():
    classes = np.where(np.arange(SIZE) < 2, "LUMPY", "SMOOTH")
    usual = np.where(np.arange(SIZE) < 2, 10.0, 12.0)
    other = np.where(np.arange(SIZE) < 2, 12.0, 10.9)
    found = [origin(place, classes=classes, usual=usual, other=other) for place in range(3)]
    few = replace(SETTINGS, champion_points=25, ensemble_members=())
    assert champion.choose(found, few).model["LUMPY"] == "other"
    assert champion.choose(found, replace(few, champion_points=10)).model["LUMPY"] == "usual"


def test_each_class_is_served_by_its_champion():
    chosen = champion.Champions({"SMOOTH": "other", "LUMPY": ensembles.MEAN, "ALL": "usual"}, {}, None)
    candidates = {
        "usual": SeriesForecast(np.full((3, 2), 1.0), np.array(["usual", "usual", "young_item (new)"])),
        "other": SeriesForecast(np.full((3, 2), 3.0), np.array(["other"] * 3)),
    }
    result = champion.forecast(chosen, candidates, np.array(["SMOOTH", "LUMPY", "NEW"]), SETTINGS)
    assert result.mean[:, 0].tolist() == [3, 2, 1]
    assert result.model.tolist() == ["other", "ensemble_mean", "young_item (new)"]


def test_a_champion_that_cannot_run_is_replaced_by_the_default():
    chosen = champion.Champions({"SMOOTH": "lightgbm"}, {}, None)
    candidates = {"usual": SeriesForecast(np.ones((1, 2)), np.array(["usual"]))}
    result = champion.forecast(chosen, candidates, np.array(["SMOOTH"]), SETTINGS)
    assert result.model.tolist() == ["usual"]


def test_weights_find_the_mixture_that_the_actuals_are():
    rng = np.random.default_rng(1)
    one, two = rng.uniform(0, 10, (2, 200, 4))
    weights = ensembles.fit_weights({"a": one, "b": two}, 0.7 * one + 0.3 * two, np.ones(200), ("a", "b"))
    assert weights["a"] == pytest.approx(0.7, abs=0.05)
    assert sum(weights.values()) == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(
    means=arrays(np.float64, (3, 5, 2), elements=st.floats(0, 100)),
    actual=arrays(np.float64, (5, 2), elements=st.floats(0, 100)),
)
def test_weights_are_shares_of_one(means, actual):
    weights = ensembles.fit_weights(
        dict(zip("abc", means, strict=True)), actual, np.ones(5), ("a", "b", "c", "missing")
    )
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0


def test_an_ensemble_of_one_is_none():
    assert ensembles.simple({"usual": np.ones((1, 1))}, ("usual", "other")) == {}


def test_the_blend_at_an_origin_has_the_weights_that_the_other_origins_give_its_class():
    classes = np.array(["SMOOTH"] * 5 + ["LUMPY"] * 5)
    good_for_smooth = np.where(classes == "SMOOTH", 10.0, 20.0)
    good_for_lumpy = np.where(classes == "SMOOTH", 20.0, 10.0)
    origins = [origin(place, classes=classes, usual=good_for_smooth, other=good_for_lumpy) for place in range(3)]
    blends = champion.blends(origins, SETTINGS)
    assert [blend.shape for blend in blends] == [(SIZE, HORIZON)] * 3
    assert np.abs(blends[0] - 10.0).max() < 1.5
    assert champion.blends(origins[:1], SETTINGS) == [None]


def test_a_class_that_no_other_origin_has_is_blended_as_all():
    origins = [
        origin(place, classes="SMOOTH" if place else "LUMPY", usual=10.0, other=20.0 + place) for place in range(3)
    ]
    assert np.abs(champion.blends(origins, SETTINGS)[0] - 10.0).max() < 1.5


def test_an_origin_without_a_class_does_not_say_what_blends_it():
    setting = replace(SETTINGS, ensemble_members=("usual", "other", "third"))
    whole = {"classes": "LUMPY", "usual": 20.0, "other": 21.0, "third": 10.0}
    origins = [origin(0, **whole), origin(1, **whole), origin(2, usual=20.0, other=21.0)]
    assert np.abs(champion.blends(origins, setting)[0] - 10.0).max() < 1.5


def test_an_origin_without_one_of_the_members_has_no_blend():
    origins = [origin(0, usual=10.0), *(origin(place, usual=10.0, other=20.0) for place in (1, 2, 3))]
    assert champion.blends(origins, SETTINGS)[0] is None
