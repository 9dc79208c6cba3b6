"""How good the forecasts are: the pool and its champions beside SES, AutoETS and LightGBM alone, on real and simulated demand.

Six origins a horizon of eight weeks apart: the first three choose the champion of each demand class, the last three score
it. A peer runs in an environment of its own (`make bench-forecasting`) and gets the same series at the same origins.
Differences have bootstrap intervals over series. CPU seconds count children.

    python benchmarks/forecasting/accuracy.py --real-data DIR --work DIR [--peers .venv-peers/bin/python] [--only NAME]
"""

import argparse
import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import data as benchmark
import numpy as np
import polars as pl

from forecasting import champion, ensembles, global_model, metrics
from forecasting.cells import pool
from forecasting.panel import CLASSES, Floats, Strings, demand_class
from forecasting.series import Series, SeriesForecast
from forecasting.settings import ForecastSettings

HORIZON = 8
CHOOSING, SCORING = 3, 3
BEST_SELLERS = 2000
RESAMPLES = 1000
TARGET = 0.75
"""Of seasonal naive's WAPE."""
PEERS = ("auto_ets", "lightgbm_default", "lightgbm_tweedie")
OURS = "champion"
NAIVE, PROPHET, WITHOUT_PLANS = "seasonal_naive", "prophet_batch", "prophet without plans"


