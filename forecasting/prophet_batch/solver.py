"""The maximum a posteriori of Prophet's model for many series at once.

The objective is the one of Prophet's Stan program, per series, with y scaled and n = sum of weights:

    n log(sigma) + sum_t w_t (y_t - f_t)^2 / (2 sigma^2) + 2 sigma^2        sigma ~ normal(0, 0.5)
    + (k^2 + m^2) / 50                                                     k, m  ~ normal(0, 5)
    + sum_j |delta_j| / tau                                                delta ~ laplace(0, tau)
    + sum_i beta_i^2 / (2 s_i^2)                                           beta  ~ normal(0, s)

    f = trend * (1 + X_multiplicative beta) + X_additive beta
    trend = k t + m + sum_j delta_j (t - s_j)+

Given sigma, an additive model is a quadratic with an L1 term on delta, and a multiplicative one is linearised anew in
each sweep (Gauss-Newton). A sweep takes the changepoints that bend the trend as given, plus the one zero changepoint
that pushes hardest against its prior, solves the linear system exactly, walks to the best point on the way (where a
changepoint falls to zero it is dropped), and sets sigma to its closed form. Zeros are exact zeros,
each sweep lowers the objective, and at the end the gradient conditions of the exact objective hold to the tolerance:
    nothing is smoothed.
"""

from dataclasses import dataclass, replace
from typing import Any

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

LARGEST_HALVINGS = 8
ROUNDING = 1e-13
"""What double precision leaves open of an objective, relative to its parts."""


@dataclass(frozen=True)
class Problem:
    """A batch of B series over T points: S changepoints, K further features, P = 2 + S + K parameters.

    Where the first dimension of `trend`, `features` or `free` is 1, all series share it.

    Attributes:
        y: (B, T) scaled values; anything finite where the weight is 0.
        weight: (B, T) weight of each point in the likelihood; 0 leaves it out.
        trend: (B or 1, T, 2 + S): t, 1, and (t - s_j)+ per changepoint.
        features: (B or 1, T, K) seasonal features and regressors.
        multiplicative: (K,) which features multiply the trend.
        feature_scale: (K,) standard deviation of each coefficient's prior.
        free: (B or 1, P) which parameters may leave zero: no rate in a flat trend, no changepoints beyond those that a
            short history has.
        changepoint_scale: tau.
    """

    y: Floats
    weight: Floats
    trend: Floats
    features: Floats
    multiplicative: Bools
    feature_scale: Floats
    free: Bools
    changepoint_scale: float


