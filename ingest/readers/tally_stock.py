"""Tally's stock: the stock summary as XML, and stock items exported with their closing balance.

A record is an item, or a godown or batch of it where the summary shows those; the item's own line is then their total, and left out. The summary
has no date inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from lxml import etree

from ingest.limits import Limits
from ingest.readers import xml
from ingest.readers.framed import Broken, Entry
from ingest.readers.tally_rules import named, number, plain, quantities

if TYPE_CHECKING:
    from ingest.profiles import Reading

FIELDS: tuple[str, ...] = (
    "STOCKITEMNAME",
    "GODOWNNAME",
    "BATCHNAME",
    "UNIT",
    "OPENINGQTY",
    "INWARDQTY",
    "OUTWARDQTY",
    "CLOSINGQTY",
    "CLOSINGRATE",
    "CLOSINGVALUE",
)
"""Quantities are in UNIT. CLOSINGVALUE is positive for stock on hand; Tally writes it as a debit, with a minus."""

_NAME, _FIGURES, _PART, _MASTER = "DSPACCNAME", "DSPSTKINFO", "SSBATCHNAME", "STOCKITEM"
_SUMMARY = {
    "OPENINGQTY": "DSPOPQTY",
    "INWARDQTY": "DSPINQTY",
    "OUTWARDQTY": "DSPOUTQTY",
    "CLOSINGQTY": "DSPCLQTY",
    "CLOSINGRATE": "DSPCLRATE",
    "CLOSINGVALUE": "DSPCLAMTA",
}
_STOCK_ITEM = {
    "OPENINGQTY": "OPENINGBALANCE",
    "INWARDQTY": "INWARDQUANTITY",
    "OUTWARDQTY": "OUTWARDQUANTITY",
    "CLOSINGQTY": "CLOSINGBALANCE",
    "CLOSINGRATE": "CLOSINGRATE",
    "CLOSINGVALUE": "CLOSINGVALUE",
}


def entries(data: bytes, reading: Reading, limits: Limits) -> Iterable[Entry]:
    """The lines of a stock summary in its order.

    Raises:
        FileUnreadable: the file is no export of Tally.
    """
    found = _without_groups(list(_found(data, reading, limits)))
    is_debit = sum(_sign(entry) for entry in found) < 0
    for entry in found:
        value = entry.values.get("CLOSINGVALUE")
        if is_debit and value is not None:
            entry = replace(entry, values={**entry.values, "CLOSINGVALUE": plain(-Decimal(value))})
        yield entry


def _without_groups(found: list[Entry]) -> list[Entry]:
    """Leave out the stock groups that can be told: a value without a quantity and a unit, which is the sum of the lines of items below it.

    A group whose items have one unit has a quantity too, and looks like an item.
    """
    kept = list(found)
    lines = [at for at, entry in enumerate(found) if "GODOWNNAME" not in entry.values]
    for place, at in enumerate(lines):
        value = _value(found[at])
        if found[at].broken is not None or found[at].values.get("UNIT") or not value:
            continue
        total, below = Decimal(0), 0
        for inner in lines[place + 1 :]:
            if found[inner].broken is not None:
                break
            if not found[inner].values.get("UNIT"):
                continue
            total, below = total + _value(found[inner]), below + 1
            if total == value:
                kept[at] = replace(found[at], left_out=f"a stock group, the total of {_items(below)} below it")
                break
    return kept


def _items(count: int) -> str:
    return f"{count} items" if count > 1 else "the item"


def _value(entry: Entry) -> Decimal:
    return Decimal(entry.values.get("CLOSINGVALUE") or 0)


def _sign(entry: Entry) -> int:
    """Whether value and quantity of a line have one sign (1) or two (-1)."""
    value, quantity = (Decimal(entry.values.get(name) or 0) for name in ("CLOSINGVALUE", "CLOSINGQTY"))
    return 0 if not value * quantity else 1 if value * quantity > 0 else -1


def _found(data: bytes, reading: Reading, limits: Limits) -> Iterator[Entry]:
    """The lines in order. What follows a name or a part that cannot be read is nobody's, so that it is rejected for its missing item."""
    item: str | None = None
    place: dict[str, str | None] = {}
    is_place_lost = False
    waiting: Entry | None = None
    for piece in xml.pieces(
        data,
        (_NAME, _PART, _FIGURES, _MASTER),
        (_FIGURES, _MASTER),
        roots=("ENVELOPE", "TALLYMESSAGE"),
        numbers=("DSPDISPNAME", "NAME"),
        encoding=reading.encoding,
        limits=limits,
    ):
        if isinstance(piece, Broken):
            raw = piece.raw.upper()
            if waiting is not None and _has_name_only(waiting) and (_FIGURES in raw or _PART in raw):
                piece = replace(piece, line=waiting.line, raw=waiting.raw + piece.raw)
            else:
                yield from _settled(waiting, has_parts=_PART in raw)
            waiting = None
            item = None if _NAME in raw else item
            is_place_lost |= _PART in raw
            yield xml.refused(piece)
            continue
        kind, element = xml.local_name(piece.element), piece.element
        if kind == _MASTER:
            if len(element):
                yield Entry(_master(element), piece.line, piece.text)
            continue
        if kind == _NAME:
            yield from _settled(waiting)
            item, place, is_place_lost = xml.text_of(xml.child(element, "DSPDISPNAME")), {}, False
            waiting = Entry({"STOCKITEMNAME": item}, piece.line, piece.text)
            continue
        if kind == _PART:
            is_place_lost = False
            place = {"GODOWNNAME": named(_below(element, "SSGODOWN")), "BATCHNAME": named(_below(element, "SSBATCH"))}
            if xml.child(element, _FIGURES) is None:
                continue
        if waiting is not None and not _has_name_only(waiting):
            yield from _settled(waiting, has_parts=bool(place))
        whose = {"STOCKITEMNAME": None if is_place_lost else item}
        waiting = Entry(whose | place | _figures(element, _SUMMARY), piece.line, piece.text)
        if place or is_place_lost:
            yield waiting
            waiting = None
    yield from _settled(waiting)


