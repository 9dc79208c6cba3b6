"""UN/EDIFACT interchanges: the messages SLSRPT, INVRPT and DESADV, one record an item.

A service string advice (UNA) is honoured, else the signs are the default ones (ISO 9735). Segments are taken apart by pydifact; interchanges
are cut and control references and counts are checked by ourselves, because pydifact accepts wrong ones and stops at the first flaw.
Field names and what an item is: docs/reference/formats/edifact.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pydifact.control.characters import Characters
from pydifact.exceptions import EDISyntaxError
from pydifact.parser import Parser, TokenIterator
from pydifact.tokenizer import Tokenizer

from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.readers import envelopes
from ingest.readers.edifact_items import CANCELLATIONS, ITEMS, NAMES, is_field, look_up
from ingest.readers.envelopes import Envelope, Interchange, Issue, Standard
from ingest.readers.framed import Entry, Retraction
from ingest.readers.segments import COMPONENT, Names, Segment, Text, begins_segment

if TYPE_CHECKING:
    from ingest.profiles import Reading

FIELDS = Names(is_field, NAMES)
"""Fields of a record: segment, data element and, in square brackets, the qualifier: `QTY.6060[153]`, `NAD.3039[BY]`, `BGM.1004`."""

_EDIFACT = Standard(
    interchange=Envelope(
        "UNB", "UNZ", "interchange", (5, "UNB 0020"), (2, "UNZ 0020"), (1, "UNZ 0036"), "messages or groups"
    ),
    group=Envelope("UNG", "UNE", "functional group", (5, "UNG 0048"), (2, "UNE 0048"), (1, "UNE 0060"), "messages"),
    document=Envelope("UNH", "UNT", "message", (1, "UNH 0062"), (2, "UNT 0062"), (1, "UNT 0074"), "segments"),
    groups_optional=True,
    aside=frozenset(),
    kind=lambda header: header.get(2, 1).upper(),
    items=ITEMS,
    left_out=frozenset({"CONTRL", "APERAK"}),
    never_empty=frozenset({"DESADV"}),
    sender=2,
    look_up=look_up,
    names=NAMES,
    issues=dict.fromkeys(ITEMS, Issue("BGM", (2, 1), 3)),
    duplicates=frozenset({"7", "31"}),
    replacements=frozenset({"5"}),
    cancellations=frozenset(CANCELLATIONS),
)
_CHARSETS = {
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOL": "iso8859-15",
}
"""Character repertoires of the syntax identifier (0001) that have eight bits. UNOA and UNOB are ASCII, UNOW to UNOY are UTF-8."""
_BLANK = r" \t\r\n\x00"
_OPENING = re.compile(
    rf"(?:UNA(?P<una>[^\w{_BLANK}](?:.{{5}}|.{{4}}))[{_BLANK}]*)?(?P<unb>UNB)(?P<element>[^\w{_BLANK}])(?P<syntax>[A-Z]{{4}})(?P<component>[^\w{_BLANK}])",
    re.IGNORECASE | re.DOTALL,
)
_WHOLE_UNB = re.compile(
    r"UNB(?P<e>.)[A-Z]{4}(?P<c>.)\d(?:(?:(?!(?P=e)).){0,200}(?P=e)){3}\d{6,8}(?P=c)\d{4,6}(?P=e)",
    re.IGNORECASE | re.DOTALL,
)
"""A UNB that is one wherever it stands: it has a syntax version, two parties, date and time."""
_NONE = "\x00"


@dataclass(frozen=True)
class _Signs:
    """The separators of one interchange. A blank release sign means that there is none."""

    component: str
    element: str
    release: str
    segment: str

    @property
    def characters(self) -> Characters:
        """The same for pydifact."""
        return Characters(self.component, self.element, ".", self.release, _NONE, self.segment)


def entries(data: bytes, reading: Reading, limits: Limits) -> Iterator[Entry | Retraction]:
    """The items of all messages, in the order of the file; at the end, which of them later messages of the file overtake.

    Raises:
        FileUnreadable: there is no interchange in it.
    """
    text = Text(data, reading.encoding)
    openings = [
        (
            found.start(),
            partial(_cut, text, found.start("unb"), _signs(text.text, found), found["syntax"].upper(), reading, limits),
        )
        for found in _openings(text.text)
    ]
    if not openings:
        raise FileUnreadable(
            "interchange",
            "holds no EDIFACT interchange: there is no UNB segment; have it sent with its envelope, or name the right profile",
        )
    yield from envelopes.entries(_EDIFACT, text, openings, strict=reading.control_totals == "strict")


def _openings(text: str) -> Iterator[re.Match[str]]:
    """Where interchanges begin: with a segment, or, behind what has lost its terminator, with what can be nothing but a UNB."""
    at = 0
    terminator, release = "\n", _NONE
    while (found := _OPENING.search(text, at)) is not None:
        start = found.start()
        at = start + 1
        begins = begins_segment(text, start, terminator) and not _is_released(text, start, terminator, release)
        if begins or _is_whole(text, found):
            yield found
            at = found.end()
            signs = _signs(text, found)
            terminator, release = signs.segment, signs.release


def _is_released(text: str, start: int, terminator: str, release: str) -> bool:
    """True where the terminator before a place is text."""
    end = text.rfind(terminator, 0, start)
    return end >= 0 and _releases(text, end, release, 0) % 2 == 1


def _is_whole(text: str, found: re.Match[str]) -> bool:
    una = found["una"]
    agrees = una is None or (una[0], una[1]) == (found["component"], found["element"])
    return agrees and _WHOLE_UNB.match(text, found.start("unb")) is not None


def _signs(text: str, found: re.Match[str]) -> _Signs:
    """The signs of the UNA, else the default ones; lines are the terminators where the line of the UNB has none and the next one begins a message."""
    start = found.start("unb")
    opening = text[start : start + _UNB_LENGTH]
    line_end = "\n" if "\n" in opening else "\r"
    line, _, rest = opening.partition(line_end)
    una = found["una"]
    if una is None:
        plain = found["element"] == "+"
        signs = _Signs(found["component"], found["element"], "?" if plain else _NONE, "'" if plain else "\x1c")
    else:
        una = _six(una, line.rstrip())
        signs = _Signs(una[0], una[1], _NONE if una[3] == " " else una[3], una[5])
    by_line = signs.segment not in line and rest.lstrip().upper().startswith(("UNH", "UNG"))
    return replace(signs, segment=line_end) if by_line else signs


_UNB_LENGTH = 1000
"""Characters in which a UNB ends."""


def _six(una: str, line: str) -> str:
    """The six signs of a UNA; some senders leave out the blank that is the fifth."""
    if len(una) == 5 or (una[5] in "\r\n" and line.endswith(una[4])):
        return f"{una[:4]} {una[4]}"
    return una


def _cut(
    text: Text, start: int, signs: _Signs, syntax: str, reading: Reading, limits: Limits, stop: int, number: int
) -> Interchange:
    text.encoding = _CHARSETS.get(syntax, reading.encoding)
    found = envelopes.segments(
        text,
        start,
        stop,
        number,
        limits,
        find_end=partial(_find_end, text.text, signs),
        split=partial(_split, text, signs),
        trailer="UNZ",
        terminator=signs.segment,
    )
    header = next(found)
    if isinstance(header, envelopes.Stop):
        opening = Segment("UNB", (), start, start + 3, number)
        return Interchange(opening, header.start, number, problem=header.problem)
    return envelopes.framed(_EDIFACT, header, stop, found, text, signs.segment)


def _find_end(text: str, signs: _Signs, at: int, bound: int) -> int:
    """The next terminator that no release sign takes the meaning from."""
    end = text.find(signs.segment, at, bound)
    while end >= 0:
        if _releases(text, end, signs.release, at) % 2 == 0:
            return end
        end = text.find(signs.segment, end + 1, bound)
    return -1


def _releases(text: str, end: int, release: str, at: int) -> int:
    """How many release signs stand right before a place."""
    releases = 0
    while end - releases > at and text[end - releases - 1] == release:
        releases += 1
    return releases


def _split(text: Text, signs: _Signs, start: int, end: int, number: int) -> Segment:
    written = text.decoded(start, end)
    readable = written is not None
    written = text.raw([(start, end)]) if written is None else written
    if signs.segment not in "\r\n":
        written = written.replace("\r", "").replace("\n", "")
    try:
        tokens = TokenIterator(Tokenizer().get_tokens(written + signs.segment, signs.characters))
        parts = next(Parser().convert_tokens_to_raw_segments(tokens), [""])
    except EDISyntaxError:
        parts = [written]
    tag, *elements = (part if isinstance(part, str) else COMPONENT.join(part) for part in parts)
    return Segment(tag.split(COMPONENT)[0].strip().upper(), tuple(elements), start, end, number, readable)
