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

from forecasting import backtest, candidates, champion, ensembles, jobs, panel_file, tables
from forecasting import panel as demand
from forecasting.baselines import NAIVE
from forecasting.candidates import Candidates
from forecasting.cells import LEARNING, MODELS, pool
from forecasting.chunks import CHUNK_SERIES, TAKEN, Origin, Plan, forecast_chunk, frame_of
from forecasting.errors import BacktestError, PanelError, UnusableOption
from forecasting.global_model import LIGHTGBM
from forecasting.hierarchy import Level
from forecasting.panel import Every, Floats, Panel
from forecasting.panel_file import YOURS, counted
from forecasting.settings import ForecastSettings, settings_for

DECIMALS = 4
"""Of a quantity, those by which a unit is looked for."""
LARGEST_COUNT = 2.0**53
"""Above it not every whole number has a float of its own."""
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
        unit: what quantities are counted in: the largest number of which all of them are multiples.
        drivers: columns of the file that were taken as known ahead, and `stocked_out` where it is there.
        unused: columns of the file that nothing was made of.
        notes: what was done with the file, and what was asked for and could not be, in sentences.
        problems: what was mended in the data, and where a model failed.
    """

    series: int
    periods: int
    cutoff_date: date
    origins: tuple[date, ...]
    horizon: int
    champions: dict[str, str]
    rows: tuple[dict[str, float | int | str | None], ...]
    unit: float
    drivers: tuple[str, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1 where data problems were found and handled, else 0."""
        return 1 if self.problems else 0


