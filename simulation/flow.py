"""Goods on their way, day by day: plant, transit, distributor, outlet, shelf. Every unit that leaves one place arrives at another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulation import demand as demand_process
from simulation.demand import MULTIPLES, Demand
from simulation.network import Ints, Network

Ints32 = npt.NDArray[np.int32]
Progress = Callable[[int, int, str], None]

RETURN_SHARE = 0.018
SALEABLE_RETURN_SHARE = 0.6
TRANSIT_DAMAGE_SHARE = 0.004
RECLASS_SHARE = 0.02
SAMPLE_SHARE = 0.01
LIFTED_SHARE = 0.7
TRAILING_DAYS = 28
PRIMARY_FREE_CASES = 12
CONSUMER_WEEKDAY = (0.9, 0.9, 0.95, 1.0, 1.1, 1.25, 0.9)


@dataclass(frozen=True)
class Moves:
    """Events as parallel columns; what each column means is said where the moves are made."""

    columns: dict[str, Ints]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Ints:
        return self.columns[name]


@dataclass(frozen=True)
class Flow:
    """What physically happened, in base units and day indices.

    Sales, returns, dispatches, receipts, care (reclassified, sampled, lifted, destroyed) and store sales are event columns; stock is the close of
    each day per distributor and SKU.
    """

    sales: Moves
    returns: Moves
    dispatches: Moves
    care: Moves
    pos: Moves
    saleable: Ints32
    unsaleable: Ints32
    opening: Ints32
    ranged_from: Ints
    shelf_opening: Ints32
    shelf_closing: Ints32
    consumed: Ints
    plant_opening: Ints
    plant_produced: Ints
    plant_closing: Ints
    plant_returned: Ints
    demand_week: npt.NDArray[np.float64]
    lost: Moves


class _Recorder:
    def __init__(self, *names: str) -> None:
        self._names = names
        self._parts: list[tuple[npt.NDArray[np.generic], ...]] = []

    def add(self, day: int, *columns: npt.NDArray[np.generic]) -> None:
        if len(columns[0]):
            self._parts.append((np.full(len(columns[0]), day), *columns))

    def moves(self) -> Moves:
        names = ("day", *self._names)
        if not self._parts:
            return Moves({name: np.zeros(0, dtype=np.int64) for name in names})
        return Moves(
            {name: np.concatenate([p[i] for p in self._parts]).astype(np.int64) for i, name in enumerate(names)}
        )


def run(network: Network, demand: Demand, progress: Progress | None = None) -> Flow:
    """Let the network trade from its first day to its last."""
    return _World(network, demand).run(progress)


class _World:
    """The state of the network while its days pass."""

    def __init__(self, network: Network, demand: Demand) -> None:
        self.net, self.demand, self.sizes = network, demand, network.sizes
        d, s, o, t = self.sizes.distributors, self.sizes.skus, self.sizes.outlets, self.sizes.days
        self.rng = self.sizes.rng(20)
        self.supply_rng = self.sizes.rng(21)
        self.return_rng = self.sizes.rng(22)
        self.consumer_rng = self.sizes.rng(23)
        self.care_rng = self.sizes.rng(24)
        self.mean_line = demand.mean_line
        weekly = demand.rate * self.mean_line * network.outlet_visits[:, None].astype(np.float32)
        self.shelf_rate = weekly / 7
        plan = np.zeros((d, s))
        np.add.at(plan, network.outlet_distributor, weekly)
        self.plan = plan / 7 * 0.96
        launched = network.launch_day >= 0
        cover = network.norm_days[:, None] + 7
        opening = self.plan * cover * self.rng.uniform(0.6, 1.4, (d, s))
        inner = network.units_per_inner[None, :]
        in_inners = np.ceil(opening / inner) * inner * (self.plan > 0) * ~launched[None, :]
        self.saleable: Ints32 = in_inners.astype(np.int32)
        self.opening = self.saleable.copy()
        self.unsaleable: Ints32 = np.zeros((d, s), dtype=np.int32)
        self.ranged_from: Ints = np.where(self.saleable > 0, 0, t).astype(np.int64)
        self.on_way: Ints = np.zeros((d, s), dtype=np.int64)
        self.discipline = self.rng.uniform(0.45, 1.4, d)
        shelf = self.shelf_rate * 7 * self.rng.uniform(0.0, 3.0, (o, s)) * ~launched[None, :]
        self.shelf: Ints32 = shelf.astype(np.int32)
        self.shelf_opening = self.shelf.copy()
        self.consumed: Ints = np.zeros((o, s), dtype=np.int64)
        self.plant_level = self._to_cases(self.plan.sum(axis=0) * 14) + network.units_per_case * d
        self.plant: Ints = self.plant_level.copy()
        self.plant_opening = self.plant.copy()
        self.produced: Ints = np.zeros(s, dtype=np.int64)
        self.returned: Ints = np.zeros(s, dtype=np.int64)
        self.halted = self._halts()
        self.sold_of_day: Ints32 = np.zeros((t, d, s), dtype=np.int32)
        self.trailing: Ints = np.zeros((d, s), dtype=np.int64)
        self.saleable_close: Ints32 = np.zeros((t, d, s), dtype=np.int32)
        self.unsaleable_close: Ints32 = np.zeros((t, d, s), dtype=np.int32)
        self.due: dict[int, list[tuple[int, Ints, Ints, int]]] = defaultdict(list)
        self.arriving: dict[int, list[tuple[int, Ints, Ints, Ints]]] = defaultdict(list)
        weeks = (self.sizes.start.weekday() + t - 1) // 7 + 1
        self.demand_week = np.zeros((weeks, len(network.group_distributor), s))
        self.sales = _Recorder("outlet", "sku", "qty", "free", "promotion", "wanted")
        self.lost = _Recorder("outlet", "sku", "qty")
        self.returns = _Recorder("outlet", "sku", "qty", "saleable")
        self.dispatches = _Recorder(
            "distributor", "sku", "paid", "free", "ordered_day", "planned_day", "receipt_day", "damaged"
        )
        self.care = _Recorder("distributor", "sku", "reclassed", "sampled", "lifted", "destroyed")
        self.pos = _Recorder("outlet", "sku", "qty", "on_hand")
        self.visit_days = [
            np.flatnonzero(
                (network.outlet_weekday == w) | ((network.outlet_visits == 2) & ((network.outlet_weekday + 3) % 6 == w))
            )
            for w in range(7)
        ]
        self.is_pos = network.outlet_retailer >= 0
        self.pos_outlets = network.pos_outlets

    def run(self, progress: Progress | None) -> Flow:
        sizes = self.sizes
        dates = sizes.dates()
        for day, today in enumerate(dates):
            weekday = today.weekday()
            self._receive(day)
            if self.demand.open_day[day]:
                self._sell(day, self.visit_days[weekday])
            self._consume(day, weekday)
            if day + 1 == sizes.days or dates[day + 1].month != today.month:
                self._care(day, last_day=day + 1 == sizes.days)
            if weekday < 6:
                self._produce(day, weekday)
                self._dispatch(day)
                self._order(day, weekday)
            self.saleable_close[day] = self.saleable
            self.unsaleable_close[day] = self.unsaleable
            self.trailing += self.sold_of_day[day]
            if day >= TRAILING_DAYS:
                self.trailing -= self.sold_of_day[day - TRAILING_DAYS]
            if progress and (day % 20 == 19 or day + 1 == sizes.days):
                progress(day + 1, sizes.days, "simulated days")
        return Flow(
            sales=self.sales.moves(),
            returns=self.returns.moves(),
            dispatches=self.dispatches.moves(),
            care=self.care.moves(),
            pos=self.pos.moves(),
            saleable=self.saleable_close,
            unsaleable=self.unsaleable_close,
            opening=self.opening,
            ranged_from=self.ranged_from,
            shelf_opening=self.shelf_opening,
            shelf_closing=self.shelf,
            consumed=self.consumed,
            plant_opening=self.plant_opening,
            plant_produced=self.produced,
            plant_closing=self.plant,
            plant_returned=self.returned,
            demand_week=self.demand_week,
            lost=self.lost.moves(),
        )

    def _to_cases(self, units: npt.NDArray[np.float64]) -> Ints:
        case = self.net.units_per_case
        return (np.ceil(units / case) * case).astype(np.int64)

    def _halts(self) -> npt.NDArray[np.bool_]:
        """Spells in which the plant makes nothing of a SKU: what empties distributors."""
        rng, t, s = self.sizes.rng(25), self.sizes.days, self.sizes.skus
        halted = np.zeros((t, s), dtype=bool)
        for sku in range(s):
            for _ in range(int(rng.poisson(0.55 * t / 365))):
                first = int(rng.integers(0, t))
                halted[first : first + int(rng.integers(24, 46)), sku] = True
        if t >= 120:
            for sku in rng.permutation(s)[: max(1, s // 25)]:
                halted[t - int(rng.integers(38, 60)) :, sku] = True
        return halted

    def _receive(self, day: int) -> None:
        for distributor, skus, good, damaged in self.arriving.pop(day, []):
            self.saleable[distributor, skus] += good.astype(np.int32)
            self.unsaleable[distributor, skus] += damaged.astype(np.int32)
            self.on_way[distributor, skus] -= good + damaged
            self.ranged_from[distributor, skus] = np.minimum(self.ranged_from[distributor, skus], day)

    def _sell(self, day: int, visited: Ints) -> None:
        net, skus = self.net, self.sizes.skus
        if not len(visited):
            return
        factor = demand_process.factors(net, self.demand, day).astype(np.float32)
        chance = self.demand.rate[visited] * factor[net.outlet_distributor[visited]]
        np.minimum(chance, np.float32(0.96), out=chance)
        group = net.outlet_group[visited]
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        week = (self.sizes.start.weekday() + day) // 7
        self.demand_week[week, group[starts]] += np.add.reduceat(chance * self.mean_line[visited], starts, axis=0)
        row, sku = np.nonzero(self.rng.random(chance.shape, dtype=np.float32) < chance)
        outlet = visited[row]
        distributor = net.outlet_distributor[outlet]
        draw = self.rng.random(len(outlet))
        cumulative = self.demand.cumulative[self.demand.kind[outlet, sku]]
        multiple = MULTIPLES[np.minimum((draw[:, None] >= cumulative).sum(axis=1), len(MULTIPLES) - 1)]
        qty = self.demand.lot[outlet, sku].astype(np.int64) * multiple
        promotion = self.demand.running[net.distributor_zone[distributor], sku, day].astype(np.int64)
        buy = np.array([*(p.buy for p in self.demand.promotions), 0])[promotion]
        free_each = np.array([*(p.free for p in self.demand.promotions), 0])[promotion]
        free = np.where(buy > 0, qty // np.maximum(buy, 1) * free_each, 0)
        given = _allocate(distributor * skus + sku, qty + free, self.saleable.reshape(-1))
        billed = np.minimum(given, qty)
        given_free = given - billed
        short = qty - billed
        self.lost.add(day, outlet[short > 0], sku[short > 0], short[short > 0])
        kept = billed > 0
        outlet, sku, distributor = outlet[kept], sku[kept], distributor[kept]
        billed, given_free = billed[kept], given_free[kept]
        np.subtract.at(self.saleable, (distributor, sku), (billed + given_free).astype(np.int32))
        np.add.at(self.sold_of_day[day], (distributor, sku), billed.astype(np.int32))
        self.shelf[outlet, sku] += (billed + given_free).astype(np.int32)
        self.sales.add(day, outlet, sku, billed, given_free, promotion[kept], qty[kept])
        self._take_back(day, visited)

    def _take_back(self, day: int, visited: Ints) -> None:
        rng = self.return_rng
        asked = visited[rng.random(len(visited)) < RETURN_SHARE]
        if not len(asked):
            return
        key = rng.random((len(asked), self.sizes.skus)) * (self.shelf[asked] > 0)
        first = key.argmax(axis=1)
        key[np.arange(len(asked)), first] = 0
        second = key.argmax(axis=1)
        two = (rng.random(len(asked)) < 0.35) & (key[np.arange(len(asked)), second] > 0)
        outlet = np.r_[asked, asked[two]]
        sku = np.r_[first, second[two]]
        qty = np.minimum(self.shelf[outlet, sku], rng.integers(1, 7, len(outlet)))
        saleable = rng.random(len(outlet)) < SALEABLE_RETURN_SHARE
        kept = qty > 0
        outlet, sku, qty, saleable = outlet[kept], sku[kept], qty[kept], saleable[kept]
        order = np.lexsort((sku, outlet))
        outlet, sku, qty, saleable = outlet[order], sku[order], qty[order], saleable[order]
        self.shelf[outlet, sku] -= qty.astype(np.int32)
        distributor = self.net.outlet_distributor[outlet]
        np.add.at(self.saleable, (distributor[saleable], sku[saleable]), qty[saleable].astype(np.int32))
        np.add.at(self.unsaleable, (distributor[~saleable], sku[~saleable]), qty[~saleable].astype(np.int32))
        self.returns.add(day, outlet, sku, qty, saleable)

    def _consume(self, day: int, weekday: int) -> None:
        season = self.demand.season[:, day]
        stores = self.pos_outlets
        if len(stores):
            mean = self.shelf_rate[stores] * (season * CONSUMER_WEEKDAY[weekday])[None, :]
            sold = np.minimum(self.shelf[stores], self.consumer_rng.poisson(mean)).astype(np.int32)
            self.shelf[stores] -= sold
            self.consumed[stores] += sold
            store, sku = np.nonzero(sold)
            self.pos.add(day, stores[store], sku, sold[store, sku], self.shelf[stores[store], sku])
        if weekday == 6:
            mean = self.shelf_rate * (season * 7)[None, :].astype(np.float32)
            wanted = (mean + self.consumer_rng.random(mean.shape, dtype=np.float32)).astype(np.int32)
            wanted[self.is_pos] = 0
            sold = np.minimum(self.shelf, wanted)
            self.shelf -= sold
            self.consumed += sold

    def _care(self, day: int, *, last_day: bool) -> None:
        """Month's end: broken goods are set apart, samples given, unsaleable goods lifted by the company or destroyed."""
        rng, shape = self.care_rng, self.saleable.shape
        draws = rng.random((4, *shape))
        pieces = rng.integers(1, 4, (2, *shape))
        if last_day and self.sizes.day(day + 1).month == self.sizes.day(day).month:
            return
        reclassed = np.where((draws[0] < RECLASS_SHARE) & (self.saleable > 5), pieces[0], 0)
        sampled = np.where((draws[1] < SAMPLE_SHARE) & (self.saleable > 8), pieces[1], 0)
        gone = self.unsaleable * (draws[2] < LIFTED_SHARE)
        lifted = np.where(draws[3] < 0.8, gone, 0)
        destroyed = gone - lifted
        self.saleable -= (reclassed + sampled).astype(np.int32)
        self.unsaleable += (reclassed - gone).astype(np.int32)
        self.returned += lifted.sum(axis=0)
        distributor, sku = np.nonzero(reclassed + sampled + gone)
        cell = (distributor, sku)
        self.care.add(day, distributor, sku, reclassed[cell], sampled[cell], lifted[cell], destroyed[cell])

    def _produce(self, day: int, weekday: int) -> None:
        if weekday != 0:
            return
        case = self.net.units_per_case
        missing = (np.maximum(self.plant_level - self.plant, 0) + case - 1) // case * case
        made = np.where(self.halted[day], 0, missing)
        self.plant += made
        self.produced += made

    def _order(self, day: int, weekday: int) -> None:
        net = self.net
        for distributor in np.flatnonzero(net.review_weekday == weekday):
            launch = net.launch_day
            old = launch < day - 35
            trailing = self.trailing[distributor] / min(max(day, 1), TRAILING_DAYS)
            plan = self.plan[distributor]
            mean = np.where(old & (day > 14), np.maximum(trailing, 0.35 * plan * (trailing > 0)), plan)
            starved = old & (day > 14) & (trailing == 0) & (self.saleable[distributor] == 0)
            mean = np.where(starved, 0.6 * plan, mean)
            mean = np.where(launch > day + 6, 0.0, mean)
            days = net.lead_days[distributor] + net.transit_days[distributor] + 7
            target = mean * (days + net.norm_days[distributor] * self.discipline[distributor])
            position = self.saleable[distributor] + self.on_way[distributor]
            case = net.units_per_case
            gap = np.maximum(target - position, 0)
            due_now = (gap >= 0.5 * case) | (position < 0.5 * target)
            cases = np.where(due_now, np.ceil(gap / case), 0).astype(np.int64)
            skus = np.flatnonzero(cases)
            if not len(skus):
                continue
            due = day + int(net.lead_days[distributor])
            due += 1 if self.sizes.day(due).weekday() == 6 else 0
            units = cases[skus] * case[skus]
            self.on_way[distributor, skus] += units
            self.due[due].append((int(distributor), skus, units, day))

    def _dispatch(self, day: int) -> None:
        orders = self.due.pop(day, [])
        for i in self.supply_rng.permutation(len(orders)):
            distributor, skus, units, ordered = orders[int(i)]
            case = self.net.units_per_case[skus]
            paid = np.minimum(units, self.plant[skus] // case * case)
            running = self.demand.running[self.net.distributor_zone[distributor], skus, day].astype(np.int64)
            with_free = np.array([*(p.buy for p in self.demand.promotions), 0])[running] > 0
            free = (
                np.where(
                    with_free, np.minimum(paid // case // PRIMARY_FREE_CASES, (self.plant[skus] - paid) // case), 0
                )
                * case
            )
            sent = paid + free
            self.plant[skus] -= sent
            self.on_way[distributor, skus] += sent - units
            kept = sent > 0
            skus, paid, free, sent = skus[kept], paid[kept], free[kept], sent[kept]
            if not len(skus):
                continue
            planned = day + int(self.net.transit_days[distributor])
            arrival = planned + int(self.supply_rng.choice(3, p=[0.75, 0.17, 0.08]))
            arrival += 1 if self.sizes.day(arrival).weekday() == 6 else 0
            hurt = self.supply_rng.random(len(skus)) < TRANSIT_DAMAGE_SHARE
            damaged = np.where(hurt, np.minimum(self.supply_rng.integers(1, 4, len(skus)), paid), 0)
            self.arriving[arrival].append((distributor, skus, sent - damaged, damaged))
            n = len(skus)
            self.dispatches.add(
                day,
                np.full(n, distributor),
                skus,
                paid,
                free,
                np.full(n, ordered),
                np.full(n, planned),
                np.full(n, arrival),
                damaged,
            )


def _allocate(cell: Ints, wanted: Ints, stock: Ints32) -> Ints:
    """Serve wants in their order until the cell's stock is gone; the last one served may get a part."""
    order = np.argsort(cell, kind="stable")
    sorted_cell, sorted_want = cell[order], wanted[order]
    total = np.cumsum(sorted_want)
    before = total - sorted_want
    first = np.r_[True, sorted_cell[1:] != sorted_cell[:-1]] if len(cell) else np.zeros(0, dtype=bool)
    base = np.maximum.accumulate(np.where(first, before, 0))
    given_sorted = np.clip(stock[sorted_cell] - (before - base), 0, sorted_want)
    given = np.zeros(len(cell), dtype=np.int64)
    given[order] = given_sorted
    return given
