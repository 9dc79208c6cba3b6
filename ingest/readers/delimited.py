"""Delimited text: declared dialect, never sniffed.

Three ways lead to the same result. Where an independent check proves that framing is trivial (no quotes but around whole cells, no stray carriage
return, the same number of delimiters in every line) the text is kept whole and parsed together with other files. Where that holds for most lines, the others go
through `csv.reader`, record by record, with line numbers and raw text. Else all of them do. A large file is read in stretches of whole records,
each of which goes one of the three ways.
"""

from __future__ import annotations

import codecs
import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT, Limits, refuse_columns
from ingest.readers.framed import ESCAPED, PLAIN_DECIMALS, Broken, Framed, column_names, join_headers, no_header

if TYPE_CHECKING:
    from ingest.profiles import Reading

_BOM = b"\xef\xbb\xbf"
_DOS_END = b"\x1a"
"""With which programs of old end a text file."""
_OTHER_ORDER = "\ufffe"
"""A byte order mark read in the wrong byte order."""
_LINE_FEED, _CARRIAGE_RETURN = 10, 13
NUL = "\0"
HOLDS_NUL = "holds a NUL character, so that the record may be damaged"
_BLANKS = b" \t\x0b\x0c"
_ESCAPED = ESCAPED.encode()
_WIDE_BLANKS = tuple(
    prefix.encode()[:size]
    for prefix, size in (("\x85", 2), ("\xa0", 2), ("\u1680", 3), ("\u2000", 2), ("\u205f", 3), ("\u3000", 3))
)
"""How the blanks beyond ASCII begin in UTF-8."""
_MANY_NULS = 4
"""Where at least one byte in so many of a line is NUL, the line is no text in this encoding."""
_BLOCK = 16_000_000
_WINDOW = 250_000
"""Bytes looked at together: as many as stay close to the processor."""
_FEW = 5
"""One line in so many may be read apart; with more of them all are read one by one."""
_NO_LINES = np.array([], dtype=np.int64)
csv.field_size_limit(2**31 - 1)


def to_utf8(data: bytes, encoding: str) -> bytes:
    """Check the declared encoding and return the text as UTF-8 without a byte order mark.

    Text in a single-byte encoding that is valid UTF-8 throughout, with letters beyond ASCII, was not written in that encoding: it would be read
    without an error and wrongly.
    """
    if encoding == "utf-8":
        data = data.removeprefix(_BOM).removesuffix(_DOS_END)
        if not data.isascii():
            _decode(data, encoding)
        _refuse_nul(data, encoding)
        return data
    if data.startswith(_BOM):
        raise FileUnreadable(
            "encoding",
            f"begins with a UTF-8 byte order mark, the profile says {encoding}; state `encoding: utf-8`",
            line=1,
        )
    text = _decode(data, encoding)
    if _is_single_byte(encoding) and not data.isascii() and _is_utf8(data):
        raise _written_in_utf8(*_first_beyond_ascii(data), encoding)
    if text.startswith(_OTHER_ORDER):
        raise _in_the_other_order(encoding)
    utf8 = text.encode("utf-8").removeprefix(_BOM).removesuffix(_DOS_END)
    _refuse_nul(utf8, encoding)
    return utf8


