"""A random history of loads: edited, moved, cancelled and vanished lines, emptied days, late and repeated files, second batches for
days whose lines had moved away, other meanings of codes, and files read again with another result.

`Reference` folds the same loads one after the other in plain Python: what is known at the end, to compare the warehouse with.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bronze_factory import BronzeFactory, File

FIRST_DAY = dt.date(2026, 1, 1)
SKUS = [f"K{number}" for number in range(1, 7)]
OUTLETS = [f"O{number}" for number in range(1, 9)]
DISTRIBUTORS = {"D001": "append", "D002": "replace", "D003": "append", "D004": "replace"}
STATES_ITS_ORDER = "D003"
Row = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Kind:
    """A feed, who sends it and in which mode, and how a new row of it comes about."""

    feed: str
    senders: dict[str, str]
    key: tuple[str, ...]
    make: Callable[[History, str, dt.date], Row]
    lines_a_day: int


@dataclass
class Reference:
    """What is known of each line after each commit, folded in the simplest way that one can think of."""

    rows: dict[Key, Row] = field(default_factory=dict)
    standing: dict[Key, tuple[Any, ...]] = field(default_factory=dict)
    origin: dict[Key, str] = field(default_factory=dict)
    gone: dict[Key, int] = field(default_factory=dict)
    order: dict[Key, list[tuple[int, int, dt.datetime | None]]] = field(default_factory=dict)

    def take(self, kind: Kind, seq: int, mode: str, files: list[File], arrivals: list[int], is_replay: bool) -> None:
        """One commit: first what it says, then what it leaves out."""
        said: dict[Key, tuple[tuple[Any, ...], Row, File, int]] = {}
        for file, arrival in zip(files, arrivals, strict=True):
            for position, row in enumerate(file.rows):
                key = (kind.feed, *(row.get(name) for name in kind.key))
                stated = row.get("modified_at")
                earlier = self.order.setdefault(key, [])
                if stated is None:
                    known = [moment for first, _, moment in earlier if moment is not None and first <= arrival]
                    stated = max(known, default=None)
                earlier.append((arrival, seq, stated))
                place = (stated or dt.datetime.min, arrival, seq, position)
                if key not in said or said[key][0] < place:
                    said[key] = (place, row, file, arrival)
        for key, (place, row, file, arrival) in said.items():
            if key in self.standing and self.standing[key] > place:
                continue
            self.standing[key] = place
            if arrival < self.gone.get(key, 0):
                continue
            self.rows[key] = row | {"_sender": file.sender, "_arrival": arrival}
            self.origin[key] = file.digest() + file.sender
        refused = {(kind.feed, *(row.get(name) for name in kind.key)) for file in files for row in file.refused}
        for file, arrival in zip(files, arrivals, strict=True):
            first, last = file.covers()
            if file.rejected:
                continue
            for key, row in list(self.rows.items()):
                if key in said or key in refused or key[0] != kind.feed or row["_sender"] != file.sender:
                    continue
                restated = mode == "replace" and first is not None and first <= row["business_date"] <= (last or first)
                reread = is_replay and self.origin[key] == file.digest() + file.sender
                if (restated and row["_arrival"] <= arrival) or reread:
                    del self.rows[key]
                    self.gone[key] = max(self.gone.get(key, 0), arrival)


class History:
    """A network of senders whose books change from load to load."""

    def __init__(self, bronze: BronzeFactory, seed: int) -> None:
        self.bronze = bronze
        self.random = random.Random(seed)
        self.planning = random.Random(seed)
        self.plans = 0
        self.books: dict[tuple[str, str], dict[Key, Row]] = {}
        self.reference = Reference()
        self.sent: list[tuple[Kind, str, File]] = []
        self.held: list[tuple[Kind, str, set[dt.date], set[Key]]] = []
        self.number = 0
        self.dispatched: list[tuple[str, str]] = []
        self.clock = dt.datetime(2026, 1, 1)
        self._masters()

    def load(self, day_no: int) -> int:
        """One day: what every sender sends, in one commit per feed and mode; now and then a master, a late file, a replay."""
        day = FIRST_DAY + dt.timedelta(days=day_no)
        if self.random.random() < 0.3:
            self._change_a_meaning(day)
        if self.planning.random() < 0.3:
            self._plan_ahead(day)
        for kind in KINDS:
            for mode in ("append", "replace"):
                senders = [sender for sender, wanted in kind.senders.items() if wanted == mode]
                files = [file for sender in senders for file in self._day_of(kind, sender, mode, day)]
                if files:
                    self._commit(kind, mode, files)
        for held in self.held[:]:
            if self.random.random() < 0.4:
                self.held.remove(held)
                kind, sender, days, keys = held
                self._commit(kind, kind.senders[sender], [self._file(kind, sender, days, keys)])
        if self.sent and self.random.random() < 0.35:
            self._read_again()
        return len(self.bronze.commits)

    def _day_of(self, kind: Kind, sender: str, mode: str, day: dt.date) -> list[File]:
        book = self.books.setdefault((kind.feed, sender), {})
        keys: set[Key] = set()
        days = {day}
        for _ in range(self.random.randint(0, kind.lines_a_day)):
            row = kind.make(self, sender, day)
            key = tuple(row.get(name) for name in kind.key)
            book[key] = row
            keys.add(key)
        for key in self.random.sample(sorted(book, key=str), min(len(book), 2)):
            chance, row = self.random.random(), book[key]
            if chance < 0.35:
                self._edit(book, key, {"qty": row.get("qty", 0) + 1, "closing_qty": row.get("closing_qty", 0) + 1})
                keys.add(key)
                days.add(row["business_date"])
            elif chance < 0.6 and "business_date" not in kind.key:
                other = FIRST_DAY + dt.timedelta(days=self.random.randint(0, (day - FIRST_DAY).days))
                self._edit(book, key, {"business_date": other})
                keys.add(key)
                days |= {row["business_date"], other} if self.random.random() < 0.7 else {other}
            elif chance < 0.7 and "cancelled" in row:
                self._edit(book, key, {"cancelled": True})
                keys.add(key)
                days.add(row["business_date"])
            elif chance < 0.85:
                del book[key]
                keys.discard(key)
                days.add(row["business_date"])
        if mode == "replace" and self.random.random() < 0.1:
            emptied = FIRST_DAY + dt.timedelta(days=self.random.randint(0, (day - FIRST_DAY).days))
            days.add(emptied)
            for key in [key for key, row in book.items() if row["business_date"] == emptied]:
                del book[key]
                keys.discard(key)
        if self.random.random() < 0.06:
            self.held.append((kind, sender, days, keys))
            return []
        if mode == "append":
            return [self._file(kind, sender, days, keys)] if keys else []
        # the days of a replace batch come as files of their own, so that their scopes do not overlap
        return [self._file(kind, sender, {covered}, keys) for covered in sorted(days)]

    def _file(self, kind: Kind, sender: str, days: set[dt.date], keys: set[Key]) -> File:
        self.number += 1
        book = self.books[kind.feed, sender]
        if kind.senders[sender] == "append":
            rows = [book[key] for key in sorted(keys, key=str) if key in book]
            return File(sender, self._with_repeats(rows), f"{self.number:04}.csv")
        first, last = min(days), max(days)
        rows = [row for _, row in sorted(book.items(), key=str) if first <= row["business_date"] <= last]
        refused = [rows.pop()] if rows and self.random.random() < 0.15 else []
        unknown = int(self.random.random() < 0.05)
        return File(
            *(sender, self._with_repeats(rows), f"{self.number:04}.csv"),
            **{"date_from": first, "date_to": last, "refused": refused, "rejected": unknown},
        )

    def _with_repeats(self, rows: list[Row]) -> list[Row]:
        return [*rows, self.random.choice(rows)] if rows and self.random.random() < 0.1 else rows

    def _commit(self, kind: Kind, mode: str, files: list[File], is_replay: bool = False) -> None:
        seq = self.bronze.commit(kind.feed, files, mode=mode, replay=is_replay)
        arrivals = [entry["first_seq"] for entry in self.bronze.commits[-1]["files"]]
        self.reference.take(kind, seq, mode, files, arrivals, is_replay)
        if not is_replay:
            self.sent += [(kind, mode, file) for file in files]

    def _read_again(self) -> None:
        kind, mode, file = self.random.choice(self.sent)
        rows = [dict(row) for row in file.rows]
        if rows and self.random.random() < 0.7:
            rows.pop(self.random.randrange(len(rows)))
        if rows:
            changed = self.random.choice(rows)
            changed.update({name: changed[name] + 5 for name in ("qty", "closing_qty") if name in changed})
        first, last = file.covers()
        refused = [rows.pop()] if rows and self.random.random() < 0.2 else []
        again = replace(
            file, rows=rows, refused=refused, rejected=0, sha256=file.digest(), date_from=first, date_to=last
        )
        self._commit(kind, mode, [again], is_replay=True)

    def _edit(self, book: dict[Key, Row], key: Key, changes: Row) -> None:
        row = book[key]
        known = {name: value for name, value in changes.items() if name in row}
        if "modified_at" in row:
            known["modified_at"] = self._moment()
        book[key] = row | known

    def _moment(self) -> dt.datetime:
        self.clock += dt.timedelta(minutes=self.random.choice([1, 5, 30]))
        return self.clock

    def _masters(self) -> None:
        send = self.bronze.commit
        send("territory", [File("HQ", [
            {"territory_code": code, "territory_name": code, "level": level, "parent_code": parent}
            for code, level, parent in [("A1", "AREA", None), ("T1", "TERRITORY", "A1"), ("T2", "TERRITORY", "A1"),
                                        ("B1", "BEAT", "T1"), ("B2", "BEAT", "T2")]
        ], "territory.csv")])  # fmt: skip
        send("distributor", [File("HQ", [
            {"distributor_code": code, "distributor_name": code, "territory_code": f"T{1 + number % 2}"}
            for number, code in enumerate(DISTRIBUTORS)
        ], "distributor.csv")])  # fmt: skip
        send("sku", [File("HQ", [
            {"sku_code": code, "sku_name": code, "units_per_case": 12, "units_per_inner": 3, "standard_cost": 2} for code in SKUS[:5]
        ], "sku.csv")])  # fmt: skip
        send("outlet", [File("HQ", [
            {"outlet_code": code, "outlet_name": code, "territory_code": f"B{1 + number % 2}", "distributor_code": "D001"}
            for number, code in enumerate(OUTLETS[:6])
        ], "outlet.csv")])  # fmt: skip
        send("sku_xref", [File("HQ", [
            {"distributor_code": distributor, "sender_sku_code": f"X{number}", "sku_code": code}
            for distributor in ["D001", "D002"] for number, code in enumerate(SKUS[:4])
        ], "sku_xref.csv")])  # fmt: skip

    def _change_a_meaning(self, day: dt.date) -> None:
        pick, valid_from = self.random.choice, self.random.choice([None, day, FIRST_DAY + dt.timedelta(days=3)])
        self.number += 1
        name = f"{self.number:04}.csv"
        change: tuple[str, Row] = pick([
            ("sku_xref", {"distributor_code": pick([*DISTRIBUTORS, "ERP"]), "sender_sku_code": f"X{self.random.randrange(5)}",
                          "sku_code": pick(SKUS), "valid_from": valid_from}),
            ("outlet_xref", {"distributor_code": pick(list(DISTRIBUTORS)), "sender_outlet_code": f"S{self.random.randrange(5)}",
                             "outlet_code": pick(OUTLETS), "valid_from": valid_from}),
            ("sku", {"sku_code": pick(SKUS), "sku_name": "again", "units_per_case": pick([6, 12, 24]), "units_per_inner": 3,
                     "standard_cost": 3, "valid_from": valid_from}),
            ("outlet", {"outlet_code": pick(OUTLETS), "territory_code": pick(["B1", "B2", "T2", "NOWHERE"]),
                        "distributor_code": pick(list(DISTRIBUTORS)), "valid_from": valid_from}),
            ("distributor", {"distributor_code": pick(list(DISTRIBUTORS)), "distributor_name": "again",
                             "territory_code": pick(["T1", "T2", "B1"]), "valid_from": valid_from}),
            ("territory", {"territory_code": "B1", "territory_name": "B1", "level": "BEAT", "parent_code": pick(["T1", "T2"]),
                           "valid_from": valid_from}),
        ])  # fmt: skip
        self.bronze.commit(change[0], [File("HQ", [change[1]], name)])

    def _plan_ahead(self, day: dt.date) -> None:
        """A price, a scheme or a day off that is announced, some days ahead or back."""
        pick, day = self.planning.choice, day + dt.timedelta(days=self.planning.randrange(-10, 20))
        self.plans += 1
        change: tuple[str, Row] = pick([
            ("price_list", {"price_list_code": "L1", "sku_code": pick(SKUS), "unit": "EA", "valid_from": day, "ptr": pick([8, 10, 12])}),
            ("scheme", {"scheme_code": pick(["S1", "S2"]), "version": self.planning.randrange(1, 4), "slab_no": 1, "level": "SECONDARY",
                        "valid_from": day, "valid_to": day + dt.timedelta(days=9), "territory_codes": pick([None, "T1", "A1"]),
                        "buy_sku_codes": pick([None, *SKUS]), "basis": "QTY", "benefit": "DISC_PCT", "benefit_amount": pick([5, 10])}),
            ("calendar", {"calendar_code": "C", "territory_code": pick([None, "T2"]), "calendar_date": day, "selling_day": False,
                          "holiday_name": pick(["Holi", None])}),
        ])  # fmt: skip
        self.bronze.commit(change[0], [File("HQ", [change[1]], f"plan_{self.plans:04}.csv")])


def _invoice_line(history: History, sender: str, day: dt.date) -> Row:
    history.number += 1
    pick = history.random.choice
    is_return = history.random.random() < 0.15
    qty = history.random.randint(1, 9)
    row: Row = {
        "distributor_code": sender, "document_type": "CREDIT_NOTE" if is_return else "INVOICE",
        "document_no": f"N{history.number}", "line_no": 1, "business_date": day,
        "sender_outlet_code": pick([f"S{number}" for number in range(5)] + OUTLETS),
        "sender_sku_code": pick([f"X{number}" for number in range(5)] + SKUS), "qty": -qty if is_return else qty,
        "free_qty": pick([None, None, 1]), "unit": pick(["EA", "EA", "CS", "IN", "DRUM"]),
        "value_net": (-qty if is_return else qty) * 10, "cancelled": False,
        "return_kind": pick(["GOODS", "FINANCIAL"]) if is_return else None,
        "document_kind": pick([None, "BILL", "NOTE"]), "tracking_no": pick([None, "T1", "T2", "t2"]),
        "batch_no": pick([None, "B1"]),
    }  # fmt: skip
    return row | {"modified_at": history._moment()} if sender == STATES_ITS_ORDER else row


def _dispatch_line(history: History, _: str, day: dt.date) -> Row:
    history.number += 1
    pick = history.random.choice
    distributor = pick(list(DISTRIBUTORS))
    history.dispatched.append((distributor, f"P{history.number}"))
    return {
        "document_no": f"P{history.number}", "line_no": 1, "distributor_code": distributor, "business_date": day,
        "sender_sku_code": pick(["X1", *SKUS]), "qty": history.random.randint(1, 9), "unit": "CS", "value_net": 100, "cancelled": False,
    }  # fmt: skip


def _receipt_line(history: History, sender: str, day: dt.date) -> Row:
    history.number += 1
    due = [number for distributor, number in history.dispatched if distributor == sender][-6:]
    return {
        "distributor_code": sender, "document_no": f"G{history.number}", "line_no": 1, "business_date": day,
        "sender_sku_code": history.random.choice(["X1", "X2", *SKUS]), "qty": history.random.randint(1, 9), "unit": "CS",
        "cancelled": False, "tracking_no": history.random.choice([None, "T1", "T2", "T3"]),
        "document_kind": history.random.choice([None, "BILL", "NOTE"]),
        "dispatch_no": history.random.choice([None, *due]), "dispatch_line_no": history.random.choice([None, 1]),
    }  # fmt: skip


def _statement_line(history: History, sender: str, day: dt.date) -> Row:
    return {
        "distributor_code": sender, "sender_sku_code": history.random.choice(["X1", "X2", *SKUS]), "batch_no": "B1",
        "condition": "SALEABLE", "business_date": day, "opening_qty": 10, "closing_qty": history.random.randint(0, 9), "unit": "EA",
        "adjustment_qty": history.random.choice([None, -1, 2]),
    }  # fmt: skip


def _store_sale(history: History, sender: str, day: dt.date) -> Row:
    pick = history.random.choice
    return {
        "retailer_code": sender, "sender_outlet_code": pick(OUTLETS), "sender_sku_code": pick(SKUS), "business_date": day,
        "qty": history.random.randint(1, 9), "unit": "EA", "value_net": 50,
    }  # fmt: skip


KINDS = [
    Kind("erp_dispatch_line", {"ERP": "append"}, ("document_no", "line_no"), _dispatch_line, 4),
    Kind("goods_receipt", DISTRIBUTORS, ("distributor_code", "document_no", "line_no"), _receipt_line, 2),
    Kind("dms_invoice_line", DISTRIBUTORS, ("distributor_code", "document_type", "document_no", "line_no"), _invoice_line, 8),
    Kind("dms_stock", DISTRIBUTORS, ("distributor_code", "sender_sku_code", "batch_no", "condition", "business_date"),
         _statement_line, 3),
    Kind("pos_sale", {"R01": "append", "R02": "replace"},
         ("retailer_code", "sender_outlet_code", "sender_sku_code", "business_date"), _store_sale, 5),
]  # fmt: skip
