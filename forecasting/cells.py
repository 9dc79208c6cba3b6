"""A forecast, or a fallback with its reason, for each cell of the panel: SKU x distributor x territory."""

import numpy as np
import numpy.typing as npt

from forecasting import prophet_batch
from forecasting.baselines import seasonal_naive, young_level
from forecasting.panel import Floats, Strings, unconstrained
from forecasting.series import Forecaster, Series, SeriesForecast
from forecasting.settings import ForecastSettings

PROPHET = "prophet_batch"
NAIVE = "seasonal_naive"
YOUNG = "young_item"


def forecast_prophet(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Prophet where a cell has the history for it; weeks of an empty shelf are left out of the fit.

    So is the week that a cell begins with: it is there because something was sold, and taken for a week like others it
    would make every slow seller look like one in decline.
    """
    quantity, future = series.quantity, series.future
    known = _after_first_sale(unconstrained(quantity, series.stocked_out, settings.longest_empty_weeks))
    count = (~np.isnan(known)).sum(axis=1)
    fit = prophet_batch.forecast(
        series.dates, np.where((count >= settings.min_history_weeks)[:, None], known, np.nan), future,
        settings.prophet, settings.tolerance,
    )  # fmt: skip
    naive = seasonal_naive(quantity, len(future))
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
    mean = np.where(_starts(model, YOUNG)[:, None], level, np.where(_starts(model, NAIVE)[:, None], naive, fit.mean))
    return SeriesForecast(np.maximum(mean, 0.0), model)


def forecast_naive(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Seasonal naive on what was sold, empty shelf or not."""
    mean = np.maximum(seasonal_naive(series.quantity, len(series.future)), 0.0)
    return SeriesForecast(mean, np.full(len(mean), NAIVE))


def _after_first_sale(quantity: Floats) -> Floats:
    """The history without each series' first week, where that lies within the panel."""
    known = ~np.isnan(quantity)
    if quantity.shape[1] == 0:
        return quantity
    begin = known.argmax(axis=1)
    is_first = (np.arange(quantity.shape[1]) == begin[:, None]) & (begin > 0)[:, None]
    return np.where(is_first, np.nan, quantity)


def _starts(model: Strings, word: str) -> npt.NDArray[np.bool_]:
    return np.char.startswith(model, word)


def pool(learned: None) -> dict[str, Forecaster]:
    """The models that are tried for every cell, by name."""
    return {PROPHET: forecast_prophet, NAIVE: forecast_naive}
