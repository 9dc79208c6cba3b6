"""From a panel to a stored forecast in three stages: prepare, forecast the chunks, collect. Parquet in, Parquet out, no warehouse.

Each stage leaves its result in the run's work folder, so that it may be another process (of this machine, or a mapped task) and may be repeated: what is
there is not done again. `run` does all three. The work folder is named by a hash of all that decides a forecast and goes when the run stands.
"""

import hashlib
import json
import multiprocessing
import os
import pickle
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from forecasting import backtest, candidates, global_model, learned, store, tables
from forecasting import panel as demand
from forecasting.candidates import Candidates
from forecasting.cells import MODELS, pool
from forecasting.chunks import CHUNK_SERIES, Origin, Plan, forecast_chunk, frame_of, with_history
from forecasting.global_model import GlobalModel
from forecasting.settings import ForecastSettings

METHOD = "5"
"""Raised whenever the same panel and settings would give another forecast."""
GROUPS = 32
"""Mapped tasks that the chunks are dealt out to, at most."""
SMALL_CHUNKS = 2
"""Chunks up to which a second process costs more than it saves."""

CANDIDATES_FILE, SERIES_FILE, LEARNED_FILE = "candidates.parquet", "series.parquet", "learned.json"
FILES = (*tables.FILES, CANDIDATES_FILE, SERIES_FILE)
PLAN, JOB, PANEL_ARRAYS, IN, OUT = "plan.pickle", "job.json", ("weeks", "quantity", "stocked_out"), "in", "out"
ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
}

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class ForecastReport:
    """What a run did.

    Attributes:
        run: hash of the panel and the settings; the folder below `runs/`.
        reused: the panel and the settings were those of a run that is still there; nothing was fitted.
        cutoff_date: last week that the forecast knows; None for an empty panel.
        series: cells forecast.
        fitted: cells that were fitted; the others are unchanged since a run of the same cut-off, whose candidates were taken.
        models: cells per model; a fallback says why in brackets.
        champions: demand class -> the model that serves it.
        wape: model -> level -> sum |F - A| / sum |A| over all origins; None where nothing was sold.
        origins: the backtest's origins, latest first.
        cpu_ms: model -> CPU milliseconds per fitted cell, over all origins.
        problems: what was mended in the panel, which cells a model failed on, and why there is no accuracy where there is none.
        forecast, accuracy: the files.
    """

    run: str
    reused: bool
    cutoff_date: date | None
    series: int
    fitted: int
    models: dict[str, int]
    champions: dict[str, str]
    wape: dict[str, dict[str, float | None]]
    origins: tuple[date, ...]
    cpu_ms: dict[str, float]
    problems: tuple[str, ...]
    forecast: Path
    accuracy: Path

    def as_log(self) -> dict[str, Any]:
        """The report as plain values."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Prepared:
    """What `prepare` found to do.

    Attributes:
        run: name of the run.
        groups: numbers of the groups of chunks; none where the run stands.
    """

    run: str
    groups: tuple[int, ...]


def run(
    panel: Path,
    out_dir: Path,
    *,
    groups: Path | None = None,
    horizon_weeks: int = 8,
    origins: int = 3,
    model_settings: ForecastSettings | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> ForecastReport:
    """Forecast every cell of the panel and all levels above, with a backtest, and store both.

    Args:
        panel: the weekly demand panel that phase 1 of the build wrote.
        out_dir: gets `runs/<hash>/` with the files of the forecast and then `current.json`, which names them.
        groups: codes that series share, such as category and predecessor of a SKU; see `panel.load`.
        horizon_weeks: weeks ahead.
        origins: how many earlier cut-offs to test at; fewer where the history is too short.
        model_settings: what a person may tune.
        processes: how many to use; by default one per core that this process may use. They do not change the forecast.
        progress: called with steps done, steps in all, and what is being done.

    Raises:
        PanelError: the panel does not keep its contract; the last forecast stays.
    """
    prepared = prepare(
        panel, out_dir, groups=groups, horizon_weeks=horizon_weeks, origins=origins, model_settings=model_settings,
        progress=progress,
    )  # fmt: skip
    forecast_groups(out_dir, prepared.run, prepared.groups, processes=processes, progress=progress)
    return collect(out_dir, prepared.run, progress=progress)


def prepare(
    panel: Path,
    out_dir: Path,
    *,
    groups: Path | None = None,
    horizon_weeks: int = 8,
    origins: int = 3,
    model_settings: ForecastSettings | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Load the panel, find what has to be fitted, and lay it out in chunks; arguments as for `run`."""
    _tell(progress, 0, 3, "panel")
    loaded = demand.load(panel, groups=groups)
    outset = _outset(out_dir, loaded, horizon_weeks, origins, model_settings or ForecastSettings())
    if store.stands(out_dir, outset.run):
        return Prepared(outset.run, ())
    store.clear(out_dir, outset.run)
    work = store.work_folder(out_dir, outset.run)
    if store.read_json(work / JOB) is None:
        _tell(progress, 0, 3, "what all series have in common")
        with store.whole(work, JOB) as beside:
            _lay_out(beside, out_dir, loaded, outset)
    return Prepared(outset.run, tuple(range(min(GROUPS, len(_read_job(work)["chunks"])))))


