"""Delimited text: declared dialect, never sniffed.

Two ways lead to the same result. Where an independent check proves that framing is trivial (no quote sign, no stray carriage return, the same
number of delimiters in every line) the text is kept whole and parsed together with other files. All else goes through `csv.reader`, record by
record, with line numbers and raw text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT, Limits, refuse_columns
from ingest.readers.framed import Broken, Framed, column_names, join_headers, no_header

if TYPE_CHECKING:
    from ingest.profiles import Reading

_BOM = b"\xef\xbb\xbf"
_DOS_END = b"\x1a"
"""With which programs of old end a text file."""
csv.field_size_limit(2**31 - 1)


def to_utf8(data: bytes, encoding: str) -> bytes:
    """Check the declared encoding and return the text as UTF-8 without a byte order mark.

    Text in a single-byte encoding that is valid UTF-8 throughout, with letters beyond ASCII, was not written in that encoding: it would be read
    without an error and wrongly.
    """
    if encoding == "utf-8":
        data = data.removeprefix(_BOM).removesuffix(_DOS_END)
        if data.isascii():
            _refuse_nul(data, encoding)
            return data
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
    single_byte = not encoding.startswith(("utf", "gb", "big5", "shift", "euc", "iso2022"))
    if single_byte and not data.isascii() and _is_utf8(data):
        line, value = _first_beyond_ascii(data)
        raise FileUnreadable(
            "encoding",
            f'line {line}: "{value}" is written in UTF-8, the profile says {encoding}; state `encoding: utf-8`',
            line=line,
            value=value,
        )
    if text.startswith("\ufffe"):
        raise FileUnreadable(
            "encoding",
            f"begins with the byte order mark of the other byte order than {encoding}, which the profile declares; state `encoding: utf-16`",
            line=1,
        )
    utf8 = text.encode("utf-8").removeprefix(_BOM).removesuffix(_DOS_END)
    _refuse_nul(utf8, encoding)
    return utf8


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
        raise FileUnreadable("empty_file", "is empty, without even a header; ask the sender for it again")
    if not careful:
        trivial = _trivial(text, reading)
        if trivial is not None:
            refuse_columns(len(trivial.header), limits)
            return trivial
    return _careful(text, reading, limits)


def _trivial(text: bytes, reading: Reading) -> Framed | None:
    special = [sign.encode() for sign in (reading.quote, reading.escape) if sign is not None]
    if reading.header_rows > 1 or any(sign in text for sign in special):
        return None
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
        if b"\r" in text:
            return None
    delimiter = reading.delimiter.encode()
    if len(delimiter) != 1:
        return None
    start, lines = _after_titles(text, reading)
    if lines < reading.title_rows:
        return None
    if reading.header is None:
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        header = [name.decode("utf-8").strip() for name in text[start:end].split(delimiter)]
        body, first_line = text[end + 1 :], lines + 2
    else:
        header, body, first_line = list(reading.header), text[start:], lines + 1
    if body and not body.endswith(b"\n"):
        body += b"\n"
    if _has_comment(body, reading):
        return None
    per_line = len(header) - 1
    entries = 0
    if body:
        if per_line == 0:
            return None
        signs = np.frombuffer(body, dtype=np.uint8)
        ends = np.flatnonzero(signs == 10)
        marks = np.flatnonzero(signs == delimiter[0])
        entries = len(ends)
        if len(marks) != entries * per_line:
            return None
        table = marks.reshape(entries, per_line)
        if not ((table[:, -1] < ends).all() and (table[1:, 0] > ends[:-1]).all()):
            return None
    return Framed(header=tuple(header), entries=entries, first_line=first_line, body=body, delimiter=reading.delimiter)


def _after_titles(text: bytes, reading: Reading) -> tuple[int, int]:
    """Bytes and lines of what stands above the header: title rows, and comments below them."""
    at = lines = 0
    comment = reading.comment.encode() if reading.comment else None
    while at < len(text) and (lines < reading.title_rows or (comment and text.startswith(comment, at))):
        end = text.find(b"\n", at)
        at, lines = end + 1 if end >= 0 else len(text), lines + 1
    return at, lines


def _has_comment(body: bytes, reading: Reading) -> bool:
    comment = reading.comment.encode() if reading.comment else None
    return comment is not None and (body.startswith(comment) or b"\n" + comment in body)


def _careful(text: bytes, reading: Reading, limits: Limits) -> Framed:
    lines = [line + "\n" for line in text.decode("utf-8").split("\n")]
    if lines[-1] == "\n":
        lines.pop()
    _, at = _after_titles(text, reading)
    feed = _Lines(lines, at, reading.max_record_lines)
    header = reading.header or _header(feed, reading)
    refuse_columns(len(header), limits)
    at = feed.at
    first_line = at + 1
    total_at = total_column(header, reading)
    total = re.compile(reading.totals.marks, re.DOTALL) if reading.totals else None
    rows: list[list[str] | list[None]] = []
    numbers: list[int] = []
    broken: dict[int, Broken] = {}
    spans: dict[int, int] = {}
    width = len(header)
    for number, record, span in _records(lines, at, reading, width, total, total_at):
        numbers.append(number)
        if span > 1:
            spans[len(rows)] = span
        if isinstance(record, Broken):
            broken[len(rows)] = record
            rows.append([None] * width)
        else:
            rows.append(record)
    names = column_names(width)
    cells_frame = pl.DataFrame(
        dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {name: [] for name in names},
        schema=dict.fromkeys(names, pl.String),
    )
    return Framed(
        header=header,
        entries=len(rows),
        first_line=first_line,
        cells=cells_frame,
        lines=numbers,
        broken=broken,
        source=lines,
        spans=spans,
    )


def _header(feed: _Lines, reading: Reading) -> tuple[str, ...]:
    first = feed.at + 1
    if first > len(feed.lines):
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


def total_column(header: tuple[str, ...], reading: Reading) -> int | None:
    """Index of the column in which a declared total row bears its mark."""
    if reading.totals is None:
        return None
    if reading.totals.column is None:
        return 0
    wanted = reading.totals.column.casefold()
    return next((index for index, name in enumerate(header) if name.casefold() == wanted), None)


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
    lines: list[str], at: int, reading: Reading, width: int, total: re.Pattern[str] | None, total_at: int | None
) -> Iterator[tuple[int, list[str] | Broken, int]]:
    """Yield line number, cells and number of lines of each entry.

    What does not frame as one record of the right width gives up its first line only: the reading goes on with the next line, so that a quote
    that never closes costs one line and not the rest of the file.
    """
    feed = _Lines(lines, at, reading.max_record_lines)
    reader = _reader(feed, reading)
    while feed.at < len(lines):
        feed.begin = feed.at
        number = feed.begin + 1
        problem, rule = None, "quote"
        if reading.comment and lines[feed.begin].startswith(reading.comment):
            feed.at += 1
            yield number, [""] * width, 1
            continue
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = _quote_problem(str(error), feed)
        else:
            if len(cells) == width:
                yield number, cells, feed.at - feed.begin
                continue
            mark = cells[total_at].strip() if total_at is not None and total_at < len(cells) else ""
            if (total and total.fullmatch(mark)) or not any(cell.strip() for cell in cells):
                yield number, [*cells, *([""] * width)][:width], feed.at - feed.begin
                continue
            problem = f"has {len(cells)} values, the header has {width} columns"
            if feed.at - feed.begin > 1:
                problem = f"a quote that opens here runs over {feed.at - feed.begin} lines, and the record {problem}"
            else:
                rule = "columns"
        raw = lines[feed.begin].rstrip("\r\n")
        yield number, Broken(rule, number, raw, problem), 1
        if rule == "quote":
            feed = _Lines(lines, feed.begin + 1, reading.max_record_lines)
            reader = _reader(feed, reading)


def _quote_problem(error: str, feed: _Lines) -> str:
    if "new-line character" in error:
        return "a carriage return stands in the middle of the line"
    if "end of data" not in error:
        return f"a quoted value is not closed properly ({error})"
    taken = feed.at - feed.begin
    limit = f"within {feed.most} lines" if taken >= feed.most else "before the file ends"
    return f"a quote that opens here is not closed {limit}"


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        value = data[error.start : error.start + 4].hex(" ")
        raise FileUnreadable(
            "encoding",
            f"line {line}: bytes {value} are not {encoding}, which the profile declares; state the right `encoding` in the profile, "
            "or have the file sent in it",
            line=line,
            value=value,
        ) from error
    except UnicodeError as error:
        raise FileUnreadable("encoding", f"is not {encoding}, which the profile declares: {error}") from error


def _refuse_nul(data: bytes, encoding: str) -> None:
    at = data.find(b"\0")
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise FileUnreadable(
            "encoding",
            f"line {line}: holds NUL bytes, so it is not {encoding} text (UTF-16, perhaps, or a binary file)",
            line=line,
        )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _first_beyond_ascii(data: bytes) -> tuple[int, str]:
    text = data.decode("utf-8")
    at = next(index for index, sign in enumerate(text) if ord(sign) > 127)
    return text.count("\n", 0, at) + 1, text[max(0, at - 10) : at + 10].strip().replace("\n", " ")
