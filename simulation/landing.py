"""Which file each sender writes: the plan of all files, before defects touch it and before the dialects write it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from simulation import plans
from simulation.demand import Demand
from simulation.documents import Documents
from simulation.network import CSV, EXTENSION, Network
from simulation.sizes import Sizes

INVOICE, STOCK, RECEIPT, DISPATCH, POS = (
    "dms_invoice_line",
    "dms_stock",
    "goods_receipt",
    "erp_dispatch_line",
    "pos_sale",
)
MASTERS = ("territory", "distributor", "sku", "outlet", "sku_xref", "outlet_xref", "scheme", "calendar")
"""What head office sends: masters, cross-references, and what it has planned."""
ERP, HQ = "ERP", "HQ"
ARRIVAL_HOUR = 6


@dataclass(frozen=True)
class SenderFile:
    """One file that a sender writes.

    `rows` are documents as `simulation.documents` names them; `first` and `last` are the business dates covered (both None for masters);
    a file whose `suffix` is not empty is sent again, later; a withheld file lands only when somebody copies it in.
    """

    profile: str
    sender: str
    feed: str
    first: date | None
    last: date | None
    rows: pl.DataFrame
    arrived_at: datetime
    suffix: str = ""
    withheld: bool = False

    @property
    def names_day(self) -> bool:
        """Whether the file name states a single day."""
        return self.first is not None and self.first == self.last

    @property
    def name(self) -> str:
        """The file's name."""
        parts = [self.feed]
        if self.first is not None and self.last is not None:
            parts.append(self.first.isoformat())
            if not self.names_day:
                parts.append(self.last.isoformat())
        return "_".join(parts) + self.suffix + f".{EXTENSION[self.profile]}"

    @property
    def path(self) -> str:
        """The file's path below the landing folder."""
        return f"{self.profile}/{self.sender}/{self.name}"

    def covers(self, day: date) -> bool:
        """Whether the file reports this business date."""
        return self.first is not None and self.last is not None and self.first <= day <= self.last

    def again(self, suffix: str, rows: pl.DataFrame, *, days_later: int = 2) -> SenderFile:
        """The same stretch of days sent once more."""
        return replace(
            self, suffix=self.suffix + suffix, rows=rows, arrived_at=self.arrived_at + timedelta(days=days_later)
        )


def plan(network: Network, demand: Demand, documents: Documents) -> list[SenderFile]:
    """All files of all senders, in a fixed order, without defects."""
    files = list(_masters(network, demand))
    for d, sender in enumerate(network.distributor_codes):
        profile = network.distributor_profile[d]
        for feed, frame in ((INVOICE, documents.invoice), (STOCK, documents.stock), (RECEIPT, documents.receipt)):
            files += _dated(network.sizes, profile, sender, feed, _of(frame, "distributor", d))
    files += _dated(network.sizes, CSV, ERP, DISPATCH, documents.dispatch.sort("day", maintain_order=True))
    for r, sender in enumerate(network.retailer_codes):
        files += _dated(network.sizes, CSV, sender, POS, _of(documents.pos, "retailer", r))
    return files


def arrival(last_day: date) -> datetime:
    """When a file that ends with this business date arrives: the next morning, UTC."""
    return datetime.combine(last_day + timedelta(days=1), time(ARRIVAL_HOUR), tzinfo=UTC)


def _of(frame: pl.DataFrame, column: str, member: int) -> pl.DataFrame:
    """The stretch of a frame, sorted by this column, that belongs to one member."""
    values = frame[column].to_numpy()
    first, last = np.searchsorted(values, [member, member + 1])
    return frame.slice(int(first), int(last - first))


def _dated(sizes: Sizes, profile: str, sender: str, feed: str, frame: pl.DataFrame) -> Iterator[SenderFile]:
    days = frame["day"].to_numpy()
    ranges = sizes.history_ranges() + [(day, day) for day in range(sizes.first_daily_day, sizes.days)]
    for first, last in ranges:
        start, stop = np.searchsorted(days, [first, last + 1])
        last_date = sizes.day(last)
        rows = frame.slice(int(start), int(stop - start))
        yield SenderFile(profile, sender, feed, sizes.day(first), last_date, rows, arrival(last_date))


def _masters(network: Network, demand: Demand) -> Iterator[SenderFile]:
    frames: dict[str, pl.DataFrame] = {
        "territory": network.territory,
        "distributor": network.distributor,
        "sku": network.sku,
        "outlet": network.outlet,
        "sku_xref": network.sku_xref,
        "outlet_xref": network.outlet_xref,
        "scheme": plans.schemes(network, demand),
        "calendar": plans.calendar(network),
    }
    for feed in MASTERS:
        yield SenderFile(CSV, HQ, feed, None, None, frames[feed], arrival(network.sizes.start - timedelta(days=2)))


def find(files: list[SenderFile], matches: Callable[[SenderFile], bool]) -> list[int]:
    """Positions of the files that match."""
    return [i for i, file in enumerate(files) if matches(file)]