def forecast_group(out_dir: Path, run: str, group: int) -> int:
    """Forecast the chunks of one group; gives how many there were to do. Chunks that are done already stay as they are."""
    work = store.work_folder(out_dir, run)
    try:
        todo = [
            chunk for chunk in range(group, len(_read_job(work)["chunks"]), GROUPS) if not _is_done(_out(work, chunk))
        ]
        for chunk in todo:
            _forecast_one(work, chunk)
    except FileNotFoundError:
        if not store.stands(out_dir, run):
            raise
        return 0
    return len(todo)


def forecast_groups(
    out_dir: Path, run: str, groups: Sequence[int], *, processes: int | None = None, progress: Progress | None = None
) -> None:
    """Forecast the chunks of all groups on this machine."""
    work = store.work_folder(out_dir, run)
    if not groups or store.stands(out_dir, run):
        return
    chunks = len(_read_job(work)["chunks"])
    count = workers(processes, chunks)
    if count == 1:
        for done, group in enumerate(groups):
            _tell(progress, 1 + done, 2 + len(groups), f"chunks, group {group + 1} of {len(groups)}")
            forecast_group(out_dir, run, group)
        return
    with executor(min(count, len(groups))) as started_processes:
        started = [started_processes.submit(forecast_group, out_dir, run, group) for group in groups]
        for done, future in enumerate(as_completed(started)):
            future.result()
            _tell(progress, 1 + done, 2 + len(groups), f"chunks, {done + 1} of {len(groups)} groups")


def collect(out_dir: Path, run: str, *, progress: Progress | None = None) -> ForecastReport:
    """Choose, add up, judge and store what the chunks gave, and point at it; the run stands afterwards."""
    reused = store.stands(out_dir, run)
    seconds: dict[str, float] = {}
    fitted = 0
    if not reused:
        _tell(progress, 1, 2, "levels and accuracy")
        work = store.work_folder(out_dir, run)
        try:
            fitted, seconds = _collect(work, store.folder(out_dir, run))
        except FileNotFoundError:
            if not store.stands(out_dir, run):
                raise
        store.remove(work)
    store.archive(out_dir, run, tables.FORECAST_FILE)
    store.point(out_dir, run, (name for name in FILES if (store.folder(out_dir, run) / name).is_file()))
    store.tidy(out_dir, run)
    _tell(progress, 3, 3, "forecast")
    return _report(out_dir, run, reused, fitted, seconds)


@dataclass(frozen=True)
class _Outset:
    """What is known before anything is fitted.

    Attributes:
        run: name of the run: a hash of all that decides its forecast.
        plan: without what has to be learnt.
        key: hash of all that a series' candidates depend on besides the series and what was learnt.
        before: the latest run of the same cut-off and key: candidates of series that have not changed are taken from it, and
            what was learnt.
        learned_from: digest of the panel that it was learnt from.
        incumbents: demand class -> its champion at the cut-off before this one.
    """

    run: str
    plan: Plan
    key: str
    before: str | None
    learned_from: str
    incumbents: dict[str, str]


