"""What an item is in each EDIFACT message, and how its fields are named and found.

Structures follow the UN directories D.96A to D.01B and their EANCOM subsets. See docs/reference/formats/edifact.md.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
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

_ITEM_NUMBER = "7140:7143:1131:3055"
SEGMENTS: dict[str, tuple[str, str]] = {
    "UNB": ("0001:0002+0004:0007+0010:0007+0017:0019+0020", ""),
    "UNH": ("0062+0065:0052:0054:0051:0057", ""),
    "BGM": ("1001:1131:3055:1000+1004:1056:1060+1225+4343", ""),
    "DTM": ("2005:2380:2379", "2005"),
    "RFF": ("1153:1154:1156:4000", "1153"),
    "NAD": ("3035+3039:1131:3055+3124+3036+3042+3164+3229+3251+3207", "3035"),
    "CUX": ("6347:6345:6343", "6347"),
    "LOC": ("3227+3225:1131:3055:3224+3223:1131:3055:3222+3233:1131:3055:3232", "3227"),
    "LIN": (f"1082+1229+{_ITEM_NUMBER}+5495:1082", "7143"),
    "PIA": ("4347" + f"+{_ITEM_NUMBER}" * 5, "7143"),
    "IMD": ("7077+7081+7009:1131:3055:7008:7008", "7077"),
    "QTY": ("6063:6060:6411", "6063"),
    "MOA": ("5025:5004:6345", "5025"),
    "PRI": ("5125:5118:5375:5387:5284:6411", "5125"),
    "INV": ("4501+7491+4499+4503", ""),
    "GIN": ("7405" + "+7402:7402" * 5, "7405"),
    "GIR": ("7297" + "+7402:7405" * 5, "7405"),
    "PCI": ("4233+7102:7102:7102", "4233"),
    "CPS": ("7164+7166+7075", ""),
    "PAC": ("7224+7075:7233:7073+7065:1131:3055:7064", ""),
    "TDT": ("8051+8028+8067:8066+8179:8178+3127:1131:3055:3128", "8051"),
    "ALI": ("3239+9213+4183+4183", ""),
    "FTX": ("4451+4453+4441+4440:4440", "4451"),
    "MKS": ("7293+3496:1131:3055", "7293"),
    "STS": ("9015+9011+9013", "9015"),
    "CNT": ("6069:6066:6411", "6069"),
}
"""Segments whose data elements are fields: their elements as they stand in the segment, and the one that is the qualifier."""

COMPUTED = (
    "ITEM",
    "LINE",
    "CONTROL",
    "DATE",
    "FROM",
    "STORE",
    "QUANTITY",
    "RETURNED",
    "FREE",
    "UNIT",
    "KIND",
    "CONDITION",
    "REPEAT",
    "NET",
    "PRICE",
    "BATCH",
    "CANCELLED",
)


def _layout(elements: str) -> dict[str, list[tuple[int, int]]]:
    """Places (element, component) of each data element."""
    places: dict[str, list[tuple[int, int]]] = {}
    for at, composite in enumerate(elements.split("+"), 1):
        for part, code in enumerate(composite.split(":"), 1):
            places.setdefault(code, []).append((at, part))
    return places


_LAYOUTS = {tag: _layout(elements) for tag, (elements, _) in SEGMENTS.items()}
NAMES = (*COMPUTED, *(f"{tag}.{code}" for tag, places in _LAYOUTS.items() for code in places))

_FIELD = re.compile(r"(?P<tag>[A-Z]{3})\.(?P<code>\d{4})(?:\[(?P<qualifier>[A-Z0-9]{1,3})\])?")
_NUMBERS = frozenset({"6060", "5004", "5118", "5284", "6066"})


@dataclass(frozen=True)
class _Name:
    tag: str
    code: str
    qualifier: str


@lru_cache(maxsize=4096)
def _parse(name: str) -> _Name | None:
    found = _FIELD.fullmatch(name)
    if found is None or found["tag"] not in SEGMENTS or found["code"] not in _LAYOUTS[found["tag"]]:
        return None
    qualifier = found["qualifier"] or ""
    return None if qualifier and not SEGMENTS[found["tag"]][1] else _Name(found["tag"], found["code"], qualifier)


def is_field(name: str) -> bool:
    """True for the name of a field that a record may have."""
    return name in COMPUTED or _parse(name) is not None


def look_up(levels: Sequence[Level], name: str) -> str | None:
    """A field of the record that stands at `levels`, the innermost first; null where the record lacks it."""
    parsed = _parse(name)
    if parsed is None:
        return None
    tag, code, qualifier = parsed.tag, parsed.code, parsed.qualifier
    if qualifier and code == _PAIRS.get(tag):
        return first(levels, tag, lambda segment: _paired(segment, code, qualifier))
    return first(levels, tag, lambda segment: _value(segment, code), lambda segment: _is(segment, qualifier))


def _is(segment: Segment, qualifier: str) -> bool:
    if not qualifier:
        return True
    places = _LAYOUTS[segment.tag][SEGMENTS[segment.tag][1]]
    return any(segment.get(*place).upper() == qualifier for place in places)


def _value(segment: Segment, code: str) -> str:
    if code == "2380":
        return period(segment)[1]
    text = next((text for place in _LAYOUTS[segment.tag][code] if (text := segment.get(*place))), "")
    return _plain_number(text) if code in _NUMBERS else text


def _plain_number(text: str) -> str:
    """A number with a point: both signs may stand for the decimal mark, whatever UNA says, and there are no others."""
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


_PAIRS = {"LIN": "7140", "PIA": "7140", "GIR": "7402"}
"""Segments in which each number has its qualifier behind it."""


def _paired(segment: Segment, code: str, qualifier: str) -> str:
    places = _LAYOUTS[segment.tag][code]
    return next((segment.get(at, part) for at, part in places if segment.get(at, part + 1).upper() == qualifier), "")


def period(segment: Segment) -> tuple[str, str]:
    """First and last day of a DTM as CCYYMMDD, read by its format qualifier (2379); as written where it is none of a day or period."""
    text, form = segment.get(1, 2).replace("-", ""), segment.get(1, 3)
    written = segment.get(1, 2)
    if form in _ZONED and written[:8].isdigit():
        text = written[:8]
    if not text.isdigit():
        return written, written
    if form in ("718", "711", "719", "713", "717") and len(text) % 2 == 0:
        half = len(text) // 2
        return _day(text[:half]), _day(text[half:])
    if form in ("610", "616") and len(text) == 6:
        return _month(text) if form == "610" else _week(text)
    if (form == "2" and len(text) == 6) or (form == "4" and len(text) == 8):
        text = text[4:] + text[2:4] + text[:2]
    day = _day(text)
    return day, day


def _day(text: str) -> str:
    """The day of CCYYMMDD or YYMMDD, with or without a time behind it."""
    if len(text) in (6, 10):
        return ("19" if int(text[:2]) >= _CENTURY_TURN else "20") + text[:6]
    return text[:8]


_CENTURY_TURN = 70
_ZONED = ("205", "303", "304")
"""Formats of a day with time and zone."""


def _month(text: str) -> tuple[str, str]:
    year, month = int(text[:4]), int(text[4:])
    if not 1 <= month <= 12:
        return text, text
    return f"{text}01", f"{text}{calendar.monthrange(max(year, 1), month)[1]:02}"


def _week(text: str) -> tuple[str, str]:
    try:
        days = [date.fromisocalendar(int(text[:4]), int(text[4:]), weekday) for weekday in (1, 7)]
    except ValueError:
        return text, text
    return days[0].strftime("%Y%m%d"), days[1].strftime("%Y%m%d")


Facts = dict[str, str | None]


@dataclass
class _Record:
    """An item while it is put together: its levels, innermost first, its own segments, and the computed fields."""

    levels: Sequence[Level]
    own: list[Segment]
    facts: Facts = field(default_factory=dict)
    left_out: str | None = None


_OUR_CODES = ("SA", "MF")
_THEIR_CODES = ("IN", "BP", "PV", "GU")


def _item_code(levels: Sequence[Level]) -> str | None:
    """The number of the line, else the seller's article number, else the buyer's, else any."""
    found = look_up(levels, "LIN.7140")
    for qualifier in (*_OUR_CODES, *_THEIR_CODES):
        found = found or look_up(levels, f"PIA.7140[{qualifier}]")
    return found or look_up(levels, "PIA.7140")


def _finished(records: Sequence[_Record], body: Sequence[Segment], lines: int) -> Parsed:
    parsed = Parsed(totals=list(_totals(body, lines)))
    for record, line in zip(
        records, line_numbers([look_up(r.levels[:2], "LIN.1082") or "" for r in records]), strict=True
    ):
        record.facts["LINE"] = line
        record.facts.setdefault("ITEM", _item_code(record.levels))
        record.facts.setdefault("BATCH", _batch(record.levels))
        record.facts["CANCELLED"] = "true" if look_up(record.levels, "BGM.1225") in CANCELLATIONS else None
        sub_line = next((s for level in record.levels for s in level.of("LIN") if s.get(4, 1) == "1"), None)
        if sub_line is not None:
            record.left_out = f"a sub-line of line {sub_line.get(4, 2)}"
        parsed.items.append(Item(Values(_reader(record), NAMES), spans(record.own), record.left_out))
        parsed.numbers.append(record.own[0].number)
    return parsed


CANCELLATIONS = ("1", "3")
"""Functions of a message (1225) that take back an earlier one: cancellation, deletion."""


def _reader(record: _Record) -> Callable[[str], str | None]:
    def read(name: str) -> str | None:
        return record.facts.get(name) if name in COMPUTED else look_up(record.levels, name)

    return read


def _batch(levels: Sequence[Level]) -> str | None:
    names = ("GIN.7402[BX]", "GIR.7402[BX]", "PIA.7140[NB]", "RFF.1154[BT]", "LIN.7140[NB]")
    return next((text for name in names if (text := look_up(levels, name))), None)


def _totals(body: Sequence[Segment], lines: int) -> Iterator[ControlTotal]:
    """CNT 2 counts the lines. CNT 1 adds up quantities: of all, or of one qualifier, as senders understand it.

    A quantity that the markings (PCI) of a line divide counts once, or with its parts.
    """
    amounts: dict[str, Decimal] = {}
    once: dict[str, Decimal] = {}
    of_line: set[str] = set()
    is_marked = False
    for segment in body:
        if segment.tag == "LIN":
            of_line, is_marked = set(), False
        elif segment.tag == "PCI":
            is_marked = True
        elif segment.tag == "QTY" and (value := number(_plain_number(segment.get(1, 2)))) is not None:
            code = segment.get(1, 1)
            amounts[code] = amounts.get(code, Decimal(0)) + value
            if not is_marked:
                of_line.add(code)
            if not is_marked or code not in of_line:
                once[code] = once.get(code, Decimal(0)) + value
    counted = sum(segment.tag == "LIN" for segment in body)
    mains = sum(segment.tag == "LIN" and segment.get(4, 1) != "1" for segment in body)
    for segment in body:
        if segment.tag == "CNT" and segment.get(1, 2):
            stated = _plain_number(segment.get(1, 2))
            if segment.get(1, 1) == "2":
                yield ControlTotal("CNT 2", "line items", stated, tuple(map(Decimal, (counted, mains, lines))))
            elif segment.get(1, 1) == "1":
                sums = [total for by in (once, amounts) for total in (sum(by.values(), Decimal(0)), *by.values())]
                yield ControlTotal("CNT 1", "as the sum of the quantities", stated, tuple(sums))


_PARTY = frozenset({"RFF", "CTA", "COM", "FII"})
_SUMMARY = frozenset({"UNS", "CNT"})


# SLSRPT Sales data report

_SOLD = ("153", "212", "55", "25", "47", "1", "46", "30", "29", "28")
_RETURNED = ("61",)
_AMOUNTS = ("203", "125", "79", "66", "128")
_PERIODS = ("356", "366", "91", "90", "206", "194")


def _sales_report(header: Segment, body: Sequence[Segment], envelope: Level, repeats: Repeats) -> Parsed:
    head, summary = Level(), Level()
    placing = Placing(head, "NAD", _PARTY)
    place = Level()
    line: Level | None = None
    part: Level | None = None
    record: _Record | None = None
    stated: set[str] = set()
    own: list[Segment] = []
    ahead = _Ahead()
    records: list[_Record] = []
    of_line: list[_Record] = []
    lines: list[list[_Record]] = []
    for at, segment in enumerate(body):
        if segment.tag in _SUMMARY:
            line, part, record = None, None, None
            placing.move(summary)
        elif segment.tag == "LIN":
            _unquantified(line, own, of_line, records, (place, head, summary, envelope))
            line, part, record, own, of_line = Level(), None, None, [], []
            ahead = _Ahead(_until(following(body, at), ("LIN", "LOC")), ("DTM",))
            lines.append(of_line)
            placing.move(line)
        elif segment.tag == "LOC" and line is not None and _breaks_down(body, at, of_line):
            part, record, own = Level(), None, own if not of_line else []
            ahead = _Ahead(_until(following(body, at), ("LIN", "LOC")), ("DTM",))
            placing.move(part)
        elif segment.tag == "LOC" and placing.level is not summary:
            _unquantified(line, own, of_line, records, (place, head, summary, envelope))
            place, line, part, record, own, of_line = Level(), None, None, None, [], []
            placing.move(place)
        elif line is not None and ahead.takes(segment) and of_line:
            own = [segment] if record is not None else [*own, segment]
            record = None
            continue
        elif segment.tag == "QTY" and line is not None:
            if record is None or segment.get(1, 1) in stated:
                levels = [level for level in (part, line, place, head, summary, envelope) if level is not None]
                record, own = _Record((ahead.level(), *levels), own), []
                of_line.append(record)
                records.append(record)
                stated = set()
            stated.add(segment.get(1, 1))
            placing.move(record.levels[0])
        if line is not None:
            (own if record is None else record.own).append(segment)
        placing.put(segment)
    _unquantified(line, own, of_line, records, (place, head, summary, envelope))
    for of_line in lines:
        for record in of_line:
            record.facts |= _sales_facts(record, alone=len(of_line) == 1)
    _count_repeats(records, repeats)
    _note_overlaps(records, repeats)
    _leave_out_cancelled(records)
    return _finished(records, body, len(lines))


class _Ahead:
    """Segments that stand before the quantities of a line that they tell about, each until another one of its kind."""

    def __init__(self, segments: Iterable[Segment] = (), tags: Collection[str] = ()) -> None:
        self._keys = leading(segments, tags, "QTY") if tags else frozenset()
        self._found: dict[tuple[str, str], Segment] = {}

    def takes(self, segment: Segment) -> bool:
        """Keep a segment for the quantities to come. False where it is none of these."""
        key = (segment.tag, segment.get(1, 1).upper())
        if key not in self._keys:
            return False
        self._found[key] = segment
        return True

    def level(self) -> Level:
        """The level of a quantity, with what stands before it."""
        level = Level()
        for segment in self._found.values():
            level.add(segment)
        return level


def _until(segments: Iterable[Segment], tags: Collection[str]) -> Iterator[Segment]:
    return takewhile(lambda segment: segment.tag not in tags and segment.tag not in _SUMMARY, segments)


def _note_overlaps(records: Iterable[_Record], repeats: Repeats) -> None:
    """Note at a record that its period has days in common with that of an earlier one of its item and place: these days are reported twice."""
    for record in records:
        item, store, last_day = (record.facts.get(name) for name in ("ITEM", "STORE", "DATE"))
        first_day = record.facts.get("FROM") or last_day
        if not (item and store and first_day and last_day):
            continue
        other = repeats.overlap((item, store), (first_day, last_day))
        if other is not None:
            record.facts["CONTROL"] = (
                f"its period {first_day} to {last_day} has days in common with {other[0]} to {other[1]}, "
                "which the file reports on for the same item and place as well"
            )


def _unquantified(
    line: Level | None, own: list[Segment], of_line: list[_Record], records: list[_Record], outer: tuple[Level, ...]
) -> None:
    """A line without any quantity is one item all the same: nothing else would tell that it is there."""
    if line is not None and not of_line:
        of_line.append(_Record((line, *outer), own))
        records.append(of_line[0])


def _breaks_down(body: Sequence[Segment], at: int, of_line: Sequence[_Record]) -> bool:
    """True for a LOC within a line: quantities follow it before the next line begins. Otherwise it opens the next location."""
    for segment in following(body, at):
        if segment.tag == "QTY":
            return True
        if segment.tag in ("LIN", "LOC"):
            return False
    return not of_line


def _sales_facts(record: _Record, *, alone: bool) -> Facts:
    levels = record.levels
    inner = [level for level in levels if level.of("QTY")][:1] or levels[:1]
    quantity = next((text for code in _SOLD if (text := look_up(inner, f"QTY.6060[{code}]"))), None)
    returned = next((text for code in _RETURNED if (text := look_up(inner, f"QTY.6060[{code}]"))), None)
    unit = next((text for code in (*_SOLD, *_RETURNED) if (text := look_up(inner, f"QTY.6411[{code}]"))), None)
    within = levels if alone else levels[: _line_at(levels)]
    stated = next(
        (text for code in _AMOUNTS if (text := look_up(within[: _line_at(levels) + 1], f"MOA.5004[{code}]"))), None
    )
    lined = levels[: _line_at(levels) + 1]
    net = "[AAA]" if look_up(lined, "PRI.5118[AAA]") else ""
    price, basis = number(look_up(lined, f"PRI.5118{net}") or ""), number(look_up(lined, f"PRI.5284{net}") or "1")
    units, back = number(quantity or ("0" if returned else "")), number(returned or "0")
    units = units - back if units is not None and back is not None else None
    value = plain(price * units / basis) if price is not None and units is not None and basis else None
    kind = "SALE" if quantity or returned else "OTHER" if inner[0].of("QTY") else None
    first_day, last_day = _days(levels)
    return {
        "QUANTITY": quantity or ("0" if returned else None),
        "RETURNED": returned,
        "UNIT": unit,
        "KIND": kind,
        "NET": stated or value,
        "PRICE": plain(price / basis) if price is not None and basis else None,
        "STORE": _place(levels),
        "FROM": first_day,
        "DATE": last_day,
    }


def _line_at(levels: Sequence[Level]) -> int:
    return next(index for index, level in enumerate(levels) if level.of("LIN"))


def _place(levels: Sequence[Level]) -> str | None:
    for name in ("LOC.3225", "LOC.3224", "NAD.3039[ST]", "NAD.3039[SN]", "NAD.3039[SE]"):
        found = look_up(levels, name)
        if found:
            return found
    return None


def _days(levels: Sequence[Level]) -> tuple[str | None, str | None]:
    """First and last day reported on: of the innermost level that states a period, else the day of the message."""
    for level in levels:
        stated = {segment.get(1, 1): period(segment) for segment in level.of("DTM")}
        for code in ("356", "366"):
            if code in stated:
                return stated[code]
        for begin, end in (("90", "91"), ("194", "206")):
            if begin in stated or end in stated:
                return stated.get(begin, stated.get(end, ("", "")))[0], stated.get(end, stated.get(begin, ("", "")))[1]
    written = look_up(levels, "DTM.2380[137]") or look_up(levels[-3:], "DTM.2380")
    return written, written


def _count_repeats(records: Iterable[_Record], repeats: Repeats) -> None:
    """Number the second and further records of one item, place and last day, so that they do not replace each other.

    A message that takes back or replaces an earlier one counts by itself.
    """
    alone: Repeats | None = None
    for record in records:
        record.facts["ITEM"] = _item_code(record.levels)
        if alone is None and look_up(record.levels, "BGM.1225") in _TAKES_BACK:
            alone = Repeats()
        same = tuple(record.facts.get(name) for name in ("ITEM", "STORE", "DATE"))
        place = (alone or repeats).number(same)
        if place > 1:
            record.facts["REPEAT"] = str(place)


_TAKES_BACK = (*CANCELLATIONS, "5")
"""Functions of a message (1225) that take back or replace an earlier one."""


def _leave_out_cancelled(records: Iterable[_Record]) -> None:
    """What a message takes back is neither sold nor in stock."""
    for record in records:
        if look_up(record.levels, "BGM.1225") in CANCELLATIONS:
            record.left_out = "taken back by its message"


# INVRPT Inventory report

_BALANCES = ("17", "152", "158")
_ON_HAND = ("145", *_BALANCES, "60", "257")
_UNSALEABLE = ("124", "20", "89", "96")
_MOVED = ("199", "48", "212", "153", "58", "61", "156", "191")
_PLANNED = (
    *("21", "27", "52", "53", "54", "57", "59", "66", "73", "81", "83", "84", "97", "98"),
    *("146", "154", "155", "157", "170", "182", "197", "198"),
)
"""Quantities (element 6063) that stand beside the stock: planned, ordered, on their way, committed, least and most, opening.

