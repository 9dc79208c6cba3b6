"""The maximum a posteriori of Prophet's model for many series at once.

The objective is the one of Prophet's Stan program, per series, with y scaled and n = sum of weights:

    n log(sigma) + sum_t w_t (y_t - f_t)^2 / (2 sigma^2) + 2 sigma^2        sigma ~ normal(0, 0.5)
    + (k^2 + m^2) / 50                                                     k, m  ~ normal(0, 5)
    + sum_j |delta_j| / tau                                                delta ~ laplace(0, tau)
    + sum_i beta_i^2 / (2 s_i^2)                                           beta  ~ normal(0, s)

    f = trend * (1 + X_multiplicative beta) + X_additive beta
    trend = k t + m + sum_j delta_j (t - s_j)+

Given sigma, an additive model is a quadratic with an L1 term on delta, and one with multiplicative features is linearised anew
in each sweep (Gauss-Newton). A sweep takes the changepoints that bend the trend as given, plus the one zero changepoint
that pushes hardest against its prior, solves the linear system exactly, walks to the best point on the way (where a
changepoint falls to zero it is dropped), and sets sigma to its closed form. Zeros are exact zeros, each sweep lowers the
objective, and at the end the gradient conditions of the exact objective hold to the tolerance: nothing is smoothed.

An additive model has one optimum. A multiplicative one may have several: it is solved from the series' mean, and again from trends
that cross zero, straight and bent, where they are not much worse from the outset. The way from these is followed closely only once
it is below the optimum from the mean; the lowest end counts. There may be others yet.

No number of a series depends on the others of the batch: every product with a series' numbers is one of its own (a matrix times
its vector, never a matrix times the vectors of all), since a product over all of them rounds differently with their number.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from forecasting.prophet_batch.settings import Tolerance

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[Any]

RATE_PRIOR_VARIANCE = 25.0
"""Variance of the normal priors on k and m."""

LOWEST_SIGMA = 1e-5
"""Where the features can follow every point, Prophet's posterior grows without bound as sigma falls to zero; we stop
here, in units of scaled y.
"""

HALVES = 0.5 ** np.arange(1, 9)
"""How much is tried of a step that goes too far."""
IN_CACHE = 128
"""Series whose derivatives are computed together: few enough for the processor's cache."""
OTHER_TRENDS = (
    (-0.5, 1.0, 2.0),
    (0.35, 1.0, 3.0),
    (0.65, 1.0, 15.0),
    (0.95, 1.0, 2.0),
    (0.5, 0.0, 15.0),
    (0.5, 10.0, 15.0),
    (0.5, -5.0, 60.0),
)
"""Further starts for multiplicative models: where the trend crosses zero, as a share of the history; by what its slope is
multiplied from there on (1: a straight line, 0: stays at zero, below 0: turns back); how many nats above the optimum from the mean
the start may lie. The last two cost as much as all others, so that the default tolerance leaves them out.
"""
TRIED_TOGETHER = 4
"""Further starts that are followed together, times the number of series: it bounds the memory that they take."""
ROUGH = Tolerance(objective=0.03, slope=0.1, max_sweeps=25)
"""How closely the way from a further start is followed while it is above that optimum."""
LEAST_SLOPE = 1e-6
ROUNDING = 1e-13
"""What double precision leaves open of an objective, relative to its parts."""