def _outset(out_dir: Path, panel: demand.Panel, horizon: int, wanted: int, settings: ForecastSettings) -> _Outset:
    width = len(panel.weeks)
    lengths = backtest.origins(width, horizon, wanted, settings.min_training_weeks) if panel.series.height else []
    plan = Plan(
        key=tuple(panel.series.columns),
        dates=panel.weeks,
        horizon=horizon,
        origins=tuple(Origin(length, settings) for length in (width, *lengths)),
        pool=pool,
        every=panel.every,
        shared=panel.shared,
        own=tuple(sorted(panel.own)),
        groups=tuple(sorted(panel.groups)),
    )
    key = _plan_key(plan)
    same = (run for run in store.latest_first(out_dir) if store.facts(out_dir, run).get("key") == key)
    before = next((run for run in same if _can_be_built_on(store.folder(out_dir, run))), None)
    learned_from = store.facts(out_dir, before)["learned_from"] if before else panel.digest
    incumbents = _incumbents(out_dir, str(panel.cutoff))
    facts = {
        "key": key,
        "pool": sorted(MODELS),
        "panel": panel.digest,
        "problems": [*panel.problems, *panel.notes],
        "origins": wanted,
        "learned_from": learned_from,
        "incumbents": incumbents,
    }
    return _Outset(_hash(facts), plan, key, before, learned_from, incumbents)


def _can_be_built_on(run: Path) -> bool:
    """Whether what a run keeps for the next one can be read."""
    try:
        for name in (CANDIDATES_FILE, SERIES_FILE):
            pl.read_parquet_schema(run / name)
        learned.read(run / LEARNED_FILE)
    except (pl.exceptions.PolarsError, OSError, ValueError):
        return False
    return True


def _incumbents(out_dir: Path, cutoff: str) -> dict[str, str]:
    """The champions of the latest cut-off before this one; the same however often a cut-off is run."""
    known = [store.facts(out_dir, run) for run in store.latest_first(out_dir)]
    for facts in known:
        if facts["cutoff_date"] == cutoff:
            return dict(facts.get("incumbents", {}))
    earlier = [facts for facts in known if facts["cutoff_date"] and facts["cutoff_date"] < cutoff]
    return dict(max(earlier, key=lambda facts: str(facts["cutoff_date"])).get("champions", {})) if earlier else {}


def _plan_key(plan: Plan) -> str:
    shared = hashlib.sha256()
    for name, values in sorted(plan.shared.items()):
        shared.update(name.encode() + values.astype("<f8").tobytes())
    return _hash(
        {
            "method": METHOD,
            "key": plan.key,
            "dates": [str(plan.dates[0]), str(plan.dates[-1])] if len(plan.dates) else [],
            "every": plan.every,
            "horizon": plan.horizon,
            "origins": [[origin.length, asdict(origin.settings)] for origin in plan.origins],
            "shared": shared.hexdigest(),
            "own": plan.own,
            "groups": plan.groups,
            "decimals": plan.decimals,
        }
    )


def _hash(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:24]


def _lay_out(work: Path, out_dir: Path, panel: demand.Panel, outset: _Outset) -> None:
    """Write the plan, the chunks to fit, what is kept of the run before, and what `collect` needs of the panel."""
    plan, problems = _learn(work, out_dir, panel, outset)
    models = sorted(MODELS)
    series = panel.series.with_columns(digest=pl.Series(_digests(panel), dtype=pl.String))
    kept: list[str] = []
    unchanged = np.zeros(series.height, dtype=np.bool_)
    if outset.before:
        source = store.folder(out_dir, outset.before)
        kept = [model for model in store.facts(out_dir, outset.before)["pool"] if model in models]
        store.bring(source / CANDIDATES_FILE, work / CANDIDATES_FILE)
        before = pl.read_parquet(source / SERIES_FILE).select(*series.columns, unchanged=pl.lit(value=True))
        found = series.join(before, on=series.columns, how="left", maintain_order="left")
        unchanged = found["unchanged"].fill_null(value=False).to_numpy()
    chunks = _chunks(unchanged, models, kept)
    for folder in (IN, OUT):
        (work / folder).mkdir()
    for number, (rows, _) in enumerate(chunks):
        frame_of(panel, plan, rows).write_parquet(work / IN / f"{number:05}.parquet", compression="lz4")
    (work / PLAN).write_bytes(pickle.dumps(plan))
    for name in PANEL_ARRAYS:
        np.save(work / f"{name}.npy", getattr(panel, name))
    series.with_columns(unchanged=pl.Series(unchanged)).write_parquet(work / SERIES_FILE)
    job = {
        "chunks": [models for _, models in chunks],
        "kept": kept,
        "pool": models,
        "problems": [*panel.problems, *panel.notes, *problems],
        "panel": panel.digest,
        "key": outset.key,
        "learned_from": outset.learned_from,
        "incumbents": outset.incumbents,
    }
    store.write_json(work / JOB, job)


