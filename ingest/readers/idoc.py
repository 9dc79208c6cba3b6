"""SAP IDocs as XML: deliveries (DELVRY), invoices (INVOIC), stock reports (PROACT).

A file holds one or many IDOC elements below any root; each is read or refused alone. One record is one item segment: E1EDL24 of a delivery,
E1EDP01 of an invoice, E1EDP32 (one stock category of one item) of a stock report. Its fields are those of the item, of the segments below it
and of everything above it up to the control record, named by segment and field: `E1EDL24.MATNR`, `EDI_DC40.DOCNUM`. A segment that repeats
under a qualifier bears it in brackets: `E1EDP19[002].IDTNR`.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, MutableMapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from lxml import etree

from ingest.limits import Limits
from ingest.readers.framed import Broken, Entry
from ingest.readers.xml import Item, Piece, child, local_name, pieces, refused, text_of

if TYPE_CHECKING:
    from ingest.profiles import Reading

ITEM_SEGMENTS = {"DELVRY": "E1EDL24", "INVOIC": "E1EDP01", "PROACT": "E1EDP32"}
"""The segment that is one record, by what the name of the IDoc type contains: extended types keep the name of their basic type in theirs."""

QUALIFIERS = {
    "E1ADRM1": "PARTNER_Q",
    "E1EDK02": "QUALF",
    "E1EDK03": "IDDAT",
    "E1EDK05": "KSCHL",
    "E1EDK14": "QUALF",
    "E1EDK17": "QUALF",
    "E1EDK18": "QUALF",
    "E1EDKA1": "PARVW",
    "E1EDL18": "QUALF",
    "E1EDL19": "QUALF",
    "E1EDL41": "QUALI",
    "E1EDL43": "QUALF",
    "E1EDP02": "QUALF",
    "E1EDP03": "IDDAT",
    "E1EDP05": "KSCHL",
    "E1EDP17": "QUALF",
    "E1EDP19": "QUALF",
    "E1EDP26": "QUALF",
    "E1EDPA1": "PARVW",
    "E1EDS01": "SUMID",
    "E1EDT13": "QUALF",
}
"""Segments that repeat, and the field that tells their occurrences apart. Of several with one qualifier the first counts."""

BATCH_OF = "E1EDL24[HIPOS].PSTYV"
"""Of a batch that was split off an item: the item's category. The batch has one of its own, which says nothing of free goods."""

_SUMMED = ("E1EDP04.MSATZ", "E1EDP04.MWSBT")
"""Fields of segments that repeat without a qualifier, once for each kind of tax: their sum is handed over."""
_NUMBERS = frozenset({
    "ANETW", "BETRG", "BMNG2", "BRGEW", "KPERC", "KRATE", "LABST", "LFIMG", "LGMNG", "MENGE", "MSATZ", "MWSBT", "NETWR", "NTGEW", "ORMNG",
    "PODMG", "PREIS", "SUMME", "UMVKN", "UMVKZ", "VPREI", "WMENG",
})  # fmt: skip
"""Fields that are numbers: their minus may stand behind them."""
_HANDLING_UNIT = "E1EDL37"
_ITEM_COUNT, _NET_TOTAL, _NET_VALUE = "E1EDS01[001].SUMME", "E1EDS01[010].SUMME", "E1EDP26[003].BETRG"
CONTROL = "CONTROL"
"""Field of an invoice's items: what its net total says, where it is not the sum of the items."""
_NO_DATE = "00000000"
_FIELD = re.compile(r"(?P<segment>EDI_DC40|E1\w{5}|[A-Z/][\w/]*)(?:\[(?P<qualifier>\w+)\])?\.[A-Z0-9_/]+")