@dataclass(frozen=True)
class Problem:
    """A batch of B series over T points, which follow G patterns.

    Series of one pattern have the same weights, and with them the same trend columns and shared features. Parameters are
    k, m, S changes, K coefficients: first those of the shared features, then those of the R features of each series' own.

    Attributes:
        y: (B, T) scaled values; anything finite where the weight is 0.
        pattern: (B,) the pattern of each series.
        weight: (G, T) weight of each point in the likelihood; 0 leaves it out.
        design: (G, 2 + S + K - R, T): t, 1, (t - s_j)+ per changepoint, and the shared features.
        own: (B, R, T) features of each series' own; 0 where the weight is 0.
        multiplicative: (K,) which features multiply the trend.
        feature_scale: (K,) standard deviation of each coefficient's prior.
        free: (B, 2 + S + K) which parameters may leave zero: no rate in a flat trend, no changepoints beyond those that a
            short history has.
        changepoint_scale: tau.
    """

    y: Floats
    pattern: Ints
    weight: Floats
    design: Floats
    own: Floats
    multiplicative: Bools
    feature_scale: Floats
    free: Bools
    changepoint_scale: float

    @property
    def n_trend(self) -> int:
        """2 + S."""
        return int(self.free.shape[1] - len(self.multiplicative))


@dataclass(frozen=True)
class Solution:
    """The fitted parameters of a batch, and how each fit ended.

    Attributes:
        parameters: (B, 2 + S + K): k, m, delta, beta.
        sigma: (B,) noise, scaled.
        objective: (B,) negative log posterior up to a constant, as Stan's `lp__` with the sign turned.
        sweeps: (B,) how many sweeps were needed.
        converged: (B,) whether the tolerance was met.
    """

    parameters: Floats
    sigma: Floats
    objective: Floats
    sweeps: npt.NDArray[np.int64]
    converged: Bools


class _Fit(Protocol):
    """Residual sum of squares of B series as a function of their parameters (B, P)."""

    def residual(self, parameters: Floats) -> Floats:
        """(B,) weighted sum of squares."""

    def slope(self, parameters: Floats) -> Floats:
        """(B, P) gradient of half of it, at the parameters that `curvature` then refers to."""

    def curvature(self, rows: Ints, columns: Ints) -> Floats:
        """(b, w, w) matrix of second derivatives of half of it, for some series (b,) and parameters (b, w) of each."""

    def keep(self, which: Bools | Ints) -> "_Fit":
        """The same for the series that are left, or for those numbered."""


@dataclass
class _Additive:
    """Half the sum of squares is a quadratic: Z'WZ, Z'Wy and y'Wy say all, the points are needed no more.

    Attributes:
        gram: (G, P, P), of the pattern that each series has.
        pattern: (B,).
        moment: (B, P).
        square: (B,).
    """

    gram: Floats
    pattern: Ints
    moment: Floats
    square: Floats

    def residual(self, parameters: Floats) -> Floats:
        explained = (parameters * (2.0 * self.moment - self._times(parameters))).sum(axis=1)
        unexplained: Floats = np.maximum(self.square - explained, 0.0)
        return unexplained

    def slope(self, parameters: Floats) -> Floats:
        return self._times(parameters) - self.moment

    def curvature(self, rows: Ints, columns: Ints) -> Floats:
        matrix: Floats = self.gram[self.pattern[rows][:, None, None], columns[:, :, None], columns[:, None, :]]
        return matrix

    def keep(self, which: Bools | Ints) -> "_Additive":
        return _Additive(self.gram, self.pattern[which], self.moment[which], self.square[which])

    def _times(self, parameters: Floats) -> Floats:
        return _apply(_of_pattern(self.gram, self.pattern), parameters)


