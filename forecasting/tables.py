"""The tables of a run, from the candidates: the champions and their evidence, the forecast at every level with its distribution, and how good it would
have been.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from forecasting import backtest, champion, distribution, ensembles, hierarchy, intervals, store
from forecasting import panel as demand
from forecasting.candidates import Candidates
from forecasting.cells import PROPHET
from forecasting.champion import Champions
from forecasting.panel import Bools, Floats, Panel, Strings
from forecasting.series import PARTS, SeriesForecast
from forecasting.settings import ForecastSettings

FORECAST_FILE, ACCURACY_FILE = "forecast.parquet", "accuracy.parquet"
CELL_FILE, CHAMPION_FILE, DISTRIBUTION_FILE = "cell.parquet", "champion.parquet", "distribution.parquet"
COMPONENT_FILE = "component.parquet"
FILES = (FORECAST_FILE, ACCURACY_FILE, CELL_FILE, COMPONENT_FILE, CHAMPION_FILE, DISTRIBUTION_FILE)

CHAMPION = "champion"
"""What the accuracy of the forecast as it is made is called: each class by the model that serves it."""

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
CELL_SCHEMA = pa.schema(
    [
        FORECAST_SCHEMA.field(name)
        for name in (*demand.KEY, "week_start", "mean", "model", "cutoff_date", "demand_class")
    ]
)
COMPONENT_SCHEMA = pa.schema(
    [*(FORECAST_SCHEMA.field(name) for name in (*demand.KEY, "week_start")), *((name, pa.float64()) for name in PARTS)]
)
CHAMPION_SCHEMA = pa.schema(
    [
        ("demand_class", pa.string()),
        ("model", pa.string()),
        ("is_champion", pa.bool_()),
        ("is_incumbent", pa.bool_()),
        *[(name, pa.float64()) for name in ("wape", "rmsse", "mase", "bias", "pinball", "skill", "cost_ms")],
        *[(name, pa.int64()) for name in ("origins", "series", "points")],
        ("margin", pa.float64()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class Written:
    """What a run's tables say, in short.

    Attributes:
        models: cells per model; a fallback says why in brackets.
        champions: demand class -> the model that serves it.
        wape: model -> level -> sum |F - A| / sum |A| over all origins; None where nothing was sold.
    """

    models: dict[str, int]
    champions: dict[str, str]
    wape: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class _Chosen:
    """The forecast of the N cells: ten-thousandths for each step, and what made it."""

    units: hierarchy.Ints
    model: Strings


def write(
    folder: Path,
    panel: Panel,
    found: Candidates,
    lengths: list[int],
    settings: ForecastSettings,
    incumbent: Mapping[str, str],
) -> Written:
    """Choose, add up, judge, spread and write.

    Args:
        folder: gets FILES.
        panel: history of the cells.
        found: candidates at the cut-off and then at each of `lengths`.
        lengths: periods of history at the backtest's origins, latest first.
        settings: what decides champions, intervals and classes.
        incumbent: demand class -> its champion so far.
    """
    origins = [origin_at(panel, found, place, length, settings) for place, length in enumerate(lengths, start=1)]
    champions = champion.choose(origins, settings, incumbent)
    blends = champion.blends(origins, settings)
    del origins
    classes = demand.demand_class(panel.quantity, settings.new_below_weeks)
    chosen = _choose(panel, found, champions, classes, settings)
    tried = [
        _with_ensembles(panel, found, place, length, champions, blend, settings)
        for place, (length, blend) in enumerate(zip(lengths, blends, strict=True), start=1)
    ]
    wanted = [
        backtest.wanted(panel, length, means[CHAMPION], settings) if CHAMPION in means else None
        for length, means in zip(lengths, tried, strict=True)
    ]
    accuracy: list[pl.DataFrame] = []
    wape: dict[str, dict[str, float | None]] = {}
    with (
        store.parquet(folder / FORECAST_FILE, FORECAST_SCHEMA) as forecasts,
        store.parquet(folder / DISTRIBUTION_FILE, distribution.DISTRIBUTION_SCHEMA) as distributions,
    ):
        for level in hierarchy.levels(panel.series) if panel.cutoff is not None else []:
            scored = [
                backtest.at_origin(panel, level, length, means, settings, of_champions)
                for length, means, of_champions in zip(lengths, tried, wanted, strict=True)
            ]
            accuracy.append(backtest.accuracy(scored, settings))
            for model, value in _overall(scored).items():
                wape.setdefault(model, {})[level.name] = value
            forecast, spread = _level_tables(panel, level, chosen, scored, settings)
            forecasts.write_table(forecast)
            distributions.write_table(spread)
    table = pl.concat(accuracy) if accuracy else backtest.accuracy([], settings)
    stored = table.sort("level", "demand_class", "model", "origin_date").to_arrow()
    store.write_parquet(folder / ACCURACY_FILE, [stored.cast(plain_schema(stored.schema))], plain_schema(stored.schema))
    store.write_parquet(folder / CELL_FILE, _cell_tables(panel, chosen, classes), CELL_SCHEMA)
    store.write_parquet(folder / COMPONENT_FILE, _component_tables(panel, found), COMPONENT_SCHEMA)
    store.write_parquet(folder / CHAMPION_FILE, [_champion_table(champions)], CHAMPION_SCHEMA)
    names, counts = np.unique(chosen.model, return_counts=True)
    return Written(dict(zip(names.tolist(), counts.tolist(), strict=True)), champions.model, wape)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with Arrow's plain strings, which every reader knows."""
    plain = {pa.large_string(), pa.string_view()}
    return pa.schema([(field.name, pa.string() if field.type in plain else field.type) for field in schema])


