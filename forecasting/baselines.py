"""What every other forecast is measured against."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SEASON = 52
CYCLE = 4
YOUNG_WEEKS = 8
YOUNG_WEIGHT = 4.0


def seasonal_naive(quantity: Floats, horizon: int) -> Floats:
    """Last year's same week; without one, the same position in the last four weeks.

    Args:
        quantity: (N, T) history; NaN where a week is unknown.
        horizon: H weeks ahead.

    Returns:
        (N, H): for each week the value 52 weeks before where the history has it, else the latest known value a multiple
        of four weeks before, else the last known value, else 0.
    """
    size, length = quantity.shape
    ahead = np.full((size, horizon), np.nan)
    last = _last_known(quantity)
    for step in range(horizon):
        for back in (SEASON, *range(CYCLE, length + step + 1, CYCLE)):
            week = length + step - back
            if 0 <= week < length:
                ahead[:, step] = np.where(np.isnan(ahead[:, step]), quantity[:, week], ahead[:, step])
    return np.where(np.isnan(ahead), last[:, None], ahead)


def young_level(quantity: Floats, horizon: int, share: float | None = None) -> Floats:
    """What a cell with a short history may be expected to sell, for as many weeks ahead (N, H).

    A series begins with its first sale, so its first week says too much. What older cells of the same panel sold after
    theirs, as a share of it, stands for YOUNG_WEIGHT weeks beside the weeks that the cell has had since. Without a `share`
    it is found from the series given.
    """
    size, length = quantity.shape
    known = ~np.isnan(quantity)
    begin = known.argmax(axis=1) if length else np.zeros(size, dtype=np.intp)
    rest = known & (np.arange(length) > begin[:, None])
    first = quantity[np.arange(size), begin] if length else np.zeros(size)
    first = np.where(known.any(axis=1), first, 0.0)
    share = share_after_first(quantity) if share is None else share
    total = np.where(rest, quantity, 0.0).sum(axis=1)
    level = (YOUNG_WEIGHT * share * first + total) / (YOUNG_WEIGHT + rest.sum(axis=1))
    return np.repeat(level[:, None], horizon, axis=1)


def share_after_first(quantity: Floats) -> float:
    """Mean weekly sales in the YOUNG_WEEKS after a first week, as a share of it, of all series that began within the panel
    and have that much behind them; 1 where there are none.
    """
    size, length = quantity.shape
    if size == 0 or length == 0:
        return 1.0
    known = ~np.isnan(quantity)
    begin = known.argmax(axis=1)
    week = np.arange(length)
    early = known & (week > begin[:, None]) & (week <= begin[:, None] + YOUNG_WEEKS)
    first = np.where(known.any(axis=1), quantity[np.arange(size), begin], 0.0)
    grown = (begin > 0) & (early.sum(axis=1) >= YOUNG_WEEKS) & (first > 0.0)
    basis = first[grown].sum()
    if basis <= 0.0:
        return 1.0
    return float(min(1.0, max(0.0, np.where(early, quantity, 0.0)[grown].sum() / YOUNG_WEEKS / basis)))


def _last_known(quantity: Floats) -> Floats:
    known = ~np.isnan(quantity)
    if quantity.shape[1] == 0:
        return np.zeros(quantity.shape[0])
    position = quantity.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    value = quantity[np.arange(quantity.shape[0]), position]
    return np.where(known.any(axis=1), value, 0.0)
