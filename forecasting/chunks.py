"""A chunk of series, forecast by every model of the pool at every origin: a function from frame to frame, without files or state, so that a process, a
mapped task or a Spark executor can run it alike. The numbers are the same whatever series share a chunk.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from forecasting.baselines import NAIVE, naive
from forecasting.errors import ForecastError
from forecasting.panel import DAYS, Bools, Dates, Every, Floats, Panel
from forecasting.series import PARTS, Forecaster, Series, SeriesForecast
from forecasting.settings import ForecastSettings

CHUNK_SERIES = 1000
DATE, QUANTITY, STOCKED_OUT = "date", "quantity", "stocked_out"
CANDIDATE = ("origin", "step", "model", "mean", "note", "seconds", *PARTS)
TAKEN = {DATE, QUANTITY, STOCKED_OUT, "row", *CANDIDATE}
"""Names that a chunk's own columns have, in or out: no key, driver or group can be called so."""
FAILED = f"{NAIVE} (failed)"
DECIMALS = 4
"""Candidates are rounded as they are published; so the last bits of a sum, which depend on what else is in an array, do not show."""


@dataclass(frozen=True)
class Origin:
    """A point in time to forecast from.

    Attributes:
        length: periods of history known at it.
        settings: what a person may tune.
        learned: what was learnt from more than a chunk up to here, for the pool to use.
    """

    length: int
    settings: ForecastSettings
    learned: Any = None


@dataclass(frozen=True)
class Plan:
    """What to do with a chunk; pickles.

    Attributes:
        key: columns that tell series apart.
        dates: (T,) first days of the periods of history, the last of them the cut-off.
        horizon: H periods ahead.
        origins: from which to forecast; the cut-off itself (length T) and earlier ones.
        pool: gives the forecasters by name for what was learnt; a function of a module, or a partial of one.
        models: those of the pool that are wanted; None for all.
        every: length of a period.
        shared: drivers that are the same for all series, (T + A,).
        own: names of the drivers that each series has of its own.
        groups: names of the columns of codes that series share.
        decimals: to which candidates are rounded; None leaves them as they are.
    """

    key: tuple[str, ...]
    dates: Dates
    horizon: int
    origins: tuple[Origin, ...]
    pool: Callable[[Any], Mapping[str, Forecaster]]
    models: tuple[str, ...] | None = None
    every: Every = "week"
    shared: dict[str, Floats] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    decimals: int | None = DECIMALS

    def __post_init__(self) -> None:
        """Refuse names that a chunk's own columns have."""
        taken = sorted(TAKEN & {*self.key, *self.own, *self.groups})
        if taken:
            raise ForecastError(f"No key, driver or group can be called {', '.join(taken)}. Call it otherwise.")


