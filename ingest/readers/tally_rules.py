"""What holds for Tally's inventory entries, whether they come as vouchers in XML or as rows of the public Tally loader.

Quantities and amounts are handed over as positive numbers where the entry is of its voucher's usual kind: an item that is sold on a sales voucher,
received on a purchase. An entry that goes against its voucher (an item taken back on a sales voucher) stays negative.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ingest.readers.framed import Broken, Entry
from ingest.readers.xml import refused

OUTWARD = ("Sales", "Delivery Note", "Debit Note", "Rejections Out", "Material Out")
INWARD = ("Purchase", "Receipt Note", "Credit Note", "Rejections In", "Material In")
ORDERS = ("Sales Order", "Purchase Order", "Job Work In Order", "Job Work Out Order")
NOTES = ("Delivery Note", "Receipt Note", "Rejections In", "Rejections Out")
_TRACKED = {
    "Sales": "delivery",
    "Delivery Note": "delivery",
    "Purchase": "receipt",
    "Receipt Note": "receipt",
    "Credit Note": "return",
    "Rejections In": "return",
    "Debit Note": "return to the supplier",
    "Rejections Out": "return to the supplier",
}
"""Voucher types of which a note and an invoice with one tracking number mean the same goods."""

_BASE_TYPES = (
    (r"sales? order", "Sales Order"),
    (r"purchases? order", "Purchase Order"),
    (r"job work in order", "Job Work In Order"),
    (r"job work out order", "Job Work Out Order"),
    (r"credit note|sales? returns?", "Credit Note"),
    (r"debit note|purchases? returns?", "Debit Note"),
    (r"delivery (?:note|challan)", "Delivery Note"),
    (r"(?:goods )?receipt note|grn", "Receipt Note"),
    (r"rejections? in", "Rejections In"),
    (r"rejections? out", "Rejections Out"),
    (r"material in", "Material In"),
    (r"material out", "Material Out"),
    (r"stock (?:journal|transfer)", "Stock Journal"),
    (r"manufacturing journal", "Manufacturing Journal"),
    (r"physical stock", "Physical Stock"),
    (r"memorandum", "Memorandum"),
    (r"purchases?", "Purchase"),
    (r"sales?", "Sales"),
)
_BASE_TYPE_PATTERNS = tuple((re.compile(rf"\b(?:{pattern})\b"), base) for pattern, base in _BASE_TYPES)
KNOWN_TYPES = frozenset(base for _, base in _BASE_TYPES)
_RESERVED = ("", "not applicable", "any")
_FIGURE = r"\d[\d,]*\.?\d*|\.\d+"
_SIGN = r"\(-\)|[-+]"
_NUMBER = re.compile(rf"\s*({_SIGN})?\s*(?:[^\d\s.,()+-]{{1,4}}\s*)?({_SIGN})?({_FIGURE})\s*(.*)", re.DOTALL)
_HEAD_AND_TAIL = re.compile(rf"(?:-\s*({_FIGURE})\s+)?.+?\s+of\s+({_FIGURE})\s+(\D+)", re.IGNORECASE)
_DOZENS = re.compile(rf"-\s*({_FIGURE})\s+(?:doz|dozens?|dzn?)\.?", re.IGNORECASE)
_TWO_UNITS = re.compile(rf"(.+?)\s+(?:{_FIGURE})\s+.+")


@dataclass(frozen=True)
class Line:
    """An inventory entry before signs and tracking numbers are settled.

    Attributes:
        entry: what is handed over; quantities and amounts that are known stand in it once signs are settled.
        day, document: date of the voucher, in a form that sorts, and its number.
        unit, batch: of the quantities, and of the goods.
        actual, billed, amount: as written, until signs are settled.
        is_inward: what the entry itself says about its direction (ISDEEMEDPOSITIVE), if it does.
    """

    entry: Entry
    day: str
    base_type: str
    document: str | None = None
    item: str | None = None
    tracking: str | None = None
    unit: str | None = None
    batch: str | None = None
    actual: Decimal | None = None
    billed: Decimal | None = None
    amount: Decimal | None = None
    is_inward: bool | None = None


def base_type(name: str | None, own: Mapping[str, str]) -> str:
    """Tally's own voucher type behind a sender's: by the profile, else by the words in its name; a name without such words stands for itself."""
    if name is None:
        return ""
    spelled = {spelling.casefold(): base for spelling, base in own.items()}
    if name.casefold() in spelled:
        return spelled[name.casefold()]
    words = " ".join(re.findall(r"[a-z0-9]+", name.casefold()))
    return next((base for pattern, base in _BASE_TYPE_PATTERNS if pattern.search(words)), name)


def root_types(parents: Mapping[str, str]) -> dict[str, str]:
    """Tally's own voucher type behind each type: the one at the top of the chain of its parents."""
    return {name: _root(name, parents) for name in parents}


