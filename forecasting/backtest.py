"""How good the forecasts would have been: every model at earlier origins, measured at every level that is published."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from forecasting import distribution, intervals, metrics
from forecasting.baselines import NAIVE
from forecasting.hierarchy import Level, add_up_known
from forecasting.panel import CLASSES, Bools, Floats, Panel, Strings, demand_class, unconstrained
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
        wanted: (G, H) demand, as `wanted` has it for the champions' forecasts.
    """

    level: str
    origin: np.datetime64
    means: Mapping[str, Floats]
    actual: Floats
    change: metrics.Change
    dispersion: Floats
    demand_class: Strings
    wanted: Floats | None = None

    def outcome(self, model: str, rows: slice = slice(None)) -> intervals.Outcome:
        """What the model's intervals can learn from."""
        return intervals.Outcome(
            self.means[model][rows],
            self.actual[rows],
            self.dispersion[rows],
            self.demand_class[rows],
            None if self.wanted is None else self.wanted[rows],
        )


def origins(n_weeks: int, horizon: int, wanted: int, min_training_weeks: int) -> list[int]:
    """Lengths of history to forecast from, latest first; a horizon apart, so that no week is judged twice."""
    return [n_weeks - horizon * back for back in range(1, wanted + 1) if n_weeks - horizon * back >= min_training_weeks]


def wanted(panel: Panel, length: int, mean: Floats, settings: ForecastSettings) -> Floats:
    """Demand (N, H) of the cells after the first `length` periods: what was sold, but where an empty shelf has cut a period short
    at least what was forecast for it.
    """
    end = length + mean.shape[1]
    sold = panel.quantity[:, length:end]
    known = unconstrained(panel.quantity[:, :end], panel.stocked_out[:, :end], settings.longest_empty_weeks)
    cut_short = np.isnan(known[:, length:]) & ~np.isnan(sold)
    result: Floats = np.where(cut_short, np.fmax(sold, mean), sold)
    return result


def at_origin(
    panel: Panel,
    level: Level,
    length: int,
    forecasts: Mapping[str, Floats],
    settings: ForecastSettings,
    wanted: Floats | None = None,
) -> Scored:
    """Set what each model forecast for the cells (N, H; NaN where a cell had no history) after the first `length` periods, and
    what was `wanted` of them, beside what came, at a level.
    """
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
        wanted=None if wanted is None else add_up_known(level, wanted)[seen],
    )


def accuracy(scored: Sequence[Scored], settings: ForecastSettings) -> pl.DataFrame:
    """One row per level, demand class (and ALL), model and origin, of what was scored at one level; see `Tally` for the measures.

    fva = wape of seasonal naive - wape and skill = 1 - wape / wape of seasonal naive; null for seasonal naive itself. cost_ms is null: it is
    measured, and a stored table says the same whenever it is made.
    """
    rows = [
        {
            "level": score.level,
            "demand_class": name,
            "model": model,
            "origin_date": score.origin.astype("datetime64[D]").item(),
            **tally.measures(),
        }
        for score in scored
        for (name, model), tally in tallies(score, scored, settings).items()
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


@dataclass(frozen=True)
class Tally:
    """What the measures of one model are made of; tallies of several origins add up.

    Attributes:
        sums: of the means.
        series: members judged.
        points: known points on which the distribution was judged; 0 where there was none.
        covered: interval -> how many of them lay inside.
        loss: pinball loss, the mean over the intervals' seven quantiles, over these points.
        size: absolute demand of these points.
    """

    sums: metrics.Sums
    series: int
    points: int = 0
    covered: Mapping[str, float] = field(default_factory=dict)
    loss: float = 0.0
    size: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        covered = {name: self.covered.get(name, 0.0) + other.covered.get(name, 0.0) for name in SIDES}
        return Tally(
            self.sums + other.sums, self.series + other.series, self.points + other.points, covered,
            self.loss + other.loss, self.size + other.size,
        )  # fmt: skip

    def measures(self) -> dict[str, float | int | None]:
        """wape = sum |F - A| / sum |A| and bias = sum (F - A) / sum A, null where that sum is 0; mase and rmsse, the means over the
        series whose history ever changed; pinball, the mean loss over mean demand; the shares inside the intervals. What is too large for a number
        is null.
        """
        measured = {
            "wape": self.sums.wape,
            "bias": self.sums.bias,
            "mase": self.sums.mean_mase,
            "rmsse": self.sums.mean_rmsse,
            "pinball": self.loss / self.size if self.size else None,
            **{name: self.covered[name] / self.points if self.points else None for name in SIDES},
        }
        finite = {name: value if value is not None and np.isfinite(value) else None for name, value in measured.items()}
        return {**finite, "series": self.series}


def tallies(score: Scored, scored: Sequence[Scored], settings: ForecastSettings) -> dict[tuple[str, str], Tally]:
    """(demand class or ALL, model) -> how it fared at one of the origins.

    The distribution that coverage and pinball loss are of is calibrated on the other origins only; with a single origin there is none.
    """
    masks = {name: score.demand_class == name for name in CLASSES} | {ALL: np.ones(len(score.actual), dtype=np.bool_)}
    others = [other for other in scored if other is not score]
    found = {}
    for model in score.means:
        rows = _evenly(score)
        judged = _judge(score, model, others, rows, settings)
        for name, mask in masks.items():
            if mask.any():
                sums = metrics.sums(score.means[model][mask], score.actual[mask], score.change.take(mask))
                tally = Tally(sums, int(mask.sum()))
                found[name, model] = tally + judged(mask[rows]) if judged else tally
    return found


def _judge(
    score: Scored, model: str, others: Sequence[Scored], rows: slice, settings: ForecastSettings
) -> Callable[[Bools], Tally] | None:
    """How the model's distribution fared on some of the rows: a function of which of them to count."""
    outcomes = [other.outcome(model, _evenly(other)) for other in others if model in other.means]
    if not outcomes:
        return None
    actual = score.actual[rows]
    known = ~np.isnan(actual)
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

    def count(own: Bools) -> Tally:
        at = known & own[:, None]
        inside = {name: float(shares[at].sum()) for name, shares in covered.items()}
        return Tally(metrics.Sums(), 0, int(at.sum()), inside, float(loss[at].sum()), float(np.abs(actual[at]).sum()))

    return count


def _evenly(score: Scored) -> slice:
    return slice(None, None, max(1, -(-len(score.actual) // JUDGED_SERIES)))