def origin_at(panel: Panel, found: Candidates, place: int, length: int, settings: ForecastSettings) -> champion.Origin:
    """What the candidates said at an origin and what came, for champions to be chosen by."""
    history = panel.quantity[:, :length]
    seen = np.asarray((~np.isnan(history)).any(axis=1))
    return champion.Origin(
        date=panel.weeks[length - 1],
        means={model: mean[place][seen] for model, mean in _whole(found, place, seen).items()},
        actual=panel.quantity[seen, length : length + found.horizon],
        history=history[seen],
        demand_class=demand.demand_class(history[seen], settings.new_below_weeks),
    )


def _whole(found: Candidates, place: int, seen: Bools) -> dict[str, Floats]:
    """The models that have a forecast of every cell from an origin."""
    return {model: mean for model, mean in sorted(found.mean.items()) if not np.isnan(mean[place][seen]).any()}


def _choose(
    panel: Panel, found: Candidates, champions: Champions, classes: Strings, settings: ForecastSettings
) -> _Chosen:
    everything = np.ones(panel.series.height, dtype=np.bool_)
    candidates = {
        model: SeriesForecast(mean[0], found.labels(model)) for model, mean in _whole(found, 0, everything).items()
    }
    if not candidates:
        return _Chosen(np.zeros((0, found.horizon), dtype=np.int64), np.empty(0, dtype=np.str_))
    best = champion.forecast(champions, candidates, classes, settings)
    units, too_large = hierarchy.to_units(best.mean)
    return _Chosen(units, np.where(too_large, np.char.add(best.model, " (capped)"), best.model))


def _with_ensembles(
    panel: Panel,
    found: Candidates,
    place: int,
    length: int,
    champions: Champions,
    blend: Floats | None,
    settings: ForecastSettings,
) -> dict[str, Floats]:
    """Forecasts (N, H) from an origin by each model, each ensemble and the champions of today; `blend` is of the cells with a history."""
    history = panel.quantity[:, :length]
    seen = np.asarray((~np.isnan(history)).any(axis=1))
    means = {model: mean[place] for model, mean in _whole(found, place, seen).items()}
    if not means:
        return {}
    classes = demand.demand_class(history, settings.new_below_weeks)
    name = np.full(len(classes), CHAMPION)
    candidates = {model: SeriesForecast(mean, name) for model, mean in means.items()}
    best = champion.forecast(champions, candidates, classes, settings).mean
    together = ensembles.simple(means, settings.ensemble_members)
    if blend is not None:
        together[ensembles.BLEND] = np.full(best.shape, np.nan)
        together[ensembles.BLEND][seen] = blend
    return {**means, **together, CHAMPION: best}


def _level_model(level: hierarchy.Level, chosen: _Chosen) -> list[str]:
    """The model of a member whose cells all have one and the same; else that they are the champions of their classes."""
    names, code = np.unique(chosen.model, return_inverse=True)
    lowest = np.full(level.size, len(names))
    highest = np.full(level.size, -1)
    np.minimum.at(lowest, level.member, code)
    np.maximum.at(highest, level.member, code)
    return [str(names[low]) if low == high else CHAMPION for low, high in zip(lowest, highest, strict=True)]


