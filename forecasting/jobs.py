"""From a panel to a stored forecast: Parquet in, Parquet out, no warehouse.

`runs/<hash of panel and settings>/` is written beside and moved into place whole; `current.json` is replaced last. A
run that is killed leaves the forecast before it as it was; a run with nothing new finds its hash and fits nothing.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from forecasting import backtest, hierarchy, intervals
from forecasting import panel as demand
from forecasting.cells import MODELS, PROPHET, CellForecast, forecast_prophet
from forecasting.settings import ForecastSettings

METHOD = "1"
"""Raised whenever the same panel and settings would give another forecast."""
KEPT_RUNS = 5
LEFTOVER_SECONDS = 86_400
BESIDE = ".writing-"
FORECAST_FILE, ACCURACY_FILE, RUN_FILE, POINTER = "forecast.parquet", "accuracy.parquet", "run.json", "current.json"

Progress = Callable[[int, int, str], None]

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
class ForecastReport:
    """What a run did.

    Attributes:
        run: hash of the panel and the settings; the folder below `runs/`.
        reused: the panel and the settings were those of a run that is still there; nothing was fitted.
        cutoff_date: last week that the forecast knows; None for an empty panel.
        series: cells forecast.
        models: cells per model; a fallback says why in brackets.
        wape: model -> level -> sum |F - A| / sum |A| over all origins; None where nothing was sold.
        origins: the backtest's origins, latest first.
        problems: what was mended in the panel, and why there is no accuracy where there is none.
        forecast, accuracy: the files.
    """

    run: str
    reused: bool
    cutoff_date: date | None
    series: int
    models: dict[str, int]
    wape: dict[str, dict[str, float | None]]
    origins: tuple[date, ...]
    problems: tuple[str, ...]
    forecast: Path
    accuracy: Path

    def as_log(self) -> dict[str, Any]:
        """The report as plain values."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[no-any-return]


def run(
    panel: Path,
    out_dir: Path,
    *,
    horizon_weeks: int = 8,
    origins: int = 3,
    model_settings: ForecastSettings | None = None,
    progress: Progress | None = None,
) -> ForecastReport:
    """Forecast every cell of the panel and all levels above, with a backtest, and store both.

    Args:
        panel: the weekly demand panel that phase 1 of the build wrote.
        out_dir: gets `runs/<hash>/{forecast,accuracy}.parquet` and then `current.json`, which names them.
        horizon_weeks: weeks ahead.
        origins: how many earlier cut-offs to test at; fewer where the history is too short.
        model_settings: what a person may tune.
        progress: called with steps done, steps in all, and what is being done.

    Raises:
        PanelError: the panel does not keep its contract; the last forecast stays.
    """
    settings = model_settings or ForecastSettings()
    loaded = demand.load(panel)
    name = _run_name(loaded, horizon_weeks, origins, settings)
    target = out_dir / "runs" / name
    reused = (target / RUN_FILE).is_file()
    if not reused:
        _store(target, *_forecast(loaded, horizon_weeks, origins, settings, progress))
    _point(out_dir, name)
    _prune(out_dir / "runs", name)
    for folder in (out_dir, out_dir / "runs"):
        _sweep_up(folder)
    return _report(out_dir, name, reused)