def _root(name: str, parents: Mapping[str, str]) -> str:
    for _ in parents:
        parent = parents.get(name, "")
        if parent in ("", name):
            break
        name = parent
    return name


def not_counted(base: str) -> str | None:
    """Why vouchers of a type do not count."""
    if base in ORDERS:
        return f"order voucher ({base})"
    return "memorandum voucher" if base == "Memorandum" else None


def named(text: str | None) -> str | None:
    """A name, unless it is one of Tally's reserved names for none."""
    return None if text is None or text.strip().casefold() in _RESERVED else text.strip()


def number(text: str | None) -> Decimal | None:
    """A number as Tally writes it: `1,25,000.00`, `(-)5`, `64.01/gms`, `-$10 @ ? 82.50/$ = -? 825.00` (in the company's own currency)."""
    found = _figure(text.rpartition("=")[2]) if text else None
    return found[0] if found else None


def quantities(text: str | None) -> dict[str, Decimal]:
    """The quantity in each unit in which Tally writes it, the first one first: ` 200 box = 20000 pcs` is 200 box, or 20000 pcs.

    `1-6 Doz of 12 Nos` is 18 Nos, `2 Doz of 12 Nos` 24 Nos, and `1-6 Doz` is 18 Nos too, for a dozen is twelve. A quantity in two units whose
    pack is not told comes last, as so many of an odd unit: ` 10 box 5 pcs` is 10 of `box 5 pcs`, and `1-6 Box` 1 of `-6 Box`, which no profile
    knows, so that nobody takes it for 10 box.
    """
    found: dict[str, Decimal] = {}
    odd: dict[str, Decimal] = {}
    for part in (text or "").split("="):
        figure = _figure(part)
        if figure is None:
            continue
        value, unit = figure
        if pack := _HEAD_AND_TAIL.fullmatch(unit):
            whole = abs(value) * _decimal(pack[2]) + _decimal(pack[1] or "0")
            found.setdefault(pack[3].strip(), whole.copy_sign(value))
        elif dozens := _DOZENS.fullmatch(unit):
            found.setdefault("Nos", (abs(value) * 12 + _decimal(dozens[1])).copy_sign(value))
        elif unit.startswith("-") or _TWO_UNITS.fullmatch(unit):
            odd.setdefault(unit, value)
        else:
            found.setdefault(unit, value)
    return found | odd


def _figure(text: str) -> tuple[Decimal, str] | None:
    """A number and what stands behind it."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    value = _decimal(found[3])
    return (-value if {found[1], found[2]} & {"-", "(-)"} else value), found[4].strip()


def plain(value: Decimal | None) -> str | None:
    """A number as text with a plain decimal point."""
    return None if value is None else format(value, "f")


def settled(lines: Sequence[Line | Broken]) -> Iterator[Entry]:
    """The entries with their signs, and without those that repeat what another voucher had counted."""
    factors = _factors([line for line in lines if isinstance(line, Line)])
    signed = [line if isinstance(line, Broken) else _signed(line, factors) for line in lines]
    repeated = _repeated(signed)
    for index, line in enumerate(signed):
        if isinstance(line, Broken):
            yield refused(line)
        else:
            yield replace(line.entry, left_out=line.entry.left_out or repeated.get(index))


def _factors(lines: Sequence[Line]) -> dict[tuple[str, str], int]:
    """By direction and measure, what turns the usual sign of this file into a plus.

    Tally writes quantities as positive numbers, and amounts negative where goods come in (a debit). Some exports write what goes out as
    negative. So the sign that most entries of a direction have is taken for the usual one, Tally's own where there are as many of each.
    An entry that says itself that it goes against its voucher tells nothing about the usual sign.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for line in lines:
        way = _way(line)
        if line.entry.left_out is None and way is not None and not _is_against(line, way):
            for measure, value in (("qty", line.actual or line.billed), ("amount", line.amount)):
                counts[way, measure] += 0 if not value else 1 if value > 0 else -1
    factors = {}
    for way, measure, own in (("out", "qty", 1), ("out", "amount", 1), ("in", "qty", 1), ("in", "amount", -1)):
        factors[way, measure] = own if counts[way, measure] * own >= 0 else -own
    return factors