def _learn(work: Path, out_dir: Path, panel: demand.Panel, outset: _Outset) -> tuple[Plan, list[str]]:
    """The plan with what is to be learnt from all series, taken from the run before or learnt now, and why something was not."""
    plan = outset.plan
    if outset.before:
        store.bring(store.folder(out_dir, outset.before) / LEARNED_FILE, work / LEARNED_FILE)
        models = learned.read(work / LEARNED_FILE)
    else:
        models = [learn_at(panel, origin, plan.horizon) for origin in plan.origins]
        learned.write(work / LEARNED_FILE, models)
    origins = tuple(replace(origin, learned=model) for origin, model in zip(plan.origins, models, strict=True))
    plan = replace(plan, origins=origins)
    return plan, learning_problems(plan)


def learning_problems(plan: Plan) -> list[str]:
    """Why something could not be learnt."""
    models = [origin.learned for origin in plan.origins]
    return list(dict.fromkeys(model.problem for model in models if model and model.problem))


def learn_at(panel: demand.Panel, origin: Origin, horizon: int) -> GlobalModel | None:
    """What all series up to an origin, or a sample of them, have to teach; None where there are none."""
    rows = with_history(panel, origin.length)
    if not len(rows):
        return None
    rows = learned.sample(rows, origin.settings)
    return global_model.train(panel.until(origin.length, horizon, rows), origin.settings, horizon)


def _digests(panel: demand.Panel) -> list[str]:
    """What a forecast of each series can depend on besides the plan."""
    quantity = np.ascontiguousarray(panel.quantity.astype("<f8"))
    stocked_out = np.packbits(panel.stocked_out, axis=1)
    own = [np.ascontiguousarray(panel.own[name].astype("<f8")) for name in sorted(panel.own)]
    codes = [
        "\0".join(row) for row in zip(*(panel.groups[name].tolist() for name in sorted(panel.groups)), strict=True)
    ]
    found = []
    for row in range(panel.series.height):
        digest = hashlib.sha256(codes[row].encode() if codes else b"")
        for values in (quantity, stocked_out, *own):
            digest.update(values[row].tobytes())
        found.append(digest.hexdigest()[:24])
    return found


def _chunks(
    unchanged: np.ndarray[Any, np.dtype[np.bool_]], models: list[str], kept: list[str]
) -> list[tuple[np.ndarray[Any, np.dtype[np.intp]], list[str]]]:
    """Rows and models to fit: changed series by all models, unchanged ones by those of which nothing is kept."""
    stale = [model for model in models if model not in kept]
    found = []
    for rows, wanted in ((np.flatnonzero(~unchanged), models), (np.flatnonzero(unchanged), stale)):
        if wanted:
            found += [(rows[begin : begin + CHUNK_SERIES], wanted) for begin in range(0, len(rows), CHUNK_SERIES)]
    return found


def _out(work: Path, chunk: int) -> Path:
    return work / OUT / f"{chunk:05}.parquet"


def _is_done(out: Path) -> bool:
    """Whether a chunk's forecasts are there and whole."""
    try:
        pl.read_parquet_schema(out)
    except (pl.exceptions.PolarsError, OSError):
        return False
    return True


def _read_job(work: Path) -> dict[str, Any]:
    job: dict[str, Any] = json.loads((work / JOB).read_text(encoding="utf-8"))
    return job


@lru_cache(maxsize=1)
def _plan(path: Path, _written: int) -> Plan:
    """The plan that `prepare` wrote into our own folder; read once by a process."""
    plan: Plan = pickle.loads(path.read_bytes())
    return plan


def _read_plan(work: Path) -> Plan:
    path = work / PLAN
    return _plan(path, path.stat().st_mtime_ns)


