"""Plant defects in senders' files: the network stays as it was, only what is sent about it goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from simulation import effects
from simulation.defect_file import (
    CASES_AS_PIECES,
    DAY_MISSING,
    FILE_AGAIN,
    INVOICE_CORRECTED,
    INVOICE_MOVED,
    LINE_DELETED,
    Defect,
)
from simulation.documents import TAX_PERCENT
from simulation.effects import Effect
from simulation.errors import InvalidDefect
from simulation.landing import INVOICE, STOCK, SenderFile
from simulation.network import REPLACE_PROFILES, Ints, Network

CASES_DAYS = 14
LATE_DAYS = 5
MILLI = 1000


@dataclass(frozen=True)
class Mend:
    """What a user does to put a defect right: a profile override, or late files to copy in."""

    defect_id: str
    kind: str
    profile: str
    sender: str
    feed: str
    override: dict[str, Any] | None = None
    file: str | None = None


@dataclass(frozen=True)
class Planted:
    """The files with their defects, what the defects change, and how each is mended."""

    files: list[SenderFile]
    effects: pl.DataFrame
    mends: list[Mend]


def plant(network: Network, files: list[SenderFile], cells: pl.DataFrame, defects: list[Defect]) -> Planted:
    """Plant defects in a plan of files.

    Defects that say where they go are planted first; the others then find files that no defect has touched.

    Args:
        network: whose files they are.
        files: the clean plan of all files.
        cells: the true reconciliation cells.
        defects: what to plant.

    Raises:
        InvalidDefect: one cannot be planted; nothing has been written.
    """
    planter = _Planter(network, files, cells)
    order = sorted(range(len(defects)), key=lambda i: (*_freedom(defects[i]), i))
    for i in order:
        planter.plant(defects[i])
    return planter.result()


def _freedom(defect: Defect) -> tuple[bool, bool, bool]:
    """Sorts defects by how free they are to go elsewhere; a period of many files is less free than one file."""
    return defect.first is None, defect.distributor is None, defect.kind != CASES_AS_PIECES


class _NoPlace(Exception):
    """A defect finds no place at one distributor."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


