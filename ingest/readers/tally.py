"""Tally vouchers in XML, as its DayBook exports them.

A record is an inventory entry of a voucher. An entry with several batch allocations is one record per allocation, where their quantities and
amounts add up to the entry's; else the entry is one record without a batch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from lxml import etree

from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.readers import xml
from ingest.readers.framed import Broken, Entry
from ingest.readers.tally_rules import (
    KNOWN_TYPES,
    NOTES,
    Line,
    base_type,
    named,
    not_counted,
    number,
    plain,
    quantities,
    root_types,
    settled,
)

if TYPE_CHECKING:
    from ingest.profiles import Reading

_ATTRIBUTES = ("REMOTEID", "VCHKEY", "VCHTYPE")
_VOUCHER = (
    "GUID",
    "MASTERID",
    "ALTERID",
    "DATE",
    "EFFECTIVEDATE",
    "VOUCHERNUMBER",
    "REFERENCE",
    "REFERENCEDATE",
    "PARTYNAME",
    "PARTYGSTIN",
    "BASICBUYERNAME",
    "PLACEOFSUPPLY",
    "NARRATION",
    "ISINVOICE",
)
_ENTRY = ("STOCKITEMNAME", "ISDEEMEDPOSITIVE", "DISCOUNT", "GSTHSNNAME")
FIELDS: tuple[str, ...] = (
    *_ATTRIBUTES,
    *_VOUCHER,
    "VOUCHERTYPENAME",
    "BASETYPE",
    "VOUCHERID",
    "PARTYLEDGERNAME",
    "NOTEREFERENCE",
    "LINENUMBER",
    *_ENTRY,
    "RATE",
    "RATEUNIT",
    "AMOUNT",
    "ACTUALQTY",
    "BILLEDQTY",
    "FREEQTY",
    "UNIT",
    "ALTERNATEQTY",
    "ALTERNATEUNIT",
    "INWARDQTY",
    "INWARDFREEQTY",
    "INWARDAMOUNT",
    "GODOWNNAME",
    "BATCHNAME",
    "TRACKINGNUMBER",
    "ORDERNO",
    "MFDON",
    "EXPIRYPERIOD",
)
"""Named as in Tally, but for these.

BASETYPE: Tally's own voucher type behind the sender's, by `voucher_types` of the profile, else by the voucher types among the masters of the file,
else by the words in its name, else by VCHTYPE.
VOUCHERID: GUID, else REMOTEID, else type, number and date.
NOTEREFERENCE: REFERENCE of a credit or debit note.
DATE, MFDON: as yyyymmdd.
VOUCHERNUMBER: of a voucher without a number its REFERENCE, else VOUCHERID.
LINENUMBER: place of the record in its voucher.
UNIT, ALTERNATEQTY, ALTERNATEUNIT: of ` 200 box = 20000 pcs` box, 20000 and pcs; quantities are in UNIT.
FREEQTY: ACTUALQTY less BILLEDQTY.
INWARDQTY, INWARDFREEQTY, INWARDAMOUNT: BILLEDQTY, FREEQTY and AMOUNT, negative where goods leave.
EXPIRYPERIOD: as yyyymmdd, also where Tally writes a period after MFDON.
"""

_ROOTS = ("ENVELOPE", "TALLYMESSAGE")
_TYPE = "VOUCHERTYPE"
_ALL_ENTRIES = "ALLINVENTORYENTRIES.LIST"
_ENTRIES = (
    _ALL_ENTRIES,
    "INVENTORYENTRIES.LIST",
    "INVENTORYENTRIESIN.LIST",
    "INVENTORYENTRIESOUT.LIST",
    "INVENTORYALLOCATIONS.LIST",
)
_OTHER_EXPORTS = (
    (re.compile(rb"<LINEERROR"), "is an error message of Tally, not an export; have it exported again"),
    (
        re.compile(rb"<(?:DSP|DBC)[A-Z]"),
        "is a report of Tally as it is shown, without its vouchers; have the Day Book exported as XML (Data Interchange) with all details",
    ),
    (
        re.compile(rb"""<[A-Z]+\sNAME="[^"]*"\sRESERVEDNAME="""),
        "has masters of Tally and no voucher; have the Day Book exported with its vouchers",
    ),
)
"""What Tally exports besides vouchers, and what is to be done."""
_FLAGS = {
    "ISCANCELLED": "cancelled voucher",
    "ISVOID": "cancelled voucher",
    "ISDELETED": "deleted voucher",
    "ISOPTIONAL": "optional voucher",
    "ISORDERVOUCHER": "order voucher",
}
_ACTIONS = {"DELETE": "deleted voucher", "CANCEL": "cancelled voucher"}
_DATES = ("%Y%m%d", "%d-%b-%Y", "%d-%b-%y", "%d-%m-%Y", "%Y-%m-%d")
_PERIOD = re.compile(r"(\d+)\s*(day|week|month|year)s?", re.IGNORECASE)
_NO_BATCH = "primary batch"
"""The batch in which Tally keeps items that have none."""


