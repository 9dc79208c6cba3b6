"""The reference: Prophet as its makers ship it, one Stan process per series.

Some hundred times slower than `prophet_batch`, which is tested against it. Takes the same settings and regressors.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from forecasting.prophet_batch import BatchForecast, ProphetSettings
from forecasting.prophet_batch.calendar import Dates
from forecasting.prophet_batch.features import calendar_features, components
from forecasting.prophet_batch.prophet_own import prophet_class
from forecasting.prophet_batch.settings import holiday_rows
from forecasting.prophet_batch.solver import LOWEST_SIGMA, Floats

Start = dict[str, Any]
Effort = Literal["as_shipped", "newton", "thorough", "exact"]

RESTARTS = 6
FLAT = 2
"""Prophet's number of the flat trend."""

PROPHETS_OWN = (
    "growth",
    "n_changepoints",
    "changepoint_range",
    "changepoint_prior_scale",
    "yearly_seasonality",
    "weekly_seasonality",
    "seasonality_mode",
    "seasonality_prior_scale",
    "holidays_prior_scale",
    "holidays_mode",
)
"""Settings that `prophet.Prophet` takes by the same name."""


@dataclass(frozen=True)
class StanForecast:
    """Stan's forecasts of N series for H dates.

    Attributes:
        mean: (N, H) yhat, of log(y + log_offset) with the log target.
        objective: (N,) negative log posterior as Stan computes it, the same up to nothing as `BatchForecast.objective`;
            NaN where Prophet does not call Stan (a series that never varies).
    """

    mean: Floats
    objective: Floats


def forecast(
    dates: Dates,
    y: Floats,
    future: Dates,
    settings: ProphetSettings,
    effort: Effort = "as_shipped",
    starts: Sequence[Start] | None = None,
    *,
    weight: Floats | None = None,
    shared: Mapping[str, Floats] | None = None,
    own: Mapping[str, Floats] | None = None,
) -> StanForecast:
    """Fit Prophet to each row of y (N, T; NaN where there is no observation) and forecast the future dates.

    Args:
        dates, y, future, settings, shared, own: as for `prophet_batch.forecast`; every row has at least two values.
        effort: `as_shipped` is LBFGS with Prophet's tolerances (forced: below 100 points Prophet would pick Newton, which takes
            six times as long). LBFGS is made for smooth functions and stops where the first changepoint stands on the kink
            of its prior, often half a nat short. `newton` is the other method of Stan. `thorough` takes the best of LBFGS and
            Newton, from Prophet's start, and Newton from where LBFGS stopped. `exact` leaves Stan's optimizers aside: Stan's
            density of the data that Prophet hands to Stan, minimised by scipy's L-BFGS-B with each change of the trend split
            in its positive and its negative part, which makes the kink a bound.
        starts: with `thorough` and `exact`, one further point per series to start from: can they do better than it?
        weight: (N, T) whole numbers: each observation is given so many times. Changepoints and the standardization of
            regressors stay those of the observations given once.
    """
    fits = []
    for row, values in enumerate(y):
        drivers = {name: np.asarray(known) for name, known in (shared or {}).items()}
        drivers |= {name: np.asarray(known)[row] for name, known in (own or {}).items()}
        series = _Series(dates, values, future, settings, drivers, None)
        if weight is not None:
            series = _repeated(series, weight[row])
        fits.append(_fit(series, effort, starts[row] if starts is not None else None))
    return StanForecast(
        mean=np.array([mean for mean, _ in fits]).reshape(len(y), len(future)),
        objective=np.array([objective for _, objective in fits]),
    )


def start_from(fit: BatchForecast, row: int) -> Start:
    """The solution of `prophet_batch` for one series as a starting point for Stan."""
    models = fit.models[0]
    parameters, begin = models.parameters[row], 2 + models.settings.n_changepoints
    calendar = calendar_features(np.array([], dtype="datetime64[D]"), models.settings)
    delta = parameters[2:begin][models.changepoint_day[row] > models.first_day[row]]
    beta = np.concatenate(
        [
            parameters[begin + part.columns.start : begin + part.columns.stop]
            for part in components(calendar, models.settings)
            # an automatic season that a series does not have is not in Stan's model of it
            if not part.auto or parameters[begin + part.columns.start : begin + part.columns.stop].any()
        ]
        or [np.zeros(0)]
    )
    return {
        "k": parameters[0],
        "m": parameters[1],
        "delta": delta if len(delta) else np.zeros(1),
        "beta": beta if len(beta) else np.zeros(1),
        "sigma_obs": models.sigma[row] / models.scale[row],
    }


