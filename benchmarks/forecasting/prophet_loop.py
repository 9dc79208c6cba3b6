"""prophet_batch against the plain Prophet loop: what a fit costs, and whether the forecasts are the same.

Data: the best-selling SKU x store series of a real wholesaler, by week (from $SELLTHROUGH_REAL_DATA), and simulated ones; the last eight weeks are
held out. prophet_batch fits all of them; Prophet, one process a series, an even sample. CPU seconds are those of this process and
of the Stan processes that it starts, after a first call that loads what is loaded once.

Prophet is run four ways:
  lbfgs   Stan by LBFGS: the cheapest way to run Prophet, and what it picks itself from 100 points on. Stops early
  newton  Stan by Newton: what Prophet picks itself below 100 points
  best    the lowest objective that Stan reaches by either, from Prophet's start, from where LBFGS stopped, and from the solution of
          prophet_batch (if Stan could do better than it, here it would)
  exact   no Stan optimizer: Stan's density of the data that Prophet prepares, minimised by scipy's L-BFGS-B from Prophet's start only
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting import prophet_batch, prophet_stan
from forecasting.prophet_batch import (
    DEFAULT_TOLERANCE,
    TIGHT_TOLERANCE,
    BatchForecast,
    Holiday,
    ProphetSettings,
    Regressor,
    Tolerance,
)

Floats = npt.NDArray[np.float64]
HORIZON = 8
LEAST_HISTORY = 26
PRINTED_NATS = 2e-5
IOWA = "iowa/iowa_invoice_lines_2021_2022_53stores.csv.gz"


@dataclass(frozen=True)
class Data:
    """N weekly series (N, T + 8), what is known ahead of them, and the holidays of their weeks."""

    name: str
    dates: npt.NDArray[np.datetime64]
    y: Floats
    own: dict[str, Floats]
    shared: dict[str, Floats]
    holidays: tuple[Holiday, ...]

    def settings(self) -> dict[str, ProphetSettings]:
        drivers = tuple(Regressor(name) for name in (*self.own, *self.shared))
        return {
            "Prophet's defaults": ProphetSettings(),
            "defaults, holidays, two regressors": ProphetSettings(holidays=self.holidays, regressors=drivers),
            "multiplicative, yearly season": ProphetSettings(seasonality_mode="multiplicative", yearly_seasonality=3),
        }

    def sample(self, size: int) -> Data:
        rows = np.linspace(0, len(self.y) - 1, min(size, len(self.y))).astype(int)
        return replace(self, y=self.y[rows], own={name: values[rows] for name, values in self.own.items()})

    def history(self) -> tuple[Any, ...]:
        return self.dates[:-HORIZON], self.y[:, :-HORIZON], self.dates[-HORIZON:]

    def drivers(self, settings: ProphetSettings) -> dict[str, Any]:
        return {"own": self.own, "shared": self.shared} if settings.regressors else {}


def main() -> None:
    """Print a table per data set and settings, then whether the aims are met."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--series", type=int, default=2000)
    options.add_argument("--loop", type=int, default=150, help="series that the Prophet loop fits")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    results = []
    for data in (iowa(given.series), simulated(given.series)):
        if data is None:
            sys.stdout.write("No real data: $SELLTHROUGH_REAL_DATA has no iowa folder. Simulated series only.\n")
            continue
        for name, settings in data.settings().items():
            results.append(compare(data, name, settings, given.loop))
            if not given.json:
                show(results[-1])
    if given.json:
        sys.stdout.write(json.dumps(results, indent=1) + "\n")