def _settled(waiting: Entry | None, *, has_parts: bool = False) -> Iterator[Entry]:
    """The line that waits for what follows it: a total where that is its parts, else a record."""
    if waiting is not None:
        yield replace(waiting, left_out="total of the godowns or batches below it") if has_parts else waiting


def _has_name_only(waiting: Entry) -> bool:
    return "CLOSINGQTY" not in waiting.values


def _master(element: etree._Element) -> dict[str, str | None]:
    name = element.get("NAME") or xml.text_of(xml.child(element, "NAME"))
    figures = _figures(element, _STOCK_ITEM)
    return {"STOCKITEMNAME": name} | figures | {"UNIT": figures["UNIT"] or named(_below(element, "BASEUNITS"))}


def _figures(element: etree._Element, names: dict[str, str]) -> dict[str, str | None]:
    """Quantities in one unit, rate and value; a closing stock that is there and empty is none."""
    texts = {field: _below(element, name) for field, name in names.items()}
    quantified = {field: quantities(text) for field, text in texts.items() if field.endswith("QTY")}
    units = [unit for found in reversed(quantified.values()) for unit in found]
    unit = units[0] if units else ""
    values = {field: plain(found[unit]) if unit in found else texts[field] for field, found in quantified.items()}
    if values["CLOSINGQTY"] is None and _has(element, names["CLOSINGQTY"]):
        values["CLOSINGQTY"] = "0"
    return values | {
        "UNIT": unit or None,
        "CLOSINGRATE": plain(number(texts["CLOSINGRATE"])),
        "CLOSINGVALUE": plain(number(texts["CLOSINGVALUE"])),
    }


def _has(element: etree._Element, name: str) -> bool:
    return any(xml.local_name(inner) == name for inner in element.iter())


def _below(element: etree._Element, name: str) -> str | None:
    """Text of the first element of that name, however deep."""
    return next((xml.text_of(inner) for inner in element.iter() if xml.local_name(inner) == name), None)
