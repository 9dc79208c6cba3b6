"""Do intervals and distributions hold what they say? By demand class, at every level, on origins later than those that they learnt from.

Six origins, eight weeks apart. From each, every series is forecast by the champion of its class in the whole pool, chosen on the
first three; each of the last three is judged by a calibration that has seen all origins before it and nothing else. Judged is what
is stored: quantiles and the straight lines between them. Sums are of sales here, as nobody knows what was wanted; a run calibrates
them on demand.

Columns: points (outcomes that are known); at 80 % and 95 %, by how many percentage points the share of the randomised PIT
inside the central part is above what it should be, with its standard error over series; `worst tenth`, by how much the
fullest or emptiest tenth of the PIT is off; `closed 80` and `95`, the share that lies within the whole-number bounds, ends
included (above nominal where one number alone is likely); mean of the distribution over the stated mean, and of what came.

    python benchmarks/forecasting/calibration.py --work DIR [--real-data DIR] [--only NAME]
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import data as benchmark
import numpy as np
import polars as pl

from forecasting import champion, distribution, global_model, hierarchy, intervals
from forecasting.cells import pool
from forecasting.panel import CLASSES, KEY, Bools, Floats, demand_class
from forecasting.series import Series, SeriesForecast
from forecasting.settings import ForecastSettings

HORIZON = 8
LEARNING, JUDGED = 3, 3
FEW = 2000
WIDTHS = {80: (0.1, 0.9), 95: (0.025, 0.975)}
FINE = (np.arange(200) + 0.5) / 200
SUMMED = (4, 8)
BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


@dataclass(frozen=True)
class Forecast:
    """What was forecast for all series from one origin: NaN for those that had not begun."""

    length: int
    mean: Floats


def main() -> None:
    """Print the tables and write them to `calibration.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real-data", type=Path, default=os.environ.get("SELLTHROUGH_REAL_DATA"))
    parser.add_argument("--work", type=Path, default=Path("build/bench-forecasting"))
    parser.add_argument("--only", help="data sets whose name has this in it")
    parser.add_argument(
        "--series", type=int, default=0, help="take every so many series only, so that about this many are left"
    )
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    real, network = arguments.real_data, arguments.work / "network"
    sets = {f"iowa sku x {grain}": (lambda grain=grain: benchmark.iowa(real, grain)) for grain in ("county", "store")}
    sets = (sets if real else {}) | {"simulation": lambda: benchmark.simulated(network)}
    report = {}
    for name, make in sets.items():
        if arguments.only is None or arguments.only in name:
            data = make()
            if arguments.series:
                data = data.take(np.arange(0, len(data.quantity), max(1, len(data.quantity) // arguments.series)))
            report[name] = judge(name, data)
    (arguments.work / "calibration.json").write_text(json.dumps(report, indent=1) + "\n")


def judge(name: str, data: benchmark.Data) -> list[dict[str, object]]:
    """Print one data set's tables."""
    settings = ForecastSettings()
    forecasts = list(champions(data, settings))
    told: list[dict[str, object]] = []
    for level in hierarchy.levels(cells(data)):
        outcomes = [outcome(data, level, forecast, settings) for forecast in forecasts]
        for weeks in (0, *SUMMED):
            told += [{"level": level.name, **row} for row in table(outcomes, weeks, settings)]
        if level.name == "SKU_DISTRIBUTOR" or level.size == len(data.quantity):
            told += [{"level": level.name, **row} for row in stock_outs(outcomes, settings)]
    print(f"\n## {name}: {len(data.quantity)} series\n")
    for title, rows in (
        ("single weeks", [row for row in told if row.get("weeks") == 0]),
        ("summed weeks", [row for row in told if row.get("weeks")]),
        ("stock-outs within 4 weeks, foretold and come", [row for row in told if "foretold" in row]),
    ):
        print(f"{title}\n")
        _print(rows)
    print(*failures(told), sep="\n", end="\n\n", flush=True)
    return told


def cells(data: benchmark.Data) -> pl.DataFrame:
    """The key of each series as the panel has it; one distributor where the data knows none."""
    distributor = data.groups.get("distributor", np.full(len(data.quantity), "ONE"))
    codes = (data.groups["sku_code"], distributor, data.groups["territory"])
    return pl.DataFrame(dict(zip(KEY, codes, strict=True)))


def champions(data: benchmark.Data, settings: ForecastSettings) -> Iterator[Forecast]:
    """Forecasts from all origins, by champions that the first origins chose."""
    made = []
    for place in range(LEARNING + JUDGED):
        length = len(data.weeks) - HORIZON * (LEARNING + JUDGED - place)
        rows, series = data.at(length, HORIZON, drivers=False)
        made.append((length, rows, series, candidates(series, settings)))
    chosen = champion.choose(
        [
            champion.Origin(
                series.dates[-1],
                {name: one.mean for name, one in found.items()},
                data.quantity[rows, length : length + HORIZON],
                series.quantity,
                demand_class(series.quantity, settings.new_below_weeks),
            )
            for length, rows, series, found in made[:LEARNING]
        ],
        settings,
    )
    print("champions:", ", ".join(f"{group} {model}" for group, model in chosen.model.items()), flush=True)
    for length, rows, series, found in made:
        mean = np.full((len(data.quantity), HORIZON), np.nan)
        mean[rows] = champion.forecast(
            chosen, found, demand_class(series.quantity, settings.new_below_weeks), settings
        ).mean
        yield Forecast(length, mean)


def candidates(series: Series, settings: ForecastSettings) -> dict[str, SeriesForecast]:
    """What the models say; learnt from the series given, up to their last period."""
    model = global_model.train(series, settings, HORIZON)
    settings = replace(settings, young_share=model.young_share)
    return {name: forecaster(series, settings) for name, forecaster in pool(model).items()}


def outcome(
    data: benchmark.Data, level: hierarchy.Level, forecast: Forecast, settings: ForecastSettings
) -> intervals.Outcome:
    """All members of a level, what was forecast for them and what came; NaN for those that had not begun."""
    history = hierarchy.add_up_known(level, data.quantity[:, : forecast.length])
    ahead = slice(forecast.length, forecast.length + HORIZON)
    begun = (~np.isnan(history)).any(axis=1)
    actual = np.where(begun[:, None], hierarchy.add_up_known(level, data.quantity[:, ahead]), np.nan)
    return intervals.Outcome(
        hierarchy.add_up_known(level, np.nan_to_num(forecast.mean)),
        actual,
        distribution.dispersion(history),
        demand_class(history, settings.new_below_weeks),
    )


def before(outcomes: list[intervals.Outcome], place: int) -> list[intervals.Outcome]:
    """What an origin's distributions learn from: the origins before it, the latest first."""
    return outcomes[place - LEARNING : place][::-1]


@dataclass(frozen=True)
class Seen:
    """The outcomes of one judged origin, of members and weeks that are known: (G, H) but for the quantiles."""

    known: Bools
    came: Floats
    mean: Floats
    pit: Floats
    center: Floats
    closed: dict[int, Bools]


def seen(outcomes: list[intervals.Outcome], place: int, weeks: int, settings: ForecastSettings) -> Seen:
    """What came at one origin in the distributions that the origins before it have taught."""
    one, summed = outcomes[place], weeks > 0
    fitted = intervals.calibrate(before(outcomes, place), settings.min_pool, summed=summed)
    known_as = (one.mean, one.dispersion, one.demand_class)
    quantiles = fitted.quantiles(*known_as, distribution.PROBABILITIES)
    came = np.maximum(np.cumsum(one.actual, axis=1) if summed else one.actual, 0.0)
    fraction = np.random.default_rng(place).random(came.shape)
    ends = np.floor(quantiles)
    closed = {
        width: (ends[..., distribution.PROBABILITIES.index(low)] <= came)
        & (came <= ends[..., distribution.PROBABILITIES.index(high)])
        for width, (low, high) in WIDTHS.items()
    }
    return Seen(
        known=~np.isnan(came) & ((np.arange(HORIZON) == weeks - 1) | (not summed)),
        came=came,
        mean=np.cumsum(one.mean, axis=1) if summed else one.mean,
        pit=distribution.chance(came + fraction, quantiles),
        center=fitted.quantiles(*known_as, tuple(FINE)).mean(axis=-1) - 0.5,
        closed=closed,
    )


def table(outcomes: list[intervals.Outcome], weeks: int, settings: ForecastSettings) -> list[dict[str, object]]:
    """One row per demand class; `weeks` 0 for single weeks, else for the sum of so many."""
    judged = [(outcomes[place], seen(outcomes, place, weeks, settings)) for place in range(LEARNING, LEARNING + JUDGED)]
    rows: list[dict[str, object]] = []
    for group in (*CLASSES, "ALL"):
        masks = [
            one.known
            & ((of.demand_class == group) if group != "ALL" else np.ones(len(of.mean), dtype=np.bool_))[:, None]
            for of, one in judged
        ]
        points = sum(int(mask.sum()) for mask in masks)
        if not points:
            continue
        pit = np.concatenate([one.pit[mask] for (_, one), mask in zip(judged, masks, strict=True)])
        tenths = np.histogram(pit, 10, (0, 1))[0] / points
        row: dict[str, object] = {"weeks": weeks, "class": group, "points": points}
        for width, (low, high) in WIDTHS.items():
            off = [
                np.where(mask, ((one.pit >= low) & (one.pit <= high)) - width / 100, 0.0).sum(axis=1)
                for (_, one), mask in zip(judged, masks, strict=True)
            ]
            error = np.sqrt((np.sum(off, axis=0) ** 2).sum()) / points
            row[f"at {width}"] = round(100 * float(np.sum(off)) / points, 1)
            row[f"error {width}"] = round(100 * float(error), 1)
        row["worst tenth"] = round(100 * float(np.abs(tenths - 0.1).max()), 1)
        for width in WIDTHS:
            inside = sum(int(one.closed[width][mask].sum()) for (_, one), mask in zip(judged, masks, strict=True))
            row[f"closed {width}"] = round(100 * inside / points, 1)
        stated = sum(float(one.mean[mask].sum()) for (_, one), mask in zip(judged, masks, strict=True))
        for label, values in (("distribution / stated", "center"), ("came / stated", "came")):
            total = sum(float(getattr(one, values)[mask].sum()) for (_, one), mask in zip(judged, masks, strict=True))
            row[label] = round(total / stated, 3) if stated else None
        rows.append(row)
    return rows


def stock_outs(outcomes: list[intervals.Outcome], settings: ForecastSettings) -> list[dict[str, object]]:
    """Stocks of half to twice the demand expected in four weeks: how likely they were said to run out, and how many did."""
    said, ran_out = [], []
    for place in range(LEARNING, LEARNING + JUDGED):
        one = outcomes[place]
        fitted = intervals.calibrate(before(outcomes, place), settings.min_pool, summed=True)
        quantiles = fitted.quantiles(one.mean, one.dispersion, one.demand_class, distribution.PROBABILITIES)[:, 3]
        stock = np.floor(one.mean[:, :4].sum(axis=1) * np.random.default_rng(place).uniform(0.3, 2.5, len(one.mean)))
        came = one.actual[:, :4].sum(axis=1)
        known = ~np.isnan(came) & (stock > 0)
        said.append(distribution.stock_out_probability(stock, quantiles)[known])
        ran_out.append((came > stock)[known])
    chance, came_true = np.concatenate(said), np.concatenate(ran_out)
    rows: list[dict[str, object]] = []
    for low, high in pairwise(BINS):
        those = (chance >= low) & (chance < high)
        if those.any():
            rows.append(
                {
                    "stocks": int(those.sum()),
                    "foretold": round(100 * float(chance[those].mean()), 1),
                    "came": round(100 * float(came_true[those].mean()), 1),
                }
            )
    return rows


def failures(told: list[dict[str, object]]) -> list[str]:
    """Classes that are further off than they may be: 2 points at 80 %, 1.5 at 95 %, with enough points to tell."""
    found = [
        f"off: {row['level']} {row['class']} {'single' if not row['weeks'] else row['weeks']}: {row['at 80']:+} {row['at 95']:+}"
        for row in told
        if "points" in row and int(str(row["points"])) >= FEW
        if abs(float(str(row["at 80"]))) > 2.0 or abs(float(str(row["at 95"]))) > 1.5
    ]
    return found or [f"every class with {FEW} points or more is within 2 points at 80 % and 1.5 at 95 %"]


def _print(table: list[dict[str, object]]) -> None:
    if not table:
        return
    names = list(table[0])
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in table:
        print("| " + " | ".join("" if row[name] is None else str(row[name]) for name in names) + " |")
    print()


if __name__ == "__main__":
    main()