def compare(data: Data, name: str, settings: ProphetSettings, loop: int) -> dict[str, Any]:
    """Fit and forecast one data set in every way."""
    few = data.sample(loop)
    batch(data.sample(8), settings, DEFAULT_TOLERANCE)
    actual = few.y[:, -HORIZON:]
    costs, forecasts = {}, {}
    for label, tolerance in (("default", DEFAULT_TOLERANCE), ("tight", TIGHT_TOLERANCE)):
        whole, seconds = timed(lambda tolerance=tolerance: batch(data, settings, tolerance))
        costs[label] = seconds / len(data.y)
        forecasts[label] = batch(few, settings, tolerance)
    ours = forecasts["tight"]
    starts = [prophet_stan.start_from(ours, row) for row in range(len(few.y))]
    for label, effort in (("lbfgs", "as_shipped"), ("newton", "newton"), ("best", "thorough"), ("exact", "exact")):
        forecasts[label], seconds = timed(
            lambda effort=effort: prophet_stan.forecast(
                *few.history(), settings, effort, starts if effort == "thorough" else None, **few.drivers(settings)
            )
        )
        costs[label] = seconds / len(few.y)
    below = ours.objective - forecasts["best"].objective
    return {
        "data": data.name,
        "settings": name,
        "series": len(data.y),
        "points": data.y.shape[1] - HORIZON,
        "sample": len(few.y),
        "status": dict(zip(*[part.tolist() for part in np.unique(whole.status, return_counts=True)], strict=True)),
        "ways": {
            label: {
                "cpu_ms": 1000 * costs[label],
                "wape": float(np.abs(found.mean - actual).sum() / actual.sum()),
                "nats_above_ours": quantiles(found.objective - ours.objective),
                "difference_from_best": quantiles(difference(found.mean, forecasts["best"].mean)),
                "difference_from_exact": quantiles(difference(found.mean, forecasts["exact"].mean)),
            }
            for label, found in forecasts.items()
        },
        "best_below_ours": float((below > PRINTED_NATS).mean()),
        "most_nats_below_ours": float(np.nanmax(below)),
    }


