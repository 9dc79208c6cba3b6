"""The tables of a run, from the candidates: the forecast at every level with its intervals, and how good it would have been."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from forecasting import backtest, hierarchy, intervals
from forecasting import panel as demand
from forecasting.candidates import Candidates
from forecasting.cells import PROPHET
from forecasting.settings import ForecastSettings

FORECAST_FILE, ACCURACY_FILE = "forecast.parquet", "accuracy.parquet"

FORECAST_SCHEMA = pa.schema(
    [
        ("level", pa.string()),
        *[(name, pa.string()) for name in demand.KEY],
        ("week_start", pa.date32()),
        ("mean", pa.decimal128(18, 4)),
        ("median", pa.float64()),
        *[(name, pa.float64()) for name in ("lo50", "hi50", "lo80", "hi80", "lo95", "hi95")],
        ("model", pa.string()),
        ("cutoff_date", pa.date32()),
        ("demand_class", pa.string()),
    ]
)


@dataclass(frozen=True)
class Made:
    """The tables of a run.

    Attributes:
        files: name -> schema and the table in parts.
        models: cells per model; a fallback says why in brackets.
        wape: model -> level -> sum |F - A| / sum |A| over all origins; None where nothing was sold.
    """

    files: dict[str, tuple[pa.Schema, Iterator[pa.Table]]]
    models: dict[str, int]
    wape: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class _Chosen:
    """The forecast of the N cells: ten-thousandths for each step, and what made it."""

    units: hierarchy.Ints
    model: demand.Strings


def make(panel: demand.Panel, found: Candidates, lengths: list[int], settings: ForecastSettings) -> Made:
    """Choose, add up, judge and spread.

    Args:
        panel: history of the cells.
        found: candidates at the cut-off and then at each of `lengths`.
        lengths: periods of history at the backtest's origins, latest first.
        settings: what decides intervals and classes.
    """
    levels = hierarchy.levels(panel.series)
    parts: list[pl.DataFrame] = []
    wape: dict[str, dict[str, float | None]] = {}
    quantiles: dict[str, dict[str, demand.Floats]] = {}
    for level in levels:
        scored = [
            score
            for place, length in enumerate(lengths, start=1)
            for score in backtest.at_origin(
                panel, level, length, {m: mean[place] for m, mean in found.mean.items()}, settings
            )
        ]
        parts.append(backtest.accuracy(scored, settings))
        for model, value in _overall(scored).items():
            wape.setdefault(model, {})[level.name] = value
        own = [score for score in scored if score.model == PROPHET]
        quantiles[level.name] = intervals.quantiles(backtest.pools(own), settings.min_pool)
    accuracy = pl.concat(parts) if parts else backtest.accuracy([], settings)
    accuracy = accuracy.sort("level", "demand_class", "model", "origin_date")
    stored = accuracy.to_arrow()
    chosen = _choose(found)
    names, counts = np.unique(chosen.model, return_counts=True)
    return Made(
        files={
            FORECAST_FILE: (
                FORECAST_SCHEMA,
                (
                    _level_table(panel, level, chosen, quantiles[level.name], found.horizon, settings)
                    for level in levels
                ),
            ),
            ACCURACY_FILE: (plain_schema(stored.schema), iter([stored.cast(plain_schema(stored.schema))])),
        },
        models=dict(zip(names.tolist(), counts.tolist(), strict=True)),
        wape=wape,
    )


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with Arrow's plain strings, which every reader knows."""
    plain = {pa.large_string(), pa.string_view()}
    return pa.schema([(field.name, pa.string() if field.type in plain else field.type) for field in schema])


def _choose(found: Candidates) -> _Chosen:
    if PROPHET not in found.mean:
        return _Chosen(np.zeros((0, found.horizon), dtype=np.int64), np.empty(0, dtype=np.str_))
    units, too_large = hierarchy.to_units(found.mean[PROPHET][0])
    label = found.labels(PROPHET)
    return _Chosen(units, np.where(too_large, np.char.add(label, " (capped)"), label))


def _level_model(level: hierarchy.Level, chosen: _Chosen) -> list[str]:
    """The model of a member whose cells all have one and the same; else the run's own."""
    names, code = np.unique(chosen.model, return_inverse=True)
    lowest = np.full(level.size, len(names))
    highest = np.full(level.size, -1)
    np.minimum.at(lowest, level.member, code)
    np.maximum.at(highest, level.member, code)
    return [str(names[low]) if low == high else PROPHET for low, high in zip(lowest, highest, strict=True)]


def _level_table(
    panel: demand.Panel,
    level: hierarchy.Level,
    chosen: _Chosen,
    quantiles: dict[str, demand.Floats],
    horizon: int,
    settings: ForecastSettings,
) -> pa.Table:
    if panel.cutoff is None:
        return FORECAST_SCHEMA.empty_table()
    units = hierarchy.add_up(level, chosen.units)
    history = hierarchy.add_up_known(level, panel.quantity)
    classes = demand.demand_class(history, settings.new_below_weeks)
    bounds = intervals.bounds(units / hierarchy.UNITS, intervals.spread(history), classes, quantiles)
    size = level.size
    row = np.repeat(np.arange(size), horizon)
    columns: dict[str, pa.Array] = {
        "level": pa.array([level.name] * len(row), pa.string()),
        **{name: level.members[name].to_arrow().cast(pa.string()).take(pa.array(row)) for name in demand.KEY},
        "week_start": pa.array(np.tile(panel.ahead(horizon).astype("datetime64[D]"), size), pa.date32()),
        "mean": hierarchy.to_decimal(units),
        **{name: pa.array(bounds[:, :, place].ravel()) for place, name in enumerate(intervals.COLUMNS)},
        "model": pa.array(_level_model(level, chosen), pa.string()).take(pa.array(row)),
        "cutoff_date": pa.array(np.full(len(row), panel.cutoff).astype("datetime64[D]"), pa.date32()),
        "demand_class": pa.array(classes.tolist(), pa.string()).take(pa.array(row)),
    }
    return pa.table([columns[name] for name in FORECAST_SCHEMA.names], schema=FORECAST_SCHEMA)


def _overall(scored: list[backtest.Scored]) -> dict[str, float | None]:
    wape: dict[str, float | None] = {}
    for model in dict.fromkeys(score.model for score in scored):
        own = [score for score in scored if score.model == model]
        wrong = sum(float(np.nansum(np.abs(score.mean - score.actual))) for score in own)
        size = sum(float(np.nansum(np.abs(score.actual))) for score in own)
        wape[model] = round(wrong / size, 6) if size else None
    return wape
