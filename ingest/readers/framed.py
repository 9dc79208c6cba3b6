"""What a reader hands over: records cut out of one file, everything still text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.errors import FileUnreadable

PLAIN_DECIMALS = 3
"""Decimals that every column of decimal numbers has room for, as a rule."""
ESCAPED = "|\\"
"""Signs that are escaped where a value is part of a natural key."""


@dataclass(frozen=True)
class Broken:
    """A stretch of a file that cannot be framed as a record.

    Attributes:
        line: first line of the stretch, 1-based in the file.
        raw: its text, as in the file.
    """

    rule: str
    line: int
    raw: str
    problem: str


@dataclass(frozen=True)
class Entry:
    """One record as a reader of a structured format finds it.

    Attributes:
        values: the format's own field names -> text; fields that the record lacks are left out.
        line: where it begins in the file: its line, 1-based; its segment, where the format has no lines.
        raw: its text, as in the file.
        left_out: why the format itself declares that the record does not count (an order, an optional or voided entry).
        broken: why it cannot be taken, alone or with its envelope.
    """

    values: Mapping[str, str | None]
    line: int
    raw: str
    left_out: str | None = None
    broken: Broken | None = None


@dataclass(frozen=True)
class Retraction:
    """Says, behind all records of a file, that some of them do not count after all.

    Attributes:
        entries: their places among the entries.
        reason: why, as in `Entry.left_out`.
    """

    entries: Sequence[int]
    reason: str


@dataclass(frozen=True)
class Framed:
    """Entries below the header of one file, in order: all of them, or a stretch of a large file.

    An entry is a record, a blank line, a total line or a broken stretch. Text whose framing is trivial is kept in `body`, one entry a line, so
    that many such texts can be parsed at once; any other has its cells in `cells`.

    Attributes:
        header: column names, stripped.
        entries: number of entries.
        first_line: line of the first entry (trivial framing: each entry is one line).
        body: text of the entries, each ended by a line feed, without quotes or carriage returns.
        ends: where the lines of `body` end.
        padded: cells may have blanks around them, or be empty instead of null.
        plain: it is known that no number in it has an exponent, or more than PLAIN_DECIMALS decimals behind a point.
        escapes: a cell may hold one of ESCAPED.
        lines: line of each entry, where framing is not trivial.
        broken: broken stretches by index of the entry.
        source: lines of the file, for raw text.
        source_line: line of the first of them.
        spans: number of lines of entries that take more than one.
        texts: text of each entry, where it is no run of lines.
        left_out: records that the format itself declares as not to be counted, by index of the entry, with the reason.
        sheets: name of the sheet in which each entry stands, where there are several.
        totals: entries that the format itself declares as header or trailer, by index.
        days: the business dates that the file tells something about, in order, also where no record of them counts; empty where its rows alone tell.
    """

    header: tuple[str, ...]
    entries: int
    first_line: int
    body: bytes | None = None
    ends: npt.NDArray[np.int64] | None = None
    delimiter: str = ","
    padded: bool = True
    plain: bool = False
    escapes: bool = True
    cells: pl.DataFrame | None = None
    lines: Sequence[int] | None = None
    broken: dict[int, Broken] = field(default_factory=dict)
    source: list[str] | None = None
    source_line: int = 1
    spans: dict[int, int] = field(default_factory=dict)
    texts: Sequence[str] | None = None
    left_out: dict[int, str] = field(default_factory=dict)
    sheets: Sequence[str] = ()
    totals: frozenset[int] = frozenset()
    days: Sequence[date] = ()

    def raws(self, indices: Sequence[int]) -> list[str]:
        """The text of some entries as it stands in the file."""
        return [self._raw(index) for index in indices]

    def _raw(self, index: int) -> str:
        if index in self.broken:
            return self.broken[index].raw
        if self.texts is not None:
            return self.texts[index]
        if self.source is not None and self.lines is not None:
            first = self.lines[index] - self.source_line
            return "".join(self.source[first : first + self.spans.get(index, 1)]).rstrip("\r\n")
        if self.body is not None and self.ends is not None:
            start = int(self.ends[index - 1]) + 1 if index else 0
            return self.body[start : int(self.ends[index])].decode("utf-8")
        assert self.cells is not None
        return "\t".join(cell or "" for cell in self.cells.row(index))

    def line(self, index: int) -> int:
        """Line of an entry in the file, 1-based."""
        return self.first_line + index if self.lines is None else self.lines[index]


def from_entries(fields: Sequence[str], entries: Iterable[Entry | Retraction], days: Sequence[date] = ()) -> Framed:
    """Gather the entries of a structured format into a table of the given fields."""
    rows: list[list[str | None]] = []
    lines: list[int] = []
    texts: list[str] = []
    broken: dict[int, Broken] = {}
    left_out: dict[int, str] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, Retraction):
            left_out |= dict.fromkeys(entry.entries, entry.reason)
            continue
        rows.append([entry.values.get(name) for name in fields])
        lines.append(entry.line)
        texts.append(entry.raw)
        if entry.broken is not None:
            broken[index] = entry.broken
        elif entry.left_out is not None:
            left_out[index] = entry.left_out
    names = column_names(len(fields))
    cells = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return Framed(
        header=tuple(fields),
        entries=len(rows),
        first_line=1,
        cells=cells,
        lines=lines,
        broken=broken,
        texts=texts,
        left_out=left_out,
        days=days,
    )


def join_headers(levels: Sequence[Sequence[str]], spans: Sequence[tuple[int, int, int]] = ()) -> list[str]:
    """One name per column from several header rows: `Sales / Qty` for Qty below Sales.

    A name that is merged over several columns belongs to all of them. Where the file does not tell what is merged, a name reaches over the
    empty cells to its right, if it has a name below it.

    Args:
        levels: the rows, from the top.
        spans: level, first and last column of each merged stretch.
    """
    width = max(map(len, levels))
    filled = [[*level, *[""] * (width - len(level))] for level in levels]
    for place, names in enumerate(filled[:-1]):
        merged = [(left, right) for level, left, right in spans if level == place]
        for left, right in merged:
            names[left : right + 1] = [names[left]] * len(names[left : right + 1])
        for column in range(1, 0 if spans else width):
            below = filled[place + 1]
            if not names[column] and names[column - 1] and below[column - 1] and below[column]:
                names[column] = names[column - 1]
    return [" / ".join(filter(None, names)) for names in zip(*filled, strict=True)]


def no_header(line: int) -> FileUnreadable:
    """The refusal of a file whose header line is empty."""
    return FileUnreadable(
        "missing_column",
        f"line {line} is empty where the header should be; state the right `title_rows` in the profile",
        line=line,
    )


def column_names(width: int) -> list[str]:
    """Names of the raw columns: c0, c1, …"""
    return [f"c{index}" for index in range(width)]