@dataclass
class _Multiplicative:
    """The model with features that multiply the trend, and its linearisation where `slope` was last taken.

    The columns of changes are straight from their knot on: products with all of them are running sums over the points.

    Attributes:
        y, weight: (B, T).
        pattern: (B,) the pattern of each series.
        trend: (G, 2 + S, T) trend columns.
        knot: (G, S) the time of each change.
        first: (G, S) the first point beyond it, T if there is none.
        features: (B or 1, K, T).
        multiplicative: (K,).
        line, swing: (B, T) trend and factor on it where `slope` was last taken: by them a column turns into a derivative.
    """

    y: Floats
    weight: Floats
    pattern: Ints
    trend: Floats
    knot: Floats
    first: Ints
    features: Floats
    multiplicative: Bools
    line: Floats = field(init=False)
    swing: Floats = field(init=False)

    def residual(self, parameters: Floats) -> Floats:
        line, swing, added = self._parts(parameters)
        square: Floats = (self.weight * (self.y - line * swing - added) ** 2).sum(axis=1)
        return square

    def slope(self, parameters: Floats) -> Floats:
        self.line, self.swing, added = self._parts(parameters)
        pull = self.weight * (self.line * self.swing + added - self.y)
        n_trend = self.trend.shape[1]
        slope = np.empty_like(parameters)
        slope[:, :n_trend] = self._trend_slope(pull * self.swing)
        multiplied = _apply(self.features, pull * self.line)
        slope[:, n_trend:] = multiplied
        if not self.multiplicative.all():
            slope[:, n_trend:] = np.where(self.multiplicative, multiplied, _apply(self.features, pull))
        return slope

    def curvature(self, rows: Ints, columns: Ints) -> Floats:
        n_used = int((columns[0] < self.trend.shape[1]).sum())
        matrix = np.empty((*columns.shape, columns.shape[1]))
        for begin in range(0, len(rows), IN_CACHE):
            some = slice(begin, begin + IN_CACHE)
            derivative = self._derivative(rows[some], columns[some, :n_used], columns[some, n_used:])
            np.matmul(derivative, derivative.transpose(0, 2, 1), out=matrix[some])
        return matrix

    def _derivative(self, rows: Ints, used: Ints, effects: Ints) -> Floats:
        """Of the model by the trend parameters used, then by the coefficients: (b, w, T), times the root of the weight."""
        effects = effects - self.trend.shape[1]
        root = np.sqrt(self.weight[rows])
        by_trend, by_effect = (root * self.swing[rows])[:, None, :], (root * self.line[rows])[:, None, :]
        if not self.multiplicative.all():
            by_effect = np.where(self.multiplicative[effects][:, :, None], by_effect, root[:, None, :])
        if len(self.features) > 1:
            features = self.features[rows[:, None], effects]
        elif (effects == effects[0]).all():
            features = self.features[:, effects[0]]
        else:
            features = self.features[0, effects]
        n_used = used.shape[1]
        derivative = np.empty((len(rows), n_used + effects.shape[1], root.shape[1]))
        np.multiply(self.trend[self.pattern[rows][:, None], used], by_trend, out=derivative[:, :n_used])
        np.multiply(features, by_effect, out=derivative[:, n_used:])
        return derivative

    def keep(self, which: Bools | Ints) -> "_Multiplicative":
        return replace(
            self,
            y=self.y[which],
            weight=self.weight[which],
            pattern=self.pattern[which],
            features=self.features if len(self.features) == 1 else self.features[which],
        )

    def _parts(self, parameters: Floats) -> tuple[Floats, Floats, Floats]:
        """The trend, the factor on it, and what is added: (B, T) each."""
        n_trend = self.trend.shape[1]
        time = self.trend[self.pattern, 0]
        line = parameters[:, :1] * time + parameters[:, 1:2]
        rows, which = np.nonzero(parameters[:, 2:n_trend])
        if len(rows):
            bends = self.trend[self.pattern[rows], 2 + which] * parameters[rows, 2 + which][:, None]
            begin = np.flatnonzero(np.diff(rows, prepend=-1))
            line[rows[begin]] += np.add.reduceat(bends, begin, axis=0)
        beta, points = parameters[:, n_trend:], self.features.transpose(0, 2, 1)
        swing = 1.0 + _apply(points, beta * self.multiplicative)
        if self.multiplicative.all():
            return line, swing, np.zeros_like(line)
        return line, swing, _apply(points, beta * ~self.multiplicative)

    def _trend_slope(self, pull: Floats) -> Floats:
        """The trend columns times the pull."""
        size, length = pull.shape
        level, rate = np.zeros((size, length + 1)), np.zeros((size, length + 1))
        np.cumsum(pull[:, ::-1], axis=1, out=level[:, -2::-1])
        np.cumsum((pull * self.trend[self.pattern, 0])[:, ::-1], axis=1, out=rate[:, -2::-1])
        first = self.first[self.pattern]
        changes = np.take_along_axis(rate, first, axis=1) - self.knot[self.pattern] * np.take_along_axis(
            level, first, axis=1
        )
        return np.concatenate([rate[:, :1], level[:, :1], changes], axis=1)