class _Fields(Collection[str]):
    """Any field of any segment, with a qualifier where the segment repeats under one, and nowhere else.

    Segments have many hundreds of fields, more with each release, and senders add segments of their own.
    """

    _examples = (
        "EDI_DC40.DOCNUM",
        "E1EDL20.VBELN",
        "E1EDL24.MATNR",
        "E1EDL26.PSTYV",
        "E1EDT13[006].ISDD",
        "E1ADRM1[WE].PARTNER_ID",
        "E1EDK01.BELNR",
        "E1EDP01.MENGE",
        "E1EDP19[002].IDTNR",
        "E1EDP26[003].BETRG",
        "E1EDP32.QUALF",
    )

    def __contains__(self, name: object) -> bool:
        found = _FIELD.fullmatch(str(name))
        if found is None:
            return name == CONTROL
        return name == BATCH_OF or (found["qualifier"] is not None) == (found["segment"] in QUALIFIERS)

    def __iter__(self) -> Iterator[str]:
        return iter(self._examples)

    def __len__(self) -> int:
        return len(self._examples)


FIELDS: Collection[str] = _Fields()

Values = MutableMapping[str, str | None]


def entries(data: bytes, reading: Reading, limits: Limits) -> Iterable[Entry]:
    """One entry for each item segment.

    Items of a test IDoc are left out, and so is an item whose quantity stands in its batches. An IDoc without a control record, of a type
    that is not read, without items, or with fewer or more items than it says is refused with all its items.

    Raises:
        FileUnreadable: there is no IDoc in the file.
    """
    segments = tuple(ITEM_SEGMENTS.values())
    for piece in pieces(data, ["IDOC"], segments, numbers=["DOCNUM"], encoding=reading.encoding, limits=limits):
        if isinstance(piece, Broken):
            yield refused(piece)
        else:
            yield from _idoc(piece)


def _idoc(piece: Piece) -> Iterator[Entry]:
    control = _control(piece.element)
    items = [item for item in piece.items if local_name(item.element) == _item_segment(control)]
    above = {ancestor for item in items for ancestor in item.element.iterancestors()}
    header = _flat(piece.element, above) | control
    is_test = (control.get("EDI_DC40.TEST") or "").upper() == "X" and bool(items)
    problem = _problem(control, header, items)
    if problem is not None and not is_test:
        message = f"IDoc {control.get('EDI_DC40.DOCNUM') or f'in bytes {piece.start} to {piece.end}'} {problem}"
        for line, text in [(item.line, item.text) for item in piece.items] or [(piece.line, piece.text)]:
            yield Entry({}, line, text, broken=Broken("idoc", line, text, message))
        return
    parents: dict[etree._Element, Values] = {piece.element: header}
    own = [_flat(item.element, above) for item in items]
    split = _batch_splits(items, own)
    header[CONTROL] = _net_difference(header, own)
    for place, (item, values) in enumerate(zip(items, own, strict=True)):
        left_out = "test IDoc" if is_test else split.get(place)
        yield Entry(ChainMap(values, _inherited(item.element, parents, above)), item.line, item.text, left_out=left_out)


def _control(idoc: etree._Element) -> dict[str, str | None]:
    """The control record: EDI_DC40, up to release 3 EDI_DC."""
    record = child(idoc, "EDI_DC40")
    if record is None:
        record = child(idoc, "EDI_DC")
    return {} if record is None else {f"EDI_DC40.{local_name(field)}": text_of(field) for field in record}


def _item_segment(control: Values) -> str | None:
    kind = f"{control.get('EDI_DC40.IDOCTYP')} {control.get('EDI_DC40.CIMTYP')}".upper()
    return next((segment for name, segment in ITEM_SEGMENTS.items() if name in kind), None)


def _problem(control: Values, header: Values, items: Sequence[Item]) -> str | None:
    """Why an IDoc cannot be taken."""
    if not control:
        return "has no control record EDI_DC40"
    if _item_segment(control) is None:
        kind = control.get("EDI_DC40.IDOCTYP") or "no type"
        return f"is of {kind}, read are {', '.join(ITEM_SEGMENTS)}"
    if not items:
        return f"has no item segment {_item_segment(control)}"
    counted = _number(header.get(_ITEM_COUNT))
    if counted is not None and counted != len(items):
        return f"says that it has {counted.normalize():f} items and has {len(items)}"
    return None


