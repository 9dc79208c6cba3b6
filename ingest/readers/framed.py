"""What a reader hands over: records cut out of one file, everything still text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from ingest.errors import FileUnreadable


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
class Framed:
    """The entries below the header of one file, in order.

    An entry is a record, a blank line, a total line or a broken stretch. A file whose framing is trivial keeps its text in `body`, one entry
    a line, so that many such files can be parsed at once; any other file has its cells in `cells`.

    Attributes:
        header: column names, stripped.
        entries: number of entries.
        first_line: line of the first entry (trivial framing: each entry is one line).
        lines: line of each entry, where framing is not trivial.
        broken: broken stretches by index of the entry.
        source: lines of the file, for raw text.
        spans: number of lines of entries that take more than one.
    """

    header: tuple[str, ...]
    entries: int
    first_line: int
    body: bytes | None = None
    delimiter: str = ","
    cells: pl.DataFrame | None = None
    lines: list[int] | None = None
    broken: dict[int, Broken] = field(default_factory=dict)
    source: list[str] | None = None
    spans: dict[int, int] = field(default_factory=dict)

    def raws(self, indices: Sequence[int]) -> list[str]:
        """The text of some entries as it stands in the file."""
        lines = self.body.split(b"\n") if self.body is not None else []
        return [self._raw(index, lines) for index in indices]

    def _raw(self, index: int, lines: list[bytes]) -> str:
        if index in self.broken:
            return self.broken[index].raw
        if self.source is not None and self.lines is not None:
            first = self.lines[index] - 1
            return "".join(self.source[first : first + self.spans.get(index, 1)]).rstrip("\r\n")
        if self.body is not None:
            return lines[index].decode("utf-8")
        assert self.cells is not None
        return "\t".join(cell or "" for cell in self.cells.row(index))

    def line(self, index: int) -> int:
        """Line of an entry in the file, 1-based."""
        return self.first_line + index if self.lines is None else self.lines[index]


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