def _level_tables(
    panel: Panel, level: hierarchy.Level, chosen: _Chosen, scored: list[backtest.Scored], settings: ForecastSettings
) -> tuple[pa.Table, pa.Table]:
    """Forecast and distribution of one level."""
    assert panel.cutoff is not None
    units = hierarchy.add_up(level, chosen.units)
    mean = units / hierarchy.UNITS
    history = hierarchy.add_up_known(level, panel.quantity)
    classes = demand.demand_class(history, settings.new_below_weeks)
    spread = distribution.dispersion(history)
    outcomes = [score.outcome(CHAMPION) for score in scored if CHAMPION in score.means]
    weekly = intervals.calibrate(outcomes, settings.min_pool, summed=False)
    bounds = intervals.whole_bounds(weekly, mean, spread, classes)
    summed = intervals.calibrate(outcomes, settings.min_pool, summed=True)
    quantiles = summed.quantiles(mean, spread, classes, distribution.PROBABILITIES)
    size, horizon = units.shape
    future = panel.ahead(horizon)
    row = pa.array(np.repeat(np.arange(size), horizon))
    columns: dict[str, pa.Array] = {
        "level": pa.array([level.name] * len(row), pa.string()),
        **{name: level.members[name].to_arrow().cast(pa.string()).take(row) for name in demand.KEY},
        "week_start": pa.array(np.tile(future.astype("datetime64[D]"), size), pa.date32()),
        "mean": hierarchy.to_decimal(units),
        **{name: pa.array(bounds[:, :, place].ravel()) for place, name in enumerate(intervals.COLUMNS)},
        "model": pa.array(_level_model(level, chosen), pa.string()).take(row),
        "cutoff_date": pa.array(np.full(len(row), panel.cutoff).astype("datetime64[D]"), pa.date32()),
        "demand_class": pa.array(classes.tolist(), pa.string()).take(row),
    }
    forecast = pa.table([columns[name] for name in FORECAST_SCHEMA.names], schema=FORECAST_SCHEMA)
    return forecast, distribution.table(level, units, quantiles, future, panel.cutoff)


def _cell_tables(panel: Panel, chosen: _Chosen, classes: Strings) -> Iterator[pa.Table]:
    if panel.cutoff is None:
        return
    size, horizon = chosen.units.shape
    row = pa.array(np.repeat(np.arange(size), horizon))
    columns = {
        **{name: panel.series[name].to_arrow().cast(pa.string()).take(row) for name in demand.KEY},
        "week_start": pa.array(np.tile(panel.ahead(horizon).astype("datetime64[D]"), size), pa.date32()),
        "mean": hierarchy.to_decimal(chosen.units),
        "model": pa.array(chosen.model.tolist(), pa.string()).take(row),
        "cutoff_date": pa.array(np.full(len(row), panel.cutoff).astype("datetime64[D]"), pa.date32()),
        "demand_class": pa.array(classes.tolist(), pa.string()).take(row),
    }
    yield pa.table([columns[name] for name in CELL_SCHEMA.names], schema=CELL_SCHEMA)


def _component_tables(panel: Panel, found: Candidates) -> Iterator[pa.Table]:
    """What Prophet takes each cell's demand apart into, also where another model serves the cell: what that one says beyond is the rest."""
    parts = found.parts.get(PROPHET)
    if panel.cutoff is None or parts is None:
        return
    row = pa.array(np.repeat(np.arange(panel.series.height), found.horizon))
    columns = {
        **{name: panel.series[name].to_arrow().cast(pa.string()).take(row) for name in demand.KEY},
        "week_start": pa.array(
            np.tile(panel.ahead(found.horizon).astype("datetime64[D]"), panel.series.height), pa.date32()
        ),
        **{name: pa.array(parts[name].ravel(), from_pandas=True) for name in PARTS},
    }
    yield pa.table([columns[name] for name in COMPONENT_SCHEMA.names], schema=COMPONENT_SCHEMA)


def _champion_table(champions: Champions) -> pa.Table:
    evidence = champions.evidence.filter(pl.col("origin_date").is_null()).rename(
        {"chosen": "is_champion", "held": "is_incumbent"}
    )
    nothing = pl.lit(None, dtype=pl.Float64)
    table = evidence.with_columns(pinball=nothing, cost_ms=nothing).select(CHAMPION_SCHEMA.names)
    return table.sort("demand_class", "model").to_arrow().cast(CHAMPION_SCHEMA)


def _overall(scored: list[backtest.Scored]) -> dict[str, float | None]:
    wape: dict[str, float | None] = {}
    for model in dict.fromkeys(model for score in scored for model in score.means):
        own = [score for score in scored if model in score.means]
        wrong = sum(float(np.nansum(np.abs(score.means[model] - score.actual))) for score in own)
        size = sum(float(np.nansum(np.abs(score.actual))) for score in own)
        wape[model] = round(wrong / size, 6) if size else None
    return wape