def _way(line: Line) -> str | None:
    return "out" if line.base_type in OUTWARD else "in" if line.base_type in INWARD else None


def _is_against(line: Line, way: str) -> bool:
    """True where an entry says that its goods go the other way than its voucher's."""
    return line.is_inward is not None and line.is_inward != (way == "in")


def _signed(line: Line, factors: Mapping[tuple[str, str], int]) -> Line:
    way = _way(line)
    actual, billed, amount = line.actual, line.billed, line.amount
    if way is not None:
        qty_factor = factors[way, "qty"]
        amount = None if amount is None else amount * factors[way, "amount"]
        usual = (actual or billed or Decimal(0)) * qty_factor
        if _is_against(line, way) and usual > 0 and amount is not None and amount < 0:
            qty_factor = -qty_factor
        actual = None if actual is None else actual * qty_factor
        billed = None if billed is None else billed * qty_factor
    free = None if actual is None or billed is None else actual - billed
    inward = 1 if way == "in" else -1
    values = {
        "ACTUALQTY": actual,
        "BILLEDQTY": billed,
        "FREEQTY": free,
        "AMOUNT": amount,
        "INWARDQTY": None if billed is None else billed * inward,
        "INWARDFREEQTY": None if free is None else free * inward,
        "INWARDAMOUNT": None if amount is None else amount * inward,
    }
    known = {name: plain(value) for name, value in values.items() if value is not None}
    entry = replace(line.entry, values={**line.entry.values, **known})
    return replace(line, entry=entry, actual=actual, billed=billed, amount=amount)


def _repeated(lines: Sequence[Line | Broken]) -> dict[int, str]:
    """Entries that mean goods which vouchers of the other kind count, and why they do not count.

    Only what the file can tell by itself, for the rest of a note or of its bills may be in another file: where the notes of a tracking number and item
    are of the same quantity as the bills. Everything else is handed over, with its kind, and settled by who knows all files.
    """
    groups: dict[tuple[str, str, str, bool], list[tuple[int, Line]]] = {}
    for index, line in enumerate(lines):
        if isinstance(line, Broken) or line.entry.left_out is not None or line.base_type not in _TRACKED:
            continue
        if line.tracking is not None and line.item is not None:
            goods = (_TRACKED[line.base_type], line.tracking.casefold(), line.item.casefold(), (line.actual or 0) < 0)
            groups.setdefault(goods, []).append((index, line))
    repeated = {}
    for group in groups.values():
        winner = _winner([line for _, line in sorted(group, key=lambda found: (found[1].day, found[0]))])
        if winner is None:
            continue
        for index, line in group:
            if (line.base_type in NOTES) != (winner.base_type in NOTES):
                document = " ".join(filter(None, (winner.base_type, winner.document)))
                repeated[index] = f"counted with tracking number {line.tracking}: {document}"
    return repeated


def _winner(lines: Sequence[Line]) -> Line | None:
    """The first line of the kind that counts alone, where one does.

    Of what is sold and taken back that is the bill, whose value counts; of what is received and sent back the kind that is dated first. Receipts of
    different quantities are settled later by batch, tracking number and item: where these are told in different ways, it is done here.

    Args:
        lines: of one tracking number and item, in the order of their dates.
    """
    notes = [line for line in lines if line.base_type in NOTES]
    bills = [line for line in lines if line.base_type not in NOTES]
    if not notes or not bills:
        return None
    is_same = _total(notes) is not None and _total(notes) == _total(bills)
    if _TRACKED[lines[0].base_type] in ("delivery", "return"):
        return bills[0] if is_same and all(bill.amount is not None for bill in bills) else None
    are_told_alike = len({(line.tracking, line.item, line.batch is None) for line in lines}) == 1
    return lines[0] if is_same or not are_told_alike else None


def _total(lines: Sequence[Line]) -> tuple[Decimal, str] | None:
    """The quantity of some lines, free goods among it, and its unit, if it is known and they share one."""
    moved = [line.actual for line in lines if line.actual is not None]
    units = {(line.unit or "").casefold() for line in lines}
    return (sum(moved, Decimal(0)), units.pop()) if len(moved) == len(lines) and len(units) == 1 else None


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))
