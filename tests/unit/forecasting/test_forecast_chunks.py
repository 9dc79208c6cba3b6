"""The chunk as a pure function: the same numbers whatever the chunking, and no series that costs another its forecast."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from forecasting import chunks
from forecasting import panel as demand_panel
from forecasting.baselines import naive
from forecasting.cells import pool
from forecasting.chunks import Origin, Plan, forecast_chunk, frame_of
from forecasting.errors import ForecastError
from forecasting.series import PARTS, SeriesForecast
from forecasting.settings import ForecastSettings

WEEKS = 60
SETTINGS = ForecastSettings()


@pytest.fixture
def panel(panel_file, demand):
    series = {
        (f"S{row:02}", "D1", "T1"): [None if np.isnan(value) else int(value) for value in values]
        for row, values in enumerate(demand(24, WEEKS))
    }
    return demand_panel.load(panel_file(series))


def plan_of(panel, models=None, lengths=(WEEKS, WEEKS - 8)):
    origins = tuple(Origin(length, SETTINGS) for length in lengths)
    tried = pool if models is None else partial(only, models)
    return Plan(demand_panel.KEY, panel.weeks, horizon=8, origins=origins, pool=tried, groups=("sku_code",))


def only(models, learned):
    return models


def rows(panel, *which):
    return np.array(which) if which else np.arange(panel.series.height)


def without_cost(frame):
    return frame.drop("seconds").sort("sku_code", "origin", "model", "step")


def ten(series, settings):
    return SeriesForecast(
        np.full((len(series.quantity), len(series.future)), 10.0), np.full(len(series.quantity), "ten")
    )


def fails_on(bad, series, settings):
    if np.isin(series.groups["sku_code"], bad).any():
        raise ZeroDivisionError("no demand to divide by")
    return ten(series, settings)


def infinite_on(bad, series, settings):
    mean = ten(series, settings).mean
    mean[np.isin(series.groups["sku_code"], bad)] = np.inf
    return SeriesForecast(mean, np.full(len(mean), "wild"))


def test_every_series_has_a_number_for_each_origin_model_and_step(panel):
    found = forecast_chunk(frame_of(panel, plan_of(panel), rows(panel)), plan_of(panel))

    assert found.columns == [*demand_panel.KEY, *chunks.CANDIDATE]
    assert found.schema == chunks.candidates_schema(plan_of(panel))
    assert found.group_by("origin").len().sort("origin")["len"].to_list() == [24 * 6 * 8] * 2
    assert found["origin"].unique().sort().to_list() == panel.weeks[[WEEKS - 9, WEEKS - 1]].tolist()
    assert found["mean"].is_finite().all()
    assert (found["seconds"] > 0).all()


def test_a_series_has_no_forecast_from_before_it_began(panel_file):
    panel = demand_panel.load(panel_file({("OLD", "D", "T"): [3] * WEEKS, ("NEW", "D", "T"): [3] * 4}))
    found = forecast_chunk(frame_of(panel, plan_of(panel), rows(panel)), plan_of(panel))
    assert found.filter(sku_code="NEW")["origin"].unique().to_list() == [panel.cutoff.item()]


@pytest.mark.parametrize("size", [1, 5, 24])
def test_the_numbers_are_the_same_whatever_series_share_a_chunk_and_in_whatever_order_its_rows_stand(panel, size):
    plan = plan_of(panel)
    whole = forecast_chunk(frame_of(panel, plan, rows(panel)), plan)
    parts = [
        forecast_chunk(
            frame_of(panel, plan, np.arange(begin, min(begin + size, 24))).sample(fraction=1, shuffle=True, seed=3),
            plan,
        )
        for begin in range(0, 24, size)
    ]
    assert without_cost(pl.concat(parts)).equals(without_cost(whole))


def test_what_a_forecaster_sees_of_a_chunk_is_what_the_panel_has(panel_file, panel):
    seen = []

    def look(series, settings):
        seen.append(series)
        return ten(series, settings)

    drivers = {"price_ratio": np.arange(24.0 * (WEEKS + 8)).reshape(24, -1)}
    panel = replace(panel, own=drivers, shared={"holiday_share": np.ones(WEEKS + 8)})
    plan = replace(plan_of(panel, {"look": look}), own=("price_ratio",), shared=panel.shared)
    forecast_chunk(frame_of(panel, plan, rows(panel, 3, 7)), plan)
    for series, length in zip(seen, (WEEKS, WEEKS - 8), strict=True):
        expected = panel.until(length, 8, np.array([3, 7]))
        for name in ("dates", "quantity", "stocked_out", "future"):
            np.testing.assert_array_equal(getattr(series, name), getattr(expected, name))
        np.testing.assert_array_equal(series.own["price_ratio"], expected.own["price_ratio"])
        np.testing.assert_array_equal(series.shared["holiday_share"], expected.shared["holiday_share"])
        assert series.groups["sku_code"].tolist() == ["S03", "S07"]


@pytest.mark.parametrize("model", [partial(fails_on, ["S03", "S11"]), partial(infinite_on, ["S03", "S11"])])
def test_a_model_that_fails_on_two_series_costs_no_other_its_forecast(panel, model):
    plan = plan_of(panel, {"shaky": model}, lengths=(WEEKS,))
    found = forecast_chunk(frame_of(panel, plan, rows(panel)), plan)

    failed = found.filter(pl.col("note").str.starts_with(chunks.FAILED))
    assert failed["sku_code"].unique().sort().to_list() == ["S03", "S11"]
    assert found.filter(~pl.col("sku_code").is_in(["S03", "S11"]))["mean"].unique().to_list() == [10.0]
    instead = forecast_chunk(frame_of(panel, plan, rows(panel, 3)), plan_of(panel, {"naive": naive}, (WEEKS,)))
    assert failed.filter(sku_code="S03")["mean"].to_list() == instead["mean"].to_list()


def test_the_note_of_a_failed_series_has_the_error(panel):
    plan = plan_of(panel, {"shaky": partial(fails_on, ["S03"])}, lengths=(WEEKS,))
    found = forecast_chunk(frame_of(panel, plan, rows(panel, 3)), plan)
    assert found["note"].unique().to_list() == ["seasonal_naive (failed): ZeroDivisionError: no demand to divide by"]


def test_prophets_forecast_at_the_cut_off_comes_in_parts_that_add_up_to_it(panel):
    plan = plan_of(panel)
    found = forecast_chunk(frame_of(panel, plan, rows(panel)), plan)

    whole = found.filter(pl.col("trend").is_not_null())
    assert whole["model"].unique().to_list() == ["prophet_batch"]
    assert whole["origin"].unique().to_list() == [panel.cutoff.item()]
    above_zero = whole.filter(pl.col("mean") > 0)
    total = above_zero.select(pl.sum_horizontal(PARTS)).to_series().to_numpy()
    np.testing.assert_allclose(total, above_zero["mean"].to_numpy(), atol=3e-4)


def test_a_chunk_without_series_gives_no_rows(panel):
    plan = plan_of(panel)
    found = forecast_chunk(frame_of(panel, plan, rows(panel)).clear(), plan)
    assert found.height == 0
    assert found.schema == chunks.candidates_schema(plan)


def test_spark_can_run_it_over_batches_of_a_partition(panel, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_SERIES", 7)
    plan = plan_of(panel)
    frame = frame_of(panel, plan, rows(panel))
    executor = pickle.loads(pickle.dumps(chunks.in_arrow(plan)))

    def partition():
        yield from frame.to_arrow().to_batches(max_chunksize=100)

    batches = list(executor(partition()))

    assert all(batch.schema.equals(chunks.arrow_schema(plan)) for batch in batches)
    found = pl.DataFrame(pa.Table.from_batches(batches))
    assert without_cost(found).equals(without_cost(forecast_chunk(frame, plan)))
    assert list(executor(iter([]))) == []


def test_a_group_cannot_be_called_as_a_column_of_the_chunk(panel):
    with pytest.raises(ForecastError, match="No key, driver or group can be called quantity"):
        replace(plan_of(panel), groups=("sku_code", "quantity"))