@dataclass(frozen=True)
class _Measures:
    """Quantities and amount of an entry or a batch, as written.

    Attributes:
        fields: unit and alternate, and the texts, which stand where no number can be read.
    """

    fields: dict[str, str | None]
    actual: Decimal | None
    billed: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True)
class _Record:
    item: xml.Item
    values: dict[str, str | None]
    measures: _Measures


def entries(data: bytes, reading: Reading, limits: Limits) -> Iterable[Entry]:
    """The inventory entries of a file's vouchers, in its order.

    Raises:
        FileUnreadable: the file is no export of Tally.
    """
    return dated_entries(data, reading, limits)[0]


def dated_entries(data: bytes, reading: Reading, limits: Limits) -> tuple[list[Entry], list[date]]:
    """The inventory entries of a file's vouchers, in its order, and the days of all its vouchers, also of those that have no entry or do not count.

    Raises:
        FileUnreadable: the file is no export of Tally.
    """
    lines: list[Line | Broken] = []
    days: set[date] = set()
    has_vouchers = False
    types = _types(data, reading, limits) | reading.voucher_types
    for piece in xml.pieces(
        data,
        ("VOUCHER",),
        _ENTRIES,
        roots=_ROOTS,
        numbers=("VOUCHERTYPENAME", "VOUCHERNUMBER", "GUID"),
        encoding=reading.encoding,
        limits=limits,
    ):
        has_vouchers = True
        if isinstance(piece, Broken):
            lines.append(piece)
            continue
        lines += _voucher(piece, types)
        day = _date(_texts(piece.element).get("DATE"))
        if day is not None:
            days.add(day)
    if not has_vouchers:
        _refuse_other_exports(data)
    return list(settled(lines)), sorted(days)


def _refuse_other_exports(data: bytes) -> None:
    """A file without vouchers is a book in which nothing is written, unless it is something else: it must not empty the days of its name."""
    plain_text = data.replace(b"\0", b"")
    for pattern, problem in _OTHER_EXPORTS:
        if pattern.search(plain_text):
            raise FileUnreadable("xml", problem)


def _types(data: bytes, reading: Reading, limits: Limits) -> dict[str, str]:
    """Tally's own type behind each voucher type that the file has as a master; a type that its owner has renamed is told by its reserved name."""
    parents: dict[str, str] = {}
    if b"<VOUCHERTYPE NAME=" not in data.replace(b"\0", b""):
        return parents
    for piece in xml.pieces(data, (_TYPE,), (), roots=_ROOTS, encoding=reading.encoding, limits=limits):
        if isinstance(piece, xml.Piece) and (name := piece.element.get("NAME")):
            parent = named(piece.element.get("RESERVEDNAME")) or named(_texts(piece.element).get("PARENT"))
            if parent is not None:
                parents[name.strip()] = parent
    return {name: base_type(root, {}) for name, root in root_types(parents).items()}


