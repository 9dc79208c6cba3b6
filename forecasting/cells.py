"""A forecast, or a fallback with its reason, for each cell of the panel: SKU x distributor x territory."""

import numpy as np
import numpy.typing as npt

from forecasting import prophet_batch
from forecasting.baselines import (
    ADIDA,
    IMAPA,
    NAIVE,
    SES,
    TSB,
    YOUNG,
    adida,
    demand_known,
    imapa,
    naive,
    seasonal_naive,
    ses,
    tsb,
    young_level,
)
from forecasting.global_model import LIGHTGBM, SEASONAL_SES, GlobalModel, lightgbm_direct, seasonal_ses
from forecasting.panel import Strings
from forecasting.series import Forecaster, Series, SeriesForecast
from forecasting.settings import ForecastSettings

PROPHET = "prophet_batch"


def forecast_prophet(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Prophet where a cell has the history for it; weeks of an empty shelf are left out of the fit.

    So is the week that a cell begins with: it is there because something was sold, and taken for a week like others it
    would make every slow seller look like one in decline.
    """
    quantity, future = series.quantity, series.future
    known = demand_known(series, settings)
    count = (~np.isnan(known)).sum(axis=1)
    fit = prophet_batch.forecast(
        series.dates, np.where((count >= settings.min_history_weeks)[:, None], known, np.nan), future,
        settings.prophet, settings.tolerance,
    )  # fmt: skip
    last_year = seasonal_naive(quantity, len(future))
    level = young_level(quantity, len(future), settings.young_share)
    with np.errstate(invalid="ignore"):
        highest = np.nan_to_num(quantity, nan=0.0).max(axis=1, initial=0.0)
        wild = ~(fit.mean.max(axis=1, initial=-np.inf) <= settings.highest_multiple * highest)
        wild &= ~(fit.mean <= 0.0).all(axis=1)
    model = np.select(
        [
            count < settings.min_history_weeks,
            ~np.isfinite(fit.mean).all(axis=1),
            fit.status == prophet_batch.CONSTANT,
            wild,
            fit.status == prophet_batch.NOT_CONVERGED,
        ],
        [
            f"{YOUNG} (fewer than {settings.min_history_weeks} weeks)",
            f"{NAIVE} (no fit)",
            f"{PROPHET} (constant)",
            f"{NAIVE} (implausible fit)",
            f"{PROPHET} (not converged)",
        ],
        PROPHET,
    ).astype(np.str_)
    mean = np.where(
        _starts(model, YOUNG)[:, None], level, np.where(_starts(model, NAIVE)[:, None], last_year, fit.mean)
    )
    return SeriesForecast(np.maximum(mean, 0.0), model)


def _starts(model: Strings, word: str) -> npt.NDArray[np.bool_]:
    return np.char.startswith(model, word)


MODELS = (PROPHET, SES, TSB, ADIDA, IMAPA, SEASONAL_SES, LIGHTGBM, NAIVE)
"""The pool, by name."""


def pool(learned: GlobalModel | None) -> dict[str, Forecaster]:
    """The models that are tried for every cell; those that learn from all series only where something was learnt."""
    models: dict[str, Forecaster | None] = {
        PROPHET: forecast_prophet,
        SES: ses,
        TSB: tsb,
        ADIDA: adida,
        IMAPA: imapa,
        SEASONAL_SES: seasonal_ses(learned) if learned else None,
        LIGHTGBM: lightgbm_direct(learned) if learned else None,
        NAIVE: naive,
    }
    return {name: forecaster for name, forecaster in models.items() if forecaster}