@dataclass(frozen=True)
class Solution:
    """The fitted parameters of a batch, and how each fit ended.

    Attributes:
        parameters: (B, P): k, m, delta (S), beta (K).
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


@dataclass
class _Batch:
    """The series still being solved; arrays shrink as series converge."""

    rows: Ints
    problem: Problem
    count: Floats
    parameters: Floats
    variance: Floats
    objective: Floats
    settled: Bools
    gram: Floats
    moment: Floats
    square: Floats

    def keep(self, which: Bools) -> "_Batch":
        problem = replace(self.problem, free=_rows(self.problem.free, which))
        if problem.multiplicative.any():  # an additive model needs its points no more: gram, moment and square say all
            problem = replace(
                problem,
                y=problem.y[which],
                weight=problem.weight[which],
                trend=_rows(problem.trend, which),
                features=_rows(problem.features, which),
            )
        return _Batch(
            rows=self.rows[which],
            problem=problem,
            count=self.count[which],
            parameters=self.parameters[which],
            variance=self.variance[which],
            objective=self.objective[which],
            settled=self.settled[which],
            gram=_rows(self.gram, which),
            moment=self.moment[which],
            square=self.square[which],
        )


def solve(problem: Problem, tolerance: Tolerance) -> Solution:
    """Fit every series of the batch to the tolerance; a series that does not get there is given back with `converged`
    false.
    """
    size = problem.y.shape[0]
    n_parameters = problem.trend.shape[-1] + problem.features.shape[-1]
    result = Solution(
        parameters=np.zeros((size, n_parameters)),
        sigma=np.zeros(size),
        objective=np.full(size, np.inf),
        sweeps=np.zeros(size, dtype=np.int64),
        converged=np.zeros(size, dtype=np.bool_),
    )
    if size == 0:
        return result
    batch = _start(problem)
    for sweep in range(1, tolerance.max_sweeps + 1):
        done = _sweep(batch, tolerance)
        if sweep == tolerance.max_sweeps:
            _store(result, batch, np.ones_like(done), sweep, converged=done)
        elif done.any():
            _store(result, batch, done, sweep, converged=done)
            if done.all():
                break
            batch = batch.keep(~done)
    return result


def fitted(parameters: Floats, trend: Floats, features: Floats, multiplicative: Bools) -> Floats:
    """Evaluate the model: (B, P) parameters over (B or 1, T, ...) features give (B, T) scaled values."""
    n_trend = trend.shape[-1]
    line = _apply(trend, parameters[:, :n_trend])
    beta = parameters[:, n_trend:]
    if not multiplicative.any():
        return line + _apply(features, beta)
    return line * (1.0 + _apply(features, beta * multiplicative)) + _apply(features, beta * ~multiplicative)


def _rows(array: Floats | Bools, which: Bools) -> Any:
    return array if array.shape[0] == 1 else array[which]


def _apply(design: Floats, parameters: Floats) -> Floats:
    """Design (B or 1, T, P) times parameters (B, P): (B, T)."""
    if design.shape[0] == 1:
        shared: Floats = parameters @ design[0].T
        return shared
    own: Floats = np.matmul(design, parameters[:, :, None])[:, :, 0]
    return own


def _store(result: Solution, batch: _Batch, which: Bools, sweep: int, converged: Bools) -> None:
    rows = batch.rows[which]
    result.parameters[rows] = batch.parameters[which]
    result.sigma[rows] = np.sqrt(batch.variance[which])
    result.objective[rows] = batch.objective[which]
    result.sweeps[rows] = sweep
    result.converged[rows] = converged[which]


def _start(problem: Problem) -> _Batch:
    size = problem.y.shape[0]
    n_parameters = problem.trend.shape[-1] + problem.features.shape[-1]
    count = problem.weight.sum(axis=1)
    parameters = np.zeros((size, n_parameters))
    parameters[:, 1] = (problem.weight * problem.y).sum(axis=1) / count
    batch = _Batch(
        rows=np.arange(size),
        problem=problem,
        count=count,
        parameters=parameters,
        variance=np.ones(size),
        objective=np.full(size, np.inf),
        settled=np.zeros(size, dtype=np.bool_),
        gram=np.zeros((1, n_parameters, n_parameters)),
        moment=np.zeros((size, n_parameters)),
        square=(problem.weight * problem.y**2).sum(axis=1),
    )
    if not problem.multiplicative.any():
        batch.gram, batch.moment = _normal_equations(
            _design(problem.trend, problem.features), problem.weight, problem.y
        )
    batch.objective, batch.variance = _evaluate(batch, parameters)
    return batch


def _design(trend: Floats, features: Floats) -> Floats:
    shape = np.broadcast_shapes(trend.shape[:2], features.shape[:2])
    return np.concatenate(
        [np.broadcast_to(part, (*shape, part.shape[-1])) for part in (trend, features)],
        axis=2,
    )


def _normal_equations(design: Floats, weight: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Z'WZ (shared where all series share design and weights) and Z'Wy."""
    if design.shape[0] == 1 and (weight == weight[:1]).all():
        weighted = design * weight[:1, :, None]
        return np.matmul(weighted.transpose(0, 2, 1), design), target @ weighted[0]
    weighted = design * weight[:, :, None]
    gram = np.matmul(weighted.transpose(0, 2, 1), design)
    return gram, np.matmul(target[:, None, :], weighted)[:, 0, :]


def _residual_square(batch: _Batch, parameters: Floats) -> Floats:
    problem = batch.problem
    if problem.multiplicative.any():
        values = fitted(parameters, problem.trend, problem.features, problem.multiplicative)
        residual: Floats = (problem.weight * (problem.y - values) ** 2).sum(axis=1)
        return residual
    explained = (parameters * (2.0 * batch.moment - _times(batch.gram, parameters))).sum(axis=1)
    unexplained: Floats = np.maximum(batch.square - explained, 0.0)
    return unexplained


def _times(matrix: Floats, vector: Floats) -> Floats:
    """Symmetric matrices (B or 1, P, P) times vectors (B, P)."""
    return _apply(matrix, vector)


