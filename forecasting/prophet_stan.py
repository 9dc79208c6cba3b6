"""The reference: Prophet as its makers ship it, one Stan process per series.

Some hundred times slower than `prophet_batch`, which is tested against it.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from forecasting.prophet_batch import BatchForecast, ProphetSettings
from forecasting.prophet_batch.calendar import Dates
from forecasting.prophet_batch.prophet_own import prophet_class
from forecasting.prophet_batch.solver import Floats

Start = dict[str, Any]
Effort = Literal["as_shipped", "thorough"]


@dataclass(frozen=True)
class StanForecast:
    """Stan's forecasts of N series for H dates.

    Attributes:
        mean: (N, H) yhat.
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
) -> StanForecast:
    """Fit Prophet to each row of y (N, T; NaN where there is no observation) and forecast the future dates.

    Args:
        dates, y, future, settings: as for `prophet_batch.forecast`; every row has at least two values.
        effort: `as_shipped` is LBFGS with Prophet's tolerances (forced: below 100 points Prophet would pick Newton, which takes
            six times as long). LBFGS is made for smooth functions and stops where the first changepoint stands on the kink
            of its prior, often a tenth of a nat short. `thorough` also runs Newton, from Prophet's start and from where
            LBFGS stopped, and takes the best.
        starts: with `thorough`, one point per series from which Newton and LBFGS are tried as well: can Stan do better?
    """
    fits = [
        _fit(dates, values, future, settings, effort, starts[row] if starts is not None else None)
        for row, values in enumerate(y)
    ]
    return StanForecast(
        mean=np.array([mean for mean, _ in fits]).reshape(len(y), len(future)),
        objective=np.array([objective for _, objective in fits]),
    )


def start_from(fit: BatchForecast, y: Floats, row: int, settings: ProphetSettings) -> Start:
    """The solution of `prophet_batch` for one series as a starting point for Stan; the series has all its changepoints."""
    features = 2 + settings.n_changepoints
    parameters = fit.parameters[row]
    return {
        "k": parameters[0],
        "m": parameters[1],
        "delta": parameters[2:features] if settings.n_changepoints else np.zeros(1),
        "beta": parameters[features:] if len(parameters) > features else np.zeros(1),
        "sigma_obs": fit.sigma[row] / np.nanmax(np.abs(y[row])),
    }


def _fit(
    dates: Dates, values: Floats, future: Dates, settings: ProphetSettings, effort: Effort, start: Start | None
) -> tuple[Floats, float]:
    model = _model(dates, values, settings, algorithm="LBFGS")
    models = [model]
    if effort == "thorough" and model.stan_fit is not None:
        models.append(_model(dates, values, settings, algorithm="Newton"))
        models.append(_model(dates, values, settings, algorithm="Newton", init=_parameters(model)))
        if start is not None:
            models.extend(_model(dates, values, settings, algorithm=name, init=start) for name in ("LBFGS", "Newton"))
    best = min(models, key=_objective)
    return best.predict(_frame(future))["yhat"].to_numpy(), _objective(best)


def _model(dates: Dates, values: Floats, settings: ProphetSettings, **optimizer: Any) -> Any:
    model = prophet_class()(**asdict(settings), daily_seasonality=False, uncertainty_samples=0)
    with contextlib.redirect_stderr(io.StringIO()):
        model.fit(_frame(dates).assign(y=values), seed=1, **optimizer)
    return model


def _frame(dates: Dates) -> Any:
    import pandas as pd

    return pd.DataFrame({"ds": pd.to_datetime(dates.astype("datetime64[ns]"))})


def _parameters(model: Any) -> Start:
    """The fit as a starting point for another one."""
    scalars = {name: model.params[name].item() for name in ("k", "m", "sigma_obs")}
    return scalars | {name: model.params[name][0] for name in ("delta", "beta")}


def _objective(model: Any) -> float:
    return np.nan if model.stan_fit is None else -float(model.stan_fit.optimized_params_dict["lp__"])
