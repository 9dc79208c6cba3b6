"""What X12 and EDIFACT have in common: segments, the levels at which they stand, and the fields that are read from them."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from ingest.errors import FileUnreadable
from ingest.readers.framed import Broken, Entry

COMPONENT = "\x1f"
"""Joins the components of an element, whatever sign the file uses."""
NOISE = " \t\r\n\x00\x1a"
"""What means nothing around a segment: blanks, ends of lines, ends of files."""
MARK = "\xef\xbb\xbf"
"""A byte order mark in text of one character a byte."""
_RAW = 64 * 2**10
"""Characters of a broken stretch that are kept as its raw text."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment.

    Attributes:
        tag: its id, in capitals.
        elements: text of each element; the components of a composite are joined by `COMPONENT`.
        start, end: where it stands in the text, without its terminator.
        number: its place in the file, 1-based.
        readable: False where its bytes are not in the encoding.
    """

    tag: str
    elements: tuple[str, ...]
    start: int
    end: int
    number: int
    readable: bool = True

    def get(self, element: int, component: int = 0) -> str:
        """Text of an element (1-based), or of one of its components (1-based); empty where there is none."""
        if element > len(self.elements):
            return ""
        text = self.elements[element - 1]
        if not component:
            return text.strip() if COMPONENT not in text else text.replace(COMPONENT, ":").strip()
        parts = text.split(COMPONENT)
        return parts[component - 1].strip() if component <= len(parts) else ""


@dataclass
class Level:
    """Segments that stand at one level of a document: its head, a loop, an item.

    Attributes:
        segments: by tag, in the order of the file.
        parties: segments that belong to a party (an N1 loop, a NAD group), by the party's qualifier.
    """

    segments: dict[str, list[Segment]] = field(default_factory=dict)
    parties: dict[str, list[Segment]] = field(default_factory=dict)

    def add(self, segment: Segment) -> None:
        """Put a segment at this level."""
        self.segments.setdefault(segment.tag, []).append(segment)

    def of(self, tag: str) -> Sequence[Segment]:
        """Segments of that tag, outside of the parties."""
        return self.segments.get(tag, ())

    def party(self, qualifier: str, tag: str) -> Iterator[Segment]:
        """Segments of one kind of party."""
        return (segment for segment in self.parties.get(qualifier, ()) if segment.tag == tag)

    def copy(self, but_party: str | None = None) -> Level:
        """A level of its own with the same segments, but for one kind of party."""
        parties = {kind: list(segments) for kind, segments in self.parties.items() if kind != but_party}
        return Level({tag: list(segments) for tag, segments in self.segments.items()}, parties)

    def anywhere(self, tag: str) -> Iterator[Segment]:
        """Segments of that tag: the level's own first, then those of its parties."""
        yield from self.of(tag)
        for segments in self.parties.values():
            yield from (segment for segment in segments if segment.tag == tag)


def first(
    levels: Sequence[Level],
    tag: str,
    value: Callable[[Segment], str],
    fits: Callable[[Segment], bool] = lambda segment: True,
) -> str | None:
    """The first filled value of a segment that fits, from the innermost level outwards."""
    for level in levels:
        for segment in level.anywhere(tag):
            if fits(segment):
                text = value(segment)
                if text:
                    return text
    return None


class Names(Collection[str]):
    """Names of the fields that a format has. They are too many to list: qualifiers are open.

    Args:
        known: tells whether a name is one.
        examples: names to propose where one is misspelt.
    """

    def __init__(self, known: Callable[[str], bool], examples: Sequence[str]) -> None:
        self._known = known
        self._examples = tuple(examples)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._known(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._examples)

    def __len__(self) -> int:
        return len(self._examples)