def _best_variance(residual: Floats, count: Floats) -> Floats:
    """The sigma^2 at which n log(sigma) + rss / (2 sigma^2) + 2 sigma^2 is least: the positive root of 4 v^2 + n v -
    rss = 0.
    """
    root = 2.0 * residual / (count + np.sqrt(count**2 + 16.0 * residual))
    return np.maximum(root, LOWEST_SIGMA**2)


def _ridge(problem: Problem) -> Floats:
    n_changepoints = problem.trend.shape[-1] - 2
    return np.concatenate(
        [np.full(2, 1.0 / RATE_PRIOR_VARIANCE), np.zeros(n_changepoints), 1.0 / problem.feature_scale**2]
    )


def _objective(problem: Problem, parameters: Floats, residual: Floats, variance: Floats, count: Floats) -> Floats:
    delta = parameters[:, 2 : problem.trend.shape[-1]]
    prior = 0.5 * (parameters**2) @ _ridge(problem) + np.abs(delta).sum(axis=1) / problem.changepoint_scale
    value: Floats = residual / (2.0 * variance) + 0.5 * count * np.log(variance) + 2.0 * variance + prior
    return value


def _sweep(batch: _Batch, tolerance: Tolerance) -> Bools:
    """Take one step for every series of the batch; says which series are done."""
    problem = batch.problem
    changes = slice(2, problem.trend.shape[-1])
    is_multiplicative = bool(problem.multiplicative.any())
    if is_multiplicative:
        batch.gram, batch.moment = _linearise(problem, batch.parameters)
    before = batch.parameters
    penalty = batch.variance / problem.changepoint_scale
    ridge = batch.variance[:, None] * _ridge(problem)
    gradient = _times(batch.gram, before) - batch.moment + ridge * before

    entering, sign = _choose(batch, gradient[:, changes], penalty, tolerance)
    delta = before[:, changes]
    active = np.broadcast_to(problem.free, before.shape).copy()
    active[:, changes] &= (delta != 0.0) | entering
    linear = np.zeros_like(before)
    linear[:, changes] = penalty[:, None] * np.where(entering, sign, np.sign(delta))
    solved = _solve_active(batch.gram, ridge, batch.moment - linear, active)

    after, whole = _walk(batch, before, solved, gradient, ridge, penalty)
    objective, variance, after = _accept(batch, before, after, is_multiplicative)
    gain = batch.objective - objective
    noise = ROUNDING * (np.abs(objective) + batch.square / variance)
    better = gain >= -noise
    batch.parameters = np.where(better[:, None], after, before)
    batch.variance = np.where(better, variance, batch.variance)
    batch.objective = np.where(better, objective, batch.objective)
    was_settled = batch.settled
    # a changepoint whose pull came to nothing was an artefact of not having settled well enough: settle again first
    refused = entering.any(axis=1) & ~(gain > 0.0)
    batch.settled = whole & ~refused & (gain < 10.0 * tolerance.objective + noise)
    quiet = gain <= tolerance.objective + noise
    done: Bools = was_settled & whole & quiet & (~entering.any(axis=1) | (refused & better))
    return done


def _linearise(problem: Problem, parameters: Floats) -> tuple[Floats, Floats]:
    """Gauss-Newton normal equations of the multiplicative model around the parameters, stated for the new parameters
    themselves.
    """
    n_trend = problem.trend.shape[-1]
    beta = parameters[:, n_trend:]
    line = _apply(problem.trend, parameters[:, :n_trend])
    swing = 1.0 + _apply(problem.features, beta * problem.multiplicative)
    slope = np.where(problem.multiplicative, line[:, :, None], 1.0) * problem.features
    jacobian = _design(problem.trend * swing[:, :, None], slope)
    value = line * swing + _apply(problem.features, beta * ~problem.multiplicative)
    target = problem.y - value + np.matmul(jacobian, parameters[:, :, None])[:, :, 0]
    return _normal_equations(jacobian, problem.weight, target)


def _choose(batch: _Batch, gradient: Floats, penalty: Floats, tolerance: Tolerance) -> tuple[Bools, Floats]:
    """The zero changepoint with the largest gradient beyond its prior, for the series that have settled on those that
    they have.
    """
    entering = np.zeros(gradient.shape, dtype=np.bool_)
    if gradient.shape[1] == 0:
        return entering, np.zeros(gradient.shape)
    delta = batch.parameters[:, 2 : 2 + gradient.shape[1]]
    free = batch.problem.free[:, 2 : 2 + gradient.shape[1]]
    pressure = np.where((delta == 0.0) & free, np.abs(gradient), 0.0)
    strongest = pressure.argmax(axis=1)
    rows = np.arange(gradient.shape[0])
    beyond = pressure[rows, strongest] > penalty * (1.0 + tolerance.slope)
    enters = beyond & batch.settled
    entering[rows[enters], strongest[enters]] = True
    return entering, -np.sign(gradient)