class _Planter:
    def __init__(self, network: Network, files: list[SenderFile], cells: pl.DataFrame) -> None:
        self._net = network
        self._sizes = network.sizes
        self._cells = cells
        self._files = files
        self._changed: dict[str, SenderFile] = {}
        self._again: dict[str, list[SenderFile]] = {}
        self._claims: dict[str, str] = {}
        self._busy: set[str] = set()
        self._effects: list[Effect] = []
        self._mends: list[Mend] = []
        self._planted = 0
        self._by_sender: dict[tuple[str, str], list[SenderFile]] = {}
        for file in files:
            self._by_sender.setdefault((file.sender, file.feed), []).append(file)

    def result(self) -> Planted:
        files: list[SenderFile] = []
        for file in self._files:
            files.append(self._changed.get(file.path, file))
            files += self._again.get(file.path, [])
        return Planted(files, effects.frame(self._effects), self._mends)

    def plant(self, defect: Defect) -> None:
        rng = self._sizes.rng(10_000 + self._planted)
        self._planted += 1
        self._check(defect)
        planters: dict[str, Callable[[Defect, str, np.random.Generator], list[Effect]]] = {
            FILE_AGAIN: self._file_again,
            DAY_MISSING: self._day_missing,
            CASES_AS_PIECES: self._cases_as_pieces,
            INVOICE_CORRECTED: self._invoice_corrected,
            INVOICE_MOVED: self._invoice_moved,
            LINE_DELETED: self._line_deleted,
        }
        problem: _NoPlace | None = None
        for distributor in self._candidates(defect, rng):
            try:
                found = planters[defect.kind](defect, distributor, rng)
            except _NoPlace as error:
                problem = error
                continue
            self._busy.add(distributor)
            self._effects += [{"defect_id": defect.id, "class": defect.kind, **effect} for effect in found]
            return
        if problem is None:
            problem = _NoPlace("no distributor of this network can have it", "Simulate three distributors or more")
        raise InvalidDefect(defect.id, defect.kind, defect.distributor, problem.why, problem.remedy)

    def _check(self, defect: Defect) -> None:
        sizes = self._sizes
        if defect.distributor is not None and defect.distributor not in self._net.distributor_codes:
            last = self._net.distributor_codes[-1]
            self._refuse(defect, "there is no such distributor", f"Name one of D001 to {last}, or leave it out")
        if defect.sku is not None and defect.sku not in self._net.sku_codes:
            self._refuse(
                defect, f"there is no SKU {defect.sku}", f"Name a company code such as {self._net.sku_codes[0]}"
            )
        for day in (defect.first, defect.last, defect.from_date):
            if day is not None and not sizes.start <= day <= sizes.end:
                self._refuse(
                    defect, f"{day} lies outside the simulated days", f"Choose a day from {sizes.start} to {sizes.end}"
                )
        feeds = (INVOICE, STOCK) if defect.kind == DAY_MISSING else (INVOICE,)
        if defect.feed not in (None, *feeds):
            self._refuse(defect, f"it is not made for the feed {defect.feed}", f"Choose {' or '.join(feeds)}")
        if defect.from_date is not None and defect.kind != INVOICE_MOVED:
            self._refuse(defect, "from_date says where a moved invoice stood first", "Leave it out")
        if defect.kind == LINE_DELETED and defect.distributor is not None:
            profile = self._net.sender_profile(defect.distributor)
            if profile not in REPLACE_PROFILES:
                others = [c for c in self._net.distributor_codes if self._net.sender_profile(c) in REPLACE_PROFILES]
                remedy = f"Choose one of {', '.join(others[:5])}" if others else "Simulate three distributors or more"
                self._refuse(
                    defect,
                    f"it sends {profile}, which only adds lines: a line that it no longer sends is not thereby deleted",
                    f"{remedy}, whose files replace a day",
                )

    def _refuse(self, defect: Defect, why: str, remedy: str) -> None:
        raise InvalidDefect(defect.id, defect.kind, defect.distributor, why, remedy)

    def _candidates(self, defect: Defect, rng: np.random.Generator) -> Iterator[str]:
        if defect.distributor is not None:
            yield defect.distributor
            return
        codes = self._net.distributor_codes
        if defect.kind == LINE_DELETED:
            codes = [c for c in codes if self._net.sender_profile(c) in REPLACE_PROFILES]
        shuffled = [codes[int(i)] for i in rng.permutation(len(codes))]
        yield from sorted(shuffled, key=lambda code: code in self._busy)

    def _claim(self, defect: Defect, files: list[SenderFile]) -> None:
        for file in files:
            holder = self._claims.get(file.path)
            if holder is not None:
                raise _NoPlace(
                    f"defect {holder} changes {file.path} already", "Choose another date, or another distributor"
                )
        for file in files:
            self._claims[file.path] = defect.id

    def _free(self, file: SenderFile) -> bool:
        return file.path not in self._claims

    def _invoice_files(self, distributor: str) -> list[SenderFile]:
        return self._by_sender[(distributor, INVOICE)]

    def _is_replace(self, distributor: str) -> bool:
        return self._net.sender_profile(distributor) in REPLACE_PROFILES

    def _file_again(self, defect: Defect, distributor: str, rng: np.random.Generator) -> list[Effect]:
        copies = abs(defect.quantity or 1)
        fitting = [
            f
            for f in self._invoice_files(distributor)
            if _meets(f, defect)
            and len(f.rows) > copies
            and (defect.sku is None or (f.rows["sku_code"] == defect.sku).any())
        ]
        fitting = self._unclaimed(
            defect, fitting, f"no invoice file there holds more than {copies} lines to write in another order"
        )
        file = fitting[int(rng.integers(len(fitting)))]
        self._claim(defect, [file])
        result: list[Effect] = []
        for i in range(1, copies + 1):
            turned = pl.concat([file.rows.slice(i), file.rows.head(i)])
            again = file.again("_again" if i == 1 else f"_again{i}", turned, days_later=i)
            self._again.setdefault(file.path, []).append(again)
            result += effects.conserved(file.profile, distributor, again.path, INVOICE, "duplicates", len(file.rows))
        if not self._is_replace(distributor):
            fed = pl.concat([file.rows] * (copies + 1))
            result += effects.reconciliation(self._net, file.rows, fed, assessable=True, clean=False)
        return result

    def _day_missing(self, defect: Defect, distributor: str, rng: np.random.Generator) -> list[Effect]:
        feed = defect.feed or INVOICE
        daily = [f for f in self._by_sender[(distributor, feed)] if f.names_day]
        owed = daily[1:]
        if defect.first is None:
            choices = [f for f in owed if self._free(f) and self._may_miss(f) and (feed != INVOICE or len(f.rows))]
            if not choices:
                raise _NoPlace("no day with lines is left that a daily file reports", "Simulate more days or outlets")
            files = [choices[int(rng.integers(len(choices)))]]
        else:
            days = [
                defect.first + timedelta(days=i) for i in range(((defect.last or defect.first) - defect.first).days + 1)
            ]
            files = [f for f in owed if f.first in days]
            if len(files) < len(days):
                raise _NoPlace(
                    "a day can only be missed where one file is owed for each day, after the first such file",
                    f"Choose days from {owed[0].first} to {owed[-1].first}" if owed else "Simulate more than 31 days",
                )
            if not all(self._may_miss(f) for f in files):
                raise _NoPlace(
                    "without the stock statement of a month's last or first day the month's close is another one",
                    "Choose a day within the month",
                )
        self._claim(defect, files)
        result: list[Effect] = []
        for file in files:
            late = file.again("_late", file.rows, days_later=LATE_DAYS)
            self._changed[file.path] = replace(late, withheld=True)
            self._mends.append(Mend(defect.id, defect.kind, file.profile, distributor, feed, file=late.path))
            result.append(
                {
                    "table": "feed_status", "column": "state", "value": "MISSING", "feed": feed, "sender": distributor,
                    "business_date": file.first,
                }
            )  # fmt: skip
            if feed == INVOICE:
                result += effects.sell_through(file.rows, file.rows.clear())
                result += effects.missing_lines(file.rows)
        if feed == INVOICE:
            rows = pl.concat([f.rows for f in files])
            result += effects.reconciliation(self._net, rows, rows.clear(), assessable=False, clean=True)
        months = {f.first.replace(day=1) for f in files if f.first is not None}
        hidden = self._cells.filter(
            pl.col("month_start").is_in(list(months)) & (pl.col("distributor_code") == distributor)
        )
        return result + effects.not_assessable(hidden)

    def _may_miss(self, file: SenderFile) -> bool:
        if file.feed != STOCK or file.first is None:
            return True
        return not self._sizes.closes_month(self._sizes.index(file.first)) and file.first.day != 1

    def _cases_as_pieces(self, defect: Defect, distributor: str, rng: np.random.Generator) -> list[Effect]:
        first, last = defect.first, defect.last
        if first is None or last is None:
            days = min(CASES_DAYS, self._sizes.days)
            for start in rng.permutation(self._sizes.days - days + 1).tolist():
                stretch = replace(defect, first=self._sizes.day(start), last=self._sizes.day(start + days - 1))
                try:
                    return self._cases_as_pieces(stretch, distributor, rng)
                except _NoPlace as error:
                    problem = error
            raise problem
        hit = pl.col("business_date").is_between(first, last)
        if defect.sku is not None:
            hit &= pl.col("sku_code") == defect.sku
        files = [f for f in self._invoice_files(distributor) if len(f.rows.filter(hit))]
        if not files:
            raise _NoPlace(f"it sold nothing of the kind from {first} to {last}", "Choose another period or SKU")
        self._claim(defect, files)
        true = pl.concat([f.rows for f in files])
        for file in files:
            self._changed[file.path] = replace(file, rows=_in_cases(file.rows, hit))
        fed = pl.concat([_in_cases(f.rows, hit) for f in files]).drop("qty", "free_qty")
        override: dict[str, Any] = {"sender": distributor, "feed": INVOICE, "from": first, "until": last}
        if defect.sku is not None:
            own = self._net.sender_sku_codes[self._net.distributor_codes.index(distributor)]
            override["where"] = {"sender_sku_code": own[self._net.sku_codes.index(defect.sku)]}
        override["set"] = {"unit": "CS"}
        profile = self._net.sender_profile(distributor)
        self._mends.append(Mend(defect.id, defect.kind, profile, distributor, INVOICE, override=override))
        return effects.sell_through(true, fed) + effects.reconciliation(
            self._net, true, fed, assessable=True, clean=True
        )

    def _invoice_corrected(self, defect: Defect, distributor: str, rng: np.random.Generator) -> list[Effect]:
        file, lines = self._invoice(defect, distributor, rng)
        self._claim(defect, [file])
        more = defect.quantity if defect.quantity is not None else int(rng.integers(1, 7))
        units = file.rows["qty_base"].to_numpy()
        if (units[lines] + more < 1).any():
            raise _NoPlace(f"{more} takes all goods off a line", "Give a quantity that leaves at least one unit")
        first_sent = _with_quantity(self._net, file.rows, lines, units[lines] + more)
        self._changed[file.path] = replace(file, rows=first_sent)
        result = effects.conserved(file.profile, distributor, file.path, INVOICE, "superseded", len(lines))
        return result + self._send_again(file, file.rows, lines)

    def _invoice_moved(self, defect: Defect, distributor: str, rng: np.random.Generator) -> list[Effect]:
        file, lines = self._invoice(defect, distributor, rng)
        day = file.rows["business_date"][int(lines[0])]
        origin = defect.from_date or self._day_before(distributor, file, day)
        if origin >= day:
            raise _NoPlace(f"from_date {origin} is not before {day}, where it moves to", "Choose an earlier from_date")
        source = next(f for f in self._invoice_files(distributor) if f.covers(origin))
        self._claim(defect, [file] if source.path == file.path else [file, source])
        moved = file.rows[lines].with_columns(
            business_date=pl.lit(origin), day=pl.lit(self._sizes.index(origin), dtype=pl.Int64)
        )
        result: list[Effect] = []
        if source.path == file.path:
            rest = file.rows[np.setdiff1d(np.arange(len(file.rows)), lines)]
            first_sent = pl.concat([rest, moved]).sort("day", maintain_order=True)
            self._changed[file.path] = replace(file, rows=first_sent)
            result += self._send_again(file, file.rows, lines)
        else:
            first_sent = pl.concat([source.rows, moved]).sort("day", maintain_order=True)
            self._changed[source.path] = replace(source, rows=first_sent)
        return effects.conserved(source.profile, distributor, source.path, INVOICE, "superseded", len(lines)) + result

    def _line_deleted(self, defect: Defect, distributor: str, rng: np.random.Generator) -> list[Effect]:
        file, lines = self._invoice(replace(defect, sku=None), distributor, rng)
        present = set(file.rows["sku_code"][lines].to_list())
        others = [c for c in self._net.sku_codes if c not in present]
        sku = defect.sku or (others[int(rng.integers(len(others)))] if others else self._net.sku_codes[0])
        self._claim(defect, [file])
        extra = self._extra_line(file.rows[lines[-1:]], distributor, sku)
        units = abs(defect.quantity) if defect.quantity is not None else int(rng.integers(1, 13))
        extra = _with_quantity(self._net, extra, np.zeros(1, dtype=np.int64), np.array([units]))
        end = int(lines[-1]) + 1
        first_sent = pl.concat([file.rows.head(end), extra, file.rows.slice(end)])
        self._changed[file.path] = replace(file, rows=first_sent)
        result = effects.conserved(file.profile, distributor, file.path, INVOICE, "deleted", 1)
        return result + self._send_again(file, file.rows, np.zeros(0, dtype=np.int64))

    def _extra_line(self, like: pl.DataFrame, distributor: str, sku: str) -> pl.DataFrame:
        index = self._net.sku_codes.index(sku)
        own = self._net.sender_sku_codes[self._net.distributor_codes.index(distributor)][index]
        return like.with_columns(
            line_no=pl.col("line_no") + 1,
            sku=pl.lit(index, dtype=pl.Int64),
            sku_code=pl.lit(sku),
            sender_sku_code=pl.lit(own),
            sku_name=pl.lit(self._net.sku["sku_name"][index]),
            case_factor=pl.lit(int(self._net.units_per_case[index]), dtype=pl.Int64),
            free_qty=pl.lit(0, dtype=pl.Int64),
            free_base=pl.lit(0, dtype=pl.Int64),
            discount=pl.lit(0, dtype=pl.Int64),
            scheme_code=pl.lit(None, dtype=pl.String),
        )

    def _send_again(self, file: SenderFile, rows: pl.DataFrame, changed: Ints) -> list[Effect]:
        """The later file: the changed lines only where files add, all rows of the stretch where they replace."""
        replaces = self._is_replace(file.sender)
        again = file.again("_r2", rows if replaces else rows[changed])
        self._again.setdefault(file.path, []).append(again)
        same = len(rows) - len(changed) if replaces else 0
        return effects.conserved(file.profile, file.sender, again.path, INVOICE, "duplicates", same)

    def _invoice(self, defect: Defect, distributor: str, rng: np.random.Generator) -> tuple[SenderFile, Ints]:
        """An invoice that fits a defect: its file and the positions of its lines."""
        hit = (pl.col("document_type") == "INVOICE") & ~pl.col("cancelled")
        if defect.first is not None:
            hit &= pl.col("business_date").is_between(defect.first, defect.last)
        if defect.sku is not None:
            hit &= pl.col("sku_code") == defect.sku
        fitting = [f for f in self._invoice_files(distributor) if _meets(f, defect) and len(f.rows.filter(hit))]
        fitting = self._unclaimed(defect, fitting, "no invoice fits")
        file = fitting[int(rng.integers(len(fitting)))]
        numbers = file.rows.filter(hit)["document_no"].unique(maintain_order=True)
        number = numbers[int(rng.integers(len(numbers)))]
        mine = (file.rows["document_no"] == number) & (file.rows["document_type"] == "INVOICE")
        return file, np.flatnonzero(mine.to_numpy())

    def _unclaimed(self, defect: Defect, files: list[SenderFile], why: str) -> list[SenderFile]:
        if not files:
            raise _NoPlace(why, "Choose another date, SKU or distributor, or leave them out")
        free = [f for f in files if self._free(f)]
        if not free:
            raise _NoPlace(
                f"defect {self._claims[files[0].path]} changes {files[0].path} already",
                "Choose another date, or another distributor",
            )
        return free

    def _day_before(self, distributor: str, file: SenderFile, day: date) -> date:
        """Where a moved invoice stood first: the latest day of an earlier file that is free, else an earlier day of its own file."""
        earlier = [
            f for f in self._invoice_files(distributor)
            if f.last is not None and file.first is not None and f.last < file.first and len(f.rows) and self._free(f)
        ]  # fmt: skip
        if earlier:
            latest: date = earlier[-1].rows["business_date"][-1]
            return latest
        own: list[date] = [d for d in file.rows["business_date"].unique().sort().to_list() if d < day]
        if own:
            return own[-1]
        raise _NoPlace(f"there is no earlier day from which it could move to {day}", "Choose a later date")


