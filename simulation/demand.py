"""What outlets would buy if the distributor never ran out: trend, seasons, holidays, promotions, events and intermittent tails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from simulation.network import CATEGORIES, CLASS_ACTIVITY, CLASS_RANGE, Floats, Network

LINES_PER_OUTLET_WEEK = 6.65
"""Order lines of a mean outlet in a week at 100 SKUs, before seasons, holidays and empty shelves take their part."""

HOLIDAYS = ((1, 1), (1, 26), (5, 1), (8, 15), (10, 2), (12, 25))
FESTIVALS = ((10, 20), (12, 25))
FESTIVAL_BUILD_UP_DAYS = 14
FESTIVAL_FACTOR = 1.25
WEEKDAY_FACTOR = (1.05, 0.95, 0.95, 1.0, 1.1, 1.0, 0.0)
MULTIPLES = np.array([1, 2, 3, 4, 6, 12], dtype=np.int64)
REGULAR = np.array([0.58, 0.28, 0.09, 0.05, 0.0, 0.0])
LUMPY = np.array([0.70, 0.11, 0.04, 0.05, 0.04, 0.06])
MAX_PROBABILITY = 0.92
LAUNCH_RAMP_DAYS = 28


@dataclass(frozen=True)
class Promotion:
    """A promotion of one SKU in one zone: demand is multiplied by 1 + uplift from `first` to `last` (day indices, inclusive), or to the last simulated day."""

    code: str
    sku: int
    zone: int
    first: int
    last: int
    announced_last: int
    uplift: float
    discount_permille: int
    buy: int
    free: int


@dataclass(frozen=True)
class DemandEvent:
    """A change of demand in one distributor's trade of one SKU that no calendar foretells."""

    kind: str
    distributor: int
    sku: int
    first: int
    last: int
    factor: float


@dataclass(frozen=True)
class Demand:
    """The unconstrained demand process.

    `rate[o, s]`: probability of a line on one visit before the day's factor; `lot[o, s]` x a multiple drawn from `cumulative[kind[o, s]]` is its
    quantity; `running[zone, s, t]` is the index of the promotion that runs, or -1.
    """

    rate: npt.NDArray[np.float32]
    lot: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    cumulative: Floats
    mean_multiple: Floats
    season: Floats
    day_factor: Floats
    open_day: npt.NDArray[np.bool_]
    promotions: tuple[Promotion, ...]
    running: npt.NDArray[np.int32]
    events: tuple[DemandEvent, ...]

    @property
    def mean_line(self) -> npt.NDArray[np.float32]:
        """Mean base units of a line of outlet x SKU."""
        return (self.lot * self.mean_multiple[self.kind]).astype(np.float32)


def build(network: Network) -> Demand:
    """Draw the demand process of a network."""
    rate, lot, kind = _rates(network)
    cumulative = np.cumsum(np.vstack([REGULAR, LUMPY]), axis=1)
    mean_multiple = np.array([float(REGULAR @ MULTIPLES), float(LUMPY @ MULTIPLES)])
    promotions = _promotions(network)
    events = _events(network)
    season, day_factor, open_day = _calendar(network)
    return Demand(
        rate,
        lot,
        kind,
        cumulative,
        mean_multiple,
        season,
        day_factor,
        open_day,
        promotions,
        _running(network, promotions),
        events,
    )


def factors(network: Network, demand: Demand, day: int) -> Floats:
    """The day's demand factor per distributor and SKU (0 on closed days and before a launch)."""
    running = demand.running[network.distributor_zone, :, day]
    uplift = np.array([*(p.uplift for p in demand.promotions), 0.0])
    result: Floats = (demand.season[:, day] * demand.day_factor[day])[None, :] * (1 + uplift[running])
    for event in demand.events:
        if event.first <= day <= event.last:
            result[event.distributor, event.sku] *= event.factor
    return result


def _running(network: Network, promotions: tuple[Promotion, ...]) -> npt.NDArray[np.int32]:
    zones = int(network.distributor_zone.max()) + 1
    running = np.full((zones, network.sizes.skus, network.sizes.days), -1, dtype=np.int32)
    for i, promotion in enumerate(promotions):
        running[promotion.zone, promotion.sku, promotion.first : promotion.last + 1] = i
    return running