@dataclass(frozen=True)
class _Series:
    """One series as `forecast` takes many; drivers: name -> (T + H,)."""

    dates: Dates
    values: Floats
    future: Dates
    settings: ProphetSettings
    drivers: Mapping[str, Floats]
    weight: Floats | None
    changepoints: Any = None

    def history(self) -> Any:
        past = len(self.dates)
        frame = _frame(self.dates).assign(y=self._target(), **{name: v[:past] for name, v in self.drivers.items()})
        if self.weight is None:
            return frame
        often = np.where(np.isnan(self.values), 0, self.weight).astype(int)
        return frame.loc[frame.index.repeat(often)].reset_index(drop=True)

    def ahead(self) -> Any:
        past = len(self.dates)
        return _frame(self.future).assign(**{name: v[past:] for name, v in self.drivers.items()})

    def _target(self) -> Floats:
        if self.settings.target == "level":
            return self.values
        logarithm: Floats = np.log(self.values + self.settings.log_offset)
        return logarithm


def _fit(series: _Series, effort: Effort, start: Start | None) -> tuple[Floats, float]:
    if effort == "exact":
        return _exact(series, start)
    model = _model(series, algorithm="Newton" if effort == "newton" else "LBFGS")
    models = [model]
    if effort == "thorough" and model.stan_fit is not None:
        models.append(_model(series, algorithm="Newton"))
        models.append(_model(series, algorithm="Newton", init=_parameters(model)))
        if start is not None:
            models.extend(_model(series, algorithm=name, init=start) for name in ("LBFGS", "Newton"))
    best = min(models, key=_objective)
    return best.predict(series.ahead())["yhat"].to_numpy(), _objective(best)


def _model(series: _Series, **optimizer: Any) -> Any:
    model = _unfitted(series)
    with contextlib.redirect_stderr(io.StringIO()):
        model.fit(series.history(), seed=1, **optimizer)
    return model


def _unfitted(series: _Series) -> Any:
    import pandas as pd

    settings = series.settings
    arguments = {name: getattr(settings, name) for name in PROPHETS_OWN}
    if settings.holidays:
        holidays = pd.DataFrame(holiday_rows(settings.holidays))
        arguments["holidays"] = holidays.assign(ds=pd.to_datetime(holidays["ds"]))
    if series.changepoints is not None:
        arguments["changepoints"] = series.changepoints
    model = prophet_class()(**arguments, daily_seasonality=False, uncertainty_samples=0)
    for season in settings.seasonalities:
        model.add_seasonality(season.name, season.period, season.fourier_order, season.prior_scale, season.mode)
    for regressor in settings.regressors:
        model.add_regressor(regressor.name, regressor.prior_scale, regressor.standardize, regressor.mode)
    return model


def _exact(series: _Series, start: Start | None) -> tuple[Floats, float]:
    model = _unfitted(series)
    density = _Density(model.preprocess(series.history()))
    prophets_start = vars(model.calculate_initial_params(density.features.shape[1]))
    found = [density.best_from(begin) for begin in (prophets_start, start) if begin is not None]
    objective, parameters = min(found, key=lambda pair: pair[0])
    model.params = {name: np.reshape(value, (1, -1)) for name, value in parameters.items()}
    return model.predict(series.ahead())["yhat"].to_numpy(), objective