def utf8_blocks(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """What `to_utf8` gives, for a text that comes in blocks. What is wrong with it is found when its lines are reached, or at the end."""
    decoder: codecs.IncrementalDecoder | None = None
    as_utf8 = codecs.getincrementaldecoder("utf-8")() if _is_single_byte(encoding) else None
    beyond: tuple[int, str] | None = None
    line = 1
    for index, (block, is_last) in enumerate(_with_last(_whole_lines(blocks))):
        if index == 0 and block.startswith(_BOM):
            if encoding != "utf-8":
                to_utf8(block, encoding)
            block = block.removeprefix(_BOM)
        decoder = decoder or codecs.getincrementaldecoder(_in_native_order(encoding, block))()
        if encoding == "utf-8" and block.isascii() and not decoder.getstate()[0]:
            text = block
        else:
            try:
                text = decoder.decode(block, is_last).encode("utf-8")
            except UnicodeDecodeError as error:
                raise _not_in(encoding, error, line) from error
            except UnicodeError as error:
                raise FileUnreadable("encoding", f"is not {encoding}, which the profile declares: {error}") from error
        if as_utf8 is not None:
            if beyond is None and not block.isascii():
                beyond = _first_beyond_ascii(block, line)
            try:
                as_utf8.decode(block, is_last)
            except UnicodeDecodeError:
                as_utf8 = None
        if index == 0:
            if text.startswith(_OTHER_ORDER.encode()):
                raise _in_the_other_order(encoding)
            text = text.removeprefix(_BOM)
            _refuse_nul(text, encoding)
        if is_last:
            text = text.removesuffix(_DOS_END)
        line += _line_feeds(text)
        yield text
    if as_utf8 is not None and beyond is not None:
        raise _written_in_utf8(*beyond, encoding)


def _line_feeds(text: bytes) -> int:
    """How many there are; `bytes.count` takes several times as long, and so does a comparison that does not stay in the cache."""
    signs = np.frombuffer(text, dtype=np.uint8)
    return sum(
        int(np.count_nonzero(signs[start : start + _WINDOW] == _LINE_FEED)) for start in range(0, len(signs), _WINDOW)
    )


def with_line_feeds(text: bytes) -> bytes:
    """The text with a line feed at the end of each line, also where only carriage returns stand, as old programs write them."""
    return text.replace(b"\r", b"\n") if b"\r" in text and b"\n" not in text else text


def frame(text: bytes, reading: Reading, limits: Limits = DEFAULT, *, careful: bool = False) -> Framed:
    """Cut the text into entries below the header.

    Args:
        text: UTF-8 text.
        careful: take the record-by-record way even where framing is trivial.
    """
    text = with_line_feeds(text)
    if not text.strip():
        raise _empty()
    head = _head(text, reading, limits, is_last=True)
    assert head is not None
    body = text[head.length :]
    if careful:
        return _careful(body, head, reading, is_last=True)[0]
    return _framed(body, head, reading, is_last=True)[0]


def frames(texts: Iterable[bytes], reading: Reading, limits: Limits = DEFAULT) -> Iterator[Framed]:
    """Cut a text that comes in blocks into entries, whole records at a time: together what `frame` gives for the whole text.

    The first of the pieces is empty and tells the header.

    Args:
        texts: UTF-8 text in blocks of whole characters.
    """
    head: _Head | None = None
    rest = b""
    for block, is_last in _with_last(texts):
        rest = rest + block if rest else block
        if head is None:
            rest = with_line_feeds(rest) if is_last else rest
            if is_last and not rest.strip():
                raise _empty()
            head = _head(rest, reading, limits, is_last=is_last)
            if head is None:
                continue
            rest = rest[head.length :]
            yield _of_body(b"", _NO_LINES, head, reading)
        body = rest if is_last else rest[: rest.rfind(b"\n") + 1]
        if not body:
            continue
        framed, taken = _framed(body, head, reading, is_last=is_last)
        rest = rest[taken:]
        head = replace(head, line=head.line + framed.entries + sum(span - 1 for span in framed.spans.values()))
        yield framed


@dataclass(frozen=True)
class _Head:
    """What stands above some records.

    Attributes:
        line: line of the first record, 1-based.
        length: bytes of the text before it.
    """

    header: tuple[str, ...]
    line: int
    length: int


def _head(text: bytes, reading: Reading, limits: Limits, *, is_last: bool) -> _Head | None:
    """Read the header; None where it may go on in text that has not come yet."""
    at, above = _after_titles(text, reading)
    if at == len(text) and not is_last:
        return None
    if reading.header is not None:
        refuse_columns(len(reading.header), limits)
        return _Head(tuple(reading.header), above + 1, at)
    lines: list[str] = []
    ends = [at]
    while len(lines) < reading.max_record_lines * reading.header_rows and ends[-1] < len(text):
        end = text.find(b"\n", ends[-1])
        lines.append(text[ends[-1] : end if end >= 0 else len(text)].decode("utf-8") + "\n")
        ends.append(end + 1 if end >= 0 else len(text))
    if ends[-1] == len(text) and not is_last:
        return None
    feed = _Lines(lines, 0, reading.max_record_lines)
    header = _header(feed, above + 1, reading)
    refuse_columns(len(header), limits)
    return _Head(header, above + 1 + feed.at, ends[feed.at])


def _after_titles(text: bytes, reading: Reading) -> tuple[int, int]:
    """Bytes and lines of what stands above the header: title rows, and comments below them."""
    at = lines = 0
    comment = reading.comment.encode() if reading.comment else None
    while at < len(text) and (lines < reading.title_rows or (comment and text.startswith(comment, at))):
        end = text.find(b"\n", at)
        at, lines = end + 1 if end >= 0 else len(text), lines + 1
    return at, lines


def _header(feed: _Lines, first: int, reading: Reading) -> tuple[str, ...]:
    if not feed.lines:
        raise FileUnreadable("empty_file", f"has no header below its {reading.title_rows} title rows")
    reader = _reader(feed, reading)
    levels: list[list[str]] = []
    for _ in range(reading.header_rows):
        feed.begin = feed.at
        try:
            levels.append([cell.strip() for cell in next(reader)])
        except StopIteration:
            raise FileUnreadable("empty_file", f"ends within its {reading.header_rows} header rows") from None
        except csv.Error as error:
            raise FileUnreadable(
                "quote", f"line {first}: the header cannot be read: {_quote_problem(str(error), feed)}", line=first
            ) from error
    if not levels[0]:
        raise no_header(first)
    return tuple(join_headers(levels))


def _framed(body: bytes, head: _Head, reading: Reading, *, is_last: bool) -> tuple[Framed, int]:
    """The records of a text, by the cheapest way that is safe; and how many bytes they take."""
    trivial = _trivial(body, head, reading)
    if trivial is not None:
        return trivial, len(body)
    return _mixed(body, head, reading, is_last=is_last) or _careful(body, head, reading, is_last=is_last)


def _trivial(body: bytes, head: _Head, reading: Reading) -> Framed | None:
    """The records where each line is one, with as many delimiters as the header has; else None."""
    quote, escape = ((sign or "").encode() for sign in (reading.quote, reading.escape))
    held, is_ascii = _signs_of(body, bytes([0, _CARRIAGE_RETURN, *quote[:1], *escape[:1], *_BLANKS, *_ESCAPED]))
    if (escape and escape[0] in held and escape in body) or _has_comment(body, reading) or 0 in held:
        return None
    if _CARRIAGE_RETURN in held:
        body = body.replace(b"\r\n", b"\n")
        if b"\r" in body:
            return None
    delimiter = reading.delimiter.encode()
    per_line = len(head.header) - 1
    if len(delimiter) != 1 or not 0 < per_line < 256:
        return None
    if body and not body.endswith(b"\n"):
        body += b"\n"
    if quote and quote[0] in held and quote in body:
        return _bare(body, quote, head, reading)
    signs = np.frombuffer(body, dtype=np.uint8)
    padded = not is_ascii and any(blank[:1] in body and blank in body for blank in _WIDE_BLANKS)
    blanks = [blank for blank in _BLANKS if blank in held]
    ends: list[npt.NDArray[np.int64]] = []
    plain = True
    start = 0
    while start < len(body):
        stop = body.rfind(b"\n", start, start + _WINDOW) + 1 or body.index(b"\n", start) + 1
        window = signs[start:stop]
        marks = window == delimiter[0]
        ended = window == _LINE_FEED
        at = np.flatnonzero(ended)
        # counted modulo 256 in every line, and in all: too many in one line would have to be missing from another
        counts = np.add.reduceat(marks.view(np.uint8), np.concatenate([[0], at[:-1] + 1]), dtype=np.uint8)
        if np.count_nonzero(marks) != len(at) * per_line or (counts != per_line).any():
            return None
        edges = marks | ended
        if blanks and not padded:
            padded = _has_blank_edge(window, edges, blanks)
        plain = plain and _is_plain(window, edges)
        ends.append(at + start)
        start = stop
    lines = np.concatenate(ends) if ends else _NO_LINES
    escapes = not held.isdisjoint({*_ESCAPED} - {*delimiter})
    return _of_body(body, lines, head, reading, padded=padded, plain=plain, escapes=escapes)


def _signs_of(body: bytes, signs: bytes) -> tuple[set[int], bool]:
    """Which of the signs stand in a text, and whether it is ASCII; told stretch by stretch, so that each is read from memory once."""
    held: set[int] = set()
    is_ascii = True
    for start in range(0, len(body), _WINDOW):
        stretch = body[start : start + _WINDOW]
        held.update([sign for sign in signs if sign not in held and sign in stretch])
        is_ascii = is_ascii and stretch.isascii()
    return held, is_ascii


def _bare(body: bytes, quote: bytes, head: _Head, reading: Reading) -> Framed | None:
    """The records without their quotes, where each quote opens or closes a whole cell that holds no delimiter, line end or quote."""
    if len(quote) != 1:
        return None
    signs = np.frombuffer(body, dtype=np.uint8)
    start = 0
    while start < len(body):
        stop = body.rfind(b"\n", start, start + _WINDOW) + 1 or body.index(b"\n", start) + 1
        window = signs[start:stop]
        edges = (window == reading.delimiter.encode()[0]) | (window == _LINE_FEED)
        at = np.flatnonzero(window == quote[0])
        opening, closing = at[::2], at[1::2]
        passed = np.cumsum(edges, dtype=np.int32)
        if (
            len(opening) != len(closing)
            or not edges[opening[opening > 0] - 1].all()
            or not edges[closing + 1].all()
            or (passed[opening] != passed[closing]).any()
        ):
            return None
        start = stop
    framed = _trivial(body.replace(quote, b""), head, reading)
    if framed is None:
        return None
    ends = np.flatnonzero(signs == _LINE_FEED)
    return replace(framed, texts=_Texts(body, np.concatenate([[0], ends[:-1] + 1]), ends))


def _has_comment(body: bytes, reading: Reading) -> bool:
    comment = reading.comment.encode() if reading.comment else None
    return comment is not None and (body.startswith(comment) or b"\n" + comment in body)


def _of_body(
    body: bytes,
    ends: npt.NDArray[np.int64],
    head: _Head,
    reading: Reading,
    *,
    padded: bool = False,
    plain: bool = False,
    escapes: bool = False,
) -> Framed:
    return Framed(
        header=head.header,
        entries=len(ends),
        first_line=head.line,
        body=body,
        ends=ends,
        delimiter=reading.delimiter,
        padded=padded,
        plain=plain,
        escapes=escapes,
    )


def _is_plain(signs: npt.NDArray[np.uint8], edges: npt.NDArray[np.bool_]) -> bool:
    """Whether in some whole lines each point stands before at most PLAIN_DECIMALS signs of its cell, and no E stands behind a digit or a point.

    So that no number has more decimals than that, or an exponent; a code may look as if it had, which costs time only.
    """
    points = signs == ord(".")
    inner = max(0, len(signs) - PLAIN_DECIMALS - 1)
    near = edges[3 : 3 + inner]  # behind two decimals, as most amounts have them
    if (points[:inner] > near).any():
        for distance in range(1, PLAIN_DECIMALS + 2):
            near = near | edges[distance : distance + inner]
        if (points[:inner] > near).any():
            return False
    # from the point on: it, a slash, and the digits
    return not (((signs | 32) == ord("e"))[1:] & (signs - ord(".") < 12)[:-1]).any()


def _has_blank_edge(signs: npt.NDArray[np.uint8], edges: npt.NDArray[np.bool_], blanks: Sequence[int]) -> bool:
    """Whether one of the blanks stands at the edge of a cell of some whole lines."""
    for blank in blanks:
        found = signs == blank
        if found[0] or (found[1:] & edges[:-1]).any() or (found[:-1] & edges[1:]).any():
            return True
    return False


def _mixed(body: bytes, head: _Head, reading: Reading, *, is_last: bool) -> tuple[Framed, int] | None:
    """Where most lines are a record each, these parsed at once and the others one by one; else None."""
    special = [sign.encode() for sign in (reading.delimiter, reading.quote, reading.escape) if sign is not None]
    per_line, most = len(head.header) - 1, reading.max_record_lines
    if reading.comment or per_line < 1 or any(len(sign) > 1 for sign in special):
        return None
    text = body if body.endswith(b"\n") else body + b"\n"
    signs = np.frombuffer(text, dtype=np.uint8)
    ended = signs == _LINE_FEED
    ends = np.flatnonzero(ended)
    starts = np.concatenate([[0], ends[:-1] + 1])
    marks = signs == special[0][0]
    unsure = np.isin(signs, [0, *(sign[0] for sign in special[1:])])
    unsure[:-1] |= (signs[:-1] == _CARRIAGE_RETURN) & ~ended[1:]
    odd = (np.add.reduceat(marks, starts, dtype=np.int64) != per_line) | np.logical_or.reduceat(unsure, starts)
    if np.count_nonzero(odd) * _FEW > len(ends):
        return None
    apart = np.zeros(len(ends), dtype=bool)
    found: dict[int, tuple[list[str] | Broken, int]] = {}
    stop, free = len(ends), 0
    for line in np.flatnonzero(odd).tolist():
        if line < free:
            continue
        last = min(line + most, len(ends))
        lines = [text[starts[at] : ends[at] + 1].decode("utf-8") for at in range(line, last)]
        own = replace(head, line=head.line + line)
        record = next(_records(lines, own, reading, is_last=is_last and last == len(ends)), None)
        if record is None:
            stop = line
            break
        found[line] = record[1:]
        free = line + record[2]
        apart[line:free] = True
    return _joined(text, starts, ends, apart[:stop], found, head, reading), min(
        int(ends[stop - 1]) + 1, len(body)
    ) if stop else 0


def _joined(
    text: bytes,
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    apart: npt.NDArray[np.bool_],
    found: Mapping[int, tuple[list[str] | Broken, int]],
    head: _Head,
    reading: Reading,
) -> Framed:
    """Lines that are a record each and records that were read apart, in the order of the text."""
    names = column_names(len(head.header))
    plain = np.flatnonzero(~apart)
    turns = np.flatnonzero(np.diff(np.concatenate([[True], apart, [True]]))).reshape(-1, 2)
    runs = [memoryview(text)[starts[first] : ends[after - 1] + 1] for first, after in turns.tolist()]
    together = b"".join(runs).replace(b"\r\n", b"\n")
    own_rows: list[list[str | None]] = [
        [None] * len(names) if isinstance(record, Broken) else [cell or None for cell in record]
        for record, _ in found.values()
    ]
    own = pl.DataFrame(own_rows, schema=dict.fromkeys(names, pl.String), orient="row")
    cells = pl.concat([parse(together, len(names), reading.delimiter), own])
    lines = np.concatenate([plain, np.array(list(found), dtype=np.int64)])
    order = np.argsort(lines, kind="stable")
    place = dict(zip(lines[order].tolist(), range(len(order)), strict=True)) if found else {}
    signs = np.frombuffer(together, dtype=np.uint8)
    edges = (signs == reading.delimiter.encode()[0]) | (signs == _LINE_FEED)
    padded = any(cell and cell != cell.strip() for row in own_rows for cell in row) or (
        len(signs) > 0 and (not together.isascii() or _has_blank_edge(signs, edges, list(_BLANKS)))
    )
    after = {line: line + span for line, (_, span) in found.items()}
    stops = np.array([ends[after.get(line, line + 1) - 1] for line in lines[order].tolist()], dtype=np.int64)
    return Framed(
        header=head.header,
        entries=len(order),
        first_line=head.line,
        cells=cells.select(pl.all().gather(order)),
        padded=padded,
        lines=(lines[order] + head.line).tolist(),
        broken={place[line]: record for line, (record, _) in found.items() if isinstance(record, Broken)},
        spans={place[line]: span for line, (_, span) in found.items() if span > 1},
        texts=_Texts(text, starts[lines[order]], stops),
    )


class _Texts(Sequence[str]):
    """The text of each record, cut out when it is asked for."""

    def __init__(self, text: bytes, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> None:
        self._text = text
        self._starts = starts
        self._stops = stops

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: Any) -> Any:
        return self._text[self._starts[index] : self._stops[index]].decode("utf-8").rstrip("\r\n")


def parse(body: bytes, width: int, delimiter: str) -> pl.DataFrame:
    """The cells of a text that is known to be trivial, null where a cell is empty."""
    names = column_names(width)
    if not body:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return pl.read_csv(
        body,
        has_header=False,
        new_columns=names,
        separator=delimiter,
        quote_char=None,
        infer_schema=False,
        eol_char="\n",
    )


def _careful(body: bytes, head: _Head, reading: Reading, *, is_last: bool) -> tuple[Framed, int]:
    """The records one by one; and how many bytes they take: what comes last may go on in text that has not come yet."""
    lines = [line + "\n" for line in body.decode("utf-8").split("\n")]
    if lines[-1] == "\n":
        lines.pop()
    width = len(head.header)
    rows: list[list[str] | list[None]] = []
    numbers: list[int] = []
    broken: dict[int, Broken] = {}
    spans: dict[int, int] = {}
    end = 0
    for at, record, span in _records(lines, head, reading, is_last=is_last):
        numbers.append(head.line + at)
        if span > 1:
            spans[len(rows)] = span
        if isinstance(record, Broken):
            broken[len(rows)] = record
            rows.append([None] * width)
        else:
            rows.append(record)
        end = at + span
    names = column_names(width)
    cells = pl.DataFrame(
        dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {name: [] for name in names},
        schema=dict.fromkeys(names, pl.String),
    )
    framed = Framed(
        header=head.header,
        entries=len(rows),
        first_line=head.line,
        cells=cells,
        lines=numbers,
        broken=broken,
        source=lines[:end],
        source_line=head.line,
        spans=spans,
    )
    left = sum(len(line.encode()) for line in lines[end:])
    return framed, len(body) - left


def total_columns(header: tuple[str, ...], reading: Reading) -> tuple[int, ...]:
    """Indexes of the columns in which a declared total row may bear its mark."""
    if reading.totals is None:
        return ()
    if not reading.totals.columns:
        return (0,)
    names = [name.casefold() for name in header]
    return tuple(names.index(wanted.casefold()) for wanted in reading.totals.columns if wanted.casefold() in names)


class _Lines:
    """Lines fed to csv.reader, which stops feeding when one record takes too many."""

    def __init__(self, lines: list[str], at: int, most: int) -> None:
        self.lines = lines
        self.at = at
        self.begin = at
        self.most = most

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.at >= len(self.lines) or self.at - self.begin >= self.most:
            raise StopIteration
        line = self.lines[self.at]
        self.at += 1
        return line


def _reader(feed: _Lines, reading: Reading) -> Iterator[list[str]]:
    return csv.reader(
        feed,
        delimiter=reading.delimiter,
        quotechar=reading.quote,
        escapechar=reading.escape,
        quoting=csv.QUOTE_MINIMAL if reading.quote else csv.QUOTE_NONE,
        doublequote=True,
        strict=True,
    )


def _records(
    lines: list[str], head: _Head, reading: Reading, *, is_last: bool
) -> Iterator[tuple[int, list[str] | Broken, int]]:
    """Yield the place among the lines, the cells and the number of lines of each entry.

    What does not frame as one record of the right width gives up its first line only: the reading goes on with the next line, so that a quote
    that never closes costs one line and not the rest of the file.
    """
    width = len(head.header)
    totals_at = total_columns(head.header, reading)
    total = re.compile(reading.totals.marks, re.DOTALL) if reading.totals else None
    most = reading.max_record_lines
    feed = _Lines(lines, 0, most)
    reader = _reader(feed, reading)
    while feed.at < len(lines) and (is_last or feed.at + most <= len(lines)):
        begin = feed.begin = feed.at
        number = head.line + begin
        problem, rule = None, "quote"
        if reading.comment and lines[begin].startswith(reading.comment):
            feed.at += 1
            yield begin, [""] * width, 1
            continue
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = _quote_problem(str(error), feed)
        else:
            if any(NUL in line for line in lines[begin : feed.at]):
                raw = "".join(lines[begin : feed.at]).rstrip("\r\n")
                yield begin, Broken("nul", number, raw, HOLDS_NUL), feed.at - begin
                continue
            if len(cells) == width:
                yield begin, cells, feed.at - begin
                continue
            marks = [cells[index].strip() for index in totals_at if index < len(cells)]
            if (total and any(total.fullmatch(mark) for mark in marks)) or not any(cell.strip() for cell in cells):
                yield begin, [*cells, *([""] * width)][:width], feed.at - begin
                continue
            problem = f"has {len(cells)} values, the header has {width} columns"
            if feed.at - begin > 1:
                problem = f"a quote that opens here runs over {feed.at - begin} lines, and the record {problem}"
            else:
                rule = "columns"
        yield begin, Broken(rule, number, lines[begin].rstrip("\r\n"), problem), 1
        if rule == "quote":
            feed = _Lines(lines, begin + 1, most)
            reader = _reader(feed, reading)


def _empty() -> FileUnreadable:
    return FileUnreadable("empty_file", "is empty, without even a header; ask the sender for it again")


def _quote_problem(error: str, feed: _Lines) -> str:
    if "new-line character" in error:
        return "a carriage return stands in the middle of the line"
    if "end of data" not in error:
        return f"a quoted value is not closed properly ({error})"
    taken = feed.at - feed.begin
    limit = f"within {feed.most} lines" if taken >= feed.most else "before the file ends"
    return f"a quote that opens here is not closed {limit}"


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of about one size that end with a line, but for the last."""
    held: list[bytes | memoryview] = []
    size = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        held.append(block)
        size += len(block)
        if end and size >= _BLOCK:
            rest = block[end:]
            if rest:
                held[-1] = memoryview(block)[:end]
            yield b"".join(held)
            held, size = [rest] if rest else [], len(rest)
    yield b"".join(held)


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last one; at least one."""
    held = b""
    for block in blocks:
        if held:
            yield held, False
        held = block
    yield held, True


def _in_native_order(encoding: str, first: bytes) -> str:
    """The encoding, with the machine's own byte order where text of two or four bytes a sign does not tell its order."""
    marks = {"utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)}
    if encoding not in marks or first.startswith(marks[encoding]):
        return encoding
    return f"{encoding}-{'le' if sys.byteorder == 'little' else 'be'}"


def _is_single_byte(encoding: str) -> bool:
    return not encoding.startswith(("utf", "gb", "big5", "shift", "euc", "iso2022"))


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_in(encoding, error, 1) from error
    except UnicodeError as error:
        raise FileUnreadable("encoding", f"is not {encoding}, which the profile declares: {error}") from error


def _not_in(encoding: str, error: UnicodeDecodeError, first_line: int) -> FileUnreadable:
    line = first_line + error.object.count(b"\n", 0, error.start)
    value = error.object[error.start : error.start + 4].hex(" ")
    return FileUnreadable(
        "encoding",
        f"line {line}: bytes {value} are not {encoding}, which the profile declares; state the right `encoding` in the profile, "
        "or have the file sent in it",
        line=line,
        value=value,
    )


def _in_the_other_order(encoding: str) -> FileUnreadable:
    return FileUnreadable(
        "encoding",
        f"begins with the byte order mark of the other byte order than {encoding}, which the profile declares; state `encoding: utf-16`",
        line=1,
    )


def _written_in_utf8(line: int, value: str, encoding: str) -> FileUnreadable:
    return FileUnreadable(
        "encoding",
        f'line {line}: "{value}" is written in UTF-8, the profile says {encoding}; state `encoding: utf-8`',
        line=line,
        value=value,
    )


def _refuse_nul(data: bytes, encoding: str) -> None:
    """Text of two bytes a sign has many NULs in every line, and so in the first one; a few cost their own record."""
    end = data.find(b"\n")
    first = data[: end if end >= 0 else len(data)]
    if first.count(NUL.encode()) * _MANY_NULS >= max(len(first), 1):
        raise FileUnreadable(
            "encoding",
            f"line 1: holds NUL bytes, so it is not {encoding} text (UTF-16, perhaps, or a binary file)",
            line=1,
        )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _first_beyond_ascii(data: bytes, first_line: int = 1) -> tuple[int, str]:
    at = int(np.argmax(np.frombuffer(data, dtype=np.uint8) > 127))
    around = data[max(0, at - 10) : at + 10].decode("utf-8", "ignore")
    return first_line + data.count(b"\n", 0, at), around.strip().replace("\n", " ")