def _solve_active(gram: Floats, ridge: Floats, right: Floats, active: Bools) -> Floats:
    """Solve (gram + ridge) x = right for the active parameters only; the others are zero."""
    width = int(active.sum(axis=1).max())
    order = np.argsort(~active, axis=1, kind="stable")[:, :width]
    used = np.take_along_axis(active, order, axis=1)
    rows = np.arange(active.shape[0])[:, None, None] if gram.shape[0] > 1 else np.zeros((1, 1, 1), dtype=np.intp)
    matrix = gram[rows, order[:, :, None], order[:, None, :]]
    matrix *= used[:, :, None] & used[:, None, :]
    diagonal = np.arange(width)
    # the last term keeps a changepoint that no point can tell from its neighbour from making the system singular
    matrix[:, diagonal, diagonal] += np.where(
        used, np.take_along_axis(ridge, order, axis=1) + 1e-13 * (1.0 + matrix[:, diagonal, diagonal]), 1.0
    )
    vector = np.take_along_axis(right, order, axis=1) * used
    part = np.linalg.solve(matrix, vector[:, :, None])[:, :, 0]
    solved = np.zeros_like(right)
    np.put_along_axis(solved, order, part * used, axis=1)
    return solved


def _walk(
    batch: _Batch, before: Floats, solved: Floats, gradient: Floats, ridge: Floats, penalty: Floats
) -> tuple[Floats, Bools]:
    """Go from `before` towards `solved` to the best of the full step and the points where a changepoint falls to zero.

    Says for which series it was the full step.
    """
    changes = slice(2, batch.problem.trend.shape[-1])
    delta = before[:, changes]
    crossing = delta * solved[:, changes] < 0.0
    whole: Bools = np.logical_not(crossing.any(axis=1))
    if whole.all():
        return solved, whole
    after = solved.copy()
    rows = np.flatnonzero(~whole)
    step = solved[rows] - before[rows]
    delta, crossing = delta[rows], crossing[rows]
    move = step[:, changes]
    at_zero = np.where(crossing, delta / np.where(crossing, -move, 1.0), 1.0)
    share = np.concatenate([at_zero, np.ones((len(rows), 1))], axis=1)
    curve = (step * (_times(_rows_of(batch.gram, rows), step) + ridge[rows] * step)).sum(axis=1)
    fall = (step * gradient[rows]).sum(axis=1)
    bends = np.abs(delta[:, None, :] + share[:, :, None] * move[:, None, :]).sum(axis=2)
    value = share * fall[:, None] + 0.5 * share**2 * curve[:, None] + penalty[rows, None] * bends
    best = value.argmin(axis=1)
    chosen = share[np.arange(len(rows)), best]
    landed = before[rows] + chosen[:, None] * step
    stops = best < at_zero.shape[1]
    landed[np.flatnonzero(stops), 2 + best[stops]] = 0.0
    after[rows] = landed
    return after, whole


def _rows_of(matrix: Floats, rows: Ints) -> Floats:
    return matrix if matrix.shape[0] == 1 else matrix[rows]


def _accept(batch: _Batch, before: Floats, after: Floats, is_multiplicative: bool) -> tuple[Floats, Floats, Floats]:
    """Objective and best variance at the new point; where the linearised step of a multiplicative model went too far,
    half of it.
    """
    objective, variance = _evaluate(batch, after)
    if not is_multiplicative:
        return objective, variance, after
    for _ in range(LARGEST_HALVINGS):
        worse = ~(objective <= batch.objective)
        if not worse.any():
            break
        after = np.where(worse[:, None], 0.5 * (before + after), after)
        objective, variance = _evaluate(batch, after)
    return objective, variance, after


def _evaluate(batch: _Batch, parameters: Floats) -> tuple[Floats, Floats]:
    residual = _residual_square(batch, parameters)
    variance = _best_variance(residual, batch.count)
    return _objective(batch.problem, parameters, residual, variance, batch.count), variance