def _net_difference(header: Values, own: Sequence[Values]) -> str | None:
    total = _number(header.get(_NET_TOTAL))
    values = [_number(item.get(_NET_VALUE)) for item in own]
    known = [value for value in values if value is not None]
    if total is None or len(known) < len(values) or sum(known) == total:
        return None
    return f"the IDoc says a net total of {total}, its items add up to {sum(known)}"


def _inherited(
    element: etree._Element, parents: dict[etree._Element, Values], above: Collection[etree._Element]
) -> Values:
    """What everything above an item says, the nearest first."""
    parent = element.getparent()
    assert parent is not None
    if parent not in parents:
        parents[parent] = ChainMap(_flat(parent, above), _inherited(parent, parents, above))
    return parents[parent]


def _flat(segment: etree._Element, above: Collection[etree._Element]) -> dict[str, str | None]:
    """The fields of a segment and of the segments below it, but for items and what leads to them."""
    values: dict[str, str | None] = {}
    _flatten(segment, above, values)
    return values


def _flatten(segment: etree._Element, above: Collection[etree._Element], values: dict[str, str | None]) -> None:
    name = local_name(segment)
    inner: list[etree._Element] = []
    fields: dict[str, str | None] = {}
    for part in segment:
        if len(part) or "SEGMENT" in part.attrib:
            inner.append(part)
        else:
            fields.setdefault(local_name(part), _value(local_name(part), text_of(part)))
    if name in QUALIFIERS:
        name = f"{name}[{fields.get(QUALIFIERS[name])}]"
    for field, text in fields.items():
        key = f"{name}.{field}"
        if key in _SUMMED and key in values:
            values[key] = _sum(values[key], text)
        else:
            values.setdefault(key, text)
    for part in inner:
        if part not in above and local_name(part) not in (_HANDLING_UNIT, *ITEM_SEGMENTS.values()):
            _flatten(part, above, values)


def _value(field: str, text: str | None) -> str | None:
    if text == _NO_DATE:
        return None
    if text is not None and text.endswith("-") and field in _NUMBERS:
        return f"-{text[:-1].rstrip()}"
    return text


def _batch_splits(items: Sequence[Item], own: Sequence[dict[str, str | None]]) -> dict[int, str]:
    """The items whose quantity stands in batches that were split off them, by place, with the reason.

    A batch item names its item in HIPOS, has the same material and a batch, where the item itself has none. The item then keeps nothing, or
    says the total of its batches; if it says anything else, that is a rest which is in no batch, and counts. Batch items get the category
    of their item as `BATCH_OF`.
    """
    places = {
        (item.element.getparent(), values.get("E1EDL24.POSNR")): place
        for place, (item, values) in enumerate(zip(items, own, strict=True))
    }
    batches: dict[int, Decimal] = {}
    for item, values in zip(items, own, strict=True):
        higher = values.get("E1EDL24.HIPOS")
        place = places.get((item.element.getparent(), higher)) if higher else None
        if place is None or not values.get("E1EDL24.CHARG") or own[place].get("E1EDL24.CHARG"):
            continue
        if own[place] is values or own[place].get("E1EDL24.MATNR") != values.get("E1EDL24.MATNR"):
            continue
        values[BATCH_OF] = own[place].get("E1EDL26.PSTYV") or own[place].get("E1EDL24.PSTYV")
        batches[place] = batches.get(place, Decimal(0)) + (_number(values.get("E1EDL24.LFIMG")) or 0)
    return {
        place: "item whose quantity stands in its batches"
        for place, total in batches.items()
        if (_number(own[place].get("E1EDL24.LFIMG")) or 0) in (0, total)
    }


def _number(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _sum(first: str | None, second: str | None) -> str | None:
    """The sum of two amounts as text; what is no number wins, so that it is refused later with its value."""
    if first is None or second is None:
        return first if second is None else second
    left, right = _number(first), _number(second)
    if left is None or right is None:
        return first if left is None else second
    return f"{left + right:f}"
