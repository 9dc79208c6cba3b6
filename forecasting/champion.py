"""Which model serves which demand class: chosen by rolling origin, with its evidence.

A class keeps its incumbent unless another model was better by more than a margin over at least three origins: choices made
on one or two origins were worse than any single model. A model that is too far from the mean is no candidate, however small
its absolute errors: those are smallest for the median, and it is the mean that sums and replenishment need.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from forecasting import ensembles
from forecasting.baselines import NAIVE
from forecasting.metrics import Sums, naive_change, skill, sums
from forecasting.panel import CLASSES, Floats, Strings
from forecasting.series import SeriesForecast
from forecasting.settings import ForecastSettings

ALL = "ALL"
EVIDENCE_SCHEMA: dict[str, pl.DataType] = {
    "demand_class": pl.String(),
    "model": pl.String(),
    "origin_date": pl.Date(),
    "wape": pl.Float64(),
    "bias": pl.Float64(),
    "mase": pl.Float64(),
    "rmsse": pl.Float64(),
    "skill": pl.Float64(),
    "gain": pl.Float64(),
    "margin": pl.Float64(),
    "series": pl.Int64(),
    "points": pl.Int64(),
    "origins": pl.Int64(),
    "chosen": pl.Boolean(),
    "held": pl.Boolean(),
    "reason": pl.String(),
}


@dataclass(frozen=True)
class Origin:
    """One rolling origin: what the candidates said, and what came.

    Attributes:
        date: the last period that they knew.
        means: model -> (N, H).
        actual: (N, H); NaN where unknown.
        history: (N, T) up to the origin.
        demand_class: (N,) as seen at the origin.
    """

    date: np.datetime64
    means: Mapping[str, Floats]
    actual: Floats
    history: Floats
    demand_class: Strings


@dataclass(frozen=True)
class Champions:
    """Demand class -> model, the weights of the blend by class, and why (EVIDENCE_SCHEMA)."""

    model: dict[str, str]
    weights: dict[str, dict[str, float]]
    evidence: pl.DataFrame


def choose(origins: list[Origin], settings: ForecastSettings, incumbent: Mapping[str, str] | None = None) -> Champions:
    """Choose for each demand class, and for ALL together, whose champion also serves classes with too little to go by.

    Args:
        origins: what all candidates said at each of them.
        settings: margin, default, members of ensembles.
        incumbent: demand class -> the champion so far; the default where there is none.
    """
    held = dict(incumbent or {})
    everything = _class(ALL, origins, held.get(ALL, settings.default_model), settings)
    chosen = {ALL: everything}
    for name in CLASSES:
        fallback = held.get(name, everything.model)
        chosen[name] = _class(name, origins, fallback, settings, everything)
    rows = [row for choice in chosen.values() for row in choice.evidence]
    return Champions(
        {name: choice.model for name, choice in chosen.items()},
        {name: choice.weights for name, choice in chosen.items()},
        pl.DataFrame(rows, schema=EVIDENCE_SCHEMA, orient="row"),
    )


def forecast(
    champions: Champions, candidates: Mapping[str, SeriesForecast], demand_class: Strings, settings: ForecastSettings
) -> SeriesForecast:
    """Each series' forecast by the champion of its class; one that is not among the candidates is replaced by the default.

    A candidate's own word on a series (a fallback with its reason) is kept.
    """
    means = {name: candidate.mean for name, candidate in candidates.items()}
    shared = ensembles.simple(means, settings.ensemble_members)
    first = (
        candidates[settings.default_model] if settings.default_model in candidates else next(iter(candidates.values()))
    )
    mean, model = first.mean.copy(), first.model.astype(object)
    for name in np.unique(demand_class):
        rows = demand_class == name
        champion = champions.model.get(str(name), champions.model.get(ALL, settings.default_model))
        weights = champions.weights.get(str(name)) or champions.weights.get(ALL) or {}
        if champion in candidates:
            mean[rows], model[rows] = candidates[champion].mean[rows], candidates[champion].model[rows]
        elif champion in shared:
            mean[rows], model[rows] = shared[champion][rows], champion
        elif champion == ensembles.BLEND and weights and weights.keys() <= means.keys():
            mean[rows], model[rows] = ensembles.blend({n: means[n][rows] for n in weights}, weights), champion
    return SeriesForecast(np.maximum(mean, 0.0), model.astype(np.str_))


def blends(origins: list[Origin], settings: ForecastSettings) -> list[Floats | None]:
    """What the blend would have said at each origin (N, H), each class by the weights that the other origins give it; None where there is none."""
    return [_blend(origin, [other for other in origins if other is not origin], settings) for origin in origins]


def _blend(origin: Origin, others: list[Origin], settings: ForecastSettings) -> Floats | None:
    of_all = _weights(others, settings.ensemble_members)
    if not of_all or not of_all.keys() <= origin.means.keys():
        return None
    result = ensembles.blend(origin.means, of_all)
    for name in CLASSES:
        rows = origin.demand_class == name
        weights = _weights(
            [part for other in others if len((part := _of_class(other, name)).actual)], settings.ensemble_members
        )
        if weights and weights.keys() <= origin.means.keys():
            result[rows] = ensembles.blend({model: mean[rows] for model, mean in origin.means.items()}, weights)
    return result


@dataclass(frozen=True)
class _Choice:
    model: str
    weights: dict[str, float]
    evidence: list[dict[str, object]]


def _class(
    name: str, origins: list[Origin], incumbent: str, settings: ForecastSettings, wider: "_Choice | None" = None
) -> _Choice:
    parts = [_of_class(origin, name) for origin in origins]
    parts = [origin for origin in parts if len(origin.actual)]
    members = settings.ensemble_members
    scored: list[dict[str, Sums]] = []
    for origin in parts:
        means = dict(origin.means) | ensembles.simple(origin.means, members)
        others = [other for other in parts if other is not origin]
        weights = _weights(others, members)
        if weights and weights.keys() <= means.keys():
            means[ensembles.BLEND] = ensembles.blend(means, weights)
        change = naive_change(origin.history)
        scored.append({model: sums(mean, origin.actual, change) for model, mean in means.items()})
    everywhere = [model for model in scored[0] if all(model in score for score in scored)] if scored else []
    pooled = {model: sum((score[model] for score in scored), Sums()) for model in everywhere}
    model, reason = _winner(pooled, scored, incumbent, settings, wider)
    shown = [(origin.date, score) for origin, score in zip(parts, scored, strict=True)]
    evidence = [
        _row(name, score, candidate, incumbent, model, reason, date, settings) | {"origins": 1}
        for date, score in shown
        for candidate in score
    ]
    evidence += [
        _row(name, pooled, candidate, incumbent, model, reason, None, settings) | {"origins": len(parts)}
        for candidate in pooled
    ]
    return _Choice(model, _weights(parts, members), evidence)


def _of_class(origin: Origin, name: str) -> Origin:
    if name == ALL:
        return origin
    rows = origin.demand_class == name
    return Origin(
        origin.date,
        {model: mean[rows] for model, mean in origin.means.items()},
        origin.actual[rows],
        origin.history[rows],
        origin.demand_class[rows],
    )


def _weights(origins: list[Origin], members: tuple[str, ...]) -> dict[str, float]:
    there = tuple(name for name in members if origins and all(name in origin.means for origin in origins))
    if len(there) < 2:
        return {}
    means = {name: np.concatenate([origin.means[name] for origin in origins]) for name in there}
    actual = np.concatenate([origin.actual for origin in origins])
    usual = np.concatenate([_usual(origin.history) for origin in origins])
    return ensembles.fit_weights(means, actual, usual, there)


def _usual(history: Floats) -> Floats:
    """(N,) root of a series' mean known week, that of one unit at least: errors of counts grow with it."""
    known = ~np.isnan(history)
    mean = np.where(known, history, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.asarray(np.sqrt(np.maximum(mean, 1.0)))


def _winner(
    pooled: dict[str, Sums],
    scored: list[dict[str, Sums]],
    incumbent: str,
    settings: ForecastSettings,
    wider: "_Choice | None",
) -> tuple[str, str]:
    if len(scored) < settings.champion_origins:
        return incumbent, f"fewer than {settings.champion_origins} origins"
    held = pooled.get(incumbent)
    if held is None:
        best = min(pooled, key=lambda model: _wape(pooled[model]))
        return best, f"{incumbent} is not among the candidates"
    if held.points < settings.champion_points and wider is not None:
        return wider.model, f"fewer than {settings.champion_points} points; as {ALL}"
    allowed = max(settings.champion_bias, abs(held.bias or 0.0))
    able = [model for model, total in pooled.items() if abs(total.bias or 0.0) <= allowed]
    best = min(able, key=lambda model: _wape(pooled[model]))
    gain = 1.0 - _wape(pooled[best]) / _wape(held) if held.wape else 0.0
    wins = sum(_wape(score[best]) < _wape(score[incumbent]) for score in scored)
    if best == incumbent or gain <= settings.champion_margin:
        return incumbent, f"nothing better by more than {settings.champion_margin:.1%}"
    if 2 * wins <= len(scored):
        return incumbent, f"{best} is better at {wins} of {len(scored)} origins only"
    return best, f"better than {incumbent} by {gain:.1%}, at {wins} of {len(scored)} origins"


def _wape(total: Sums) -> float:
    return np.inf if total.wape is None else total.wape


def _row(
    name: str,
    scores: Mapping[str, Sums],
    candidate: str,
    incumbent: str,
    chosen: str,
    reason: str,
    date: np.datetime64 | None,
    settings: ForecastSettings,
) -> dict[str, object]:
    score = scores[candidate]
    held, naive = (scores[model].wape if model in scores else None for model in (incumbent, NAIVE))
    return {
        "demand_class": name,
        "model": candidate,
        "origin_date": None if date is None else date.astype("datetime64[D]").item(),
        "wape": score.wape,
        "bias": score.bias,
        "mase": score.mean_mase,
        "rmsse": score.mean_rmsse,
        "skill": skill(score.wape, naive) if candidate != NAIVE else None,
        "gain": skill(score.wape, held),
        "margin": settings.champion_margin,
        "series": score.series,
        "points": score.points,
        "chosen": candidate == chosen,
        "held": candidate == incumbent,
        "reason": reason if candidate == chosen else None,
    }