def _run_name(panel: demand.Panel, horizon: int, origins: int, settings: ForecastSettings) -> str:
    facts = {
        "method": METHOD,
        "panel": panel.digest,
        "horizon": horizon,
        "origins": origins,
        "settings": asdict(settings),
    }
    facts["problems"] = list(panel.problems)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _forecast(
    panel: demand.Panel, horizon: int, wanted: int, settings: ForecastSettings, progress: Progress | None
) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    """Backtest and forecast: the two tables, and the facts for run.json."""
    lengths = (
        backtest.origins(len(panel.weeks), horizon, wanted, settings.min_training_weeks) if panel.series.height else []
    )
    steps = len(lengths) * len(MODELS) + 1
    done = 0

    def tell(label: str) -> None:
        if progress:
            progress(done, steps, label)

    levels = hierarchy.levels(panel.series)
    scored: list[backtest.Scored] = []
    for length in lengths:
        for model in MODELS:
            tell(f"{model} as of {panel.weeks[length - 1]}")
            scored.extend(backtest.at_origin(panel, levels, length, model, horizon, settings))
            done += 1
    tell("forecast")
    table, models = _forecast_table(panel, levels, scored, horizon, settings)
    done += 1
    tell("forecast")
    problems = list(panel.problems)
    if not lengths:
        needed = settings.min_training_weeks + horizon
        problems.append(f"No accuracy: the panel has {len(panel.weeks)} weeks and a backtest needs {needed}.")
    facts = {
        "cutoff_date": str(panel.cutoff) if panel.cutoff is not None else None,
        "series": panel.series.height,
        "panel": panel.digest,
        "method": METHOD,
        "horizon_weeks": horizon,
        "settings": asdict(settings),
        "models": models,
        "wape": _overall(scored),
        "origins": [str(panel.weeks[length - 1]) for length in lengths],
        "problems": problems,
    }
    accuracy = backtest.accuracy(scored, settings).to_arrow()
    return table, accuracy.cast(pa.schema([(f.name, _plain(f.type)) for f in accuracy.schema])), facts


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if kind in (pa.large_string(), pa.string_view()) else kind


def _forecast_table(
    panel: demand.Panel,
    levels: list[hierarchy.Level],
    scored: list[backtest.Scored],
    horizon: int,
    settings: ForecastSettings,
) -> tuple[pa.Table, dict[str, int]]:
    if panel.cutoff is None:
        return FORECAST_SCHEMA.empty_table(), {}
    future = panel.cutoff + 7 * np.arange(1, horizon + 1)
    cells = forecast_prophet(panel.weeks, panel.quantity, panel.stocked_out, future, settings)
    units, too_large = hierarchy.to_units(cells.mean)
    cells = CellForecast(cells.mean, np.where(too_large, np.char.add(cells.model, " (capped)"), cells.model))
    parts = [
        _level_table(panel, level, hierarchy.add_up(level, units), future,
                     [score for score in scored if (score.level, score.model) == (level.name, PROPHET)],
                     _level_model(level, cells), settings)
        for level in levels
    ]  # fmt: skip
    names, counts = np.unique(cells.model, return_counts=True)
    return pa.concat_tables(parts), dict(zip(names.tolist(), counts.tolist(), strict=True))


def _level_model(level: hierarchy.Level, cells: CellForecast) -> list[str]:
    """The model of a member whose cells all have one and the same; else the run's own."""
    names, code = np.unique(cells.model, return_inverse=True)
    lowest = np.full(level.size, len(names))
    highest = np.full(level.size, -1)
    np.minimum.at(lowest, level.member, code)
    np.maximum.at(highest, level.member, code)
    return [str(names[low]) if low == high else PROPHET for low, high in zip(lowest, highest, strict=True)]


def _level_table(
    panel: demand.Panel,
    level: hierarchy.Level,
    units: hierarchy.Ints,
    future: demand.Dates,
    scored: list[backtest.Scored],
    model: list[str],
    settings: ForecastSettings,
) -> pa.Table:
    history = hierarchy.add_up_known(level, panel.quantity)
    classes = demand.demand_class(history, settings.new_below_weeks)
    quantiles = intervals.quantiles(backtest.pools(scored), settings.min_pool)
    bounds = intervals.bounds(units / hierarchy.UNITS, intervals.spread(history), classes, quantiles)
    size, horizon = units.shape
    row = np.repeat(np.arange(size), horizon)
    columns: dict[str, pa.Array] = {
        "level": pa.array([level.name] * len(row), pa.string()),
        **{name: level.members[name].to_arrow().cast(pa.string()).take(pa.array(row)) for name in demand.KEY},
        "week_start": pa.array(np.tile(future.astype("datetime64[D]"), size), pa.date32()),
        "mean": hierarchy.to_decimal(units),
        **{name: pa.array(bounds[:, :, place].ravel()) for place, name in enumerate(intervals.COLUMNS)},
        "model": pa.array(model, pa.string()).take(pa.array(row)),
        "cutoff_date": pa.array(np.full(len(row), panel.cutoff).astype("datetime64[D]"), pa.date32()),
        "demand_class": pa.array(classes.tolist(), pa.string()).take(pa.array(row)),
    }
    return pa.table([columns[name] for name in FORECAST_SCHEMA.names], schema=FORECAST_SCHEMA)