def _of_pattern(matrices: Floats, pattern: Ints) -> Floats:
    return matrices if len(matrices) == 1 else matrices[pattern]


def _apply(matrices: Floats, vectors: Floats) -> Floats:
    """Matrices (B or 1, M, P) times vectors (B, P), one product each: (B, M)."""
    products: Floats = np.matmul(matrices, vectors[:, :, None])[:, :, 0]
    return products


def _additive(problem: Problem) -> _Additive:
    """Normal equations: those of the shared columns once per pattern, those of a series' own columns for each."""
    pattern, own = problem.pattern, problem.own
    weighted = problem.design * problem.weight[:, None, :]
    gram = np.matmul(weighted, problem.design.transpose(0, 2, 1))
    moment = np.empty((len(problem.y), problem.free.shape[1]))
    n_shared = problem.design.shape[1]
    for which in range(len(weighted)):
        rows = np.flatnonzero(pattern == which)
        moment[rows, :n_shared] = _apply(weighted[which : which + 1], problem.y[rows])
    weight = problem.weight[pattern]
    if own.shape[1]:
        own_weighted = own * weight[:, None, :]
        whole = np.empty((len(own), moment.shape[1], moment.shape[1]))
        cross = np.matmul(_of_pattern(problem.design, pattern), own_weighted.transpose(0, 2, 1))
        whole[:, :n_shared, :n_shared] = _of_pattern(gram, pattern)
        whole[:, :n_shared, n_shared:] = cross
        whole[:, n_shared:, :n_shared] = cross.transpose(0, 2, 1)
        whole[:, n_shared:, n_shared:] = np.matmul(own_weighted, own.transpose(0, 2, 1))
        gram, pattern = whole, np.arange(len(own))
        moment[:, n_shared:] = _apply(own_weighted, problem.y)
    return _Additive(gram, pattern, moment, (weight * problem.y**2).sum(axis=1))


def _knots(trend: Floats) -> Floats:
    """The time of each change (G, S), from the trend columns."""
    knots: Floats = trend[:, :1, -1] - trend[:, 2:, -1]
    return knots


def _multiplicative(problem: Problem) -> _Multiplicative:
    trend, features = problem.design[:, : problem.n_trend], problem.design[:, problem.n_trend :]
    bends = trend[:, 2:]
    if (features == features[:1]).all():
        features = features[:1]
    features = _of_pattern(features, problem.pattern)
    if problem.own.shape[1]:
        shared = np.broadcast_to(features, (len(problem.own), *features.shape[1:]))
        features = np.concatenate([shared, problem.own], axis=1)
    return _Multiplicative(
        y=problem.y,
        weight=problem.weight[problem.pattern],
        pattern=problem.pattern,
        trend=trend,
        knot=_knots(trend),
        first=(bends <= 0.0).sum(axis=2),
        features=features,
        multiplicative=problem.multiplicative,
    )


@dataclass(frozen=True)
class _Priors:
    """What the objective adds to the likelihood.

    Attributes:
        ridge: (P,) 1 / variance of the normal priors, 0 for changes.
        changes: where the changes are among the parameters.
        scale: tau.
    """

    ridge: Floats
    changes: slice
    scale: float

    def value(self, parameters: Floats) -> Floats:
        bends: Floats = np.abs(parameters[:, self.changes]).sum(axis=1) / self.scale
        value: Floats = 0.5 * (parameters**2 * self.ridge).sum(axis=1) + bends
        return value


