"""Cheap forecasts, many series at once: seasonal naive, which every other is measured against, exponential smoothing and
its kin for intermittent demand.

Every one is a `Forecaster` and looks at each series by itself. Smoothing constants are the best of a grid, by the squared
errors of one step ahead; a week that is not known (NaN) leaves a state as it is. An empty shelf's weeks are unknown, and so
is the week that a series begins with (`demand_known`).
"""

from collections.abc import Callable

import numpy as np

from forecasting.panel import Floats, Strings, unconstrained
from forecasting.series import Series, SeriesForecast
from forecasting.settings import ForecastSettings

NAIVE = "seasonal_naive"
YOUNG = "young_item"
SES = "ses"
TSB = "tsb"
SBA = "croston_sba"
ADIDA = "adida"
IMAPA = "imapa"

SEASON = 52
CYCLE = 4
DAYS_OF_WEEK = 7
YOUNG_WEEKS = 8
YOUNG_WEIGHT = 4.0
ALPHAS = np.array([0.0, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.32, 0.4, 0.5, 0.65, 0.8])
"""Smoothing constants to choose from; 0 is the mean of all that is known."""
TSB_SIZE_ALPHAS = np.array([0.02, 0.05, 0.1, 0.2, 0.4])
TSB_CHANCE_ALPHAS = np.array([0.02, 0.05, 0.1, 0.2, 0.4])
CROSTON_ALPHA = 0.1
LONGEST_BUCKET = 8
MIXTURE_STEPS = 50
TINY = 1e-300


