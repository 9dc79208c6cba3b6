"""How good the forecasts would have been: the same models at earlier origins, measured at every level that is
published.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting import intervals
from forecasting.cells import NAIVE
from forecasting.hierarchy import Level, add_up_known
from forecasting.panel import CLASSES, Bools, Floats, Panel, Strings, demand_class
from forecasting.settings import ForecastSettings

ALL = "ALL"

ACCURACY_SCHEMA: dict[str, pl.DataType] = {
    "level": pl.String(),
    "demand_class": pl.String(),
    "model": pl.String(),
    "origin_date": pl.Date(),
    "wape": pl.Float64(),
    "bias": pl.Float64(),
    "mase": pl.Float64(),
    "coverage80": pl.Float64(),
    "coverage95": pl.Float64(),
    "fva": pl.Float64(),
    "series": pl.Int64(),
}


@dataclass(frozen=True)
class Scored:
    """One level, model and origin: what was forecast for G members and H weeks, and what came.

    Attributes:
        origin: the last week that the forecast knew.
        mean, actual: (G, H) for members with a history at the origin; actual is NaN where nothing is known.
        scale: (G,) spread of the history.
        naive_error: (G,) mean absolute change from week to week in the history; 0 where nothing ever changed.
        demand_class: (G,) as seen at the origin.
    """

    level: str
    model: str
    origin: np.datetime64
    mean: Floats
    actual: Floats
    scale: Floats
    naive_error: Floats
    demand_class: Strings

    def pool(self) -> intervals.Pool:
        residual = (self.actual - self.mean) / self.scale[:, None]
        known = ~np.isnan(residual)
        return intervals.Pool(residual[known], np.repeat(self.demand_class[:, None], residual.shape[1], axis=1)[known])


def origins(n_weeks: int, horizon: int, wanted: int, min_training_weeks: int) -> list[int]:
    """Lengths of history to forecast from, latest first; a horizon apart, so that no week is judged twice."""
    return [n_weeks - horizon * back for back in range(1, wanted + 1) if n_weeks - horizon * back >= min_training_weeks]


def at_origin(
    panel: Panel, level: Level, length: int, forecasts: dict[str, Floats], settings: ForecastSettings
) -> list[Scored]:
    """Set what each model forecast for the cells (N, H; NaN where a cell had no history) after the first `length` weeks beside what came, at a level."""
    history = add_up_known(level, panel.quantity[:, :length])
    seen = (~np.isnan(history)).any(axis=1)
    history = history[seen]
    scale, naive_error = intervals.spread(history), _naive_error(history)
    classes = demand_class(history, settings.new_below_weeks)
    scored = []
    for model, mean in forecasts.items():
        future = slice(length, length + mean.shape[1])
        scored.append(
            Scored(
                level=level.name,
                model=model,
                origin=panel.weeks[length - 1],
                mean=add_up_known(level, np.nan_to_num(mean, nan=0.0))[seen],
                actual=add_up_known(level, panel.quantity[:, future])[seen],
                scale=scale,
                naive_error=naive_error,
                demand_class=classes,
            )
        )
    return scored


def _naive_error(history: Floats) -> Floats:
    change = np.abs(np.diff(history, axis=1))
    known = ~np.isnan(change)
    error: Floats = np.where(known, change, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return error


def pools(scored: list[Scored], leaving_out: np.datetime64 | None = None) -> intervals.Pool:
    """Residuals of all origins, or of all but one, of one level and model."""
    parts = [score.pool() for score in scored if score.origin != leaving_out]
    if not parts:
        return intervals.Pool(np.empty(0), np.empty(0, dtype=np.str_))
    return intervals.Pool(
        np.concatenate([part.residual for part in parts]), np.concatenate([part.demand_class for part in parts])
    )


def accuracy(scored: list[Scored], settings: ForecastSettings) -> pl.DataFrame:
    """One row per level, demand class (and ALL), model and origin.

    wape = sum |F - A| / sum |A| and bias = sum (F - A) / sum A, null where that sum is 0. mase is the mean over series
    of the mean absolute error over the history's mean absolute weekly change, of the series where there is any. fva =
    wape of seasonal naive - wape, null for seasonal naive itself. Coverage is measured with intervals calibrated on the
    other origins only; null with a single origin.
    """
    rows: list[dict[str, object]] = []
    for level, model in dict.fromkeys((score.level, score.model) for score in scored):
        own = [score for score in scored if (score.level, score.model) == (level, model)]
        for score in own:
            covered = _covered(score, own, settings) if len(own) > 1 else None
            for name in (*CLASSES, ALL):
                which = np.ones(len(score.mean), dtype=np.bool_) if name == ALL else score.demand_class == name
                if which.any():
                    rows.append(_row(score, name, which, covered))
    table = pl.DataFrame(rows, schema={k: v for k, v in ACCURACY_SCHEMA.items() if k != "fva"})
    key = ["level", "demand_class", "origin_date"]
    naive = table.filter(pl.col("model") == NAIVE).select(*key, naive_wape="wape")
    valued = table.join(naive, on=key, how="left", maintain_order="left").with_columns(
        fva=pl.when(pl.col("model") != NAIVE).then(pl.col("naive_wape") - pl.col("wape"))
    )
    return valued.select(list(ACCURACY_SCHEMA)).sort("level", "demand_class", "model", "origin_date")


def _covered(score: Scored, own: list[Scored], settings: ForecastSettings) -> tuple[Bools, Bools]:
    table = intervals.quantiles(pools(own, leaving_out=score.origin), settings.min_pool)
    bounds = intervals.bounds(score.mean, score.scale, score.demand_class, table)
    # demand below zero (more returned than sold) counts as inside where the interval reaches down to zero
    actual = np.maximum(score.actual, 0.0)
    at = {name: bounds[:, :, place] for place, name in enumerate(intervals.COLUMNS)}
    return (
        (at["lo80"] <= actual) & (actual <= at["hi80"]),
        (at["lo95"] <= actual) & (actual <= at["hi95"]),
    )


def _row(
    score: Scored, name: str, which: npt.NDArray[np.bool_], covered: tuple[Bools, Bools] | None
) -> dict[str, object]:
    mean, actual = score.mean[which], score.actual[which]
    known = ~np.isnan(actual)
    error = np.where(known, mean - np.nan_to_num(actual, nan=0.0), 0.0)
    total = np.where(known, actual, 0.0)
    size, volume = np.abs(total).sum(), total.sum()
    scaled = (score.naive_error[which] > 0) & known.any(axis=1)
    absolute = np.abs(error).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    mase = (absolute[scaled] / score.naive_error[which][scaled]).mean() if scaled.any() else None
    inside = [part[which][known] for part in covered] if covered else []
    return {
        "level": score.level,
        "demand_class": name,
        "model": score.model,
        "origin_date": score.origin.astype("datetime64[D]").item(),
        "wape": float(np.abs(error).sum() / size) if size else None,
        "bias": float(error.sum() / volume) if volume else None,
        "mase": None if mase is None else float(mase),
        "coverage80": float(inside[0].mean()) if inside and known.any() else None,
        "coverage95": float(inside[1].mean()) if inside and known.any() else None,
        "series": int(which.sum()),
    }