def batch(data: Data, settings: ProphetSettings, tolerance: Tolerance) -> BatchForecast:
    return prophet_batch.forecast(*data.history(), settings, tolerance, **data.drivers(settings))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and the CPU seconds that it took here and in the processes that it started."""
    begun = cpu_seconds()
    return work(), cpu_seconds() - begun


def cpu_seconds() -> float:
    usage = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in usage)


def difference(ours: Floats, theirs: Floats) -> Floats:
    """Mean absolute difference over mean absolute forecast, per series."""
    size: Floats = np.abs(ours - theirs).mean(axis=1) / np.abs(theirs).mean(axis=1)
    return size


def quantiles(values: Floats) -> dict[str, float]:
    return {name: float(np.nanquantile(values, share)) for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))}


def show(result: dict[str, Any]) -> None:
    ways, write = result["ways"], sys.stdout.write
    write(f"\n{result['data']}: {result['series']} series of {result['points']} weeks, {result['settings']}; ")
    write(f"Prophet on {result['sample']} of them; {result['status']}\n")
    write(
        "             CPU ms    WAPE   nats above ours, p95   difference from Stan's best, p50 p95   from exact, p50 p95\n"
    )
    for label, row in ways.items():
        best, exact = row["difference_from_best"], row["difference_from_exact"]
        write(
            f"{label:<10} {row['cpu_ms']:>8.3f} {row['wape']:>7.4f} {row['nats_above_ours']['p95']:>22.6f}"
            f" {best['p50']:>33.3%} {best['p95']:>8.3%} {exact['p50']:>12.3%} {exact['p95']:>8.3%}\n"
        )
    ratio = {label: ways["lbfgs"]["cpu_ms"] / ways[label]["cpu_ms"] for label in ("default", "tight")}
    wape = {label: abs(ways[label]["wape"] / ways["best"]["wape"] - 1) for label in ("default", "tight")}
    newton = {label: abs(ways[label]["wape"] / ways["newton"]["wape"] - 1) for label in ("default", "tight")}
    far = ways["tight"]["difference_from_best"]["p95"]
    for aim, met, figure in (
        (
            "default tolerance, throughput at least 100 times Prophet's",
            ratio["default"] >= 100,
            f"{ratio['default']:.0f}",
        ),
        (
            "default tolerance, WAPE within 1 % of Stan's best",
            wape["default"] <= 0.01,
            f"{wape['default']:.3%} ({newton['default']:.3%} of Newton's)",
        ),
        ("tight tolerance, throughput at least 10 times", ratio["tight"] >= 10, f"{ratio['tight']:.0f}"),
        ("tight tolerance, forecasts within 1 % of Stan's best at p95", far <= 0.01, f"{far:.3%}"),
        (
            "tight tolerance, WAPE within 0.5 % of Stan's best",
            wape["tight"] <= 0.005,
            f"{wape['tight']:.3%} ({newton['tight']:.3%} of Newton's)",
        ),
    ):
        write(f"  {'met' if met else 'NOT MET':<8} {aim}: {figure}\n")
    write(
        f"  Series in which Stan's best is lower than ours by more than it prints: {result['best_below_ours']:.1%},"
        f" by {max(result['most_nats_below_ours'], 0):.5f} nats at most\n"
    )


def iowa(size: int) -> Data | None:
    """Bottles a week, SKU x store, from the first sale on; the price over its median, and the share of month-end days."""
    path = Path(os.environ.get("SELLTHROUGH_REAL_DATA", "")) / IOWA
    if not path.exists():
        return None
    key = ["store_number", "item_number"]
    lines = pl.read_csv(path, schema_overrides=dict.fromkeys(key, pl.String))
    lines = lines.with_columns(week=pl.col("date").str.to_date().dt.truncate("1w"))
    weeks = lines["week"].unique().sort()[:-1]
    sales = lines.group_by(*key, "week").agg(bottles=pl.col("bottles_sold").sum(), dollars=pl.col("sale_dollars").sum())
    sales = sales.join(pl.DataFrame({"week": weeks}).with_row_index("column"), on="week")
    best = (
        sales.group_by(key)
        .agg(total=pl.col("bottles").sum(), first=pl.col("column").min())
        .filter(pl.col("first") <= len(weeks) - HORIZON - LEAST_HISTORY)
        .sort("total", *key, descending=True)
        .head(size)
        .with_row_index("row")
    )
    sales = sales.join(best, on=key)
    row, column = sales["row"].to_numpy(), sales["column"].to_numpy()
    y, price = np.zeros((len(best), len(weeks))), np.full((len(best), len(weeks)), np.nan)
    y[row, column] = sales["bottles"].to_numpy()
    price[row, column] = (sales["dollars"] / sales["bottles"]).to_numpy()
    y[np.arange(len(weeks)) < best["first"].to_numpy()[:, None]] = np.nan
    price /= np.nanmedian(price, axis=1)[:, None]
    filled = pl.DataFrame(price.T).fill_nan(None).fill_null(strategy="forward").fill_null(strategy="backward")
    dates = weeks.to_numpy().astype("datetime64[D]")
    return Data(
        "Iowa, SKU x store", dates, y, {"price": filled.to_numpy().T}, {"month_end": month_end(dates)}, US_WEEKS
    )


def month_end(dates: npt.NDArray[np.datetime64]) -> Floats:
    """The share of each week that lies in the last week of its month."""
    days = dates[:, None] + np.arange(7)
    share: Floats = ((days + 7).astype("datetime64[M]") > days.astype("datetime64[M]")).mean(axis=1)
    return share


US_WEEKS = (
    Holiday("independence_day", ("2021-07-05", "2022-07-04"), -7, 0),
    Holiday("thanksgiving", ("2021-11-22", "2022-11-21"), -7, 0),
    Holiday("christmas", ("2021-12-20", "2022-12-19"), -7, 7),
)
"""By the Monday of their week."""


def simulated(size: int, weeks: int = 156) -> Data:
    """Counts with a level that bends, a season, promotions, a price and a festival; a third starts late, a third has gaps."""
    rng = np.random.default_rng(20)
    dates = np.datetime64("2023-01-02") + 7 * np.arange(weeks + HORIZON)
    length = len(dates)
    slope = rng.normal(0, 0.4, (size, 3)).repeat([length // 3, length // 3, length - 2 * (length // 3)], axis=1)
    season = rng.gamma(2, 0.1, (size, 1)) * np.sin(2 * np.pi * np.arange(length) / 52.18 + rng.uniform(0, 6, (size, 1)))
    price = np.round(1 - 0.2 * (rng.random((size, length)) < 0.1) + rng.normal(0, 0.03, (size, length)), 2)
    festival = tuple(str(dates[week]) for week in (43, 96, 148))
    lift = np.isin(dates, np.array(festival, dtype="datetime64[D]")) * 0.8
    level = rng.normal(2, 1, (size, 1)) + np.cumsum(slope / 52, axis=1)
    weather = rng.normal(20, 6, length)
    mean = np.exp(level + season - 1.5 * np.log(price) + lift + 0.01 * (weather - 20))
    y = rng.negative_binomial(2, 2 / (2 + mean)).astype(np.float64)
    for row in range(0, size, 3):
        y[row, : rng.integers(1, weeks - LEAST_HISTORY)] = np.nan
    for row in range(1, size, 3):
        y[row, :weeks][rng.random(weeks) < 0.1] = np.nan
    return Data("simulated", dates, y, {"price": price}, {"weather": weather}, (Holiday("festival", festival, -7, 7),))


if __name__ == "__main__":
    main()