def forecast_chunk(frame: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Forecast some series by every model from every origin.

    Args:
        frame: one row per series and period in any order: the key, `date` (first day of the period), `quantity` (null in a gap), `stocked_out`,
            the plan's own drivers (reaching beyond the cut-off) and groups. A missing period is a gap.

    Returns:
        One row per series, origin, model and step 1..H: the key, `origin` (last period known), `step`, `model`, `mean` (never below zero),
        `note` (what took the model's place for this series, and why in brackets; null where it is the model's own), `seconds` (CPU
        seconds of the model for the series' H steps, its share of the call's). A series without history at an earlier origin has no
        rows for it. A model that fails on a series is replaced there by seasonal naive, and the note begins with FAILED and has the error.
    """
    panel = _panel(frame, plan)
    parts = [
        _rows(
            panel,
            plan,
            origin,
            rows,
            model,
            *_timed(forecaster, panel.until(origin.length, plan.horizon, rows), origin),
        )
        for origin in plan.origins
        if len(rows := with_history(panel, origin.length))
        for model, forecaster in _wanted(plan, origin).items()
    ]
    return pl.concat(parts) if parts else candidates_schema(plan).to_frame()


def candidates_schema(plan: Plan) -> pl.Schema:
    """The columns of what `forecast_chunk` gives."""
    own = {
        "origin": pl.Date(), "step": pl.Int16(), "model": pl.String(), "mean": pl.Float64(), "note": pl.String(), "seconds": pl.Float64(),
        **{name: pl.Float64() for name in PARTS},
    }  # fmt: skip
    return pl.Schema({**{name: pl.String() for name in plan.key}, **own})


def in_arrow(plan: Plan) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """`forecast_chunk` as Spark's `mapInArrow` wants it; `arrow_schema` is the schema to give beside it.

    A partition must hold its series whole: `df.repartition("chunk").drop("chunk").mapInArrow(in_arrow(plan), schema)` with a chunk number that depends
    on the key alone.
    """
    return partial(_map_batches, plan)


def arrow_schema(plan: Plan) -> pa.Schema:
    """The schema of the record batches that `in_arrow` gives."""
    return _arrow(candidates_schema(plan).to_frame()).schema


def frame_of(panel: Panel, plan: Plan, rows: npt.NDArray[np.intp]) -> pl.DataFrame:
    """Some series of a panel as the frame that `forecast_chunk` takes."""
    series = panel.series[rows]
    size, width = series.height, panel.quantity.shape[1]
    reach = max([width, *(values.shape[1] for values in panel.own.values())])
    step = DAYS[panel.every]
    dates = panel.weeks[0] + step * np.arange(reach)
    quantity = np.full((size, reach), np.nan)
    quantity[:, :width] = panel.quantity[rows]
    stocked_out = np.zeros((size, reach), dtype=np.bool_)
    stocked_out[:, :width] = panel.stocked_out[rows]
    place = np.repeat(np.arange(size), reach)
    codes = series.with_columns(
        pl.Series(name, panel.groups[name][rows]) for name in plan.groups if name not in plan.key
    )
    return codes[place].with_columns(
        pl.Series(DATE, np.tile(dates.astype("datetime64[D]"), size)),
        pl.Series(QUANTITY, quantity.ravel()).fill_nan(None),
        pl.Series(STOCKED_OUT, stocked_out.ravel()),
        *(pl.Series(name, panel.own[name][rows].ravel()) for name in plan.own),
    )


def _map_batches(plan: Plan, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    table = pa.Table.from_batches(list(batches)) if (batches := list(batches)) else None
    if table is None or table.num_rows == 0:
        return
    frame = pl.DataFrame(table)
    numbered = frame.with_columns(chunk=(pl.struct(plan.key).rank("dense").cast(pl.Int64) - 1) // CHUNK_SERIES)
    for part in numbered.partition_by("chunk", include_key=False):
        yield from _arrow(forecast_chunk(part, plan)).to_batches()


def _arrow(frame: pl.DataFrame) -> pa.Table:
    """With Arrow's plain strings, which every reader knows."""
    table = frame.to_arrow()
    plain = [
        field.with_type(pa.string())
        if pa.types.is_large_string(field.type) or field.type == pa.string_view()
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(plain))


def _panel(frame: pl.DataFrame, plan: Plan) -> Panel:
    key = list(plan.key)
    series = frame.select(key).unique().sort(key)
    placed = frame.select(key).join(series.with_row_index("row"), on=key, how="left", maintain_order="left")
    row = placed["row"].to_numpy()
    day = frame[DATE].to_numpy().astype("datetime64[D]")
    column = (day - plan.dates[0].astype("datetime64[D]")).astype(np.int64) // DAYS[plan.every]
    width = len(plan.dates)
    past = (column >= 0) & (column < width)
    ahead = column >= 0
    reach = max(width, int(column.max(initial=-1)) + 1)

    def spread(name: str, empty: float, which: Bools, size: int) -> Floats:
        values = np.full((series.height, size), empty)
        values[row[which], column[which]] = frame[name].cast(pl.Float64).fill_null(empty).to_numpy()[which]
        return values

    first = frame.with_columns(row=pl.Series(row)).unique("row", keep="first").sort("row")
    return Panel(
        series=series,
        weeks=plan.dates,
        quantity=spread(QUANTITY, np.nan, past, width),
        stocked_out=spread(STOCKED_OUT, 0.0, past, width) > 0,
        digest="",
        every=plan.every,
        shared=plan.shared,
        own={name: spread(name, 0.0, ahead, reach) for name in plan.own},
        groups={name: first[name].fill_null("").to_numpy().astype(np.str_) for name in plan.groups},
    )


def _wanted(plan: Plan, origin: Origin) -> dict[str, Forecaster]:
    pool = plan.pool(origin.learned)
    return {name: pool[name] for name in pool if plan.models is None or name in plan.models}


def with_history(panel: Panel, length: int) -> npt.NDArray[np.intp]:
    """The series to forecast from an origin: those that have begun; all of them at the cut-off."""
    if length == len(panel.weeks):
        return np.arange(panel.series.height, dtype=np.intp)
    return np.flatnonzero((~np.isnan(panel.quantity[:, :length])).any(axis=1))


def _timed(forecaster: Forecaster, series: Series, origin: Origin) -> tuple[SeriesForecast, float]:
    started = time.process_time()
    forecast = _forecast(forecaster, series, origin.settings)
    return forecast, (time.process_time() - started) / len(series.quantity)


def _forecast(forecaster: Forecaster, series: Series, settings: ForecastSettings) -> SeriesForecast:
    """The model's forecast; where it fails, each half is tried, down to the series that it fails on."""
    size, horizon = len(series.quantity), len(series.future)
    try:
        forecast = forecaster(series, settings)
        if forecast.mean.shape != (size, horizon):
            raise ValueError(f"{forecast.mean.shape} numbers for {size} series and {horizon} periods")
        if np.isfinite(forecast.mean).all():
            return replace(forecast, mean=np.maximum(forecast.mean, 0.0))
        if size == 1:
            raise ValueError("the forecast is not finite")
    except Exception as error:  # noqa: BLE001  whatever a model may raise, the other series go on
        if size == 1:
            return _instead(series, settings, error)
    half = size // 2
    parts = [_forecast(forecaster, series.take(rows), settings) for rows in (slice(0, half), slice(half, size))]
    return SeriesForecast(
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.model for part in parts]),
        {
            name: np.concatenate([part.parts.get(name, np.full_like(part.mean, np.nan)) for part in parts])
            for name in {name for part in parts for name in part.parts}
        },
    )