def _rates(network: Network) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    rng = network.sizes.rng(10)
    n, s = network.sizes.outlets, network.sizes.skus
    ranged = rng.random((n, s)) < np.array(CLASS_RANGE)[network.outlet_class][:, None]
    ranged[~ranged.any(axis=1)] = True
    activity = np.array(CLASS_ACTIVITY)[network.outlet_class] * rng.gamma(6.0, 1 / 6.0, n)
    taste = rng.gamma(1.3, 1 / 1.3, (n, s))
    weekly = ranged * activity[:, None] * network.sku_popularity[None, :] * taste
    weekly *= LINES_PER_OUTLET_WEEK * n * np.sqrt(s / 100) / weekly.sum()
    rate = np.minimum(weekly / network.outlet_visits[:, None], MAX_PROBABILITY)
    size = rng.random((n, s))
    inner, case = network.units_per_inner[None, :], network.units_per_case[None, :]
    small = np.maximum(1, inner // 2)
    by_case = (network.outlet_class[:, None] == 0) & (size < 0.25) & (case <= 48)
    lot = np.where(by_case, case, np.where(size < 0.55, inner, np.where(size < 0.8, small, 2 * inner)))
    lot = np.where((network.outlet_class[:, None] == 3) & (size >= 0.8), np.maximum(1, inner // 3), lot)
    kind = rng.random((n, s)) < 0.12
    return rate.astype(np.float32), lot.astype(np.int32), kind.astype(np.int8)


def _calendar(network: Network) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    sizes = network.sizes
    rng = sizes.rng(11)
    dates = sizes.dates()
    of_year = np.array([d.timetuple().tm_yday for d in dates])
    amplitude = np.array([c[3] for c in CATEGORIES])[network.sku_category] * rng.uniform(0.7, 1.3, sizes.skus)
    peak = np.array([c[4] for c in CATEGORIES])[network.sku_category] + rng.normal(0, 10, sizes.skus)
    season = 1 + amplitude[:, None] * np.cos(2 * np.pi * (of_year[None, :] - peak[:, None]) / 365.25)
    growth = np.clip(rng.normal(0.05, 0.10, sizes.skus), -0.25, 0.35)
    season *= (1 + growth[:, None]) ** ((np.arange(sizes.days)[None, :] - sizes.days / 2) / 365.25)
    since_launch = np.arange(sizes.days)[None, :] - network.launch_day[:, None]
    launched = network.launch_day[:, None] >= 0
    ramp = np.clip((since_launch + 1) / LAUNCH_RAMP_DAYS, 0.2, 1.0) * (since_launch >= 0)
    season *= np.where(launched, ramp, 1.0)
    weekday = np.array([d.weekday() for d in dates])
    holiday = np.array([(d.month, d.day) in HOLIDAYS for d in dates])
    day_factor = np.array(WEEKDAY_FACTOR)[weekday] * np.array([_festival(d) for d in dates])
    open_day = (weekday < 6) & ~holiday
    return season, np.where(open_day, day_factor, 0.0), open_day


def _festival(day: date) -> float:
    for month, of_month in FESTIVALS:
        if 0 < (date(day.year, month, of_month) - day).days <= FESTIVAL_BUILD_UP_DAYS:
            return FESTIVAL_FACTOR
    return 1.0


def _promotions(network: Network) -> tuple[Promotion, ...]:
    sizes = network.sizes
    rng = sizes.rng(12)
    zones = int(network.distributor_zone.max()) + 1
    result: list[Promotion] = []
    for sku in range(sizes.skus):
        for zone in range(zones):
            day = int(rng.integers(-30, 130))
            while day < sizes.days:
                length = int(rng.integers(14, 29))
                uplift = round(float(rng.uniform(0.05, 0.60)), 3)
                discount = int(rng.integers(30, 151))
                with_free = bool(rng.random() < 0.35)
                announced = day + length - 1
                first, last = max(day, 0), min(announced, sizes.days - 1)
                if last >= first and first > network.launch_day[sku]:
                    code = f"SCH{len(result) + 1:04d}"
                    buy, free = (12, 1) if with_free else (0, 0)
                    result.append(
                        Promotion(
                            code, sku, zone, first, last, announced, uplift, 0 if with_free else discount, buy, free
                        )
                    )
                day += length + int(rng.integers(70, 220))
    return tuple(result)


def _events(network: Network) -> tuple[DemandEvent, ...]:
    sizes = network.sizes
    rng = sizes.rng(13)
    cells = sizes.distributors * sizes.skus
    picked = rng.permutation(cells)
    stopped, surging = cells // 80, cells // 160
    result: list[DemandEvent] = []
    for i, cell in enumerate(picked[: stopped + surging]):
        d, s = divmod(int(cell), sizes.skus)
        if i < stopped:
            first = int(rng.integers(sizes.days // 3, max(sizes.days // 3 + 1, sizes.days - 45)))
            result.append(DemandEvent("STOP", d, s, first, sizes.days - 1, 0.0))
        else:
            length = int(rng.integers(10, 22))
            last = sizes.days - 1 - (0 if rng.random() < 0.5 else int(rng.integers(0, max(1, sizes.days // 2))))
            result.append(
                DemandEvent("SURGE", d, s, max(0, last - length + 1), last, round(float(rng.uniform(2.5, 4.0)), 3))
            )
    return tuple(sorted(result, key=lambda e: (e.distributor, e.sku)))