class Values(Mapping[str, str]):
    """The fields of one record, looked up when they are asked for."""

    def __init__(self, look_up: Callable[[str], str | None], names: Collection[str]) -> None:
        self._look_up = look_up
        self._names = names

    def __getitem__(self, name: str) -> str:
        value = self._look_up(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names if self._look_up(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class Item:
    """One item of a document, before it is known whether its envelope holds.

    Attributes:
        values: its fields.
        spans: where its own segments stand in the text.
        left_out: why the format declares that it does not count.
        problem: what is wrong with the item alone: rule and sentence.
    """

    values: Mapping[str, str]
    spans: tuple[tuple[int, int], ...]
    left_out: str | None = None
    problem: tuple[str, str] | None = None


class Text:
    """The bytes of a file as text of one character a byte, with its lines."""

    def __init__(self, data: bytes, encoding: str) -> None:
        self.text = _eight_bit(data).decode("latin-1")
        self.encoding = encoding
        body = self.text.rstrip(NOISE)
        sign = "\n" if "\n" in body else "\r"
        self._breaks = [found.start() for found in re.finditer(sign, body)]

    def line(self, start: int, number: int) -> int:
        """Line in which a segment begins; its own number, where the file has no lines."""
        return bisect.bisect_left(self._breaks, start) + 1 if self._breaks else number

    def decoded(self, start: int, end: int) -> str | None:
        """Text of a stretch: UTF-8 where it is that, else in the encoding of the profile; None where it is in neither."""
        piece = self.text[start:end]
        if piece.isascii():
            return piece
        data = piece.encode("latin-1")
        for encoding in ("utf-8", self.encoding):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                continue
        return None

    def raw(self, spans: Sequence[tuple[int, int]]) -> str:
        """Text of some stretches as in the file; what cannot be decoded is written out as escapes."""
        pieces = []
        for start, end in spans:
            cut = min(end, start + _RAW)
            text = self.decoded(start, cut)
            if text is None:
                text = self.text[start:cut].encode("latin-1").decode("ascii", "backslashreplace")
            pieces.append(text + (f" … and {end - cut} bytes more" if cut < end else ""))
        return "\n".join(pieces)

    def stretch(self, rule: str, start: int, end: int, number: int, problem: str) -> Entry:
        """One broken record for a stretch that cannot be framed, with its byte range."""
        line = self.line(start, number)
        raw = self.raw([(start, end)])
        return Entry({}, line, raw, broken=Broken(rule, line, raw, f"bytes {start} to {end - 1}: {problem}"))

    def entry(self, item: Item, number: int, problem: tuple[str, str] | None) -> Entry:
        """The record of an item, refused where its envelope or the item itself does not hold."""
        start = item.spans[0][0]
        line = self.line(start, number)
        raw = self.raw(item.spans)
        problem = problem or item.problem
        if problem is not None:
            return Entry(item.values, line, raw, broken=Broken(problem[0], line, raw, problem[1]))
        return Entry(item.values, line, raw, left_out=item.left_out)


def _eight_bit(data: bytes) -> bytes:
    """Bytes in which each separator is one byte."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16").encode("utf-8")
        except UnicodeDecodeError as error:
            raise FileUnreadable(
                "encoding", f"begins as UTF-16 and is not: {error}; ask the sender for it again"
            ) from error
    return data


def begins_segment(text: str, start: int, terminator: str) -> bool:
    """True where only blanks, ends of lines and a byte order mark stand between a place and the terminator, or the begin of the file, before it."""
    at = start
    while at and text[at - 1] != terminator and text[at - 1] in NOISE + MARK:
        at -= 1
    return at == 0 or text[at - 1] == terminator


def spans(segments: Sequence[Segment]) -> tuple[tuple[int, int], ...]:
    """Where segments stand; those that follow each other are one stretch."""
    found: list[tuple[int, int]] = []
    last = -1
    for segment in segments:
        if found and segment.number == last + 1:
            found[-1] = (found[-1][0], segment.end)
        else:
            found.append((segment.start, segment.end))
        last = segment.number
    return tuple(found)


def following(segments: Sequence[Segment], at: int) -> Iterator[Segment]:
    """Segments behind one."""
    return (segments[index] for index in range(at + 1, len(segments)))


def leading(segments: Iterable[Segment], tags: Collection[str], quantity: str) -> frozenset[tuple[str, str]]:
    """Tags, each with its qualifier, that stand before the quantities that they tell about, although the standard puts them behind.

    One of them stands before the first quantity, another one between quantities, and none behind the last.
    """
    places: dict[tuple[str, str], list[int]] = {}
    quantities: list[int] = []
    for at, segment in enumerate(segments):
        if segment.tag == quantity:
            quantities.append(at)
        elif segment.tag in tags:
            places.setdefault((segment.tag, segment.get(1, 1).upper()), []).append(at)
    if not quantities:
        return frozenset()
    return frozenset(key for key, at in places.items() if at[0] < quantities[0] < at[-1] < quantities[-1])


class Placing:
    """Puts segments at their level, and those that describe a party at that party.

    Args:
        opener: tag of the segment that opens a party.
        members: tags of the segments that may belong to it.
    """

    def __init__(self, level: Level, opener: str, members: Collection[str]) -> None:
        self.level = level
        self._opener = opener
        self._members = members
        self._party: list[Segment] | None = None

    def move(self, level: Level) -> None:
        """Go on at another level."""
        self.level, self._party = level, None

    def put(self, segment: Segment) -> None:
        """Put a segment where it belongs."""
        if segment.tag == self._opener:
            self._party = self.level.parties.setdefault(segment.get(1).upper(), [])
            self._party.append(segment)
        elif self._party is not None and segment.tag in self._members:
            self._party.append(segment)
        else:
            self._party = None
            self.level.add(segment)


class Repeats:
    """Tells alike records of one file apart, so that those of one document do not replace those of another.

    A document that stands in the file again, as in an interchange that was sent twice, gets the numbers that it got before.
    """

    def __init__(self) -> None:
        self._known: dict[object, int] = {}
        self._count = self._document = 0
        self._is_again = False
        self._reached: dict[object, int] = {}
        self._places: dict[object, list[int]] = {}
        self._lines: dict[str, set[tuple[int, object]]] = {}
        self._last: dict[str, int] = {}
        self._offsets: dict[tuple[int, str], int] = {}
        self._periods: dict[object, list[tuple[str, str]]] = {}

    def begin(self, identity: object, *, may_be_again: bool) -> None:
        """Go on with another document; the same identity is the same document."""
        self._is_again = may_be_again and identity in self._known
        if not self._is_again:
            self._count += 1
            self._known[identity] = self._count
        self._document = self._known[identity]
        self._reached = {}

    def number(self, same: object) -> int:
        """Which of the records of the file that are alike it is, from 1."""
        places = self._places.setdefault(same, [])
        if self._is_again:
            place = places.index(self._document, self._reached.get(same, 0)) + 1
        else:
            places.append(self._document)
            place = len(places)
        self._reached[same] = place
        return place

    def overlap(self, same: object, period: tuple[str, str]) -> tuple[str, str] | None:
        """An earlier period of the file of what is alike that has days in common with this one, and is another."""
        known = self._periods.setdefault(same, [])
        other = next((one for one in known if one != period and one[0] <= period[1] and period[0] <= one[1]), None)
        if period not in known:
            known.append(period)
        return other

    def offset(self, document_no: str, lines: Collection[tuple[int, object]]) -> int:
        """What to add to the line numbers of a document, so that no line is one that an earlier document of that number has.

        Args:
            lines: line number, and what else tells a line from another.
        """
        at = (self._document, document_no)
        if not (self._is_again and at in self._offsets):
            used = self._lines.setdefault(document_no, set())
            offset = 0 if used.isdisjoint(lines) else self._last[document_no]
            used.update((line + offset, rest) for line, rest in lines)
            self._last[document_no] = max(self._last.get(document_no, 0), *(line + offset for line, _ in lines))
            self._offsets[at] = offset
        return self._offsets[at]


def number(text: str) -> Decimal | None:
    """A plain decimal number, or None."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def plain(value: Decimal) -> str:
    """A number without exponent."""
    return format(value, "f")


def same_reference(left: str, right: str) -> bool:
    """True for equal control references; leading zeros of numbers do not matter."""
    if left.isascii() and right.isascii() and left.isdigit() and right.isdigit():
        return left.lstrip("0") == right.lstrip("0")
    return left == right


def line_numbers(own: Sequence[str]) -> list[str]:
    """The items' own numbers, where each has one and no two are equal; else their places, from 1."""
    digits = [text if text.isascii() and text.isdigit() and len(text) < 18 else "" for text in own]
    if all(digits) and len({int(text) for text in digits}) == len(digits):
        return [str(int(text)) for text in digits]
    return [str(place) for place in range(1, len(own) + 1)]