def naive(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Seasonal naive on what was sold, empty shelf or not."""
    season, cycle = (SEASON, CYCLE) if is_weekly(series) else (DAYS_OF_WEEK, DAYS_OF_WEEK)
    return _named(seasonal_naive(series.quantity, len(series.future), season, cycle), NAIVE)


def is_weekly(series: Series) -> bool:
    """Whether periods are weeks; else they are days."""
    return len(series.dates) < 2 or bool(series.dates[1] - series.dates[0] >= np.timedelta64(DAYS_OF_WEEK, "D"))


def ses(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Simple exponential smoothing (Brown 1956; Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 8.1)."""
    return _flat(series, settings, lambda known: smooth(known)[0], SES)


def tsb(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Teunter, Syntetos and Babai (2011), "Intermittent demand: Linking forecasting to inventory obsolescence": the chance
    of any demand, smoothed every week, times its size, smoothed when there is some.
    """
    return _flat(series, settings, _tsb_level, TSB)


def croston_sba(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Croston (1972) with the correction of Syntetos and Boylan (2005), "The accuracy of intermittent demand estimates":
    (1 - alpha / 2) x size / interval, both smoothed when there is demand.
    """
    return _flat(series, settings, _croston_level, SBA)


def adida(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Nikolopoulos et al. (2011), "An aggregate-disaggregate intermittent demand approach": SES on buckets as long as the
    mean interval between demands, spread evenly.
    """
    return _flat(series, settings, lambda known: _aggregated(known)[0], ADIDA)


def imapa(series: Series, settings: ForecastSettings) -> SeriesForecast:
    """Petropoulos and Kourentzes (2015), "Forecast combinations for intermittent demand": the mean of SES over buckets of
    all lengths from one week to the mean interval between demands.
    """
    return _flat(series, settings, lambda known: _aggregated(known)[1], IMAPA)


def demand_known(series: Series, settings: ForecastSettings) -> Floats:
    """(N, T) what a model of demand may learn from: weeks that an empty shelf has cut short are unknown, and so is the
    week that a series begins with inside the panel. It is there because something was sold; as a week like others it
    would make every slow seller look like one in decline.
    """
    return after_first_sale(unconstrained(series.quantity, series.stocked_out, settings.longest_empty_weeks))


def after_first_sale(quantity: Floats) -> Floats:
    """(N, T) the history without each series' first week, where that lies within the panel."""
    known = ~np.isnan(quantity)
    if quantity.shape[1] == 0:
        return quantity
    begin = known.argmax(axis=1)
    is_first = (np.arange(quantity.shape[1]) == begin[:, None]) & (begin > 0)[:, None]
    return np.where(is_first, np.nan, quantity)


def smooth(quantity: Floats, alphas: Floats = ALPHAS) -> tuple[Floats, Floats, Floats]:
    """Simple exponential smoothing with the constant and the first level that fit best.

    level_t = level_{t-1} + alpha (y_t - level_{t-1}). One-step errors are linear in the first level, so for each alpha
    the best one is known in closed form, and the grid has one dimension.

    Args:
        quantity: (N, T); NaN where unknown.
        alphas: (A,) ascending constants to choose from.

    Returns:
        (N,) last levels, (N,) constants, (N,) mean squared one-step errors; NaN, the first constant and NaN for a series
        of which nothing is known.
    """
    level, loss = _levels(quantity, alphas)
    best = np.where(np.isnan(loss), np.inf, loss).argmin(axis=0)
    at = (best, np.arange(len(quantity)))
    return level[at], alphas[best], loss[at]


def smooth_averaged(
    quantity: Floats, weight: Floats | None = None, share: Floats | None = None, alphas: Floats = ALPHAS
) -> Floats:
    """(N,) last levels, averaged over all constants by how likely each is: a year of noisy weeks does not single one out.

    Akaike weights: exp(-AIC / 2), with AIC = n log(mean squared error) + the same for all (Kolassa 2011, "Combining
    exponential smoothing forecasts using Akaike weights"), times how common the constant is. NaN for a series of which
    nothing is known.

    Args:
        quantity: (N, T); NaN where unknown.
        weight: (N, T) of each week's squared error, as the inverse of its variance; alike where None.
        share: (A,) of series that have each constant (`shares_of_constants`); alike where None.
        alphas: (A,) ascending constants.
    """
    level, loss = _levels(quantity, alphas, weight)
    likely = _likely(quantity, loss) * (1.0 if share is None else share[:, None])
    return np.asarray((likely * level).sum(axis=0) / likely.sum(axis=0))


def shares_of_constants(quantity: Floats, weight: Floats | None = None, alphas: Floats = ALPHAS) -> Floats:
    """(A,) shares of the series that have each constant, by which a series is told what is usual: an empirical prior.

    Expectation-maximisation for the weights of a mixture with known parts (Dempster, Laird and Rubin 1977), with one
    series' worth of each constant beside those that are seen.
    """
    likely = _likely(quantity, _levels(quantity, alphas, weight)[1])
    likely = likely[:, np.isfinite(likely).all(axis=0)]
    share = np.full(len(alphas), 1.0 / len(alphas))
    for _ in range(MIXTURE_STEPS):
        posterior = share[:, None] * likely
        share = ((posterior / posterior.sum(axis=0)).sum(axis=1) + 1.0) / (likely.shape[1] + len(alphas))
    return share


def _likely(quantity: Floats, loss: Floats) -> Floats:
    """(A, N) likelihood of each constant beside that of the best."""
    log = np.log(np.maximum(loss, TINY))
    return np.asarray(np.exp(-0.5 * (~np.isnan(quantity)).sum(axis=1) * (log - log.min(axis=0))))


def _levels(quantity: Floats, alphas: Floats, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """(A, N) last level and mean squared one-step error for each constant, from its best first level."""
    size, length = quantity.shape
    known = ~np.isnan(quantity)
    value = np.where(known, quantity, 0.0)
    weight = np.where(known, 1.0 if weight is None else weight, 0.0)
    level = np.zeros((len(alphas), size))  # the level that a first level of 0 would have led to
    left = np.ones((len(alphas), size))  # how much of the first level is left in it
    square, product, leverage = np.zeros((3, len(alphas), size))
    step = alphas[:, None]
    for week in range(length):
        seen = known[:, week]
        error = np.where(seen, value[:, week] - level, 0.0)
        reach = np.where(seen, left, 0.0)
        square += weight[:, week] * error * error
        product += weight[:, week] * error * reach
        leverage += weight[:, week] * reach * reach
        level += step * error
        left -= step * reach
    with np.errstate(divide="ignore", invalid="ignore"):
        first = product / leverage
        loss = np.maximum(square - product * first, 0.0) / weight.sum(axis=1)
    return level + left * first, loss


def seasonal_naive(quantity: Floats, horizon: int, season: int = SEASON, cycle: int = CYCLE) -> Floats:
    """Last year's same week; without one, the same position in the last four weeks.

    Args:
        quantity: (N, T) history; NaN where a week is unknown.
        horizon: H weeks ahead.
        season, cycle: 52 and 4 weeks; 7 days for days.

    Returns:
        (N, H): for each week the value 52 weeks before where the history has it, else the latest known value a multiple
        of four weeks before, else the last known value, else 0.
    """
    size, length = quantity.shape
    ahead = np.full((size, horizon), np.nan)
    last = _last_known(quantity)
    for step in range(horizon):
        for back in (season, *range(cycle, length + step + 1, cycle)):
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


def with_young(
    mean: Floats, name: str, series: Series, settings: ForecastSettings, share: float | None = None
) -> SeriesForecast:
    """`mean` (N, H), and in place of it the level of a young item where a series has not enough history."""
    count = (~np.isnan(demand_known(series, settings))).sum(axis=1)
    young = young_level(series.quantity, len(series.future), settings.young_share if share is None else share)
    short = count < settings.min_history_weeks
    model = np.where(short, f"{YOUNG} (fewer than {settings.min_history_weeks} weeks)", name)
    return _named(np.where(short[:, None], young, mean), model)


def _flat(series: Series, settings: ForecastSettings, level: Callable[[Floats], Floats], name: str) -> SeriesForecast:
    """The same level for every period ahead."""
    mean = np.repeat(level(demand_known(series, settings))[:, None], len(series.future), axis=1)
    return with_young(mean, name, series, settings)


def _named(mean: Floats, model: str | Strings) -> SeriesForecast:
    return SeriesForecast(np.maximum(mean, 0.0), np.broadcast_to(np.asarray(model, dtype=np.str_), len(mean)))


def _tsb_level(quantity: Floats) -> Floats:
    chance, size = np.meshgrid(TSB_CHANCE_ALPHAS, TSB_SIZE_ALPHAS, indexing="ij")
    on_chance, on_size = chance.reshape(-1, 1), size.reshape(-1, 1)
    known = ~np.isnan(quantity)
    demand = known & (quantity > 0.0)
    occurrences = np.maximum(demand.sum(axis=1), 1)
    shape = (len(on_chance), len(quantity))
    p = np.broadcast_to(demand.sum(axis=1) / np.maximum(known.sum(axis=1), 1), shape).copy()
    z = np.broadcast_to(np.where(demand, quantity, 0.0).sum(axis=1) / occurrences, shape).copy()
    loss = np.zeros(shape)
    for week in range(quantity.shape[1]):
        seen, sold = known[:, week], demand[:, week]
        value = np.where(seen, quantity[:, week], 0.0)
        loss += np.where(seen, (value - p * z) ** 2, 0.0)
        p += np.where(seen, on_chance * (sold - p), 0.0)
        z += np.where(sold, on_size * (value - z), 0.0)
    best = (loss.argmin(axis=0), np.arange(len(quantity)))
    return np.asarray(p[best] * z[best])


def _croston_level(quantity: Floats) -> Floats:
    known = ~np.isnan(quantity)
    demand = known & (quantity > 0.0)
    occurrences = demand.sum(axis=1)
    interval = known.sum(axis=1) / np.maximum(occurrences, 1)
    z = np.where(demand, quantity, 0.0).sum(axis=1) / np.maximum(occurrences, 1)
    since = np.zeros(len(quantity))
    for week in range(quantity.shape[1]):
        sold = demand[:, week]
        since += known[:, week]
        z += np.where(sold, CROSTON_ALPHA * (quantity[:, week] - z), 0.0)
        interval += np.where(sold, CROSTON_ALPHA * (since - interval), 0.0)
        since = np.where(sold, 0.0, since)
    return np.where(occurrences > 0, (1 - CROSTON_ALPHA / 2) * z / np.maximum(interval, 1e-9), 0.0)


def _aggregated(quantity: Floats) -> tuple[Floats, Floats]:
    """SES on buckets of the mean interval between demands, and the mean of SES on buckets of one week to that long."""
    known = ~np.isnan(quantity)
    interval = known.sum(axis=1) / np.maximum((known & (quantity > 0.0)).sum(axis=1), 1)
    longest = np.clip(np.rint(interval), 1, LONGEST_BUCKET).astype(np.intp)
    at_longest, total = np.zeros(len(quantity)), np.zeros(len(quantity))
    for length in range(1, int(longest.max(initial=1)) + 1):
        rows = np.flatnonzero(longest >= length)
        level = smooth(_buckets(quantity[rows], length))[0]
        total[rows] += level
        at_longest[rows] = np.where(longest[rows] == length, level, at_longest[rows])
    return at_longest, total / longest


def _buckets(quantity: Floats, length: int) -> Floats:
    """(N, T // length) mean known week of each bucket; they end with the history."""
    size, weeks = quantity.shape
    parts = quantity[:, weeks % length :].reshape(size, weeks // length, length)
    known = ~np.isnan(parts)
    count = known.sum(axis=2)
    return np.where(count > 0, np.where(known, parts, 0.0).sum(axis=2) / np.maximum(count, 1), np.nan)