Balances are stock whatever direction an INV names.
"""
_EXPECTED = ("2", "10", "11", "17", "44", "63", "64", "67", "69", "76", "132", "133", "191")
"""Dates (element 2005) of what is planned: when it is shipped, arrives, or can be had."""
_LEADING = ("LOC", "GIN", "DTM", "STS", "RFF")
_IDENTITY = ("LOC", "GIN", "DTM", "STS", "PCI", "RFF", "CPS", "PAC", "INV")


def _inventory(header: Segment, body: Sequence[Segment], envelope: Level, repeats: Repeats) -> Parsed:
    head, summary = Level(), Level()
    placing = Placing(head, "NAD", _PARTY | {"LOC"})
    lines: list[tuple[Level, list[Segment], list[tuple[Level, list[Segment]]]]] = []
    ahead = _Ahead()
    between: list[Segment] = []
    for at, segment in enumerate(body):
        if segment.tag in _SUMMARY:
            placing.move(summary)
        elif segment.tag == "LIN":
            lines.append((Level(), [], []))
            ahead, between = _Ahead(_until(following(body, at), ("LIN",)), _LEADING), []
            placing.move(lines[-1][0])
        elif lines and placing.level is not summary and _begins_quantity(body, at, lines[-1][2]):
            lines[-1][2].append((ahead.level(), between))
            between = []
            placing.move(lines[-1][2][-1][0])
        elif lines and placing.level is not summary and ahead.takes(segment) and lines[-1][2]:
            between.append(segment)
            continue
        if lines and placing.level is not summary:
            (lines[-1][2][-1][1] if lines[-1][2] else lines[-1][1]).append(segment)
        placing.put(segment)
    outer = (head, summary, envelope)
    records = [record for line, own, groups in lines for record in _line_stock(line, own, groups, outer)]
    _count_repeats(records, repeats)
    _leave_out_cancelled(records)
    return _finished(records, body, len(lines))


def _begins_quantity(body: Sequence[Segment], at: int, groups: Sequence[tuple[Level, list[Segment]]]) -> bool:
    """A quantity begins with QTY, or with an INV right before it (D.01B) that is not its own continuation (D.96A)."""
    if body[at].tag == "QTY":
        return not (at and body[at - 1].tag == "INV" and groups and not groups[-1][0].of("QTY"))
    return body[at].tag == "INV" and at + 1 < len(body) and body[at + 1].tag == "QTY"


def _line_stock(
    line: Level, own: list[Segment], groups: Sequence[tuple[Level, list[Segment]]], outer: tuple[Level, ...]
) -> list[_Record]:
    """Records of one LIN: one per place, batch, date and condition, with all its quantities."""
    records: dict[tuple[object, ...], _Record] = {}
    seen: dict[tuple[object, ...], int] = {}
    qualifiers = [level.of("QTY")[0].get(1, 1).upper() if level.of("QTY") else "" for level, _ in groups]
    for (level, segments), code in zip(groups, qualifiers, strict=True):
        kind = _stock_kind(level, code, outer)
        is_planned_once = code in _PLANNED and qualifiers.count(code) == 1
        told_apart = [segment for tag in _IDENTITY for segment in level.anywhere(tag)]
        identity = (kind, *(s.elements for s in told_apart if not (is_planned_once and _is_expected(s))))
        repeat = seen.get((identity, code), 0)
        seen[identity, code] = repeat + 1
        record = records.get((identity, repeat))
        if record is None:
            record = records[identity, repeat] = _Record((level, line, *outer), [*own, *segments])
            record.facts |= {"KIND": kind, "CONDITION": "NON_SALEABLE" if kind == "UNSALEABLE" else "SALEABLE"}
        else:
            for segment in level.of("QTY"):
                record.levels[0].add(segment)
            record.own += segments
    if not groups:
        records[()] = _Record((line, *outer), own)
    found = list(records.values())
    for record in found:
        codes = _UNSALEABLE if record.facts.get("KIND") == "UNSALEABLE" else _ON_HAND
        day = _days(record.levels)
        record.facts |= {
            "QUANTITY": next(
                (text for code in codes if (text := look_up(record.levels[:1], f"QTY.6060[{code}]"))), None
            ),
            "UNIT": look_up(record.levels[:1], "QTY.6411"),
            "STORE": _place(record.levels),
            "FROM": day[0],
            "DATE": day[1],
        }
        record.facts["BATCH"] = _batch(record.levels[:2])
        if record.facts.get("KIND") == "STOCK" and record.facts["QUANTITY"] is None:
            record.facts["KIND"] = _beside_stock(record.levels[0])
    _leave_out_total(found)
    return found


def _is_expected(segment: Segment) -> bool:
    return segment.tag == "DTM" and segment.get(1, 1) in _EXPECTED


def _stock_kind(level: Level, code: str, outer: tuple[Level, ...]) -> str:
    is_moved = any(segment.get(1) in ("1", "2") for segment in level.of("INV")) and code not in _BALANCES
    if is_moved or code in _MOVED or look_up(outer, "BGM.1001") == "78":
        return "MOVEMENT"
    return "UNSALEABLE" if code in _UNSALEABLE else "STOCK"


def _beside_stock(level: Level) -> str:
    """The kind of a record without a quantity on hand: OTHER, or the first of its quantities of which nobody knows what it tells."""
    codes = (segment.get(1, 1).upper() for segment in level.of("QTY"))
    return next((code for code in codes if code not in _PLANNED), "OTHER")


def _leave_out_total(records: Sequence[_Record]) -> None:
    """The first quantity of a line may be the total of those that follow, each with its own place, batch or package."""
    stock = [record for record in records if record.facts.get("KIND") == "STOCK"]
    if len(stock) < 2 or any(stock[0].levels[0].of(tag) for tag in _IDENTITY if tag != "INV"):
        return
    rest = [number(record.facts["QUANTITY"] or "") for record in stock[1:]]
    identified = all(any(record.levels[0].of(tag) for tag in _IDENTITY) for record in stock[1:])
    amounts = [amount for amount in rest if amount is not None]
    if identified and len(amounts) == len(rest) and number(stock[0].facts["QUANTITY"] or "") == sum(amounts):
        stock[0].left_out = "the total of the quantities that follow"


# DESADV Despatch advice

_SHIPPED = ("12", "46", "1", "11", "113")
_SPLIT = "11"
"""Of the quantities of a line (element 6063) the one that stands for each of its places; together they are what was shipped."""


_DEPTH = 32
"""Packing levels that are looked through from an item outwards."""


def _despatch(header: Segment, body: Sequence[Segment], envelope: Level, repeats: Repeats) -> Parsed:
    head, summary = Level(), Level()
    placing = Placing(head, "NAD", _PARTY | {"LOC"})
    packs: dict[str, list[Level]] = {}
    pack: list[Level] = []
    line: Level | None = None
    lines: list[tuple[Level, list[Segment], list[Level], list[tuple[Level, list[Segment]]]]] = []
    for segment in body:
        if segment.tag in _SUMMARY:
            line = None
            placing.move(summary)
        elif segment.tag == "CPS":
            pack, line = [Level(), *packs.get(segment.get(2), [])[:_DEPTH]], None
            packs[segment.get(1)] = pack
            placing.move(pack[0])
        elif segment.tag == "LIN":
            line = Level()
            lines.append((line, [], pack, []))
            placing.move(line)
        elif segment.tag == "PCI" and line is not None:
            lines[-1][3].append((Level(), []))
            placing.move(lines[-1][3][-1][0])
        if line is not None:
            (lines[-1][3][-1][1] if lines[-1][3] else lines[-1][1]).append(segment)
        placing.put(segment)
    outer = (head, summary, envelope)
    records = [
        record for line, own, above, marks in lines for record in _line_packs(line, own, marks, (*above, *outer))
    ]
    return _finished(records, body, len(lines))


def _line_packs(
    line: Level, own: list[Segment], marks: Sequence[tuple[Level, list[Segment]]], outer: tuple[Level, ...]
) -> list[_Record]:
    """Records of one LIN: one, or one per marking (PCI) where these divide its quantity, as they do for batches."""
    total = number(_shipped([line]) or "")
    parts = [number(_shipped([level]) or "") for level, _ in marks]
    amounts = [amount for amount in parts if amount is not None]
    divided = len(marks) > 0 and len(amounts) == len(parts) and (total is None or sum(amounts) == total)
    if divided:
        records = [
            _Record((level, line, *outer), [*(own if at == 0 else []), *segments])
            for at, (level, segments) in enumerate(marks)
        ]
    else:
        merged = [level for level, _ in marks]
        records = [
            _Record((line, *merged, *outer), [*own, *(segment for _, segments in marks for segment in segments)])
        ]
    for record in records:
        inner = record.levels[:1] if divided else [line]
        code = next((code for code in _SHIPPED if look_up(inner, f"QTY.6060[{code}]")), None)
        free = look_up([line], "QTY.6060[192]")
        record.facts["QUANTITY"] = _shipped(inner) or ("0" if free else None)
        record.facts["UNIT"] = look_up(inner, f"QTY.6411[{code}]") if code else look_up([line], "QTY.6411[192]")
        record.facts["FREE"] = free if record is records[0] else look_up(inner, "QTY.6060[192]")
    return records


def _shipped(levels: Sequence[Level]) -> str | None:
    found = next((code for code in _SHIPPED if look_up(levels, f"QTY.6060[{code}]")), None)
    if found != _SPLIT:
        return look_up(levels, f"QTY.6060[{found}]") if found else None
    parts = [segment for level in levels for segment in level.anywhere("QTY") if segment.get(1, 1) == _SPLIT]
    amounts = [amount for part in parts if (amount := number(_plain_number(part.get(1, 2)))) is not None]
    is_summable = len(amounts) == len(parts) and len({part.get(1, 3) for part in parts}) == 1
    return plain(sum(amounts, Decimal(0))) if is_summable else None


ITEMS: dict[str, Reader] = {
    "DESADV": _despatch,
    "INVRPT": _inventory,
    "SLSRPT": _sales_report,
}
"""Messages whose items are known."""
