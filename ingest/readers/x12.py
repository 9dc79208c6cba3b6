"""ANSI X12 interchanges: the sets 810, 852, 856 and 867, one record an item.

The separators of an interchange are those that its own ISA shows. Segments are split by pyx12; the interchanges are cut by ourselves, because
real files have a short ISA, a byte order mark, indented segments, blank lines or lines as terminators, where pyx12's own reader stops.
Control numbers and totals are checked at each level (ASC X12.5, X12.6). Field names and what an item is: docs/reference/formats/x12.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pyx12.segment import Segment as Pyx12Segment

from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.readers import envelopes
from ingest.readers.envelopes import Envelope, Interchange, Issue, Standard
from ingest.readers.framed import Entry, Retraction
from ingest.readers.segments import COMPONENT, Names, Segment, Text, begins_segment
from ingest.readers.x12_items import ITEMS, NAMES, is_field, look_up

if TYPE_CHECKING:
    from ingest.profiles import Reading

FIELDS = Names(is_field, NAMES)
"""Fields of a record, named as the standard prints its elements; a qualifier stands in square brackets: `SN102`, `REF02[CN]`, `LIN[UP]`."""

_X12 = Standard(
    interchange=Envelope("ISA", "IEA", "interchange", (13, "ISA13"), (2, "IEA02"), (1, "IEA01"), "functional groups"),
    group=Envelope("GS", "GE", "functional group", (6, "GS06"), (2, "GE02"), (1, "GE01"), "transaction sets"),
    document=Envelope("ST", "SE", "transaction set", (2, "ST02"), (2, "SE02"), (1, "SE01"), "segments"),
    groups_optional=False,
    aside=frozenset({"TA1", "TA3", "ISB", "ISE"}),
    kind=lambda header: header.get(1),
    items=ITEMS,
    left_out=frozenset({"997", "999", "824", "864"}),
    never_empty=frozenset({"810", "856"}),
    sender=6,
    look_up=look_up,
    names=NAMES,
    issues={"810": Issue("BIG", (2, 0), 8), "856": Issue("BSN", (2, 0), 1)},
    duplicates=frozenset({"07"}),
    replacements=frozenset({"05"}),
    cancellations=frozenset({"01", "03"}),
)
_ISA = re.compile(r"ISA([^A-Za-z0-9 \t\r\n\x00])", re.IGNORECASE)
_WHOLE_ISA = re.compile(
    r"ISA(?P<s>[^A-Za-z0-9 \t\r\n\x00])"
    r"(?:(?:(?!(?P=s)).){0,2}(?P=s)(?:(?!(?P=s)).){0,10}(?P=s)){2}"
    r"(?:(?:(?!(?P=s)).){0,2}(?P=s)(?:(?!(?P=s)).){0,15}(?P=s)){2}"
    r"\d{6,8}(?P=s)\d{4,8}(?P=s).?(?P=s)\d{5}(?P=s)\s*\d{1,9}\s*(?P=s)",
    re.IGNORECASE,
)
"""An ISA that is one wherever it stands: lengths and dates of its elements are those of the standard."""
_WIDE = re.compile("[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
"""A character of two or three bytes in UTF-8."""


@dataclass(frozen=True)
class _Signs:
    """The separators of one interchange; `end` is where its ISA ends. A terminator beyond ASCII has several bytes in UTF-8."""

    element: str
    component: str
    segment: str
    end: int


def entries(data: bytes, reading: Reading, limits: Limits) -> Iterator[Entry | Retraction]:
    """The items of all transaction sets, in the order of the file; at the end, which of them later sets of the file overtake.

    Raises:
        FileUnreadable: there is no interchange in it.
    """
    text = Text(data, reading.encoding)
    openings = [(start, partial(_cut, text, start, signs, limits)) for start, signs in _openings(text.text)]
    if not openings:
        raise FileUnreadable(
            "interchange",
            "holds no X12 interchange: there is no ISA segment with its 16 elements; have it sent with its envelope, or name the right profile",
        )
    yield from envelopes.entries(_X12, text, openings, strict=reading.control_totals == "strict")


def _openings(text: str) -> Iterator[tuple[int, _Signs]]:
    """Where interchanges begin: with a segment, or, behind what has lost its terminator, with what can be nothing but an ISA."""
    at = 0
    terminator = "\n"
    while (found := _ISA.search(text, at)) is not None:
        start, at = found.start(), found.end()
        if not begins_segment(text, start, terminator) and _WHOLE_ISA.match(text, start) is None:
            continue
        signs = _signs(text, start, found[1])
        if signs is not None:
            yield start, signs
            at, terminator = signs.end, signs.segment[-1]


def _signs(text: str, start: int, element: str) -> _Signs | None:
    """The separators as the ISA at `start` shows them: the component separator is ISA16, the terminator follows it.

    ISA16 may have been stripped as a blank; then one sign stands between the last element separator and the next segment.
    """
    at = start + 3
    for _ in range(15):
        at = text.find(element, at + 1, at + 60)
        if at < 0:
            return None
    end = at + 2
    while text[end : end + 1] in (" ", "\t"):
        end += 1
    wide = _WIDE.match(text, end)
    component, terminator = text[at + 1 : at + 2], wide[0] if wide is not None else text[end : end + 1]
    if not terminator or terminator == element or component == element:
        return None
    if terminator in "\r\n":
        line = re.match(r"\s*[A-Z][A-Z0-9]{1,2}[^\r\n]*", text[end + 1 : end + 400])
        if line is not None and line[0].rstrip().endswith(component):
            return _Signs(element, COMPONENT, component, at + 1)
    elif wide is None and terminator.isalnum():
        is_next = text.startswith(("GS", "TA1", "IEA"), end) and not component.isalnum()
        return _Signs(element, COMPONENT, component, at + 1) if is_next else None
    if component.isalnum() or component in " \t\r\n":
        component = COMPONENT
    return _Signs(element, component, terminator, end)


def _cut(text: Text, start: int, signs: _Signs, limits: Limits, stop: int, number: int) -> Interchange:
    split = partial(_split, text, signs)
    header = split(start, signs.end, number)
    found = envelopes.segments(
        text,
        signs.end + len(signs.segment),
        stop,
        number + 1,
        limits,
        find_end=lambda at, bound: text.text.find(signs.segment, at, bound),
        split=split,
        trailer="IEA",
        terminator=signs.segment,
    )
    return envelopes.framed(_X12, header, stop, found, text, signs.segment)


def _split(text: Text, signs: _Signs, start: int, end: int, number: int) -> Segment:
    written = text.decoded(start, end)
    readable = written is not None
    written = text.raw([(start, end)]) if written is None else written
    if signs.segment not in "\r\n":
        written = written.replace("\r", "").replace("\n", "")
    split = Pyx12Segment(written, signs.segment, signs.element, signs.component)
    elements = tuple(
        element.format(COMPONENT) if element.is_composite() else element.get_value() for element in split.elements
    )
    return Segment((split.get_seg_id() or "").strip().upper(), elements, start, end, number, readable)
