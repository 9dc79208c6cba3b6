"""Every bad kind of series gives a forecast or a reason, through the whole job and by each model, and spoils no other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

import forecasting
from forecasting import baselines, global_model
from forecasting.cells import forecast_prophet
from forecasting.distribution import COLUMNS
from forecasting.series import Series
from forecasting.settings import ForecastSettings

NAN, INF = float("nan"), float("inf")
CUTOFF = date(2026, 3, 2)
WEEKS = 90
BAD: dict[str, list[float | None]] = {
    "all zero": [0] * WEEKS,
    "one point": [5],
    "one point long ago": [5] + [None] * (WEEKS - 1),
    "constant": [7] * WEEKS,
    "huge": [1e15, 3e15, 2e15] * 30,
    "huge among none": [0] * (WEEKS - 1) + [1e18],
    "negative": [-5, -7, -3] * 30,
    "negative and positive": [-5, 8, -3] * 30,
    "gaps": [4, None, None, 6, 0] * 18,
    "all unknown": [None] * WEEKS,
    "no number": [NAN] * WEEKS,
    "infinite": [INF, 4, -INF, 5, 6, NAN] * 15,
    "twenty years": [3, 0, 5, 2] * 261,
    "one spike": [2] * 40 + [100_000] + [2] * 49,
    "begins in the last week": [12],
    "two weeks": [3, 0],
    "fractions": [0.25, 0.5, 1e-9] * 30,
    "ended": [9] * 45 + [0] * 45,
    "comes back after a year": [4] * 20 + [None] * 60 + [4] * 10,
}
GOOD = {f"good {number}": [10 + number % 6, 12, 8, 11] * 23 for number in range(24)}
FORECASTERS: dict[str, Callable] = {
    "seasonal_naive": baselines.naive,
    "ses": baselines.ses,
    "tsb": baselines.tsb,
    "croston_sba": baselines.croston_sba,
    "adida": baselines.adida,
    "imapa": baselines.imapa,
    "prophet_batch": forecast_prophet,
    "seasonal_ses": lambda series, settings: global_model.seasonal_ses(learnt(series, settings))(series, settings),
    "lightgbm": lambda series, settings: boosted(series, settings)(series, settings),
}


def learnt(series, settings):
    return global_model.train(series, settings, len(series.future))


def boosted(series, settings):
    model = learnt(series, replace(settings, global_least_rows=10))
    assert model.problem is None
    return global_model.lightgbm_direct(model)


def write(path, series, twice=()):
    """A panel in which each SKU is a series that ends with the cut-off; the rows of some are there twice."""
    rows = [
        (sku, "D1", "T1", CUTOFF - timedelta(weeks=len(values) - 1 - week), value, False)
        for sku, values in series.items()
        for week, value in enumerate(values)
    ]
    rows += [row for row in rows if row[0] in twice]
    schema = {
        "sku_code": pl.String, "distributor_code": pl.String, "territory_code": pl.String, "week_start": pl.Date,
        "qty_base": pl.Float64, "stocked_out": pl.Boolean,
    }  # fmt: skip
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path)
    return path


def assert_sound(report):
    """Every number is there and can be one; all levels say the same total."""
    table = pl.read_parquet(report.forecast)
    assert table["mean"].null_count() == 0
    assert (table["mean"] >= Decimal(0)).all()
    bounds = table.select("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95").cast(pl.Float64).to_numpy()
    assert np.isfinite(bounds).all()
    assert (bounds >= 0).all()
    assert (table["model"].str.len_chars() > 0).all()
    assert table.group_by("level").agg(pl.col("mean").sum())["mean"].n_unique() == min(1, table.height)
    spread = pl.read_parquet(report.forecast.with_name("distribution.parquet"))
    assert spread.height == table.height
    quantiles = spread.select(COLUMNS).to_numpy()
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert spread["cumulative_mean"].null_count() == 0
    return table


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """All bad series and some good ones in one panel."""
    folder = tmp_path_factory.mktemp("together")
    report = forecasting.run(write(folder / "panel.parquet", BAD | GOOD, twice=["constant"]), folder / "out")
    return report, assert_sound(report)


@pytest.mark.parametrize("kind", BAD)
def test_among_others_it_gives_a_forecast_of_every_week_or_a_reason(together, kind):
    _, table = together
    own = table.filter(level="SKU", sku_code=kind)
    if kind in ("all unknown", "no number"):
        assert own.height in (0, 8)
        return
    assert own.height == 8
    assert own["model"].n_unique() == 1


def test_a_good_series_is_not_spoilt_by_the_bad_ones_beside_it(together):
    _, table = together
    for kind in GOOD:
        mean = table.filter(level="SKU", sku_code=kind)["mean"].cast(pl.Float64)
        assert mean.min() > 6, kind
        assert mean.max() < 20, kind


def test_what_was_mended_is_told(together):
    report, table = together
    told = " ".join(report.problems)
    assert "LightGBM" not in told
    assert "repeat a series and week" in told
    assert "no finite number" in told
    twice = table.filter(level="SKU", sku_code="constant")["mean"]
    assert twice.cast(pl.Float64).to_list() == pytest.approx([14] * 8, abs=0.5)


@pytest.mark.parametrize("kind", BAD)
def test_alone_in_a_panel_it_gives_a_forecast_or_a_reason(tmp_path, kind):
    report = forecasting.run(write(tmp_path / "panel.parquet", {kind: BAD[kind]}), tmp_path / "out")
    table = assert_sound(report)
    assert table.height or report.problems
    if kind not in ("all unknown", "no number"):
        assert set(table.filter(level="SKU")["sku_code"]) == {kind}


@pytest.mark.parametrize("name", FORECASTERS)
def test_each_model_gives_finite_means_none_below_zero(name):
    series = dict(BAD | GOOD)
    width = max(map(len, series.values()))
    quantity = np.full((len(series), width), NAN)
    for row, values in enumerate(series.values()):
        quantity[row, width - len(values) :] = [
            NAN if value is None or not np.isfinite(value) else value for value in values
        ]
    dates = np.datetime64(CUTOFF) - 7 * np.arange(width)[::-1]
    empty = np.zeros(quantity.shape, dtype=np.bool_)
    future = np.datetime64(CUTOFF) + 7 * np.arange(1, 9)
    groups = {"sku": np.array(list(series)), "distributor": np.full(len(series), "D1")}
    found = FORECASTERS[name](Series(dates, quantity, empty, future, groups=groups), ForecastSettings())
    assert found.mean.shape == (len(series), 8)
    bad = ~(np.isfinite(found.mean) & (found.mean >= 0)).all(axis=1)
    assert [kind for kind, wrong in zip(series, bad, strict=True) if wrong] == []


def test_a_date_far_ahead_of_all_others_is_told(tmp_path):
    path = write(tmp_path / "panel.parquet", GOOD)
    rows = pl.read_parquet(path)
    ahead = (
        rows.filter(pl.col("sku_code") == "good 1")
        .tail(1)
        .with_columns(week_start=pl.col("week_start").dt.offset_by("20w"))
    )
    pl.concat([rows, ahead]).write_parquet(path)
    report = forecasting.run(path, tmp_path / "out")
    assert_sound(report)
    assert any("1 of 24 series" in problem for problem in report.problems)


def test_an_empty_panel_gives_empty_tables_and_a_reason(tmp_path):
    report = forecasting.run(write(tmp_path / "panel.parquet", {}), tmp_path / "out")
    assert pl.read_parquet(report.forecast).height == 0
    assert report.problems
