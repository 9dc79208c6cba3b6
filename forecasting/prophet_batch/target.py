"""What is fitted: y itself, or its logarithm, and the way back to the mean and the median of y."""

import numpy as np

from forecasting.prophet_batch.settings import ProphetSettings
from forecasting.prophet_batch.solver import Bools, Floats


def to_target(y: Floats, observed: Bools, settings: ProphetSettings) -> tuple[Floats, Bools]:
    """The values to fit, 0 where nothing was observed, and which series cannot be: a value without a logarithm."""
    values = np.where(observed, y, 0.0)
    if settings.target == "level":
        return values, np.zeros(len(y), dtype=np.bool_)
    impossible = np.logical_or.reduce(values <= -settings.log_offset, axis=1)
    with np.errstate(invalid="ignore"):
        shifted = np.where(values > -settings.log_offset, values + settings.log_offset, 1.0)
    return np.where(observed, np.log(shifted), 0.0), impossible


def correction(sigma: Floats, settings: ProphetSettings) -> Floats:
    """Mean over median of y + log_offset where log(y + log_offset) is normal with the fitted sigma: exp(sigma^2 / 2).

    At most `largest_correction`: a sigma that large tells of a distribution that is not log-normal, not of a mean that
    stands so far above its median.
    """
    limit = np.sqrt(2.0 * np.log(settings.largest_correction))
    factor: Floats = np.exp(0.5 * np.minimum(sigma, limit) ** 2)
    return factor


def mean_and_median(components: dict[str, Floats], settings: ProphetSettings) -> tuple[Floats, Floats]:
    """Put the parts together, in their order: the sum at the level; with the log target the product less the offset, to
    which `noise` belongs for the mean only.
    """
    parts = list(components.values())
    whole = parts[0]
    if settings.target == "level":
        for part in parts[1:]:
            whole = whole + part
        return whole, whole
    with np.errstate(over="ignore", invalid="ignore"):
        for name, part in components.items():
            if name not in ("trend", "noise"):
                whole = whole * part
        return whole * components["noise"] - settings.log_offset, whole - settings.log_offset