@dataclass
class Result:
    """What was forecast from the origins that score, of all models, and what came.

    Attributes:
        mean: model -> one (N, H) per origin.
        seconds: model -> CPU seconds over all origins that score; of the champion also those of the origins that chose.
    """

    data: benchmark.Data
    rows: list[Floats] = field(default_factory=list)
    actual: list[Floats] = field(default_factory=list)
    history: list[Floats] = field(default_factory=list)
    demand_class: list[Strings] = field(default_factory=list)
    mean: dict[str, list[Floats]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    chosen: champion.Champions | None = None


def main() -> None:
    """Run what is asked for, print tables, write them to `accuracy.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real-data", type=Path, default=os.environ.get("SELLTHROUGH_REAL_DATA"))
    parser.add_argument("--work", type=Path, default=Path("build/bench-forecasting"))
    parser.add_argument(
        "--peers", type=Path, help="interpreter of the peers' environment; without it they are left out"
    )
    parser.add_argument("--only", help="data sets whose name has this in it")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    settings = ForecastSettings()
    target = arguments.work / "accuracy.json"
    report: dict[str, object] = json.loads(target.read_text()) if target.is_file() else {}
    for name, make in data_sets(arguments.real_data, arguments.work).items():
        if arguments.only and arguments.only not in name:
            continue
        result = run(
            make(), settings, arguments.peers, arguments.work / name.replace(" ", "_"), drivers="plans" in name
        )
        report[name] = show(name, result)
        target.write_text(json.dumps(report, indent=1) + "\n")


def data_sets(real_data: Path | None, work: Path) -> dict[str, Callable[[], benchmark.Data]]:
    """Name -> what makes it. Best sellers are those of the time before any origin that scores."""
    sets: dict[str, Callable[[], benchmark.Data]] = {}

    def best(data: benchmark.Data) -> benchmark.Data:
        return data.best_sellers(BEST_SELLERS, len(data.weeks) - HORIZON * (CHOOSING + SCORING))

    network = work / "network"
    if real_data is not None:
        for grain in ("store", "county"):
            sets[f"iowa {grain} best"] = lambda grain=grain: best(benchmark.iowa(real_data, grain))
            sets[f"iowa {grain} all"] = lambda grain=grain: benchmark.iowa(real_data, grain)
    sets["simulation best"] = lambda: best(benchmark.simulated(network))
    sets["simulation all"] = lambda: benchmark.simulated(network)
    sets["simulation plans best"] = lambda: best(benchmark.simulated(network))
    sets["simulation plans dates best"] = lambda: best(benchmark.simulated(network, planned_uplift=False))
    return sets


def run(
    data: benchmark.Data, settings: ForecastSettings, peers: Path | None, work: Path, drivers: bool = False
) -> Result:
    """Choose on the earlier origins, forecast from the later ones."""
    result = Result(data)
    weeks = len(data.weeks)
    choosing: list[champion.Origin] = []
    seconds: dict[str, float] = {}
    for place in range(CHOOSING + SCORING):
        length = weeks - HORIZON * (CHOOSING + SCORING - place)
        rows, series = data.at(length, HORIZON, drivers)
        actual = data.quantity[rows, length : length + HORIZON]
        classes = demand_class(series.quantity, settings.new_below_weeks)
        candidates = pool_forecasts(series, settings, seconds if place < CHOOSING else result.seconds)
        if place < CHOOSING:
            means = {name: candidate.mean for name, candidate in candidates.items()}
            choosing.append(champion.Origin(series.dates[-1], means, actual, series.quantity, classes))
            continue
        if result.chosen is None:
            with counted(seconds, OURS):
                result.chosen = champion.choose(choosing, settings)
        with counted(result.seconds, OURS):
            best = champion.forecast(result.chosen, candidates, classes, settings).mean
        means = {name: candidate.mean for name, candidate in candidates.items()}
        means |= ensembles.simple(means, settings.ensemble_members) | {OURS: best}
        if drivers:
            means[WITHOUT_PLANS] = pool(None)[PROPHET](replace(series, shared={}, own={}), alone(settings)).mean
        if peers is not None:
            means |= peer_forecasts(series, peers, work.with_name(f"{work.name}_{length}"), result.seconds)
        for name, mean in means.items():
            result.mean.setdefault(name, []).append(mean)
        result.rows.append(rows)
        result.actual.append(actual)
        result.history.append(series.quantity)
        result.demand_class.append(classes)
    result.seconds[OURS] = sum(seconds.values()) + sum(
        spent for name, spent in result.seconds.items() if name not in PEERS
    )
    return result


def alone(settings: ForecastSettings) -> ForecastSettings:
    """Prophet as it is best without what is learnt from all series: the season is then the cell's own, and needs more room."""
    return replace(settings, prophet=replace(settings.prophet, seasonality_prior_scale=0.03))


def pool_forecasts(series: Series, settings: ForecastSettings, seconds: dict[str, float]) -> dict[str, SeriesForecast]:
    """Every model of the pool; learnt from the series given, up to their last period."""
    with counted(seconds, global_model.LIGHTGBM):
        model = global_model.train(series, settings, HORIZON)
    settings = replace(settings, young_share=model.young_share)
    result = {}
    for name, forecaster in pool(model).items():
        with counted(seconds, name):
            result[name] = forecaster(series, settings)
    return result


def peer_forecasts(series: Series, python: Path, folder: Path, seconds: dict[str, float]) -> dict[str, Floats]:
    """What the peers say; kept in `folder`, with what it cost, so that a second run need not ask them again."""
    folder.mkdir(parents=True, exist_ok=True)
    row, week = np.nonzero(~np.isnan(series.quantity))
    pl.DataFrame({"unique_id": row, "ds": series.dates[week], "y": series.quantity[row, week]}).write_parquet(
        folder / "series.parquet"
    )
    result = {}
    for name in PEERS:
        target, cost = folder / f"{name}.parquet", folder / f"{name}.json"
        if not cost.is_file():
            spent: dict[str, float] = {}
            with counted(spent, name):
                subprocess.run(
                    [
                        python,
                        Path(__file__).with_name("peers.py"),
                        name,
                        str(HORIZON),
                        folder / "series.parquet",
                        target,
                    ],
                    check=True,
                )
            cost.write_text(json.dumps(spent))
        seconds[name] = seconds.get(name, 0.0) + json.loads(cost.read_text())[name]
        frame = pl.read_parquet(target).sort("unique_id", "ds")
        mean = np.full((len(series.quantity), len(series.future)), np.nan)
        step = (frame["ds"].to_numpy().astype("datetime64[D]") - series.future[0]).astype(np.int64) // 7
        mean[frame["unique_id"].to_numpy(), step] = frame["mean"].to_numpy()
        result[name] = np.maximum(mean, 0.0)
    return result


@contextmanager
def counted(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the CPU seconds of a block, children included."""
    begun = _cpu()
    yield
    seconds[name] = seconds.get(name, 0.0) + _cpu() - begun


def _cpu() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def show(name: str, result: Result) -> dict[str, object]:
    """Print a data set's tables; the same as plain values."""
    sizes = ", ".join(str(len(actual)) for actual in result.actual)
    print(f"\n## {name}: {sizes} series at {len(result.actual)} origins, {HORIZON} weeks ahead\n")
    overall = _overall(result)
    _print(overall)
    low, high = _difference(result, OURS, NAIVE, TARGET)
    print(f"champion's WAPE less {TARGET} of seasonal naive's, 95 %: {low:+.4f} {high:+.4f}\n")
    by_class = _by_class(result)
    _print(by_class)
    told: dict[str, object] = {"overall": overall, "by_class": by_class}
    if result.chosen is not None:
        told["champions"] = result.chosen.model
        print("champions:", ", ".join(f"{group} {model}" for group, model in result.chosen.model.items()), "\n")
    if len(result.data.truth):
        told["truth"] = _against_truth(result)
        _print(told["truth"])  # type: ignore[arg-type]
        low, high = _difference(result, OURS, NAIVE, TARGET, full_shelf=True)
        print(f"the same with a full shelf, champion less {TARGET} of seasonal naive, 95 %: {low:+.4f} {high:+.4f}\n")
    return told


def _overall(result: Result) -> list[dict[str, object]]:
    naive = _sums(result, NAIVE).wape or np.nan
    table = []
    for model in result.mean:
        total = _sums(result, model)
        low, high = _difference(result, OURS, model)
        table.append(
            {
                "model": model,
                "wape": _round(total.wape),
                "of naive": _round((total.wape or np.nan) / naive, 3),
                "bias": _round(total.bias, 3),
                "mase": _round(total.mean_mase, 3),
                "rmsse": _round(total.mean_rmsse, 3),
                "rmse": _round((total.square_error / max(total.points, 1)) ** 0.5, 2),
                "champion less model, 95 %": f"{low:+.4f} {high:+.4f}",
                "cpu s": _round(result.seconds.get(model), 1),
            }
        )
    return sorted(table, key=lambda row: float(str(row["wape"])))


def _by_class(result: Result) -> list[dict[str, object]]:
    table = []
    for group in CLASSES:
        if not any((classes == group).any() for classes in result.demand_class):
            continue
        row: dict[str, object] = {"class": group, "series": sum(int((c == group).sum()) for c in result.demand_class)}
        row["champion is"] = result.chosen.model[group] if result.chosen else ""
        for model in result.mean:
            row[model] = _round(_sums(result, model, group).wape, 3)
        table.append(row)
    return table


def _sums(result: Result, model: str, group: str | None = None) -> metrics.Sums:
    total = metrics.Sums()
    for mean, actual, history, classes in zip(
        result.mean[model], result.actual, result.history, result.demand_class, strict=True
    ):
        rows = np.ones(len(mean), dtype=np.bool_) if group is None else classes == group
        total = total + metrics.sums(mean[rows], actual[rows], metrics.naive_change(history[rows]))
    return total


def _difference(
    result: Result, one: str, other: str, times: float = 1.0, *, full_shelf: bool = False
) -> tuple[float, float]:
    """95 % of the WAPE of one model less `times` that of another, over resamples of series; a series keeps all its origins."""
    size = len(result.data.keys)
    gap, sold = np.zeros(size), np.zeros(size)
    for place, (rows, ours, others, actual) in enumerate(
        zip(result.rows, result.mean[one], result.mean[other], result.actual, strict=True)
    ):
        known = ~np.isnan(actual)
        if full_shelf:
            known &= ~result.data.stocked_out[rows][:, _ahead(result, place)]
        come = np.nan_to_num(actual)
        gap[rows] += (np.abs(ours - come) - times * np.abs(others - come)).sum(axis=1, where=known)
        sold[rows] += np.abs(come).sum(axis=1, where=known)
    drawn = np.random.default_rng(1).multinomial(size, np.full(size, 1 / size), RESAMPLES)
    low, high = np.quantile((drawn @ gap) / (drawn @ sold), [0.025, 0.975])
    return float(low), float(high)


def _ahead(result: Result, place: int) -> slice:
    """The weeks that are forecast from an origin that scores."""
    first = len(result.data.weeks) - HORIZON * (SCORING - place)
    return slice(first, first + HORIZON)


def _against_truth(result: Result) -> list[dict[str, object]]:
    """Beside the true mean: on weeks with a full shelf, in which what was sold is what was wanted.

    The true mean is above what is sold even there; at equal volume each forecast is scaled to the total that was sold.
    """
    table: list[dict[str, object]] = []
    truths, full = [], []
    for place, rows in enumerate(result.rows):
        truths.append(result.data.truth[rows][:, _ahead(result, place)])
        full.append(~result.data.stocked_out[rows][:, _ahead(result, place)])
    kept, true = np.concatenate(full), np.concatenate(truths)
    actual = np.nan_to_num(np.concatenate(result.actual))
    sold = actual[kept].sum()
    naive = np.abs(np.concatenate(result.mean[NAIVE]) - actual)[kept].sum()
    for model, means in {**result.mean, "true mean": truths}.items():
        mean = np.concatenate(means)
        even = mean * sold / max(float(mean[kept].sum()), 1e-12)
        table.append(
            {
                "model": model,
                "wape, full shelf": _round(np.abs(mean - actual)[kept].sum() / sold),
                "of naive": _round(np.abs(mean - actual)[kept].sum() / naive, 3),
                "at equal volume": _round(np.abs(even - actual)[kept].sum() / sold),
                "rmse": _round(np.sqrt(((mean - actual)[kept] ** 2).mean()), 3),
                "from true mean": _round(np.abs(mean - true).sum() / true.sum()),
            }
        )
    at = {row["model"]: row for row in table}
    for measure in ("wape, full shelf", "at equal volume", "rmse") if WITHOUT_PLANS in at else ():
        worst, best = (float(str(at[model][measure])) for model in (WITHOUT_PLANS, "true mean"))
        for row in table:
            row[f"of the gap in {measure}"] = _round((worst - float(str(row[measure]))) / (worst - best), 2)
    return table


def _round(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(float(value), digits)


def _print(table: list[dict[str, object]]) -> None:
    names = list(table[0])
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in table:
        print("| " + " | ".join("" if row[name] is None else str(row[name]) for name in names) + " |")
    print(flush=True)


if __name__ == "__main__":
    main()