def _priors(problem: Problem) -> _Priors:
    ridge = np.concatenate(
        [np.full(2, 1.0 / RATE_PRIOR_VARIANCE), np.zeros(problem.n_trend - 2), 1.0 / problem.feature_scale**2]
    )
    return _Priors(ridge, slice(2, problem.n_trend), problem.changepoint_scale)


@dataclass
class _Batch:
    """The series still being solved; arrays shrink as series converge.

    Attributes:
        bar: (B,) an objective above which a series is only followed roughly, and may stop.
    """

    rows: Ints
    fit: _Fit
    priors: _Priors
    free: Bools
    count: Floats
    square: Floats
    parameters: Floats
    variance: Floats
    objective: Floats
    settled: Bools
    bar: Floats

    def keep(self, which: Bools | Ints) -> "_Batch":
        return _Batch(
            rows=self.rows[which],
            fit=self.fit.keep(which),
            priors=self.priors,
            free=self.free[which],
            count=self.count[which],
            square=self.square[which],
            parameters=self.parameters[which],
            variance=self.variance[which],
            objective=self.objective[which],
            settled=self.settled[which],
            bar=self.bar[which],
        )

    def evaluate(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Objective and best variance at the parameters."""
        residual = self.fit.residual(parameters)
        variance = _best_variance(residual, self.count)
        likelihood = residual / (2.0 * variance) + 0.5 * self.count * np.log(variance) + 2.0 * variance
        return likelihood + self.priors.value(parameters), variance


def solve(problem: Problem, tolerance: Tolerance) -> Solution:
    """Fit every series of the batch to the tolerance; a series that does not get there is given back with `converged`
    false.
    """
    result = _no_solution(*problem.free.shape)
    if len(problem.free) == 0:
        return result
    start = _start(problem)
    _descend(replace(start), tolerance, result)
    if problem.multiplicative.any() and problem.free[:, 0].any():
        _try_other_trends(problem, start, tolerance, result)
    return result


def _no_solution(size: int, n_parameters: int) -> Solution:
    """Room for one."""
    return Solution(
        parameters=np.zeros((size, n_parameters)),
        sigma=np.zeros(size),
        objective=np.full(size, np.inf),
        sweeps=np.zeros(size, dtype=np.int64),
        converged=np.zeros(size, dtype=np.bool_),
    )


def _descend(batch: _Batch, tolerance: Tolerance, result: Solution) -> None:
    """Sweep until every series of the batch is done or out of sweeps, and write where it ended."""
    for sweep in range(1, tolerance.max_sweeps + 1):
        done = _sweep(batch, tolerance)
        if sweep >= ROUGH.max_sweeps:
            done |= batch.objective > batch.bar
        if sweep == tolerance.max_sweeps:
            _store(result, batch, np.ones_like(done), sweep, converged=done)
        elif done.any():
            _store(result, batch, done, sweep, converged=done)
            if done.all():
                break
            batch = batch.keep(~done)


def _store(result: Solution, batch: _Batch, which: Bools, sweep: int, converged: Bools) -> None:
    rows = batch.rows[which]
    result.parameters[rows] = batch.parameters[which]
    result.sigma[rows] = np.sqrt(batch.variance[which])
    result.objective[rows] = batch.objective[which]
    result.sweeps[rows] = sweep
    result.converged[rows] = converged[which]


def _start(problem: Problem) -> _Batch:
    """Every series at its weighted mean."""
    size, n_parameters = problem.free.shape
    weight = problem.weight[problem.pattern]
    count = weight.sum(axis=1)
    parameters = np.zeros((size, n_parameters))
    parameters[:, 1] = (weight * problem.y).sum(axis=1) / count
    batch = _Batch(
        rows=np.arange(size),
        fit=_multiplicative(problem) if problem.multiplicative.any() else _additive(problem),
        priors=_priors(problem),
        free=problem.free,
        count=count,
        square=(weight * problem.y**2).sum(axis=1),
        parameters=parameters,
        variance=np.ones(size),
        objective=np.full(size, np.inf),
        settled=np.zeros(size, dtype=np.bool_),
        bar=np.full(size, np.inf),
    )
    batch.objective, batch.variance = batch.evaluate(parameters)
    return batch


def _try_other_trends(problem: Problem, start: _Batch, tolerance: Tolerance, result: Solution) -> None:
    """Go downhill also from trends that cross zero, and keep what converges below the result.

    Where features multiply the trend, such trends lie beyond a barrier: the way to them from the mean leads uphill.
    """
    others = OTHER_TRENDS[: tolerance.further_starts]
    trends = [_best_along(problem, start, _crossing_zero(problem, *shape)) for *shape, _ in others]
    parameters, objective, variance = (np.stack(parts) for parts in zip(*trends, strict=True))
    near = np.array([nats for *_, nats in others])
    which, rows = np.nonzero(objective < result.objective + near[:, None])
    bar = result.objective - tolerance.objective
    size = TRIED_TOGETHER * len(bar)
    for begin in range(0, len(rows), size):
        trend, row = which[begin : begin + size], rows[begin : begin + size]
        found = _no_solution(len(row), parameters.shape[2])
        batch = replace(
            start.keep(row),
            rows=np.arange(len(row)),
            parameters=parameters[trend, row],
            objective=objective[trend, row],
            variance=variance[trend, row],
            bar=bar[row],
        )
        _descend(batch, tolerance, found)
        lower = np.flatnonzero(found.converged & (found.objective < np.minimum(bar, result.objective)[row]))[::-1]
        lower = lower[np.argsort(-found.objective[lower], kind="stable")]
        for name in ("parameters", "sigma", "objective", "sweeps", "converged"):
            getattr(result, name)[row[lower]] = getattr(found, name)[lower]


def _crossing_zero(problem: Problem, crossing: float, factor: float) -> Floats:
    """Each pattern's trend (G, 2 + S) of slope 1 that crosses zero there, and bends there; at the nearest changepoint, if it bends."""
    trend = problem.design[:, : problem.n_trend]
    patterns = np.arange(len(trend))
    shape = np.zeros(trend.shape[:2])
    shape[:, 0], shape[:, 1] = 1.0, -crossing
    usable = np.zeros((len(trend), problem.n_trend - 2), dtype=np.bool_)
    usable[problem.pattern] = problem.free[:, 2 : problem.n_trend]
    if factor != 1.0 and usable.any():
        knot = np.where(usable, _knots(trend), np.inf)
        nearest = np.abs(knot - crossing).argmin(axis=1)
        bends = usable[patterns, nearest]
        shape[bends, 1] = -knot[patterns, nearest][bends]
        shape[patterns[bends], 2 + nearest[bends]] = factor - 1.0
    return shape


def _best_along(problem: Problem, start: _Batch, shape: Floats) -> tuple[Floats, Floats, Floats]:
    """Parameters, objective and variance where the trend is a multiple of the shape: with the coefficients, a linear regression."""
    n_trend, multiplicative = problem.n_trend, problem.multiplicative
    design, weight, pattern = problem.design, problem.weight, problem.pattern
    if problem.own.shape[1]:
        design, weight, shape = np.concatenate([design[pattern], problem.own], axis=1), weight[pattern], shape[pattern]
        pattern = np.arange(len(pattern))
    mean = start.parameters[:, 1]
    spread = start.square / start.count - mean**2
    used = np.concatenate([np.ones((len(mean), 1), dtype=np.bool_), problem.free[:, n_trend:]], axis=1)
    slack = np.where(multiplicative, 1.0 / np.maximum(mean**2, LEAST_SLOPE)[:, None], 1.0) / problem.feature_scale**2
    ridge = spread[:, None] * np.concatenate([np.full((len(mean), 1), LEAST_SLOPE), slack], axis=1)
    line, features = _apply(design[:, :n_trend].transpose(0, 2, 1), shape)[:, None, :], design[:, n_trend:]
    columns = np.concatenate([line, np.where(multiplicative[:, None], line * features, features)], axis=1)
    weighted = columns * weight[:, None, :]
    matrix = np.matmul(weighted, columns.transpose(0, 2, 1))[pattern] * (used[:, :, None] & used[:, None, :])
    diagonal = np.arange(used.shape[1])
    matrix[:, diagonal, diagonal] += ridge
    moment = _apply(_of_pattern(weighted, pattern), problem.y) * used
    found = np.linalg.solve(matrix, moment[:, :, None])[:, :, 0]
    slope = np.where(np.abs(found[:, :1]) < LEAST_SLOPE, LEAST_SLOPE, found[:, :1])
    effects = np.where(multiplicative, found[:, 1:] / slope, found[:, 1:])
    parameters = np.concatenate([slope * shape[pattern], effects], axis=1)
    return parameters, *start.evaluate(parameters)


def _best_variance(residual: Floats, count: Floats) -> Floats:
    """The sigma^2 at which n log(sigma) + rss / (2 sigma^2) + 2 sigma^2 is least: the positive root of 4 v^2 + n v -
    rss = 0.
    """
    root = 2.0 * residual / (count + np.sqrt(count**2 + 16.0 * residual))
    return np.maximum(root, LOWEST_SIGMA**2)


def _sweep(batch: _Batch, tolerance: Tolerance) -> Bools:
    """Take one step for every series of the batch; says which series are done."""
    changes = batch.priors.changes
    before = batch.parameters
    penalty = batch.variance / batch.priors.scale
    ridge = batch.variance[:, None] * batch.priors.ridge
    gradient = batch.fit.slope(before) + ridge * before

    rough = batch.objective > batch.bar
    enough = np.where(rough, ROUGH.objective, tolerance.objective)
    entering, sign = _choose(batch, gradient[:, changes], penalty, np.where(rough, ROUGH.slope, tolerance.slope))
    delta = before[:, changes]
    active = batch.free.copy()
    active[:, changes] &= (delta != 0.0) | entering
    pull = gradient.copy()
    pull[:, changes] += penalty[:, None] * np.where(entering, sign, np.sign(delta))
    step, curve = _step(batch.fit, ridge, pull, active, changes.stop)

    after, whole = _walk(before, step, gradient, curve, penalty, changes)
    objective, variance, after = _accept(batch, before, after)
    gain = batch.objective - objective
    noise = ROUNDING * (np.abs(objective) + batch.square / variance)
    better = gain >= -noise
    batch.parameters = np.where(better[:, None], after, before)
    batch.variance = np.where(better, variance, batch.variance)
    batch.objective = np.where(better, objective, batch.objective)
    was_settled = batch.settled
    # a changepoint whose pull came to nothing was an artefact of not having settled well enough: settle again first
    refused = entering.any(axis=1) & ~(gain > 0.0)
    batch.settled = whole & ~refused & (gain < 10.0 * enough + noise)
    quiet = gain <= enough + noise
    done: Bools = was_settled & whole & quiet & (~entering.any(axis=1) | (refused & better))
    return done


def _choose(batch: _Batch, gradient: Floats, penalty: Floats, excess: Floats) -> tuple[Bools, Floats]:
    """The zero changepoint with the largest gradient beyond its prior, for the series that have settled on those that
    they have.
    """
    entering = np.zeros(gradient.shape, dtype=np.bool_)
    if gradient.shape[1] == 0:
        return entering, np.zeros(gradient.shape)
    delta = batch.parameters[:, batch.priors.changes]
    free = batch.free[:, batch.priors.changes]
    pressure = np.where((delta == 0.0) & free, np.abs(gradient), 0.0)
    strongest = pressure.argmax(axis=1)
    rows = np.arange(gradient.shape[0])
    beyond = pressure[rows, strongest] > penalty * (1.0 + excess)
    enters = beyond & batch.settled
    entering[rows[enters], strongest[enters]] = True
    return entering, -np.sign(gradient)


def _step(fit: _Fit, ridge: Floats, pull: Floats, active: Bools, n_trend: int) -> tuple[Floats, Floats]:
    """The step that takes each series' active parameters to where (curvature + ridge) step = -pull, and its curvature
    step' (curvature + ridge) step; series with as many active trend columns and features are solved together.
    """
    width = active.sum(axis=1)
    kind = width + active.shape[1] * active[:, :n_trend].sum(axis=1)
    step = np.zeros_like(pull)
    curve = np.zeros(len(pull))
    for alike in np.unique(kind):
        rows = np.flatnonzero(kind == alike)
        size = width[rows[0]]
        columns = np.nonzero(active[rows])[1].reshape(len(rows), size)
        matrix = fit.curvature(rows, columns)
        diagonal = np.arange(size)
        # the last term keeps a changepoint that no point can tell from its neighbour from making the system singular
        matrix[:, diagonal, diagonal] += ridge[rows[:, None], columns] + 1e-13 * (1.0 + matrix[:, diagonal, diagonal])
        part = np.linalg.solve(matrix, -pull[rows[:, None], columns][:, :, None])
        step[rows[:, None], columns] = part[:, :, 0]
        curve[rows] = -(part[:, :, 0] * pull[rows[:, None], columns]).sum(axis=1)
    return step, curve


def _walk(
    before: Floats, step: Floats, gradient: Floats, curve: Floats, penalty: Floats, changes: slice
) -> tuple[Floats, Bools]:
    """Go from `before` along the step to the best of its end and the points where a changepoint falls to zero.

    Says for which series it was the full step.
    """
    after = before + step
    crossing = before[:, changes] * after[:, changes] < 0.0
    whole: Bools = np.logical_not(crossing.any(axis=1))
    if whole.all():
        return after, whole
    rows = np.flatnonzero(~whole)
    delta, move, crossing = before[rows, changes], step[rows, changes], crossing[rows]
    at_zero = np.where(crossing, delta / np.where(crossing, -move, 1.0), 1.0)
    share = np.concatenate([at_zero, np.ones((len(rows), 1))], axis=1)
    fall = (step[rows] * gradient[rows]).sum(axis=1)
    bends = np.abs(delta[:, None, :] + share[:, :, None] * move[:, None, :]).sum(axis=2)
    value = share * fall[:, None] + 0.5 * share**2 * curve[rows, None] + penalty[rows, None] * bends
    value[:, :-1] = np.where(crossing, value[:, :-1], np.inf)
    best = value.argmin(axis=1)
    landed = before[rows] + share[np.arange(len(rows)), best][:, None] * step[rows]
    stops = np.flatnonzero(best < at_zero.shape[1])
    landed[stops, changes.start + best[stops]] = 0.0
    after[rows] = landed
    return after, whole


def _accept(batch: _Batch, before: Floats, after: Floats) -> tuple[Floats, Floats, Floats]:
    """Objective and best variance at the new point; where the linearised step of a multiplicative model went too far, that is
    where half of it, a quarter, and so on, is first lower.
    """
    objective, variance = batch.evaluate(after)
    if isinstance(batch.fit, _Additive):
        return objective, variance, after
    worse = np.flatnonzero(~(objective <= batch.objective + ROUNDING * np.abs(batch.objective)))
    if len(worse) == 0:
        return objective, variance, after
    begin = before[worse, None]
    halved = begin + HALVES[:, None] * (after[worse, None] - begin)
    tried = batch.keep(np.repeat(worse, len(HALVES)))
    values, variances = (part.reshape(halved.shape[:2]) for part in tried.evaluate(halved.reshape(-1, halved.shape[2])))
    lower = values <= batch.objective[worse, None]
    first = np.where(lower.any(axis=1), lower.argmax(axis=1), len(HALVES) - 1)
    rows = np.arange(len(worse))
    after[worse], objective[worse], variance[worse] = halved[rows, first], values[rows, first], variances[rows, first]
    return objective, variance, after
