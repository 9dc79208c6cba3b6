"""What an item is in each X12 transaction set, and how its fields are named and found.

Structures and code meanings follow ASC X12 004010; later versions only add. See docs/reference/formats/x12.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import takewhile

from ingest.readers.envelopes import ControlTotal, Parsed, Reader
from ingest.readers.segments import (
    Item,
    Level,
    Placing,
    Repeats,
    Segment,
    Values,
    first,
    following,
    leading,
    line_numbers,
    number,
    plain,
    spans,
)

SEGMENTS: dict[str, tuple[int, int]] = {
    "ISA": (16, 0),
    "GS": (8, 0),
    "ST": (3, 0),
    "AMT": (3, 1),
    "BIG": (13, 0),
    "BPT": (13, 0),
    "BSN": (9, 0),
    "CAD": (9, 0),
    "CTP": (11, 2),
    "CTT": (7, 0),
    "CUR": (21, 1),
    "DTM": (6, 1),
    "FOB": (9, 0),
    "HL": (4, 0),
    "ISS": (8, 0),
    "IT1": (25, 0),
    "IT3": (5, 0),
    "ITA": (17, 0),
    "ITD": (15, 0),
    "LIN": (31, 0),
    "MAN": (6, 1),
    "MEA": (12, 2),
    "MSG": (3, 0),
    "N1": (6, 1),
    "N2": (2, 1),
    "N3": (2, 1),
    "N4": (8, 1),
    "N9": (7, 1),
    "NTE": (2, 1),
    "PER": (9, 1),
    "PID": (9, 2),
    "PO4": (18, 0),
    "PRF": (8, 0),
    "PTD": (7, 4),
    "QTY": (4, 1),
    "REF": (4, 1),
    "SAC": (16, 2),
    "SDQ": (23, 0),
    "SII": (13, 0),
    "SLN": (28, 0),
    "SN1": (9, 0),
    "TD1": (10, 0),
    "TD3": (10, 0),
    "TD5": (15, 0),
    "TDS": (4, 0),
    "TXI": (10, 1),
    "UIT": (3, 0),
    "XPO": (4, 0),
    "XQ": (6, 0),
    "ZA": (8, 1),
}
"""Segments whose elements are fields: number of elements, and which of them is the qualifier (0: none)."""

COMPUTED = (
    "ITEM",
    "LINE",
    "CONTROL",
    "DATE",
    "STORE",
    "QUANTITY",
    "RETURNED",
    "ACTIVITY",
    "KIND",
    "REPEAT",
    "GROSS",
    "ALLOWANCE",
    "CHARGE",
    "TAX",
    "NET",
)
NAMES = (
    *COMPUTED,
    *(f"{tag}{element:02}" for tag, (elements, _) in SEGMENTS.items() for element in range(1, elements + 1)),
)

_PAIRS = {"LIN": 2, "IT1": 6, "SLN": 9, "SII": 1}
"""Segments with pairs of a qualifier and a product id: the element of the first qualifier."""
_OUR_CODES = ("VP", "VN", "VC", "VA")
_GTINS = ("UP", "UK", "EN", "UI", "UA", "UD", "EO", "U2", "N4", "ND")
_THEIR_CODES = ("IN", "SK", "BP", "CB", "PI", "PN", "MG", "MF", "CC", "ZZ")
_ITEM_ORDER = (*_OUR_CODES, *_GTINS, *_THEIR_CODES)
_NO_ITEM = ("LT", "B8", "SN", "PO", "PL", "BO", "IZ", "ON", "VO", "PU")
_DATES = {("DTM", 2), ("BIG", 1), ("BIG", 3), ("BPT", 3), ("BSN", 3), ("XQ", 2), ("XQ", 3), ("PRF", 4), ("ZA", 5)}
_CENTURY_TURN = 70
_OWN_ONLY = frozenset({"SAC", "TXI", "AMT"})
"""Amounts of the innermost level say nothing about the levels below it."""

_FIELD = re.compile(
    r"(?P<tag>[A-Z][A-Z0-9]{1,2}?)(?P<element>\d\d)(?:-(?P<component>\d))?(?:\[(?P<qualifier>[A-Z0-9]{1,3})\])?"
)
_PRODUCT = re.compile(r"(?P<tag>LIN|IT1|SLN|SII)\[(?P<qualifier>[A-Z0-9]{2})\]")


@dataclass(frozen=True)
class _Name:
    tag: str
    element: int
    component: int
    qualifier: str


@lru_cache(maxsize=4096)
def _parse(name: str) -> _Name | None:
    product = _PRODUCT.fullmatch(name)
    if product is not None:
        return _Name(product["tag"], 0, 0, product["qualifier"])
    found = _FIELD.fullmatch(name)
    if found is None or found["tag"] not in SEGMENTS:
        return None
    elements, qualifier_at = SEGMENTS[found["tag"]]
    element = int(found["element"])
    qualifier = found["qualifier"] or ""
    if not 1 <= element <= elements or (qualifier and not qualifier_at):
        return None
    return _Name(found["tag"], element, int(found["component"] or 0), qualifier)


def is_field(name: str) -> bool:
    """True for the name of a field that a record may have."""
    return name in COMPUTED or _parse(name) is not None


def look_up(levels: Sequence[Level], name: str) -> str | None:
    """A field of the record that stands at `levels`, the innermost first; null where the record lacks it."""
    parsed = _parse(name)
    if parsed is None:
        return None
    tag, qualifier = parsed.tag, parsed.qualifier
    if tag in _OWN_ONLY:
        levels = levels[:1]
    if not parsed.element:
        return first(levels, tag, lambda segment: _product(segment, qualifier))
    if tag in ("N1", "N2", "N3", "N4") and qualifier:
        for level in levels:
            for segment in level.party(qualifier, tag):
                value = segment.get(parsed.element, parsed.component)
                if value:
                    return value
        return None
    at = SEGMENTS[tag][1]
    return first(
        levels,
        tag,
        lambda segment: _value(segment, parsed.element, parsed.component),
        lambda segment: not qualifier or segment.get(at).upper() == qualifier,
    )


def _value(segment: Segment, element: int, component: int) -> str:
    if (segment.tag, element) not in _DATES:
        return segment.get(element, component)
    text = segment.get(element)
    century = ""
    if segment.tag == "DTM":
        form, period = segment.get(5), segment.get(6)
        if form.isdigit() and len(form) == 2:
            century = form
        elif not text and form == "D8":
            text = period
        elif not text and form == "RD8":
            text = period.rpartition("-")[2]
    return full_date(text, century)


def full_date(text: str, century: str = "") -> str:
    """A date with its century: versions before 004010 write YYMMDD, and the century, if at all, in an element of its own."""
    if len(text) == 6 and text.isdigit():
        return (century or ("19" if int(text[:2]) >= _CENTURY_TURN else "20")) + text
    return text


def _products(segment: Segment) -> Iterator[tuple[str, str]]:
    for at in range(_PAIRS[segment.tag], len(segment.elements), 2):
        qualifier, code = segment.get(at).upper(), segment.get(at + 1)
        if qualifier and code:
            yield qualifier, code


def _product(segment: Segment, qualifier: str) -> str:
    return next((code for found, code in _products(segment) if found == qualifier), "")


def _item_code(levels: Sequence[Level]) -> str | None:
    for level in levels:
        for tag in _PAIRS:
            pairs = [pair for segment in level.of(tag) if tag != "SLN" for pair in _products(segment)]
            if not pairs:
                continue
            known = dict(reversed(pairs))
            for qualifier in _ITEM_ORDER:
                if qualifier in known:
                    return known[qualifier]
            return next((code for qualifier, code in pairs if qualifier not in _NO_ITEM), pairs[0][1])
    return None


Facts = dict[str, str | None]


@dataclass
class _Record:
    """An item while it is put together: its levels, innermost first, its own segments, and the computed fields."""

    levels: Sequence[Level]
    own: list[Segment]
    own_number: str = ""
    facts: Facts = field(default_factory=dict)


def _finished(records: Sequence[_Record], totals: Iterable[ControlTotal], notes: Iterable[str] = ()) -> Parsed:
    parsed = Parsed(totals=list(totals), notes=list(notes))
    for record, line in zip(records, line_numbers([record.own_number for record in records]), strict=True):
        record.facts["LINE"] = line
        record.facts.setdefault("ITEM", _item_code(record.levels))
        parsed.items.append(Item(Values(_reader(record), NAMES), spans(record.own)))
        parsed.numbers.append(record.own[0].number)
    return parsed


def _reader(record: _Record) -> Callable[[str], str | None]:
    def read(name: str) -> str | None:
        if name in record.facts or name in COMPUTED:
            return record.facts.get(name)
        return look_up(record.levels, name)

    return read


_PARTY = frozenset({"N2", "N3", "N4", "REF", "PER", "DMG"})


# 810 Invoice


def _invoice(header: Segment, body: Sequence[Segment], envelope: Level, repeats: Repeats) -> Parsed:
    head, summary, ignored = Level(), Level(), Level()
    placing = Placing(head, "N1", _PARTY)
    records: list[_Record] = []
    for segment in body:
        if segment.tag == "IT1":
            level = Level()
            level.add(segment)
            placing.move(level)
            records.append(_Record((level, head, summary, envelope), [segment], segment.get(1)))
            continue
        if segment.tag in ("TDS", "CTT"):
            placing.move(summary)
        elif segment.tag == "SLN" and placing.level is not summary:
            placing.move(ignored)
        if placing.level is not summary and records:
            records[-1].own.append(segment)
        placing.put(segment)
    for record in records:
        record.facts |= _invoice_amounts(record.levels[0])
    is_credit = look_up([head], "BIG07") in _CREDITS
    if is_credit:
        _drop_signs(records)
    for record in records:
        gross, allowance = (number(record.facts.get(name) or "") for name in ("GROSS", "ALLOWANCE"))
        if gross is not None and allowance is not None:
            record.facts["NET"] = plain(gross - allowance)
    totals = [
        *_line_count(summary, "IT1 items", [len(records)]),
        *_hash_total(summary, "of the quantities in IT102", [record.own[0].get(2) for record in records]),
    ]
    return _finished(records, totals, _invoice_total(records, head, summary, abs if is_credit else _as_stated))


def _invoice_amounts(level: Level) -> Facts:
    """Gross is quantity times price; the allowances of the line, its charges and taxes stand apart."""
    line = level.of("IT1")[0]
    price = number(line.get(4)) if line.get(4) else next((number(ctp.get(3)) for ctp in level.of("CTP")), None)
    quantity = number(line.get(2))
    facts: Facts = {"QUANTITY": line.get(2) or None}
    allowance = sum((amount for kind, _, amount in _allowances(level) if kind == "A"), Decimal(0))
    charge = sum(
        (amount for kind, code, amount in _allowances(level) if kind == "C" and code not in _TAXES), Decimal(0)
    )
    facts["ALLOWANCE"] = plain(allowance)
    facts["CHARGE"] = plain(charge)
    facts["TAX"] = plain(_tax(level))
    if price is not None and quantity is not None:
        facts["GROSS"] = plain(quantity * price / _PER.get(line.get(5).upper(), 1))
    return facts


def _drop_signs(records: Sequence[_Record]) -> None:
    """A credit memo says by its kind that it takes back. Where all of its lines are negative as well, they say it twice."""
    amounts = [number(record.facts.get("GROSS") or "0") or Decimal(0) for record in records]
    if all(amount <= 0 for amount in amounts):
        for record in records:
            for name in ("QUANTITY", "GROSS", "ALLOWANCE", "TAX"):
                text = record.facts.get(name)
                if text is not None:
                    record.facts[name] = text.removeprefix("-")


_CREDITS = ("CR", "CN")
"""Kinds of invoice (element 640) that are credit notes: memo and invoice."""
_TAXES = ("H850", "D360")
"""Charges that are taxes: tax, and goods and services tax."""
_PER = {"HP": 100, "TP": 1000}
"""Basis of a unit price: per hundred, per thousand."""
_BILLED_BACK = "01"


def _allowances(level: Level) -> Iterator[tuple[str, str, Decimal]]:
    """Allowances and charges of a level: kind, code, amount. What is billed back does not change the invoice."""
    for segment in level.of("SAC"):
        amount = _cents(segment.get(5))
        if amount is not None and segment.get(12) != _BILLED_BACK:
            yield segment.get(1).upper(), segment.get(2).upper(), amount


def _tax(level: Level) -> Decimal:
    """Tax by its own segments, else by charges that are taxes: an invoice that has both says the same twice."""
    stated = [amount for segment in level.of("TXI") if (amount := number(segment.get(2))) is not None]
    if stated:
        return sum(stated, Decimal(0))
    return sum((amount for kind, code, amount in _allowances(level) if kind == "C" and code in _TAXES), Decimal(0))


def _cents(text: str) -> Decimal | None:
    """An amount of type N2: two decimals without a point. A point that is there all the same is heeded."""
    value = number(text)
    return value if value is None or "." in text else value / 100


def _as_stated(amount: Decimal) -> Decimal:
    return amount


def _invoice_total(
    records: Sequence[_Record], head: Level, summary: Level, signed: Callable[[Decimal], Decimal]
) -> Iterator[str]:
    """TDS01 against the items, with or without the allowances, charges and taxes, which may stand at the lines, at the end, or at both.

    Args:
        signed: an amount with the sign that counts; on a credit memo none does.
    """
    tds = next(iter(summary.of("TDS")), None)
    stated = _cents(tds.get(1)) if tds is not None else None
    gross = [number(record.facts.get("GROSS") or "") for record in records]
    if stated is None or not records or any(amount is None for amount in gross):
        return
    base = sum((amount for amount in gross if amount is not None), Decimal(0))
    whole = [head, summary]
    lines = [record.levels[0] for record in records]
    sums = {base}
    for levels in (whole, lines, [*whole, *lines]):
        off = sum((amount for level in levels for kind, _, amount in _allowances(level) if kind == "A"), Decimal(0))
        extra = sum(
            (
                amount
                for level in levels
                for kind, code, amount in _allowances(level)
                if kind == "C" and code not in _TAXES
            ),
            Decimal(0),
        )
        tax = sum((_tax(level) for level in levels), Decimal(0))
        sums |= {base + x - y + z for x in (0, signed(extra)) for y in (0, signed(off)) for z in (0, signed(tax))}
    tolerance = Decimal("0.01") * (len(records) + 1)
    if not any(abs(signed(stated) - amount) <= tolerance for amount in sums):
        yield f"TDS01 says a total of {plain(stated)}; the items come to {plain(base)}, and no sum with the charges and taxes gives it"


# 856 Ship notice/manifest


@dataclass
class _Node:
    """A hierarchical level (HL) of a ship notice, or its head.

    Attributes:
        own: all its segments.
        chunks: each LIN and SN1 at it with what follows; a level has one, unless a sender saves the HL.
    """

    header: Segment | None
    parent: _Node | None = None
    depth: int = 0
    level: Level = field(default_factory=Level)
    own: list[Segment] = field(default_factory=list)
    chunks: list[_Record] = field(default_factory=list)
    has_parts: bool = False
    is_counted: bool = False

    @property
    def code(self) -> str:
        return self.header.get(3).upper() if self.header is not None else ""

    @property
    def ships(self) -> bool:
        return any(chunk.levels[0].of("SN1") for chunk in self.chunks)

    @property
    def is_packing(self) -> bool:
        """True where it states a quantity of no product of its own, and the items are below it."""
        return self.code != "I" and self.has_parts and not any(chunk.levels[0].of("LIN") for chunk in self.chunks)

    def above(self) -> Iterator[_Node]:
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


def _ship_notice(header: Segment, body: Sequence[Segment], envelope: Level, repeats: Repeats) -> Parsed:
    node = _Node(None)
    nodes = [node]
    by_number: dict[str, _Node] = {}
    last_of: dict[str, int] = {}
    summary = Level()
    placing = Placing(node.level, "N1", _PARTY | {"FOB"})
    for segment in body:
        if segment.tag == "CTT":
            placing.move(summary)
        elif segment.tag == "HL":
            parent = by_number.get(segment.get(2)) or nodes[_above(last_of, segment.get(3).upper())]
            parent = parent if parent.depth < _DEPTH else nodes[0]
            node = _Node(segment, parent, parent.depth + 1)
            by_number[segment.get(1)] = node
            last_of[node.code] = len(nodes)
            nodes.append(node)
            placing.move(node.level)
        elif segment.tag in ("LIN", "SN1") and placing.level is not summary:
            if not node.chunks or node.chunks[-1].levels[0].of(segment.tag):
                node.chunks.append(_Record((Level(),), []))
            placing.move(node.chunks[-1].levels[0])
        placing.put(segment)
        if placing.level is not summary:
            node.own.append(segment)
            if node.chunks:
                node.chunks[-1].own.append(segment)
    for node in nodes:
        if node.ships:
            for other in node.above():
                other.has_parts = True
    records = [record for node in nodes for record in _shipped(node)]
    for record in records:
        record.levels = (*record.levels, summary, envelope)
    counts = [len(nodes) - 1, len(records), sum(segment.tag == "LIN" for segment in body)]
    units = [segment.get(2) for segment in body if segment.tag == "SN1"]
    of_items = [segment.get(2) for record in records for segment in record.levels[0].of("SN1")]
    totals = [
        *_line_count(summary, "HL levels", counts),
        *_hash_total(summary, "of the units shipped in SN102", units, of_items),
    ]
    return _finished(records, totals)


_DEPTH = 64
"""Levels inside each other; what is deeper hangs from the head."""


def _above(last_of: Mapping[str, int], code: str) -> int:
    """The parent of a level that names none: the nearest before it that is of another kind and no item; 0 is the head."""
    return 0 if code == "S" else max((place for other, place in last_of.items() if other not in (code, "I")), default=0)


def _shipped(node: _Node) -> Iterator[_Record]:
    """The items at a level. What is below one with a quantity says how it is packed and is none, unless it alone is of code I."""
    if any(other.is_counted and (node.code != "I" or other.code == "I") for other in node.above()):
        return
    if node.is_packing or (not node.ships and (node.code != "I" or node.has_parts)):
        return
    node.is_counted = True
    above = [
        level for other in node.above() for level in (*(chunk.levels[0] for chunk in other.chunks[:1]), other.level)
    ]
    if not node.chunks:
        yield _Record((node.level, *above), node.own)
    for chunk in node.chunks:
        own = node.own if len(node.chunks) == 1 and node.header is not None else chunk.own
        level = chunk.levels[0]
        stated = next((segment.get(1) for tag in ("LIN", "SN1") for segment in level.of(tag) if segment.get(1)), "")
        yield _Record((level, node.level, *above), own, stated)


# 867 Product transfer and resale report

_SALES = ("32", "39", "01", "")
_RETURNED = ("76",)
_ON_HAND = ("17", "33")
"""Quantities (element 673) that were sold or shipped, came back, are on hand or available."""
_RETURN_TRANSFERS = ("BN", "RB", "RP", "RU")
"""Transfers (element 521) that are returns whatever the quantity is called."""


def _resale(header: Segment, body: Sequence[Segment], envelope: Level, repeats: Repeats) -> Parsed:
    head, summary, detail = Level(), Level(), Level()
    placing = Placing(head, "N1", _PARTY)
    records: list[_Record] = []
    open_record: _Record | None = None
    transfer: list[Segment] = []
    transfers, has_items = 0, False
    ahead: frozenset[tuple[str, str]] = frozenset()
    renewed: set[str] = set()
    for at, segment in enumerate(body):
        if segment.tag == "PTD":
            records += _bare_transfer(transfer, detail, head, records)
            detail, transfer, open_record, has_items = Level(), [], None, False
            transfers += 1
            rest = takewhile(lambda other: other.tag not in ("PTD", "CTT"), following(body, at))
            ahead = leading(rest, ("N1",), "QTY")
            placing.move(detail)
        elif (
            (party := (segment.tag, segment.get(1).upper())) in ahead
            and placing.level is not summary
            and has_items
            and party[1] not in renewed
        ):
            renewed.add(party[1])
            detail, open_record = detail.copy(but_party=party[1]), None
            placing.move(detail)
        elif segment.tag == "CTT":
            open_record = None
            placing.move(summary)
        elif placing.level is not summary and _begins_resale(body, at, open_record):
            open_record = _Record((Level(), detail, head, summary, envelope), [])
            records.append(open_record)
            has_items, renewed = True, set()
            placing.move(open_record.levels[0])
        elif open_record is not None and segment.tag in ("LIN", "QTY"):
            placing.move(open_record.levels[0])
        if placing.level is not summary and placing.level is not head:
            transfer.append(segment)
        if open_record is not None:
            open_record.own.append(segment)
        if segment.tag == "SII" and open_record is not None:
            open_record.levels[0].add(segment)
        else:
            placing.put(segment)
    records += _bare_transfer(transfer, detail, head, records)
    for record in records:
        record.levels = (*record.levels[:3], summary, envelope)
        line = next(iter(record.levels[0].of("LIN")), None)
        record.own_number = line.get(1) if line is not None else ""
        record.facts |= _resale_facts(record.levels)
    lines = sum(segment.tag == "LIN" for segment in body)
    quantities = [segment.get(2) for segment in body if segment.tag == "QTY"]
    totals = [
        *_line_count(summary, "LIN lines", [lines, transfers, len(records), len(quantities)]),
        *_hash_total(summary, "of the quantities in QTY02", quantities),
    ]
    parsed = _finished(records, totals)
    if look_up([head], "BPT01") not in _TAKES_BACK:
        _number_on(records, repeats)
    return parsed


_TAKES_BACK = ("01", "03", "05")
"""Purposes of a report (element 353) that cancel, delete or replace the lines of an earlier one, by their numbers."""


def _number_on(records: Sequence[_Record], repeats: Repeats) -> None:
    """Lines of a document that a report before it in the file has as well go on behind the last number."""
    documents: dict[str, list[_Record]] = {}
    for record in records:
        documents.setdefault(_resale_document(record.levels), []).append(record)
    for document_no, of_document in documents.items():
        lines = {
            (int(record.facts["LINE"] or 0), tuple(record.facts[name] for name in ("KIND", "DATE", "STORE", "ITEM")))
            for record in of_document
        }
        offset = repeats.offset(document_no, lines)
        for record in of_document:
            record.facts["LINE"] = str(int(record.facts["LINE"] or 0) + offset)


def _resale_document(levels: Sequence[Level]) -> str:
    return next((text for name in _RESALE_DOCUMENTS if (text := look_up(levels, name))), "")


_RESALE_DOCUMENTS = (
    *(f"{element}[{kind}]" for element in ("REF02", "PTD05") for kind in ("IV", "DI", "IN", "SI")),
    "BPT02",
)
"""References (element 128) that number what was sold: invoices and delivery notes, of the item or its transfer; else the report itself."""


def _begins_resale(body: Sequence[Segment], at: int, record: _Record | None) -> bool:
    """An item begins with its quantity; senders who put the product first are understood as well."""
    segment = body[at]
    if segment.tag == "SII":
        return True
    if segment.tag == "QTY":
        return record is None or bool(record.levels[0].of("QTY")) or not _restates(body, at, record)
    return segment.tag == "LIN" and (record is None or bool(record.levels[0].of("LIN")))


def _restates(body: Sequence[Segment], at: int, record: _Record) -> bool:
    """True for a QTY that says no more than the SII before it: as many of the same product."""
    sale = next(iter(record.levels[0].of("SII")), None)
    if sale is None:
        return True
    rest = takewhile(lambda other: other.tag not in ("QTY", "SII", "PTD", "CTT"), following(body, at))
    line = next((other for other in rest if other.tag == "LIN"), None)
    is_same = line is None or not {*_products(sale)}.isdisjoint(_products(line))
    sold, quantity = number(sale.get(3)), number(body[at].get(2))
    return is_same and quantity is not None and quantity == sold and body[at].get(1) in _SALES


def _bare_transfer(
    transfer: Sequence[Segment], detail: Level, head: Level, records: Sequence[_Record]
) -> list[_Record]:
    """A transfer without any quantity is one item all the same: nothing else would tell that it is there."""
    if not transfer or any(record.levels[1] is detail for record in records):
        return []
    return [_Record((Level(), detail, head), list(transfer))]


def _resale_facts(levels: Sequence[Level]) -> Facts:
    sale = next(iter(levels[0].of("SII")), None)
    quantity = look_up(levels[:1], "QTY02") or (sale.get(3) if sale is not None else None) or None
    price = look_up(levels[:2], "UIT02") or look_up(levels[:2], "CTP03") or (sale.get(5) if sale is not None else None)
    amount = _amount(levels[0]) or (sale.get(7) if sale is not None else None)
    units, each = number(quantity or ""), number(price or "")
    gross = plain(units * each) if units is not None and each is not None else amount or None
    code = (look_up(levels[:1], "QTY01") or "").upper()
    kind = "STOCK" if code in _ON_HAND else "RETURN" if code in _RETURNED else "SALE" if code in _SALES else code
    if kind == "SALE" and (
        (look_up(levels[1:2], "PTD01") or "").upper() in _RETURN_TRANSFERS or (units is not None and units < 0)
    ):
        kind = "RETURN"
    if kind == "RETURN":
        quantity, gross = (text and text.removeprefix("-") for text in (quantity, gross))
    return {
        "QUANTITY": quantity,
        "GROSS": gross,
        "NET": gross,
        "KIND": kind,
        "DATE": _resale_date(levels),
        "STORE": _buyer(levels),
        "CONTROL": None if gross or kind == "STOCK" else "the item states neither price nor amount",
    }


_AMOUNTS = ("1", "TT", "5", "")
"""Amounts (element 522) that are the value of an item: of the line, the transaction, the invoice; one that is not qualified. Any other tells something else."""


def _amount(level: Level) -> str | None:
    stated = {segment.get(1).upper(): segment.get(2) for segment in reversed(list(level.anywhere("AMT")))}
    return next((text for code in _AMOUNTS if (text := stated.get(code))), None)


def _buyer(levels: Sequence[Level]) -> str | None:
    """To whom the goods went: the party of the item or its transfer, else of the whole report."""
    for level, parties in ((levels[0], _BUYERS), (levels[1], _BUYERS), (levels[2], _BUYERS_OF_ALL)):
        for element in ("N104", "N102"):
            for qualifier in parties:
                found = look_up([level], f"{element}[{qualifier}]")
                if found:
                    return found
    return None


_BUYERS_OF_ALL = ("ST", "EU", "UC")
_BUYERS = ("ST", "BY", "EU", "UC", "BT", "SO", "RS", "RT")
"""Parties (element 98) to whom a distributor sells; at the head of a report a buyer is the distributor itself."""


def _resale_date(levels: Sequence[Level]) -> str | None:
    """Invoiced, shipped, sold or delivered; the end of the period; else the date of the report."""
    for qualifier in ("003", "011", "370", "097", "090", "091", "035", "007"):
        found = look_up(levels[:2], f"DTM02[{qualifier}]")
        if found:
            return found
    for level in levels[:2]:
        for segment in level.of("DTM"):
            return _value(segment, 2, 0)
    for qualifier in ("091", "007", "090"):
        found = look_up(levels, f"DTM02[{qualifier}]")
        if found:
            return found
    return look_up(levels, "BPT03")


# 852 Product activity data

_SOLD = ("QS", "Q1", "TS", "RE", "WQ", "OP", "OF", "MS", "BS", "BT")
_RETURNS = ("QU", "Q2", "Q3", "RQ")
_STOCK = ("QA", "QE", "OH", "QB", "QI", "QP", "QC", "QH", "DG", "HL", "QL", "QM", "PO", "QO", "QF", "QN", "OQ")
_OTHER = ("AA", "AB", "DS", "FV", "LS", "PA", "Q4", "QD", "QK", "QR", "QT", "QW", "QX", "QZ", "ST", "WS")
_ACTIVITIES = (
    dict.fromkeys((*_SOLD, *_RETURNS), "SALE") | dict.fromkeys(_STOCK, "STOCK") | dict.fromkeys(_OTHER, "OTHER")
)
"""Activity codes (element 859) by what the record tells; what any other code tells is not known."""
_ACTIVITY_PARTY = frozenset({"N2", "N3", "N4", "FOB", "TD5", "DTM", "N9", "PER"})
_STORE_PARTIES = ("RL", "ST", "BY", "SN", "RS", "WH", "DC", "LO", "RE", "RT", "Z7")


def _activity(header: Segment, body: Sequence[Segment], envelope: Level, repeats: Repeats) -> Parsed:
    head, summary = Level(), Level()
    placing = Placing(head, "N1", _ACTIVITY_PARTY)
    place = head
    lines: list[tuple[Level, Level, list[Segment], list[tuple[Level, list[Segment]]]]] = []
    ahead: frozenset[tuple[str, str]] = frozenset()
    renewed: set[str] = set()
    before, waiting = Level(), list[Segment]()
    for at, segment in enumerate(body):
        if segment.tag == "LIN" or (segment.tag == "ZA" and not lines):
            lines.append((place, Level(), [], []))
            before, waiting = Level(), []
            rest = takewhile(lambda other: other.tag not in ("LIN", "CTT"), following(body, at))
            ahead = leading(rest, ("N1",), "ZA")
            placing.move(lines[-1][1])
        elif segment.tag == "CTT":
            placing.move(summary)
        elif lines and lines[-1][3] and placing.level is lines[-1][3][-1][0] and _opens_place(body, at, head):
            place = Level()
            placing.move(place)
        elif (
            (party := (segment.tag, segment.get(1).upper())) in ahead
            and lines[-1][3]
            and placing.level is not summary
            and party[1] not in renewed
        ):
            renewed.add(party[1])
            before = before.copy(but_party=party[1])
            placing.move(before)
        if segment.tag == "ZA" and placing.level is not summary:
            lines[-1][3].append((before.copy(), waiting))
            waiting, renewed = [], set()
            placing.move(lines[-1][3][-1][0])
        if placing.level is before:
            waiting.append(segment)
        elif lines and placing.level is not place and placing.level is not summary:
            (lines[-1][3][-1][1] if lines[-1][3] else lines[-1][2]).append(segment)
        placing.put(segment)
    records = [
        record
        for at_place, line, own, activities in lines
        for record in _line_activities(line, own, activities, (at_place, head, summary, envelope))
    ]
    _count_repeats(records, repeats)
    quantities = [segment.get(2) for segment in body if segment.tag == "ZA"]
    split = [text for segment in body if segment.tag == "SDQ" for _, text in _destinations(segment)]
    totals = [
        *_line_count(summary, "LIN lines", [sum(segment.tag == "LIN" for segment in body), len(quantities)]),
        *_hash_total(summary, "of the quantities in ZA02", quantities, split),
    ]
    return _finished(records, totals)


def _opens_place(body: Sequence[Segment], at: int, head: Level) -> bool:
    """True for a party behind a line that the next lines are about: another place, where the head named the first one."""
    if body[at].tag != "N1" or body[at].get(1).upper() not in _STORE_PARTIES or _store([head]) is None:
        return False
    rest = (segment.tag for segment in following(body, at))
    return next((tag for tag in rest if tag != "N1" and tag not in _ACTIVITY_PARTY), "") == "LIN"


def _count_repeats(records: Sequence[_Record], repeats: Repeats) -> None:
    """Number the second and further records of one item, place, date and kind, so that they do not replace each other."""
    for record in records:
        record.facts["ITEM"] = _item_code(record.levels)
        place = repeats.number(tuple(record.facts.get(name) for name in ("ITEM", "STORE", "DATE", "ACTIVITY")))
        if place > 1:
            record.facts["REPEAT"] = str(place)


def _line_activities(
    line: Level,
    own: list[Segment],
    activities: Sequence[tuple[Level, list[Segment]]],
    around: Sequence[Level],
) -> list[_Record]:
    """Records of one LIN: one per kind of activity, place and date, with the quantity of each of its codes.

    A code that stands twice for the same place and date gives a record of its own.
    """
    outer = (line, *around)
    records: dict[tuple[str, str, str, int], _Record] = {}
    worth: dict[tuple[str, str, str, int], dict[str, str]] = {}
    seen: dict[tuple[str, str, str, str], int] = {}
    for level, segments in activities:
        za = level.of("ZA")[0]
        code = za.get(1).upper()
        kind = _ACTIVITIES.get(code, code)
        shared = [segment for segment in segments if segment.tag != "SDQ"]
        splits = [(store, quantity, [sdq]) for sdq in level.of("SDQ") for store, quantity in _destinations(sdq)]
        places = splits or [("", za.get(2), [])]
        amount = _amount(level) if len(places) == 1 else None
        for store, quantity, sdq in places:
            store = store or _store([level]) or ""
            place = (kind if kind in ("SALE", "STOCK") else code, store, full_date(za.get(5)))
            repeat = seen.get((*place, code), 0)
            seen[*place, code] = repeat + 1
            record = records.get((*place, repeat))
            if record is None:
                record = records[*place, repeat] = _Record((level, *outer), list(own))
                record.facts["ACTIVITY"] = kind
                record.facts["STORE"] = store or _store(record.levels)
                record.facts["ZA02"] = quantity or None
                record.facts["ZA03"] = za.get(3) or (sdq[0].get(1) if sdq else "") or None
            record.facts[f"ZA02[{code}]"] = quantity or None
            if amount:
                worth.setdefault((*place, repeat), {})[code] = amount
            record.own += [*shared, *sdq]
    if not activities:
        records["", "", "", 0] = _Record((Level(), *outer), own, facts={"ACTIVITY": "OTHER"})
    of_line = _amount(line) if len(activities) == len(records) == 1 else None
    for at, record in records.items():
        record.facts |= _activity_facts(record)
        record.facts["GROSS"] = record.facts["NET"] = of_line or _activity_value(record, worth.get(at, {}))
    return list(records.values())


def _destinations(sdq: Segment) -> Iterator[tuple[str, str]]:
    """Pairs of place and quantity of an SDQ."""
    for at in range(3, min(len(sdq.elements), 22) + 1, 2):
        if sdq.get(at) or sdq.get(at + 1):
            yield sdq.get(at), sdq.get(at + 1)


def _store(levels: Sequence[Level]) -> str | None:
    """The place that the innermost level names."""
    for level in levels:
        for element in ("N104", "N102"):
            for qualifier in _STORE_PARTIES:
                found = look_up([level], f"{element}[{qualifier}]")
                if found:
                    return found
    return None


def _stated(record: _Record, codes: Iterable[str]) -> dict[str, str]:
    """Quantities of a record by their codes."""
    return {code: text for code in codes if (text := record.facts.get(f"ZA02[{code}]"))}


def _activity_facts(record: _Record) -> Facts:
    sold = list(_stated(record, _SOLD if record.facts["ACTIVITY"] == "SALE" else _STOCK).values())
    returned = list(_stated(record, _RETURNS).values())
    facts: Facts = {
        "DATE": next((text for name in ("ZA05", "XQ03", "XQ02") if (text := look_up(record.levels, name))), None),
        "QUANTITY": sold[0] if sold else "0" if returned else None,
    }
    if returned:
        amounts = [amount for text in returned if (amount := number(text)) is not None]
        facts["RETURNED"] = plain(sum(amounts, Decimal(0))) if len(amounts) == len(returned) else returned[0]
    return facts


def _activity_value(record: _Record, worth: Mapping[str, str]) -> str | None:
    """What was sold less what came back: the amounts at their ZA; where there are none, the quantities at the price of the item.

    Args:
        worth: amounts by the code of their ZA.
    """
    price = number(look_up(record.levels[:2], "CTP03") or "")
    sold = next(iter(_stated(record, _SOLD if record.facts["ACTIVITY"] == "SALE" else _STOCK)), "")
    amount = worth.get(sold)
    returned = [value for code in _RETURNS if (value := number(worth.get(code, ""))) is not None]
    if amount and not returned:
        return amount

    def valued(quantity: str | None) -> Decimal | None:
        units = number(quantity or "")
        return price * units if price is not None and units is not None else None

    gross = number(amount) if amount else valued(record.facts["QUANTITY"]) if sold else Decimal(0)
    back = record.facts.get("RETURNED")
    off = sum(map(abs, returned), Decimal(0)) if returned else valued(back) if back else Decimal(0)
    if gross is None or off is None or not (sold or back):
        return None
    return plain(gross - off)


# control totals of all sets


def _line_count(summary: Level, subject: str, counts: Sequence[int]) -> Iterator[ControlTotal]:
    for segment in summary.of("CTT")[:1]:
        if segment.get(1):
            yield ControlTotal("CTT01", subject, segment.get(1), tuple(Decimal(count) for count in counts))


def _hash_total(summary: Level, subject: str, *columns: Sequence[str]) -> Iterator[ControlTotal]:
    """A hash total adds the digits as they stand, without sign and point, and loses what exceeds ten digits; many senders simply add."""
    for segment in summary.of("CTT")[:1]:
        if segment.get(2):
            candidates: list[Decimal] = []
            for texts in columns:
                values = [value for text in texts if (value := number(text)) is not None]
                digits = sum((Decimal(re.sub(r"\D", "", plain(value)) or 0) for value in values), Decimal(0))
                candidates += [sum(values, Decimal(0)), sum(map(abs, values), Decimal(0)), digits, digits % 10**10]
            yield ControlTotal("CTT02", f"as the sum {subject}", segment.get(2), tuple(candidates))


ITEMS: dict[str, Reader] = {
    "810": _invoice,
    "852": _activity,
    "856": _ship_notice,
    "867": _resale,
}
"""Transaction sets whose items are known."""
