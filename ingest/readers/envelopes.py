"""Envelopes of X12 and EDIFACT: interchanges hold groups, groups hold documents, each with its control number and counts.

What a trailer says is checked by ourselves against what was found. What does not hold costs the records of that envelope and no others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ingest.limits import Limits
from ingest.readers.framed import Entry, Retraction
from ingest.readers.segments import (
    MARK,
    NOISE,
    Item,
    Level,
    Repeats,
    Segment,
    Text,
    Values,
    number,
    plain,
    same_reference,
)

Problem = tuple[str, str]
"""A rule and the sentence that says how it is broken."""
_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")


@dataclass(frozen=True)
class Envelope:
    """One kind of envelope. An element is given by its place and the name that messages use.

    Attributes:
        reference: control number in the header.
        stated: the same in the trailer.
        count: in the trailer, how many of `unit` are inside.
    """

    header: str
    trailer: str
    name: str
    reference: tuple[int, str]
    stated: tuple[int, str]
    count: tuple[int, str]
    unit: str


@dataclass(frozen=True)
class ControlTotal:
    """A total that a document states about its items, and what was found.

    Attributes:
        candidates: the readings of the total that senders use, the standard's first; it holds if one of them is meant.
    """

    element: str
    subject: str
    stated: str
    candidates: tuple[Decimal, ...]

    @property
    def holds(self) -> bool:
        """True where the stated number is one that was found."""
        value = number(self.stated)
        return value is not None and value in self.candidates


@dataclass
class Parsed:
    """The items of one document.

    Attributes:
        numbers: number of the segment with which each item begins.
        totals: what the document states about itself.
        notes: what does not add up and costs nothing.
    """

    items: list[Item] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    totals: list[ControlTotal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Reader = Callable[[Segment, Sequence[Segment], Level, Repeats], Parsed]
"""Finds the items of a document: its header, the segments up to its trailer, the level of the envelope, what the file had before."""


@dataclass(frozen=True)
class Issue:
    """Where a document says which one it is, and what it is sent for.

    Attributes:
        segment: the segment at its head.
        number, purpose: elements of that segment: the document's number, and the code of its purpose.
    """

    segment: str
    number: tuple[int, int]
    purpose: int


@dataclass(frozen=True)
class Standard:
    """What differs between the standards.

    Attributes:
        groups_optional: documents may stand in an interchange without a group.
        aside: segments that may stand between documents.
        kind: the kind of a document, from its header.
        items: kinds whose items are known.
        left_out: kinds that hold nothing to be counted.
        never_empty: kinds that must have items.
        sender: element of the interchange's header with the sender.
        issues: kinds of which a document may be sent again, for another purpose.
        duplicates, replacements, cancellations: codes of a purpose.
    """

    interchange: Envelope
    group: Envelope
    document: Envelope
    groups_optional: bool
    aside: frozenset[str]
    kind: Callable[[Segment], str]
    items: Mapping[str, Reader]
    left_out: frozenset[str]
    never_empty: frozenset[str]
    sender: int
    look_up: Callable[[Sequence[Level], str], str | None]
    names: Sequence[str]
    issues: Mapping[str, Issue]
    duplicates: frozenset[str]
    replacements: frozenset[str]
    cancellations: frozenset[str]


@dataclass
class _Sent:
    """One of the documents of a file that bear the same number.

    Attributes:
        follows: another one stands before it.
        is_read: a record of it could be read; what cannot be read replaces nothing.
        entries: places of its records that count, among all of the file.
    """

    named: str
    purpose: str
    follows: bool
    is_read: bool = False
    entries: list[int] = field(default_factory=list)


@dataclass
class _Document:
    header: Segment
    body: list[Segment] = field(default_factory=list)
    trailer: Segment | None = None


@dataclass
class _Group:
    """A group; one without `header` holds documents that stand outside of any."""

    header: Segment | None
    documents: list[_Document] = field(default_factory=list)
    trailer: Segment | None = None


@dataclass
class Interchange:
    """One interchange as it was found.

    Attributes:
        strays: runs of segments that stand in no document.
        end: where it ended; the rest of its stretch belongs to nobody.
        next_number: number of the segment that follows.
        problem: why it could not be read beyond `end`.
        repeated: its sender used the control number in this file before.
    """

    header: Segment
    end: int
    next_number: int
    groups: list[_Group] = field(default_factory=list)
    trailer: Segment | None = None
    strays: list[list[Segment]] = field(default_factory=list)
    problem: str | None = None
    repeated: bool = False


@dataclass(frozen=True)
class Stop:
    """Why an interchange cannot be read further, and from where on."""

    start: int
    problem: str


def segments(
    text: Text,
    start: int,
    stop: int,
    number: int,
    limits: Limits,
    find_end: Callable[[int, int], int],
    split: Callable[[int, int, int], Segment],
    trailer: str,
    terminator: str,
) -> Iterator[Segment | Stop]:
    """The segments of a stretch; blanks and line ends around them mean nothing.

    Args:
        find_end: where the segment that begins at a place ends, below a bound; -1 where nothing ends it.
        split: the segment between two places, with its number.
        trailer: tag of the one segment that the end of the file may end.
        terminator: what ends a segment.
    """
    at = start
    while at < stop:
        end = find_end(at, stop)
        closed = end >= 0
        end = end if closed else stop
        begin = at
        while begin < end and text.text[begin] in NOISE:
            begin += 1
        last = end
        while last > begin and text.text[last - 1] in NOISE:
            last -= 1
        if begin < last:
            if last - begin > limits.line_bytes:
                yield Stop(begin, f"a segment of more than {limits.line_bytes} bytes")
                return
            if not closed and text.text[begin : begin + len(trailer)].upper() != trailer:
                yield Stop(begin, "the last segment has no terminator")
                return
            yield split(begin, last, number)
            number += 1
        at = end + len(terminator)


def _behind(text: str, at: int, stop: int, terminator: str) -> int:
    """The place behind the terminator of a segment that ends at `at`; blanks may stand before it."""
    while at < stop and text[at] in NOISE and not text.startswith(terminator, at):
        at += 1
    return min(at + len(terminator), stop) if text.startswith(terminator, at) else at


def framed(
    standard: Standard, header: Segment, stop: int, found: Iterator[Segment | Stop], text: Text, terminator: str
) -> Interchange:
    """Sort the segments of an interchange into groups and documents."""
    interchange = Interchange(header, stop, header.number + 1)
    group: _Group | None = None
    document: _Document | None = None
    stray: list[Segment] | None = None
    for segment in found:
        if isinstance(segment, Stop):
            interchange.end, interchange.problem = segment.start, segment.problem
            break
        interchange.next_number = segment.number + 1
        tag = segment.tag
        if tag == standard.interchange.trailer:
            interchange.trailer, interchange.end = segment, _behind(text.text, segment.end, stop, terminator)
            break
        if tag == standard.group.header:
            group, document, stray = _Group(segment), None, None
            interchange.groups.append(group)
        elif tag == standard.document.header:
            if group is None:
                group = _Group(None)
                interchange.groups.append(group)
            document, stray = _Document(segment), None
            group.documents.append(document)
        elif tag == standard.document.trailer and document is not None:
            document.trailer, document = segment, None
        elif tag == standard.group.trailer and group is not None and group.header is not None:
            group.trailer, group, document, stray = segment, None, None, None
        elif document is not None:
            document.body.append(segment)
        elif tag not in standard.aside:
            if stray is None:
                stray = []
                interchange.strays.append(stray)
            stray.append(segment)
    return interchange


def entries(
    standard: Standard, text: Text, openings: Sequence[tuple[int, Callable[[int, int], Interchange]]], *, strict: bool
) -> Iterator[Entry | Retraction]:
    """Records of all interchanges, and a broken one for each stretch that belongs to none; at the end, which of them are replaced by later ones.

    Args:
        openings: where each interchange begins, and what cuts it up to a bound, given the number of its first segment.
        strict: False loads records in spite of their envelope, with what is wrong in the field CONTROL.
    """
    seen: set[tuple[str, str]] = set()
    repeats = Repeats()
    sent: dict[tuple[str, ...], list[_Sent]] = {}
    number, before, count = 1, 0, 0
    for place, (start, cut) in enumerate(openings):
        stop = openings[place + 1][0] if place + 1 < len(openings) else len(text.text)
        for entry in _outside(text, before, start, number):
            yield entry
            count += 1
        interchange = cut(stop, number)
        sender = (interchange.header.get(standard.sender), interchange.header.get(standard.interchange.reference[0]))
        interchange.repeated = sender in seen
        seen.add(sender)
        for entry, document in _records(standard, interchange, text, repeats, sent, strict):
            if document is not None and entry.broken is None:
                document.is_read = True
                document.entries += [count] if entry.left_out is None else []
            yield entry
            count += 1
        number, before = interchange.next_number, interchange.end
        if interchange.problem is not None:
            last = before + len(text.text[before:stop].rstrip(NOISE))
            yield text.stretch("segment", before, last, number, interchange.problem)
            count += 1
            before = stop
    yield from _outside(text, before, len(text.text), number)
    for documents in sent.values():
        yield from _overtaken(standard, documents)


def _sent(
    standard: Standard, document: _Document, interchange: Interchange, sent: dict[tuple[str, ...], list[_Sent]]
) -> _Sent | None:
    """A document among those of its number; None where its kind has none."""
    kind = standard.kind(document.header)
    issue = standard.issues.get(kind)
    head = next((segment for segment in document.body if issue and segment.tag == issue.segment), None)
    if issue is None or head is None or not head.get(*issue.number):
        return None
    named = f"{standard.document.name} {document.header.get(standard.document.reference[0])}"
    number = (interchange.header.get(standard.sender), kind, head.get(*issue.number))
    found = _Sent(named, head.get(issue.purpose).upper(), follows=number in sent)
    sent.setdefault(number, []).append(found)
    return found


def _overtaken(standard: Standard, documents: Sequence[_Sent]) -> Iterator[Retraction]:
    """Which documents of one number do not count: those that a later one replaces or cancels, and duplicates of one that stands before them."""
    standing: list[_Sent] = []
    for document in (one for one in documents if one.is_read):
        if document.purpose in standard.duplicates and standing:
            yield Retraction(document.entries, f"a duplicate of {standing[-1].named}")
            continue
        if document.purpose in standard.replacements | standard.cancellations:
            verb = "replaced" if document.purpose in standard.replacements else "cancelled"
            for earlier in standing:
                yield Retraction(earlier.entries, f"{verb} by {document.named} of the file")
            standing = []
        standing.append(document)


def _outside(text: Text, start: int, end: int, number: int) -> Iterator[Entry]:
    """What stands outside of the interchanges: nothing, blanks, or one broken stretch."""
    piece = text.text[start:end]
    if piece.startswith(MARK):
        start, piece = start + len(MARK), piece[len(MARK) :]
    begin = start + len(piece) - len(piece.lstrip(NOISE))
    stop = start + len(piece.rstrip(NOISE))
    if begin < stop:
        yield text.stretch("unframed", begin, stop, number, "stand outside of any interchange")


def _records(
    standard: Standard,
    interchange: Interchange,
    text: Text,
    repeats: Repeats,
    sent: dict[tuple[str, ...], list[_Sent]],
    strict: bool,
) -> Iterator[tuple[Entry, _Sent | None]]:
    """Records of one interchange in the order of the file, refused where an envelope around them does not hold, each with its document."""
    outer = list(_interchange_problems(standard, interchange))
    found: list[tuple[int, Entry, _Sent | None]] = []
    for group in interchange.groups:
        around = [*_group_problems(standard, group, interchange), *outer]
        for document in group.documents:
            one = _sent(standard, document, interchange, sent)
            found += (
                (at, entry, one)
                for at, entry in _of_document(
                    standard, document, group, interchange, text, around, repeats, one, strict
                )
            )
    named = _named(standard.interchange, interchange.header)
    for run in interchange.strays:
        problem = f"{named}: {len(run)} segments ({run[0].tag[:3]} …) stand in no {standard.document.name}"
        entry = text.stretch("unframed", run[0].start, run[-1].end, run[0].number, problem)
        found.append((run[0].start, entry, None))
    if outer and not found:
        rule, problem = outer[0]
        header = interchange.header
        found.append((header.start, text.stretch(rule, header.start, header.end, header.number, problem), None))
    yield from ((entry, one) for _, entry, one in sorted(found, key=lambda record: record[0]))


def _of_document(
    standard: Standard,
    document: _Document,
    group: _Group,
    interchange: Interchange,
    text: Text,
    around: Sequence[Problem],
    repeats: Repeats,
    sent: _Sent | None,
    strict: bool,
) -> Iterable[tuple[int, Entry]]:
    header = document.header
    kind = standard.kind(header)
    named = f"{standard.document.name} {kind} {header.get(standard.document.reference[0])}"
    envelope = Level()
    for segment in (interchange.header, group.header, header):
        if segment is not None:
            envelope.add(segment)
    last = document.trailer or (document.body[-1] if document.body else header)
    whole = (header.start, last.end)
    values = Values(lambda name: standard.look_up([envelope], name), standard.names)
    if kind not in standard.items:
        if kind in standard.left_out:
            item = Item(values, (whole,), left_out=f"{standard.document.name} {kind} holds nothing to be counted")
        else:
            known = ", ".join(sorted(standard.items))
            item = Item(
                values, (whole,), problem=("transaction_set", f"{named} is none of {known}, whose items are known")
            )
        yield header.start, text.entry(item, header.number, None)
        return
    written = hashlib.sha256(text.text[whole[0] : whole[1]].encode("latin-1")).digest()
    around_it = (interchange.header.get(standard.sender), interchange.header.get(standard.interchange.reference[0]))
    in_group = group.header.get(standard.group.reference[0]) if group.header is not None else ""
    repeats.begin((*around_it, in_group, written), may_be_again=interchange.repeated)
    parsed = standard.items[kind](header, document.body, envelope, repeats)
    unreadable = list(_unreadable(document, named, text))
    disagreeing = [
        *_trailer_problems(standard.document, header, document.trailer, len(document.body) + 2, named),
        *(_total(total, named) for total in parsed.totals if not total.holds),
        *around,
    ]
    refusal = next(iter([*unreadable, *disagreeing] if strict else unreadable), None)
    if not parsed.items:
        if refusal is None and sent is not None and sent.follows and sent.purpose in standard.cancellations:
            reason = f"{named} cancels what stands before it, and has no items of its own"
            yield header.start, text.entry(Item(values, (whole,), left_out=reason), header.number, None)
        elif refusal is not None or kind in standard.never_empty:
            rule, problem = refusal or ("no_items", f"{named} has no items")
            yield header.start, text.stretch(rule, *whole, header.number, problem)
        return
    notes = [problem for _, problem in disagreeing] + parsed.notes
    if interchange.repeated:
        notes.append(
            f"{_named(standard.interchange, interchange.header)} of its sender stands in this file more than once"
        )
    for item, place in zip(parsed.items, parsed.numbers, strict=True):
        noted = _noted(item, "; ".join(notes), standard.names) if notes else item
        yield item.spans[0][0], text.entry(noted, place, refusal)


def _noted(item: Item, said: str, names: Sequence[str]) -> Item:
    values = item.values
    own = values.get("CONTROL")
    whole = f"{said}; {own}" if own else said
    noted = Values(lambda name: whole if name == "CONTROL" else values.get(name), names)
    return Item(noted, item.spans, item.left_out, item.problem)


def _unreadable(document: _Document, named: str, text: Text) -> Iterator[Problem]:
    for segment in (document.header, *document.body):
        if not segment.readable:
            yield (
                "encoding",
                f"{named}: segment {segment.tag[:3]} at byte {segment.start} is not in the encoding of the file",
            )
            return
        if not _TAG.fullmatch(segment.tag):
            yield "segment", f"{named}: {segment.tag[:20]!r} at byte {segment.start} is no segment"
            return


def _interchange_problems(standard: Standard, interchange: Interchange) -> Iterator[Problem]:
    groups = [group for group in interchange.groups if group.header is not None]
    loose = [group for group in interchange.groups if group.header is None]
    inside = len(groups) if groups or not standard.groups_optional else sum(len(group.documents) for group in loose)
    named = _named(standard.interchange, interchange.header)
    yield from _trailer_problems(standard.interchange, interchange.header, interchange.trailer, inside, named)


def _group_problems(standard: Standard, group: _Group, interchange: Interchange) -> Iterator[Problem]:
    around = _named(standard.interchange, interchange.header)
    if group.header is not None:
        named = f"{around}, {_named(standard.group, group.header)}"
        yield from _trailer_problems(standard.group, group.header, group.trailer, len(group.documents), named)
    elif not standard.groups_optional:
        yield "envelope_open", f"{around}: a {standard.document.name} stands outside of any {standard.group.name}"


def _trailer_problems(
    envelope: Envelope, header: Segment, trailer: Segment | None, inside: int, named: str
) -> Iterator[Problem]:
    if trailer is None:
        yield "envelope_open", f"{named} is not closed: there is no {envelope.trailer}"
        return
    reference, stated, counted = (
        header.get(envelope.reference[0]),
        trailer.get(envelope.stated[0]),
        trailer.get(envelope.count[0]),
    )
    if not same_reference(reference, stated):
        yield (
            "control_totals",
            f"{named}: {envelope.reference[1]} says control number {reference!r}, {envelope.stated[1]} says {stated!r}",
        )
    if number(counted) != inside:
        yield "control_totals", f"{named}: {envelope.count[1]} says {counted!r} {envelope.unit}, {inside} were found"


def _total(total: ControlTotal, named: str) -> Problem:
    found = plain(total.candidates[0])
    return "control_totals", f"{named}: {total.element} says {total.stated!r} {total.subject}, {found} were found"


def _named(envelope: Envelope, header: Segment) -> str:
    return f"{envelope.name} {header.get(envelope.reference[0])}"
