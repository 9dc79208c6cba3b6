"""How good the forecasts would have been: every model at earlier origins, measured at every level that is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from forecasting import distribution, intervals, metrics
from forecasting.baselines import NAIVE
from forecasting.hierarchy import Level, add_up_known
from forecasting.panel import CLASSES, Bools, Floats, Panel, Strings, demand_class
from forecasting.settings import ForecastSettings

ALL = "ALL"
JUDGED_SERIES = 5_000
"""Of more series of one origin, evenly spaced ones are enough to measure coverage and pinball loss by."""

ACCURACY_SCHEMA: dict[str, pl.DataType] = {
    "level": pl.String(),
    "demand_class": pl.String(),
    "model": pl.String(),
    "origin_date": pl.Date(),
    "wape": pl.Float64(),
    "bias": pl.Float64(),
    "mase": pl.Float64(),
    "rmsse": pl.Float64(),
    "pinball": pl.Float64(),
    "coverage50": pl.Float64(),
    "coverage80": pl.Float64(),
    "coverage95": pl.Float64(),
    "fva": pl.Float64(),
    "skill": pl.Float64(),
    "series": pl.Int64(),
    "cost_ms": pl.Float64(),
}
SIDES = {"coverage50": ("lo50", "hi50"), "coverage80": ("lo80", "hi80"), "coverage95": ("lo95", "hi95")}


@dataclass(frozen=True)
class Scored:
    """One level and origin: what each model forecast for G members and H periods, and what came.

    Attributes:
        level: name of the level.
        origin: the last period that the forecasts knew.
        means: model -> (G, H), of members with a history at the origin.
        actual: (G, H); NaN where nothing is known.
        change: of the history, what scaled errors are scaled by.
        dispersion: (G,) of the history.
        demand_class: (G,) as seen at the origin.
    """

    level: str
    origin: np.datetime64
    means: Mapping[str, Floats]
    actual: Floats
    change: metrics.Change
    dispersion: Floats
    demand_class: Strings

    def outcome(self, model: str, rows: slice = slice(None)) -> intervals.Outcome:
        """What the model's intervals can learn from."""
        return intervals.Outcome(
            self.means[model][rows], self.actual[rows], self.dispersion[rows], self.demand_class[rows]
        )


def origins(n_weeks: int, horizon: int, wanted: int, min_training_weeks: int) -> list[int]:
    """Lengths of history to forecast from, latest first; a horizon apart, so that no week is judged twice."""
    return [n_weeks - horizon * back for back in range(1, wanted + 1) if n_weeks - horizon * back >= min_training_weeks]


def at_origin(
    panel: Panel, level: Level, length: int, forecasts: Mapping[str, Floats], settings: ForecastSettings
) -> Scored:
    """Set what each model forecast for the cells (N, H; NaN where a cell had no history) after the first `length` periods beside what came, at a level."""
    history = add_up_known(level, panel.quantity[:, :length])
    seen = (~np.isnan(history)).any(axis=1)
    history = history[seen]
    horizon = next((mean.shape[1] for mean in forecasts.values()), 0)
    return Scored(
        level=level.name,
        origin=panel.weeks[length - 1],
        means={
            model: add_up_known(level, np.nan_to_num(mean, nan=0.0))[seen]
            for model, mean in forecasts.items()
            if not np.isnan(mean).all()
        },
        actual=add_up_known(level, panel.quantity[:, length : length + horizon])[seen],
        change=metrics.naive_change(history),
        dispersion=distribution.dispersion(history),
        demand_class=demand_class(history, settings.new_below_weeks),
    )