def _overall(scored: list[backtest.Scored]) -> dict[str, dict[str, float | None]]:
    wape: dict[str, dict[str, float | None]] = {}
    for model, level in dict.fromkeys((score.model, score.level) for score in scored):
        own = [score for score in scored if (score.model, score.level) == (model, level)]
        wrong = sum(float(np.nansum(np.abs(score.mean - score.actual))) for score in own)
        size = sum(float(np.nansum(np.abs(score.actual))) for score in own)
        wape.setdefault(model, {})[level] = round(wrong / size, 6) if size else None
    return wape


def _store(target: Path, forecast: pa.Table, accuracy: pa.Table, facts: dict[str, Any]) -> None:
    """Write a run beside its place and move it there whole; one that another process has put there meanwhile is as
    good.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=BESIDE, dir=target.parent))
    try:
        for name, table in ((FORECAST_FILE, forecast), (ACCURACY_FILE, accuracy)):
            with (beside / name).open("wb") as file:
                pq.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
        _write_json(beside / RUN_FILE, facts)
        beside.chmod(0o755)
        try:
            beside.rename(target)
        except OSError:
            if not (target / RUN_FILE).is_file():
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_json(path: Path, facts: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(facts, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _point(out_dir: Path, name: str) -> None:
    """Let current.json name the run; a reader sees the old pointer or the new one."""
    facts = json.loads((out_dir / "runs" / name / RUN_FILE).read_text(encoding="utf-8"))
    pointer = {
        "run": name,
        "forecast": f"runs/{name}/{FORECAST_FILE}",
        "accuracy": f"runs/{name}/{ACCURACY_FILE}",
        **{key: facts[key] for key in ("cutoff_date", "panel", "problems")},
    }
    current = out_dir / POINTER
    if (
        current.is_file()
        and current.read_text(encoding="utf-8") == json.dumps(pointer, indent=2, sort_keys=True) + "\n"
    ):
        return
    handle, beside = tempfile.mkstemp(prefix=BESIDE, dir=out_dir)
    os.close(handle)
    _write_json(Path(beside), pointer)
    Path(beside).chmod(0o644)
    os.replace(beside, current)


def _prune(runs: Path, current: str) -> None:
    """Keep the latest few runs, for readers that still have an older pointer in hand."""
    others = [
        path for path in runs.iterdir() if path.is_dir() and path.name != current and not path.name.startswith(".")
    ]
    for path in sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)[KEPT_RUNS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


def _sweep_up(folder: Path) -> None:
    """Remove what a run that was killed a day ago or more has left half written."""
    for path in folder.glob(f"{BESIDE}*"):
        if time.time() - path.stat().st_mtime < LEFTOVER_SECONDS:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _report(out_dir: Path, name: str, reused: bool) -> ForecastReport:
    folder = out_dir / "runs" / name
    facts = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    return ForecastReport(
        run=name,
        reused=reused,
        cutoff_date=date.fromisoformat(facts["cutoff_date"]) if facts["cutoff_date"] else None,
        series=facts["series"],
        models=facts["models"],
        wape=facts["wape"],
        origins=tuple(date.fromisoformat(origin) for origin in facts["origins"]),
        problems=tuple(facts["problems"]),
        forecast=folder / FORECAST_FILE,
        accuracy=folder / ACCURACY_FILE,
    )
