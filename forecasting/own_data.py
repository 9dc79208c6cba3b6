"""A backtest on anyone's data: every model of the pool at earlier origins of a panel, without levels, stores or a warehouse."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from forecasting import backtest, candidates, champion, ensembles, jobs, tables
from forecasting import panel as demand
from forecasting.baselines import NAIVE
from forecasting.candidates import Candidates
from forecasting.cells import LEARNING, MODELS, pool
from forecasting.chunks import CHUNK_SERIES, TAKEN, Origin, Plan, forecast_chunk, frame_of
from forecasting.errors import BacktestError
from forecasting.hierarchy import Level
from forecasting.panel import Every, Panel
from forecasting.settings import ForecastSettings, settings_for

MEASURES = ("wape", "skill", "mase", "rmsse", "bias", "pinball", *backtest.SIDES, "cost_ms")


@dataclass(frozen=True)
class BacktestReport:
    """How each model would have done.

    Attributes:
        series, periods: size of the panel.
        cutoff_date: its last period.
        origins: last periods that the forecasts knew, latest first.
        horizon: periods ahead.
        champions: demand class -> the model that a run would serve it with.
        rows: one per demand class (and ALL) and model, best first: MEASURES and `series`, pooled over the origins. cost_ms is CPU milliseconds
            per series and origin, what a model learns from all series included.
        problems: what was mended in the data, and where a model failed.
    """

    series: int
    periods: int
    cutoff_date: date
    origins: tuple[date, ...]
    horizon: int
    champions: dict[str, str]
    rows: tuple[dict[str, float | int | str | None], ...]
    problems: tuple[str, ...]


def run(
    path: Path,
    *,
    key: Sequence[str] = demand.KEY,
    every: Every = "week",
    period: str | None = None,
    quantity: str = demand.QUANTITY,
    groups: Path | None = None,
    gaps_are_zero: bool = True,
    horizon: int = 8,
    origins: int = 3,
    models: Sequence[str] = (),
    processes: int | None = None,
    progress: jobs.Progress | None = None,
) -> BacktestReport:
    """Forecast a panel from earlier origins with every model and say how each did.

    Args:
        path: Parquet or CSV, one row per series and day or week; rows of one series and period are added up.
        key: the columns that tell series apart.
        every: length of a period.
        period: the column with the date.
        quantity: the column with what was sold.
        groups: codes that series share; see `panel.load`.
        gaps_are_zero: a period without a row is one without a sale, from a series' first row on; else it is unknown.
        horizon: periods ahead.
        origins: how many earlier cut-offs, a horizon apart; fewer where the history is too short.
        models: which of the pool; seasonal naive is always among them. None: all.
        processes: how many to use; by default one per core.

    Raises:
        PanelError: the file cannot be read, or a column is missing.
        BacktestError: no such model, or too little history.
    """
    unknown = sorted(set(models) - set(MODELS))
    if unknown:
        raise BacktestError(f"There is no model {', '.join(unknown)}. The pool has {', '.join(MODELS)}.")
    settings = settings_for(every)
    panel = _load(path, tuple(key), every, period, quantity, groups, gaps_are_zero)
    lengths = backtest.origins(len(panel.weeks), horizon, origins, settings.min_training_weeks)
    if not lengths:
        needed = settings.min_training_weeks + horizon
        raise BacktestError(
            f"{path} has {len(panel.weeks)} {every}s and a backtest {horizon} {every}s ahead needs {needed}. "
            "Give a shorter --horizon or a longer history."
        )
    wanted = tuple(model for model in MODELS if not models or model in {*models, NAIVE})
    if progress:
        progress(0, 1, "what all series have in common")
    settings = replace(settings, season_groups=_wider_first(panel))
    plan, learning = _plan(panel, lengths, horizon, settings, wanted)
    found = _forecast(panel, plan, processes, progress)
    return _report(panel, plan, found, learning, settings)


def _load(
    path: Path, key: tuple[str, ...], every: Every, period: str | None, quantity: str, groups: Path | None, zero: bool
) -> Panel:
    named = period or demand.PERIODS[every]
    _check([*key, named, quantity], len(key))
    last = _last_day(path, [*key, named, quantity], named) if every == "week" else None
    panel = demand.load(path, key=key, every=every, period=named, quantity=quantity, groups=groups, as_of=last)
    if panel.cutoff is None:
        raise BacktestError(f"{path} has no row with a date and a quantity. Look at the columns that were named.")
    ours = {name: f"{name} of the file" for name in key if name in TAKEN}
    panel = replace(
        panel,
        series=panel.series.rename(ours),
        groups={ours.get(name, name): codes for name, codes in panel.groups.items()},
    )
    if not zero:
        return panel
    begun = np.maximum.accumulate(~np.isnan(panel.quantity), axis=1)
    return replace(panel, quantity=np.where(begun & np.isnan(panel.quantity), 0.0, panel.quantity))


def _wider_first(panel: Panel) -> tuple[str, ...]:
    """The columns of the key, those with few values first: the groups that may have a season and growth of their own."""
    return tuple(sorted(panel.series.columns, key=lambda name: len(np.unique(panel.groups[name]))))


def _check(names: list[str], keys: int) -> None:
    if not keys:
        raise BacktestError("No column tells series apart. Name one or more with --key.")
    for name in names:
        if names.count(name) > 1:
            raise BacktestError(
                f"Column {name} is named twice. Give --key, --date and --quantity each a column of its own."
            )
        if name in {demand.STOCKED_OUT, *demand.DRIVERS}:
            raise BacktestError(
                f"Column {name} is read as what is known of the shelf or ahead. Name another, or call it otherwise in the file."
            )


def _last_day(path: Path, columns: list[str], period: str) -> date | None:
    """The last day of a file that has days: its last week may be a part of one. None where all dates are of one weekday."""
    try:
        file = demand.scan(path)
        there = file.collect_schema().names()
        missing = [name for name in columns if name not in there]
        if missing:
            raise BacktestError(
                f"{path} has no column {', '.join(missing)}. It has {', '.join(there)}: name yours with --key, --date and --quantity."
            )
        text = pl.col(period).cast(pl.String).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        days = file.select(text.alias("day")).drop_nulls().unique().collect()["day"]
    except (pl.exceptions.PolarsError, OSError):
        return None
    last = days.max()
    return last if isinstance(last, date) and days.dt.weekday().n_unique() > 1 else None


def _plan(
    panel: Panel, lengths: list[int], horizon: int, settings: ForecastSettings, wanted: tuple[str, ...]
) -> tuple[Plan, float]:
    """The plan with what was learnt, and the CPU seconds that it took."""
    started = time.process_time()
    origins = [Origin(length, settings) for length in lengths]
    if set(LEARNING) & set(wanted):
        origins = [replace(origin, learned=jobs.learn_at(panel, origin, horizon)) for origin in origins]
    plan = Plan(
        key=tuple(panel.series.columns),
        dates=panel.weeks,
        horizon=horizon,
        origins=tuple(origins),
        pool=pool,
        models=wanted,
        every=panel.every,
        shared=panel.shared,
        own=tuple(sorted(panel.own)),
        groups=tuple(sorted(panel.groups)),
        decimals=None,
    )
    return plan, time.process_time() - started


def _forecast(panel: Panel, plan: Plan, processes: int | None, progress: jobs.Progress | None) -> Candidates:
    rows = np.arange(panel.series.height)
    chunks = [rows[begin : begin + CHUNK_SERIES] for begin in range(0, len(rows), CHUNK_SERIES)]
    frames = (frame_of(panel, plan, chunk) for chunk in chunks)
    ends = [origin.length - 1 for origin in plan.origins]
    found = Candidates(panel.series, panel.weeks[ends], plan.horizon)
    with ExitStack() as stack:
        results: Iterator[pl.DataFrame]
        workers = jobs.workers(processes, len(chunks))
        if workers == 1:
            results = map(partial(forecast_chunk, plan=plan), frames)
        else:
            executor = stack.enter_context(jobs.executor(workers))
            results = executor.map(partial(forecast_chunk, plan=plan), frames)
        for done, frame in enumerate(results, start=1):
            found.add(candidates.compact(frame, plan.horizon))
            if progress:
                progress(done, len(chunks), f"{done} of {len(chunks)} chunks")
    return found


def _report(panel: Panel, plan: Plan, found: Candidates, learning: float, settings: ForecastSettings) -> BacktestReport:
    each = Level("SERIES", panel.series, np.arange(panel.series.height))
    scored: list[backtest.Scored] = []
    origins = []
    everywhere = {model: mean for model, mean in found.mean.items() if not np.isnan(mean).all(axis=(1, 2)).any()}
    for place, origin in enumerate(plan.origins):
        origins.append(tables.origin_at(panel, found, place, origin.length, settings))
    for place, (origin, blend) in enumerate(zip(plan.origins, champion.blends(origins, settings), strict=True)):
        means = {model: mean[place] for model, mean in everywhere.items()}
        means |= ensembles.simple(means, settings.ensemble_members)
        if blend is not None:
            seen = (~np.isnan(panel.quantity[:, : origin.length])).any(axis=1)
            means[ensembles.BLEND] = np.full((panel.series.height, plan.horizon), np.nan)
            means[ensembles.BLEND][seen] = blend
        scored.append(backtest.at_origin(panel, each, origin.length, means, settings))
    totals: dict[tuple[str, str], backtest.Tally] = {}
    for score in scored:
        for name, tally in backtest.tallies(score, scored, settings).items():
            totals[name] = totals[name] + tally if name in totals else tally
    costs = _costs(found, learning, settings)
    rows = [
        {"demand_class": name, "model": model, **tally.measures(), "cost_ms": costs.get(model)}
        for (name, model), tally in totals.items()
    ]
    naive = {row["demand_class"]: row["wape"] for row in rows if row["model"] == NAIVE}
    for row in rows:
        wape, usual = row["wape"], naive.get(row["demand_class"])
        row["skill"] = (
            1.0 - float(wape) / float(usual) if wape is not None and usual and row["model"] != NAIVE else None
        )
    order = [*demand.CLASSES, backtest.ALL]
    rows.sort(key=lambda row: (order.index(str(row["demand_class"])), row["wape"] is None, row["wape"] or 0.0))
    days = panel.weeks.astype("datetime64[D]")
    return BacktestReport(
        series=panel.series.height,
        periods=len(days),
        cutoff_date=days[-1].item(),
        origins=tuple(days[origin.length - 1].item() for origin in plan.origins),
        horizon=plan.horizon,
        champions=champion.choose(origins, settings).model,
        rows=tuple(rows),
        problems=(
            *panel.problems,
            *jobs.learning_problems(plan),
            *(
                f"{model} is left out: it is not there at every origin."
                for model in found.mean
                if model not in everywhere
            ),
            *found.failures(),
        ),
    )


def _costs(found: Candidates, learning: float, settings: ForecastSettings) -> dict[str, float]:
    """CPU milliseconds per series and origin; an ensemble costs what its members cost."""
    costs = {
        model: 1000.0 * found.seconds[model] / max(1, int((~np.isnan(mean[:, :, 0])).sum()))
        for model, mean in found.mean.items()
    }
    if "lightgbm" in costs:
        costs["lightgbm"] += 1000.0 * learning / max(1, int((~np.isnan(found.mean["lightgbm"][:, :, 0])).sum()))
    together = sum(costs[member] for member in settings.ensemble_members if member in costs)
    costs |= dict.fromkeys((ensembles.MEAN, ensembles.MEDIAN, ensembles.BLEND), together)
    return {model: round(cost, 4) for model, cost in costs.items()}