def _instead(series: Series, settings: ForecastSettings, error: Exception) -> SeriesForecast:
    mean = np.nan_to_num(naive(series, settings).mean, nan=0.0, posinf=0.0)
    return SeriesForecast(mean, np.array([f"{FAILED}: {type(error).__name__}: {error}"]))


def _rows(
    panel: Panel,
    plan: Plan,
    origin: Origin,
    rows: npt.NDArray[np.intp],
    model: str,
    forecast: SeriesForecast,
    seconds: float,
) -> pl.DataFrame:
    mean = _rounded(forecast.mean, plan)
    own = forecast.parts if origin.length == len(plan.dates) else {}
    parts = {name: _rounded(values, plan) for name, values in own.items()}
    nothing = pl.lit(None, dtype=pl.Float64)
    size, horizon = mean.shape
    label = pl.Series("note", forecast.model.astype(np.str_).tolist(), dtype=pl.String)
    per_series = panel.series[rows].with_columns(note=pl.select(pl.when(label != model).then(label)).to_series())
    return (
        per_series[np.repeat(np.arange(size), horizon)]
        .with_columns(
            pl.lit(plan.dates[origin.length - 1].astype("datetime64[D]").item()).alias("origin"),
            pl.Series("step", np.tile(np.arange(1, horizon + 1, dtype=np.int16), size)),
            pl.lit(model).alias("model"),
            pl.Series("mean", mean.ravel()),
            pl.lit(seconds).alias("seconds"),
            *(
                pl.Series(name, parts[name].ravel()).fill_nan(None) if name in parts else nothing.alias(name)
                for name in PARTS
            ),
        )
        .select(*plan.key, *CANDIDATE)
    )


def _rounded(values: Floats, plan: Plan) -> Floats:
    return values if plan.decimals is None else np.round(values, plan.decimals)