@dataclass(frozen=True)
class _Own:
    """A panel of somebody's file, its quantities counted in a unit, and what is to be said about the reading."""

    panel: Panel
    unit: float
    drivers: tuple[str, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def run(
    path: Path | str,
    *,
    key: Sequence[str] = demand.KEY,
    every: Every = "week",
    period: str | None = None,
    quantity: str = demand.QUANTITY,
    groups: Path | str | None = None,
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
        PanelError: the file cannot be read.
        UnusableOption: no such column or model.
        BacktestError: too little history.
    """
    path, groups = Path(path), None if groups is None else Path(groups)
    settings = settings_for(every)
    _check_models(models, settings)
    own = _load(path, tuple(key), every, period, quantity, groups, gaps_are_zero)
    panel = own.panel
    lengths = backtest.origins(len(panel.weeks), horizon, origins, settings.min_training_weeks)
    allowed = counted(len(panel.weeks), every)
    if not lengths:
        needed = counted(settings.min_training_weeks + horizon, every)
        remedy = "Give a shorter --horizon or a longer history."
        if len(panel.weeks) <= settings.min_training_weeks:
            remedy = "Give a longer history."
        raise BacktestError(
            f"{path} has {allowed} and a backtest {counted(horizon, every)} ahead needs {needed}. {remedy}"
        )
    if len(lengths) < origins:
        needed = counted(settings.min_training_weeks + origins * horizon, every)
        fewer = f"{origins} cut-offs were asked for; {allowed} allow {len(lengths)} and {needed} are needed."
        blank = " With a single one nothing is said of the intervals." if len(lengths) == 1 else ""
        own = replace(own, notes=(*own.notes, fewer + blank))
    wanted = tuple(model for model in MODELS if not models or model in {*models, NAIVE})
    if progress:
        progress(0, 1, "what all series have in common")
    settings = replace(settings, season_groups=_wider_first(panel))
    plan, learning = _plan(panel, lengths, horizon, settings, wanted)
    found = _forecast(panel, plan, processes, progress)
    return _report(own, plan, found, learning, settings)


def _check_models(models: Sequence[str], settings: ForecastSettings) -> None:
    made = sorted({ensembles.MEAN, ensembles.MEDIAN, ensembles.BLEND} & set(models))
    if made:
        raise UnusableOption(
            f"{', '.join(made)} comes from its members and is there where two of them are. "
            f"Name these: {', '.join(settings.ensemble_members)}."
        )
    unknown = sorted(set(models) - set(MODELS))
    if unknown:
        raise UnusableOption(f"There is no model {', '.join(unknown)}. The pool has {', '.join(MODELS)}.")


def _load(
    path: Path, key: tuple[str, ...], every: Every, period: str | None, quantity: str, groups: Path | None, zero: bool
) -> _Own:
    named = period or demand.PERIODS[every]
    columns = [*key, named, quantity]
    _check(columns, len(key))
    if not path.is_file():
        raise PanelError(path, "there is no such file", "Look at its name.")
    there = panel_file.header(path, YOURS)
    missing = [name for name in columns if name not in there]
    if missing:
        raise UnusableOption(
            f"{path} has no column {', '.join(missing)}. It has {', '.join(there)}: name yours with --key, --date and --quantity."
        )
    days = _days(path, named)
    one_weekday = len(days) > 1 and days.dt.weekday().n_unique() == 1
    last = days.max() if every == "week" and not one_weekday else None
    panel = demand.load(
        path, key=key, every=every, period=named, quantity=quantity, groups=groups, next_step=YOURS,
        as_of=last if isinstance(last, date) else None,
    )  # fmt: skip
    if panel.cutoff is None:
        raise BacktestError(f"{path} has no row with a date and a quantity. Look at the columns that were named.")
    ours = {name: f"{name} of the file" for name in key if name in TAKEN}
    panel = replace(
        panel,
        series=panel.series.rename(ours),
        groups={ours.get(name, name): codes for name, codes in panel.groups.items()},
    )
    drivers = tuple(name for name in (*demand.DRIVERS, demand.STOCKED_OUT) if name in there)
    unused = tuple(name for name in there if name not in {*columns, *drivers})
    begun = np.maximum.accumulate(~np.isnan(panel.quantity), axis=1)
    gaps = begun & np.isnan(panel.quantity)
    notes = [
        *panel.notes,
        *_about_columns(drivers, unused),
        *_about_quantities(panel, int(gaps.sum()), int(begun.sum()), zero),
    ]
    if every == "day" and one_weekday:
        notes.append(
            f"Every date is a {days[0]:%A}: this is a file by week, and its other days count as gaps. Leave --every day out."
        )
    unit = common_unit(panel.quantity)
    counts = panel.quantity if unit == 1.0 else np.round(panel.quantity / unit)
    panel = replace(panel, quantity=np.where(gaps, 0.0, counts) if zero else counts)
    return _Own(panel, unit, drivers, unused, tuple(notes))


def common_unit(quantity: Floats) -> float:
    """The largest number of which all quantities are multiples, to four decimals; 1 where there is none above zero, or one is too large to count.

    Intervals and demand classes count pieces, so thousands, dozens and tenths must be counted as such.
    """
    known = np.abs(quantity[~np.isnan(quantity)]) * 10.0**DECIMALS
    if not known.size or known.max() >= LARGEST_COUNT:
        return 1.0
    common = int(np.gcd.reduce(np.round(known).astype(np.int64)))
    return common / 10.0**DECIMALS if common else 1.0


def _about_columns(drivers: Sequence[str], unused: Sequence[str]) -> list[str]:
    notes = [f"Used beside the quantities: {', '.join(drivers)}."] if drivers else []
    free = [name for name in (*demand.DRIVERS, demand.STOCKED_OUT) if name not in drivers]
    said = [
        f"{name} (did you mean {near[0]}?)" if (near := panel_file.names_near(name, free)) else name for name in unused
    ]
    return [*notes, f"Not used: {', '.join(said)}."] if said else notes


def _about_quantities(panel: Panel, gaps: int, cells: int, zero: bool) -> list[str]:
    notes = []
    if gaps:
        share = f"{counted(gaps, panel.every)} of {cells:,} ({gaps / cells:.1%}) {'has' if gaps == 1 else 'have'} no quantity after the first of the series"
        treated = "taken as without a sale (--gaps zero)" if zero else "left unknown (--gaps unknown)"
        notes.append(f"{share}: {treated}.")
    if panel.blank.count:
        notes.append(f"{panel.blank.text}: such a row is as good as none.")
    if panel.negative.count:
        notes.append(
            f"{panel.negative.text}: taken as returns, off the sales of their {panel.every}; no forecast is below zero."
        )
    return notes


def _wider_first(panel: Panel) -> tuple[str, ...]:
    """The columns of the key, those with few values first: the groups that may have a season and growth of their own."""
    return tuple(sorted(panel.series.columns, key=lambda name: len(np.unique(panel.groups[name]))))


def _check(names: list[str], keys: int) -> None:
    if not keys:
        raise UnusableOption("No column tells series apart. Name one or more with --key.")
    for name in names:
        if names.count(name) > 1:
            raise UnusableOption(
                f"Column {name} is named twice. Give --key, --date and --quantity each a column of its own."
            )
        if name in {demand.STOCKED_OUT, *demand.DRIVERS}:
            raise UnusableOption(
                f"Column {name} is read as what is known of the shelf or ahead. Name another, or call it otherwise in the file."
            )


def _days(path: Path, period: str) -> pl.Series:
    """The different days of a file; those that are not written as days are left for `panel.load` to refuse."""
    text = pl.col(period).cast(pl.String).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    try:
        return panel_file.scan(path).select(text.alias("day")).drop_nulls().unique().collect()["day"]
    except (pl.exceptions.PolarsError, OSError):
        return pl.Series("day", [], dtype=pl.Date)


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


def _report(own: _Own, plan: Plan, found: Candidates, learning: float, settings: ForecastSettings) -> BacktestReport:
    panel = own.panel
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
    rows.sort(
        key=lambda row: (order.index(str(row["demand_class"])), row["wape"] is None, row["wape"] or 0.0, row["model"])
    )
    days = panel.weeks.astype("datetime64[D]")
    return BacktestReport(
        series=panel.series.height,
        periods=len(days),
        cutoff_date=days[-1].item(),
        origins=tuple(days[origin.length - 1].item() for origin in plan.origins),
        horizon=plan.horizon,
        champions=champion.choose(origins, settings).model,
        rows=tuple(rows),
        unit=own.unit,
        drivers=own.drivers,
        unused=own.unused,
        notes=(*own.notes, *_about_learning(plan, [name for name in found.mean if name not in everywhere])),
        problems=(*panel.problems, *found.failures()),
    )


def _about_learning(plan: Plan, left_out: Sequence[str]) -> list[str]:
    """Which models are left out, each once, and why."""
    notes = jobs.learning_problems(plan) if LIGHTGBM in (plan.models or MODELS) else []
    said = [LIGHTGBM] if notes else []
    return notes + [f"{model} is left out: it is not there at every origin." for model in left_out if model not in said]


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