class _Density:
    """Negative log density of Prophet's Stan program, its constants left out as Stan does, for linear and flat trends."""

    def __init__(self, given: Any) -> None:
        t = np.asarray(given.t, dtype=np.float64)
        self.y = np.asarray(given.y, dtype=np.float64)
        self.features = np.asarray(given.X, dtype=np.float64)
        self.scale = np.asarray(given.sigmas, dtype=np.float64)
        self.added, self.multiplied = np.asarray(given.s_a, dtype=np.float64), np.asarray(given.s_m, dtype=np.float64)
        self.tau = float(given.tau)
        bends = np.maximum(t[:, None] - np.asarray(given.t_change), 0.0)
        self.trend = np.column_stack([t, np.ones_like(t), bends])
        if given.trend_indicator == FLAT:
            self.trend[:, [0, *range(2, self.trend.shape[1])]] = 0.0
        self.n_changes = bends.shape[1]

    def best_from(self, start: Start) -> tuple[float, Start]:
        """The lowest value within reach of the start, and where it is: L-BFGS-B, started again where it ends."""
        from scipy.optimize import minimize

        n, delta = self.n_changes, np.asarray(start["delta"])
        noise = np.log(start["sigma_obs"])
        at = np.concatenate(
            [[start["k"], start["m"]], np.maximum(delta, 0), np.maximum(-delta, 0), start["beta"], [noise]]
        )
        is_positive = np.zeros(len(at), dtype=np.bool_)
        is_positive[2 : 2 + 2 * n] = True
        bounds = [(0.0, None) if positive else (None, None) for positive in is_positive]
        bounds[-1] = (np.log(LOWEST_SIGMA), None)
        options = {"maxiter": 50_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-9, "maxcor": 50}
        for _ in range(RESTARTS):
            found = minimize(self.value_and_gradient, at, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
            at = found.x
        return float(found.fun), {
            "k": at[0], "m": at[1], "delta": at[2 : 2 + n] - at[2 + n : 2 + 2 * n],
            "beta": at[2 + 2 * n : -1], "sigma_obs": np.exp(at[-1]),
        }  # fmt: skip

    def value_and_gradient(self, at: Floats) -> tuple[float, Floats]:
        """At k, m, positive parts of delta, negative parts, beta, log sigma."""
        n, rates, beta, noise = self.n_changes, at[:2], at[2 + 2 * self.n_changes : -1], np.exp(2 * at[-1])
        ups, downs = at[2 : 2 + n], at[2 + n : 2 + 2 * n]
        line = self.trend @ np.concatenate([rates, ups - downs])
        swing = 1 + self.features @ (beta * self.multiplied)
        error = line * swing + self.features @ (beta * self.added) - self.y
        square, length = error @ error, len(error)
        value = (
            length * at[-1] + square / (2 * noise) + 2 * noise + rates @ rates / 50
            + (ups + downs).sum() / self.tau + ((beta / self.scale) ** 2).sum() / 2
        )  # fmt: skip
        pull = error / noise
        trend = self.trend.T @ (pull * swing)
        features = self.features.T @ pull * self.added + self.features.T @ (pull * line) * self.multiplied
        gradient = np.concatenate(
            [
                trend[:2] + rates / 25, trend[2:] + 1 / self.tau, 1 / self.tau - trend[2:],
                features + beta / self.scale**2, [length - square / noise + 4 * noise],
            ]
        )  # fmt: skip
        return value, gradient


def _repeated(series: _Series, weight: Floats) -> _Series:
    """The series with repeated observations, and with the changepoints and regressors that it has without."""
    once = replace(series, values=np.where(weight == 0, np.nan, series.values))
    model = _unfitted(once)
    model.preprocess(once.history())
    scales = model.extra_regressors
    return replace(
        once,
        weight=weight,
        changepoints=model.changepoints,
        drivers={
            name: (v - scales[name]["mu"]) / scales[name]["std"] for name, v in series.drivers.items() if name in scales
        },
        settings=replace(
            series.settings, regressors=tuple(replace(part, standardize=False) for part in series.settings.regressors)
        ),
    )


def _frame(dates: Dates) -> Any:
    import pandas as pd

    return pd.DataFrame({"ds": pd.to_datetime(dates.astype("datetime64[ns]"))})


def _parameters(model: Any) -> Start:
    """The fit as a starting point for another one."""
    scalars = {name: model.params[name].item() for name in ("k", "m", "sigma_obs")}
    return scalars | {name: model.params[name][0] for name in ("delta", "beta")}


def _objective(model: Any) -> float:
    return np.nan if model.stan_fit is None else -float(model.stan_fit.optimized_params_dict["lp__"])