def _voucher(piece: xml.Piece, types: Mapping[str, str]) -> Iterator[Line]:
    items = [item for item in piece.items if len(item.element)]
    whole = [item for item in items if xml.local_name(item.element) == _ALL_ENTRIES]
    if not items:
        return
    voucher = piece.element
    texts = _texts(voucher)
    attributes = {name: voucher.get(name) or None for name in _ATTRIBUTES}
    type_name = texts.get("VOUCHERTYPENAME") or attributes["VCHTYPE"]
    base = base_type(type_name, types)
    if base not in KNOWN_TYPES and (said := base_type(attributes["VCHTYPE"], types)) in KNOWN_TYPES:
        base = said
    voucher_id = texts.get("GUID") or attributes["REMOTEID"]
    if voucher_id is None:
        voucher_id = "/".join(part or "" for part in (type_name, texts.get("VOUCHERNUMBER"), texts.get("DATE")))
    day = _written(_date(texts.get("DATE"))) or ""
    header = (
        attributes
        | {name: texts.get(name) for name in _VOUCHER}
        | {
            "DATE": day or texts.get("DATE"),
            "VOUCHERNUMBER": texts.get("VOUCHERNUMBER") or texts.get("REFERENCE") or voucher_id,
            "VOUCHERTYPENAME": type_name,
            "BASETYPE": base,
            "VOUCHERID": voucher_id,
            "PARTYLEDGERNAME": _party(voucher, texts),
            "NOTEREFERENCE": texts.get("REFERENCE") if base in ("Credit Note", "Debit Note") else None,
        }
    )
    reason = _not_counted(voucher, texts) or not_counted(base)
    records = (record for item in whole or items for record in _records(item, texts, base))
    for place, record in enumerate(records, 1):
        values = header | record.values | {"LINENUMBER": str(place)}
        yield Line(
            entry=Entry(values, record.item.line, record.item.text, left_out=reason),
            day=day,
            base_type=base,
            document=values["VOUCHERNUMBER"],
            item=values["STOCKITEMNAME"],
            tracking=values["TRACKINGNUMBER"],
            unit=values.get("UNIT"),
            batch=values["BATCHNAME"],
            actual=record.measures.actual,
            billed=record.measures.billed,
            amount=record.measures.amount,
            is_inward=_yes_or_no(values["ISDEEMEDPOSITIVE"]),
        )


def _not_counted(voucher: etree._Element, texts: dict[str, str]) -> str | None:
    action = _ACTIONS.get((voucher.get("ACTION") or "").upper())
    return action or next((reason for flag, reason in _FLAGS.items() if _yes_or_no(texts.get(flag))), None)


def _party(voucher: etree._Element, texts: dict[str, str]) -> str | None:
    known = texts.get("PARTYLEDGERNAME") or texts.get("PARTYNAME")
    if known is not None:
        return known
    for ledger in voucher:
        if xml.local_name(ledger) in ("LEDGERENTRIES.LIST", "ALLLEDGERENTRIES.LIST"):
            inner = _texts(ledger)
            if _yes_or_no(inner.get("ISPARTYLEDGER")):
                return inner.get("LEDGERNAME")
    return texts.get("BASICBUYERNAME")


def _records(item: xml.Item, voucher: Mapping[str, str], base: str) -> Iterator[_Record]:
    """What an inventory entry gives: a record for each of several batches that add up to it, else one record."""
    texts = _texts(item.element)
    batches = [_texts(batch) for batch in xml.children(item.element, "BATCHALLOCATIONS.LIST") if len(batch)]
    rate = texts.get("RATE")
    unit = rate.rpartition("=")[2].partition("/")[2].strip() if rate else ""
    values = {name: texts.get(name) for name in _ENTRY} | {
        "RATE": plain(number(rate)) or rate,
        "RATEUNIT": unit or None,
    }
    total = _measures((batches[0] if len(batches) == 1 else {}) | texts, voucher, base, unit)
    parts = [_measures(batch, voucher, base, unit) for batch in batches]
    if len(batches) > 1 and _add_up(parts, total):
        for batch, part in zip(batches, parts, strict=True):
            yield _Record(item, values | part.fields | _batch(texts | batch), part)
    elif len(batches) > 1:
        place = {"GODOWNNAME": batches[0].get("GODOWNNAME"), "TRACKINGNUMBER": batches[0].get("TRACKINGNUMBER")}
        yield _Record(item, values | total.fields | _batch(texts | {k: v for k, v in place.items() if v}), total)
    else:
        yield _Record(item, values | total.fields | _batch(texts | (batches[0] if batches else {})), total)