def accuracy(scored: Sequence[Scored], settings: ForecastSettings) -> pl.DataFrame:
    """One row per level, demand class (and ALL), model and origin, of what was scored at one level.

    wape = sum |F - A| / sum |A| and bias = sum (F - A) / sum A, null where that sum is 0. mase and rmsse are means over
    the series whose history ever changed. pinball is the mean loss over the intervals' seven quantiles, over mean
    demand. fva = wape of seasonal naive - wape and skill = 1 - wape / wape of seasonal naive; null for seasonal naive
    itself. Coverage and pinball are measured with distributions calibrated on the other origins only; null with a single
    origin. cost_ms is null: it is measured, not reproduced.
    """
    rows: list[dict[str, object]] = []
    for score in scored:
        masks = {name: score.demand_class == name for name in CLASSES}
        masks = {name: mask for name, mask in masks.items() if mask.any()}
        masks[ALL] = np.ones(len(score.actual), dtype=np.bool_)
        for model in score.means:
            judged = _judge(score, model, [other for other in scored if other is not score], settings)
            rows += [
                {
                    "level": score.level,
                    "demand_class": name,
                    "model": model,
                    "origin_date": score.origin.astype("datetime64[D]").item(),
                    **_measures(score, model, mask),
                    **judged.measures(mask),
                }
                for name, mask in masks.items()
                if mask.any()
            ]
    table = pl.DataFrame(
        rows, schema={k: v for k, v in ACCURACY_SCHEMA.items() if k not in ("fva", "skill", "cost_ms")}
    )
    key = ["level", "demand_class", "origin_date"]
    naive = table.filter(pl.col("model") == NAIVE).select(*key, naive_wape="wape")
    challenger = pl.col("model") != NAIVE
    valued = table.join(naive, on=key, how="left", maintain_order="left").with_columns(
        fva=pl.when(challenger).then(pl.col("naive_wape") - pl.col("wape")),
        skill=pl.when(challenger & (pl.col("naive_wape") > 0)).then(1.0 - pl.col("wape") / pl.col("naive_wape")),
        cost_ms=pl.lit(None, dtype=pl.Float64),
    )
    return valued.select(list(ACCURACY_SCHEMA)).sort("level", "demand_class", "model", "origin_date")


def _measures(score: Scored, model: str, mask: Bools) -> dict[str, object]:
    total = metrics.sums(score.means[model][mask], score.actual[mask], score.change.take(mask))
    return {
        "wape": total.wape,
        "bias": total.bias,
        "mase": total.mean_mase,
        "rmsse": total.mean_rmsse,
        "series": int(mask.sum()),
    }


@dataclass(frozen=True)
class _Judged:
    """How the distribution of one model at one origin fared, on some of the members: (G',) rows, (G', H) values, NaN where unknown."""

    rows: slice
    actual: Floats
    covered: dict[str, Floats]
    loss: Floats | None

    def measures(self, mask: Bools) -> dict[str, object]:
        own = mask[self.rows]
        actual = self.actual[own]
        known = ~np.isnan(actual)
        found: dict[str, object] = dict.fromkeys((*SIDES, "pinball"))
        if self.loss is None or not known.any():
            return found
        found |= {name: float(covered[own][known].mean()) for name, covered in self.covered.items()}
        size = float(np.abs(actual[known]).mean())
        return found | {"pinball": float(self.loss[own][known].mean()) / size if size else None}


def _judge(score: Scored, model: str, others: Sequence[Scored], settings: ForecastSettings) -> _Judged:
    rows = _evenly(score)
    actual = score.actual[rows]
    outcomes = [other.outcome(model, _evenly(other)) for other in others if model in other.means]
    if not outcomes:
        return _Judged(rows, actual, {}, None)
    fitted = intervals.calibrate(outcomes, settings.min_pool, summed=False)
    quantiles = fitted.quantiles(
        score.means[model][rows], score.dispersion[rows], score.demand_class[rows], intervals.PROBABILITIES
    )
    place = {name: at for at, name in enumerate(intervals.COLUMNS)}
    covered = {
        name: intervals.coverage(actual, quantiles, place[low], place[high]) for name, (low, high) in SIDES.items()
    }
    level = np.array(intervals.PROBABILITIES)
    above = np.maximum(actual, 0.0)[:, :, None] - np.floor(quantiles)
    loss = np.maximum(level * above, (level - 1.0) * above).mean(axis=2)
    return _Judged(rows, actual, covered, loss)


def _evenly(score: Scored) -> slice:
    return slice(None, None, max(1, -(-len(score.actual) // JUDGED_SERIES)))