def _meets(file: SenderFile, defect: Defect) -> bool:
    """Whether a file covers a day of the defect's stretch, or the defect names none."""
    if defect.first is None or defect.last is None:
        return True
    return file.first is not None and file.last is not None and file.first <= defect.last and defect.first <= file.last


def _in_cases(rows: pl.DataFrame, hit: pl.Expr) -> pl.DataFrame:
    """Write the hit rows' quantities in cases while the unit says pieces; base quantities become what a reader makes of that."""
    milli = [
        ((pl.col(base).abs() * 2 * MILLI + pl.col("case_factor")) // (2 * pl.col("case_factor"))).alias(f"{base}_milli")
        for base in ("qty_base", "free_base")
    ]
    rows = rows.with_columns(milli).with_columns(hit.alias("hit"))
    changes = []
    for base, sent in (("qty_base", "qty"), ("free_base", "free_qty")):
        read = (pl.col(f"{base}_milli") * 2 + MILLI) // (2 * MILLI) * pl.col("sign")
        changes += [
            pl.when("hit").then(pl.col(f"{base}_milli") / MILLI).otherwise(pl.col(sent).cast(pl.Float64)).alias(sent),
            pl.when("hit").then(read).otherwise(pl.col(base)).alias(base),
        ]
    per_case = pl.when(pl.col("hit") & (pl.col("unit") == "EA")).then(pl.col("rate") * pl.col("case_factor"))
    unit = pl.when("hit").then(pl.lit("EA")).otherwise(pl.col("unit")).alias("unit")
    return rows.with_columns(*changes, per_case.otherwise(pl.col("rate")).alias("rate"), unit).drop(
        "hit", "qty_base_milli", "free_base_milli"
    )


def _with_quantity(network: Network, rows: pl.DataFrame, lines: Ints, units: Ints) -> pl.DataFrame:
    """The rows with other billed quantities on these lines, in pieces, priced as before."""
    column = {
        c: rows[c].to_numpy().copy() for c in ("qty", "free_qty", "rate", "gross", "discount", "net", "tax", "qty_base")
    }
    price = network.trade_price[rows["sku"].to_numpy()[lines]]
    before = np.maximum(column["gross"][lines], 1)
    column["discount"][lines] = units * price * column["discount"][lines] // before
    column["gross"][lines] = units * price
    column["net"][lines] = column["gross"][lines] - column["discount"][lines]
    column["tax"][lines] = (column["net"][lines] * TAX_PERCENT + 50) // 100
    column["rate"][lines] = price
    column["qty"][lines] = units
    column["qty_base"][lines] = units
    column["free_qty"][lines] = rows["free_base"].to_numpy()[lines]
    unit = np.array(rows["unit"].to_list(), dtype=object)
    unit[lines] = "EA"
    return rows.with_columns(
        *(pl.Series(name, values, dtype=rows.schema[name]) for name, values in column.items()),
        pl.Series("unit", unit.tolist(), dtype=pl.String),
    )