def _measures(texts: Mapping[str, str], voucher: Mapping[str, str], base: str, unit_of_rate: str) -> _Measures:
    """Quantities and amount, in the first unit that the actual and the billed quantity share.

    What is not written at all: the billed quantity is the actual one, or none where the voucher says that the two differ and the entry is worth
    nothing; goods that are not billed, and those on notes, are worth nothing.
    """
    actual, billed = quantities(texts.get("ACTUALQTY")), quantities(texts.get("BILLEDQTY"))
    amount = number(texts.get("AMOUNT"))
    shared = [unit for unit in billed or actual if unit in (actual or billed)]
    raw = {name: texts.get(name) for name in ("ACTUALQTY", "BILLEDQTY", "AMOUNT")}
    is_quantified = raw["ACTUALQTY"] is not None or raw["BILLEDQTY"] is not None
    if not shared and is_quantified:
        return _Measures(raw, None, None, amount)
    unit, *others = shared or [""]
    nothing = Decimal(0)
    in_all = actual.get(unit) if actual else billed.get(unit, nothing)
    differs = _yes_or_no(voucher.get("DIFFACTUALQTY")) is True
    in_bill = billed.get(unit) if billed else nothing if differs and not amount else in_all
    if amount is None and raw["AMOUNT"] is None and ((is_quantified and not in_bill) or base in NOTES):
        amount = nothing
    other = next(iter(others), None)
    fields = raw | {
        "UNIT": unit or unit_of_rate or None,
        "ALTERNATEQTY": plain((billed or actual)[other]) if other else None,
        "ALTERNATEUNIT": other,
    }
    return _Measures(fields, in_all, in_bill, amount)


def _add_up(parts: Sequence[_Measures], total: _Measures) -> bool:
    """True where batches account for the whole entry."""
    if any(part.fields.get("UNIT") != total.fields.get("UNIT") for part in parts):
        return False
    for name in ("actual", "billed", "amount"):
        values = [getattr(part, name) for part in parts]
        if None in values or sum(values) != getattr(total, name):
            return False
    return True


def _batch(texts: Mapping[str, str]) -> dict[str, str | None]:
    batch = named(texts.get("BATCHNAME"))
    made = texts.get("MFDON")
    made_on = _date(made)
    expiry = texts.get("EXPIRYPERIOD")
    return {
        "GODOWNNAME": named(texts.get("GODOWNNAME")),
        "BATCHNAME": None if batch is not None and batch.casefold() == _NO_BATCH else batch,
        "TRACKINGNUMBER": named(texts.get("TRACKINGNUMBER")),
        "ORDERNO": named(texts.get("ORDERNO")),
        "MFDON": _written(made_on) or made,
        "EXPIRYPERIOD": _written(_date(expiry) or _after(expiry, made_on)) or expiry,
    }


def _texts(element: etree._Element) -> dict[str, str]:
    """Texts of the elements directly below that have one, by name."""
    found: dict[str, str] = {}
    for inner in element:
        text = xml.text_of(inner)
        if text is not None:
            found.setdefault(xml.local_name(inner), text)
    return found


def _yes_or_no(text: str | None) -> bool | None:
    return {"YES": True, "TRUE": True, "1": True, "NO": False, "FALSE": False, "0": False}.get((text or "").upper())


def _date(text: str | None) -> date | None:
    for form in _DATES if text else ():
        try:
            return datetime.strptime(text or "", form).date()
        except ValueError:
            continue
    return None


def _after(period: str | None, start: date | None) -> date | None:
    """The day at the end of a period: `18 Months` after 20260115 is 20270715."""
    found = _PERIOD.fullmatch(period) if period else None
    if found is None or start is None:
        return None
    count, unit = int(found[1]), found[2].lower()
    try:
        if unit in ("day", "week"):
            return start + timedelta(days=count * (7 if unit == "week" else 1))
        months = start.year * 12 + start.month - 1 + count * (12 if unit == "year" else 1)
        last = (date(months // 12 + (months % 12 == 11), (months + 1) % 12 + 1, 1) - timedelta(days=1)).day
        return date(months // 12, months % 12 + 1, min(start.day, last))
    except (ValueError, OverflowError):
        return None


def _written(day: date | None) -> str | None:
    return None if day is None else day.strftime("%Y%m%d")
