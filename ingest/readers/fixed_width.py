"""Fixed width: every field at its place in the line, as old systems and mainframes send.

The profile says where the fields stand, and, where lines of several kinds are mixed, which kinds are records, header and trailer. A trailer may
hold the number of records since the header; where it does not agree, or is missing, the records that it should cover are rejected, and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ingest.errors import FileUnreadable
from ingest.limits import Limits, refuse_columns
from ingest.readers.delimited import HOLDS_NUL, NUL, to_utf8, with_line_feeds
from ingest.readers.framed import Broken, Framed, column_names

if TYPE_CHECKING:
    from ingest.profiles import FixedWidth, Reading


def frame(data: bytes, reading: Reading, limits: Limits) -> Framed:
    """Cut the lines below the title rows into entries, and each record at the declared places.

    Raises:
        FileUnreadable: the file is empty or not in the declared encoding.
    """
    form = reading.fixed_width
    assert form is not None
    refuse_columns(len(form.places), limits)
    text = with_line_feeds(to_utf8(data, reading.encoding)).decode("utf-8")
    if not text.strip():
        raise FileUnreadable("empty_file", "is empty; ask the sender for it again")
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")[reading.title_rows :]]
    framing = _Framing(lines, reading.title_rows + 1, form)
    skipped = framing.totals | framing.broken.keys()
    names = column_names(len(form.places))
    cells = pl.DataFrame(
        {
            name: [None if index in skipped else place.cut(line) for index, line in enumerate(lines)]
            for name, place in zip(names, form.places.values(), strict=True)
        },
        schema=dict.fromkeys(names, pl.String),
    )
    return Framed(
        header=tuple(form.places),
        entries=len(lines),
        first_line=framing.first_line,
        cells=cells,
        lines=list(range(framing.first_line, framing.first_line + len(lines))),
        broken=framing.broken,
        texts=lines,
        left_out={index: kind for index, kind in framing.left_out.items() if index not in framing.broken},
        totals=frozenset(framing.totals),
    )


class _Framing:
    """What each line is, by its index."""

    def __init__(self, lines: list[str], first_line: int, form: FixedWidth) -> None:
        self.lines = lines
        self.first_line = first_line
        self.form = form
        self.broken: dict[int, Broken] = {}
        self.totals: set[int] = set()
        self.left_out: dict[int, str] = {}
        self._begin = 0
        self._records: list[int] = []
        for index, line in enumerate(lines):
            self._take(index, line)
        self._end_without_trailer(len(lines))

    def _take(self, index: int, line: str) -> None:
        kind = self.form.type.cut(line).strip() if self.form.type else ""
        if not line.strip():
            return
        if kind in self.form.header:
            self._end_without_trailer(index)
            self.totals.add(index)
        elif kind in self.form.trailer:
            self.totals.add(index)
            self._compare(index, line)
            self._begin, self._records = index + 1, []
        else:
            self._records.append(index)
            if self.form.records and kind not in (*self.form.records, *self.form.left_out):
                known = ", ".join((*self.form.records, *self.form.left_out))
                self._break(index, "record_type", f'its type "{kind}" is none of {known}')
            elif NUL in line:
                self._break(index, "nul", HOLDS_NUL)
            elif kind in self.form.left_out:
                self.left_out[index] = f"record type {kind}"
            elif problem := self._width_problem(line):
                self._break(index, "width", problem)

    def _width_problem(self, line: str) -> str | None:
        width = self.form.width
        if len(line) < width and not self.form.trimmed:
            return f"has {len(line)} signs, fewer than the {width} that the profile says"
        if line[width:].strip():
            return f"has {len(line)} signs, more than the {width} that the profile says"
        return None

    def _compare(self, trailer: int, line: str) -> None:
        if self.form.count is None:
            return
        stated = self.form.count.cut(line).strip()
        if stated.isascii() and stated.isdigit() and int(stated) == len(self._records):
            return
        problem = (
            f'the trailer in line {self.first_line + trailer} states "{stated}" records, there are {len(self._records)}'
        )
        if not self._records:
            self.totals.discard(trailer)
            self._break(trailer, "control_count", problem)
        self._break_all(problem)

    def _end_without_trailer(self, index: int) -> None:
        if self.form.count is not None:
            self._break_all(f"no trailer follows line {self.first_line + self._begin}, so the file may be cut off")
        self._begin, self._records = index, []

    def _break_all(self, problem: str) -> None:
        for index in self._records:
            if index not in self.broken:
                self._break(index, "control_count", problem)

    def _break(self, index: int, rule: str, problem: str) -> None:
        self.broken[index] = Broken(rule, self.first_line + index, self.lines[index], problem)