def _forecast_one(work: Path, chunk: int) -> None:
    models = _read_job(work)["chunks"][chunk]
    plan = replace(_read_plan(work), models=tuple(models))
    found = candidates.compact(forecast_chunk(pl.read_parquet(work / IN / f"{chunk:05}.parquet"), plan), plan.horizon)
    handle, beside = tempfile.mkstemp(prefix=store.BESIDE, dir=work / OUT)
    with os.fdopen(handle, "wb") as file:
        found.write_parquet(file, compression="lz4")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, _out(work, chunk))


def workers(processes: int | None, chunks: int) -> int:
    """How many processes to use for so many chunks."""
    if chunks <= SMALL_CHUNKS:
        return 1
    return min(processes or len(os.sched_getaffinity(0)), chunks)


@contextmanager
def executor(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that use one thread each for their arithmetic, as there is one per core, and that end when this one is killed."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, spawn, initializer=_end_with_parent) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def _collect(work: Path, target: Path) -> tuple[int, dict[str, float]]:
    job = _read_job(work)
    series = pl.read_parquet(work / SERIES_FILE)
    key = [name for name in series.columns if name not in ("digest", "unchanged")]
    arrays = {name: np.load(work / f"{name}.npy", mmap_mode="r") for name in PANEL_ARRAYS}
    panel = demand.Panel(series=series.select(key), digest=job["panel"], **arrays)
    plan = _read_plan(work)
    lengths, horizon, settings = [origin.length for origin in plan.origins[1:]], plan.horizon, plan.origins[0].settings
    ends = [origin.length - 1 for origin in plan.origins] if len(panel.weeks) else []
    found = Candidates(panel.series, panel.weeks[ends], horizon)
    if job["kept"]:
        unchanged = series.filter("unchanged").select(key)
        found.add(candidates.read(work / CANDIDATES_FILE, unchanged, job["kept"]))
    for chunk in range(len(job["chunks"])):
        found.add(pl.read_parquet(_out(work, chunk)))
    problems = [*job["problems"], *found.failures()]
    if not lengths:
        needed = settings.min_training_weeks + horizon
        problems.append(f"No accuracy: the panel has {len(panel.weeks)} weeks and a backtest needs {needed}.")
    with store.whole(target, store.RUN_FILE) as beside:
        written = tables.write(beside, panel, found, lengths, settings, job["incumbents"])
        store.write_parquet(beside / CANDIDATES_FILE, found.tables(), candidates.schema(key, horizon))
        kept = series.drop("unchanged").to_arrow()
        kept = kept.cast(tables.plain_schema(kept.schema))
        store.write_parquet(beside / SERIES_FILE, [kept], kept.schema)
        store.bring(work / LEARNED_FILE, beside / LEARNED_FILE)
        facts = {
            "cutoff_date": str(panel.cutoff) if panel.cutoff is not None else None,
            "series": panel.series.height,
            "panel": panel.digest,
            "files": sorted(path.name for path in beside.iterdir()),
            "method": METHOD,
            "horizon_weeks": horizon,
            "settings": asdict(settings),
            **{name: job[name] for name in ("key", "pool", "learned_from", "incumbents")},
            **asdict(written),
            "origins": [str(panel.weeks[length - 1]) for length in lengths],
            "problems": problems,
        }
        store.write_json(beside / store.RUN_FILE, facts)
    return series.height - int(series["unchanged"].sum()), found.seconds


def _tell(progress: Progress | None, done: int, total: int, label: str) -> None:
    if progress:
        progress(done, total, label)


def _report(out_dir: Path, run: str, reused: bool, fitted: int, seconds: dict[str, float]) -> ForecastReport:
    folder = store.folder(out_dir, run)
    facts = store.facts(out_dir, run)
    return ForecastReport(
        run=run,
        reused=reused,
        cutoff_date=date.fromisoformat(facts["cutoff_date"]) if facts["cutoff_date"] else None,
        series=facts["series"],
        fitted=fitted,
        models=facts["models"],
        champions=facts["champions"],
        wape=facts["wape"],
        origins=tuple(date.fromisoformat(origin) for origin in facts["origins"]),
        cpu_ms={model: round(1000 * spent / max(1, fitted), 3) for model, spent in sorted(seconds.items())},
        problems=tuple(facts["problems"]),
        forecast=folder / tables.FORECAST_FILE,
        accuracy=folder / tables.ACCURACY_FILE,
    )
