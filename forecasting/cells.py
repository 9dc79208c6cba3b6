"""A forecast, or a fallback with its reason, for each cell of the panel: SKU x distributor x territory."""

from functools import partial

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
    ses,
    tsb,
    young_level,
)
from forecasting.global_model import LIGHTGBM, SEASONAL_SES, GlobalModel, lightgbm_direct, seasonal_ses
from forecasting.panel import Floats, Strings
from forecasting.profile import LARGEST_LOG, course_logs, driver_logs
from forecasting.series import Forecaster, Series, SeriesForecast
from forecasting.settings import ForecastSettings

PROPHET = "prophet_batch"
SEASON = "season"
PART_OF = {"price_ratio": "price", "holiday_share": "holiday", "festival_share": "holiday"}
"""The part that a driver's effect is shown as; that of others is shown as promotion."""


def forecast_prophet(series: Series, settings: ForecastSettings, learned: GlobalModel | None = None) -> SeriesForecast:
    """Prophet where a cell has the history for it; weeks of an empty shelf and a cell's first are left out of the fit.

    What season, growth and drivers (price, promotions, holidays) multiply demand by is learnt from all series: one to two years of
    one cell say too little of it. So Prophet fits what they leave, a season of the cell's own among it, and its forecast is
    multiplied by what they will do.
    """
    quantity, future, past = series.quantity, series.future, len(series.dates)
    factors = _factors(series, learned)
    whole = np.prod(list(factors.values()), axis=0)
    known = demand_known(series, settings) / whole[:, :past]
    count = (~np.isnan(known)).sum(axis=1)
    fit = prophet_batch.forecast(
        series.dates, np.where((count >= settings.min_history_weeks)[:, None], known, np.nan), future,
        settings.prophet, settings.tolerance,
    )  # fmt: skip
    mean = fit.mean * whole[:, past:]
    last_year = naive(series, settings).mean
    level = young_level(quantity, len(future), learned.young_share if learned else settings.young_share)
    with np.errstate(invalid="ignore"):
        highest = np.nan_to_num(quantity, nan=0.0).max(axis=1, initial=0.0)
        wild = ~(mean.max(axis=1, initial=-np.inf) <= settings.highest_multiple * highest)
        wild &= ~(mean <= 0.0).all(axis=1)
    model = np.select(
        [
            count < settings.min_history_weeks,
            ~np.isfinite(mean).all(axis=1),
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
    own = _starts(model, PROPHET)[:, None]
    instead = np.where(_starts(model, YOUNG)[:, None], level, last_year)
    parts = _parts(fit, {name: factor[:, past:] for name, factor in factors.items()})
    return SeriesForecast(
        np.maximum(np.where(own, mean, instead), 0.0),
        model,
        {name: np.where(own, values, np.nan) for name, values in parts.items()},
    )


def _factors(series: Series, learned: GlobalModel | None) -> dict[str, Floats]:
    """Part -> (N, T + H) what it multiplies demand by; one where nothing was learnt."""
    shape = (len(series.quantity), len(series.dates) + len(series.future))
    logs = {part: np.zeros(shape) for part in (SEASON, "holiday", "price", "promotion")}
    if learned:
        logs[SEASON] += course_logs(learned.profile, series)
        for driver, values in driver_logs(learned.profile, series).items():
            logs[PART_OF.get(driver, "promotion")] += values
    return {part: np.exp(np.clip(log, -LARGEST_LOG, LARGEST_LOG)) for part, log in logs.items()}


def _parts(fit: prophet_batch.BatchForecast, factors: dict[str, Floats]) -> dict[str, Floats]:
    """The trend; what the cell's season and that of all add to it; then what the drivers add to all before them."""
    trend = fit.components["trend"]
    so_far = fit.mean * factors[SEASON]
    parts = {"trend": trend, SEASON: so_far - trend}
    for part, factor in factors.items():
        if part != SEASON:
            parts[part] = so_far * (factor - 1.0)
            so_far = so_far * factor
    return parts


def _starts(model: Strings, word: str) -> npt.NDArray[np.bool_]:
    return np.char.startswith(model, word)


MODELS = (PROPHET, SES, TSB, ADIDA, IMAPA, SEASONAL_SES, LIGHTGBM, NAIVE)
"""The pool, by name."""
LEARNING = (PROPHET, SEASONAL_SES, LIGHTGBM)
"""Those that use what is learnt from all series."""


def pool(learned: GlobalModel | None) -> dict[str, Forecaster]:
    """The models that are tried for every cell; those that learn from all series only where something was learnt."""
    models: dict[str, Forecaster | None] = {
        PROPHET: partial(forecast_prophet, learned=learned),
        SES: ses,
        TSB: tsb,
        ADIDA: adida,
        IMAPA: imapa,
        SEASONAL_SES: seasonal_ses(learned) if learned else None,
        LIGHTGBM: lightgbm_direct(learned) if learned else None,
        NAIVE: naive,
    }
    return {name: forecaster for name, forecaster in models.items() if forecaster}
