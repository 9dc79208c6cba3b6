"""Excel workbooks, through python-calamine: every cell becomes text, dates as ISO, numbers without exponent."""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT, Limits, refuse_columns
from ingest.readers.framed import Broken, Framed, column_names, join_headers, no_header
from ingest.readers.ooxml import Errors, Package, is_package

if TYPE_CHECKING:
    from ingest.profiles import Reading

_EXACT = 2**53
"""Up to here a number cell holds a whole number with all its digits."""

Span = tuple[tuple[int, int], tuple[int, int]]


def frame(data: bytes, reading: Reading, limits: Limits = DEFAULT) -> Framed:
    """Cut the sheets into entries below the header. The line of an entry is its row number in its sheet."""
    package = Package(data, limits) if is_package(data) else None
    workbook = _open(data)
    names = _chosen(workbook, reading)
    sheets = [_Sheet(workbook, name, package.errors(name) if package else {}, reading) for name in names]
    filled = [sheet for sheet in sheets if sheet.rows] or sheets[:1]
    framed = []
    for sheet in filled:
        try:
            framed.append(_frame_sheet(sheet, reading, limits))
        except FileUnreadable as error:
            if len(filled) == 1:
                raise
            raise FileUnreadable(
                error.rule,
                f"sheet {sheet.name!r}: {error.message}; state in the profile which `sheet` counts, if this one does not",
                value=sheet.name,
                line=error.line,
            ) from error
    for sheet, one in zip(filled, framed, strict=True):
        if one.header != framed[0].header:
            raise FileUnreadable(
                "workbook",
                f"sheets {filled[0].name!r} and {sheet.name!r} have different headers; state in the profile which `sheet` counts",
                value=sheet.name,
            )
    return framed[0] if len(framed) == 1 else _joined(framed, [sheet.name for sheet in filled])


class _Sheet:
    """A sheet, with its error cells as text."""

    def __init__(self, workbook: CalamineWorkbook, name: str, errors: Errors, reading: Reading) -> None:
        self.name = name
        try:
            sheet = workbook.get_sheet_by_name(name)
            self.rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
            self.merged: list[Span] = list(sheet.merged_cell_ranges or ()) if reading.header_rows > 1 else []
        except (CalamineError, OSError, ValueError, IndexError) as error:
            raise FileUnreadable("workbook", f"its sheet cannot be read ({error}); send it again as .xlsx") from error
        for (row, column), error_text in errors.items():
            self._put(row, column, error_text)

    def _put(self, row: int, column: int, text: str) -> None:
        """Set a cell, also one beyond those that the library hands over: it drops errors at the edges."""
        width = max(column + 1, len(self.rows[0]) if self.rows else 0)
        if len(self.rows) <= row or (self.rows and len(self.rows[0]) < width):
            self.rows += [[] for _ in range(row + 1 - len(self.rows))]
            for cells in self.rows:
                cells += [""] * (width - len(cells))
        self.rows[row][column] = text


def _frame_sheet(sheet: _Sheet, reading: Reading, limits: Limits) -> Framed:
    rows = sheet.rows
    if not rows:
        raise FileUnreadable("empty_file", "holds an empty sheet; ask the sender for it again")
    at = reading.title_rows
    if reading.header is None:
        if len(rows) <= at:
            raise FileUnreadable("empty_file", f"has no header below its {reading.title_rows} title rows")
        header = _header(sheet, reading)
        at += reading.header_rows
    else:
        header = list(reading.header)
    while header and not header[-1]:
        header.pop()
    if not header:
        raise no_header(reading.title_rows + 1)
    width = len(header)
    refuse_columns(width, limits)
    below = rows[at:]
    while below and not any(cell != "" for cell in below[-1]):
        below.pop()
    broken: dict[int, Broken] = {}
    first_line = at + 1
    if below and len(below[0]) > width:
        for index, row in enumerate(below):
            if any(cell != "" for cell in row[width:]):
                raw = "\t".join(cell_text(cell) for cell in row)
                broken[index] = Broken(
                    "columns", first_line + index, raw, f"has a value beyond the {width} columns of the header"
                )
    columns = list(zip(*below, strict=True))[:width] if below else []
    columns += [("",) * len(below)] * (width - len(columns))
    texts = [_texts(column) for column in columns]
    if reading.sheet_column is not None:
        header.append(reading.sheet_column)
        texts.append([sheet.name if any(cell != "" for cell in row) else "" for row in below])
    names = column_names(len(header))
    cells = pl.DataFrame(dict(zip(names, texts, strict=True)), schema=dict.fromkeys(names, pl.String))
    return Framed(
        header=tuple(header),
        entries=len(below),
        first_line=first_line,
        cells=cells,
        lines=list(range(first_line, first_line + len(below))),
        broken=broken,
    )


def _header(sheet: _Sheet, reading: Reading) -> list[str]:
    first, after = reading.title_rows, reading.title_rows + reading.header_rows
    levels = [[cell_text(cell).strip() for cell in row] for row in sheet.rows[first:after]]
    spans = [
        (top - first, left, right) for (top, left), (_, right) in sheet.merged if first <= top < after and right > left
    ]
    return join_headers(levels, spans)


def _joined(sheets: Sequence[Framed], names: Sequence[str]) -> Framed:
    """The entries of several sheets with one header, one after the other."""
    broken: dict[int, Broken] = {}
    start = 0
    for sheet in sheets:
        broken |= {start + index: stretch for index, stretch in sheet.broken.items()}
        start += sheet.entries
    return Framed(
        header=sheets[0].header,
        entries=start,
        first_line=sheets[0].first_line,
        cells=pl.concat([sheet.cells for sheet in sheets if sheet.cells is not None]),
        lines=[line for sheet in sheets for line in sheet.lines or ()],
        broken=broken,
        sheets=[name for sheet, name in zip(sheets, names, strict=True) for _ in range(sheet.entries)],
    )


def cell_text(cell: Any) -> str:
    """A typed cell as text: what a person would have typed, in ISO and with a decimal point.

    A whole number that is too large for a number cell has lost digits; it keeps its exponent, with which it is neither a code nor a number.
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        if abs(cell) >= _EXACT:
            return f"{Decimal(repr(cell)):E}"
        return str(int(cell)) if cell.is_integer() else format(Decimal(repr(cell)), "f")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)


def _texts(column: Sequence[Any]) -> list[str]:
    if all(type(cell) is str for cell in column):
        return list(column)
    known: dict[tuple[type, Any], str] = {}
    texts = []
    for cell in column:
        identity = (type(cell), cell)
        text = known.get(identity)
        if text is None:
            text = known[identity] = cell_text(cell)
        texts.append(text)
    return texts


def _open(data: bytes) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError as error:
        raise FileUnreadable("workbook", "is protected by a password; have it sent without one") from error
    except (CalamineError, OSError, ValueError) as error:
        raise FileUnreadable(
            "workbook",
            f"is no readable workbook ({error}); send it again as .xlsx. A text or a web page under the name of a workbook is none: "
            "one that opens in a text editor is read with `format: csv`",
        ) from error


def _chosen(workbook: CalamineWorkbook, reading: Reading) -> list[str]:
    """The sheets that the profile names: the one of that name, else the visible ones that fit the pattern; by default the first visible one."""
    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    wanted = reading.sheet
    if wanted is None:
        found = visible[:1]
    elif any(sheet.name == wanted for sheet in sheets):
        found = [wanted]
    else:
        found = [name for name in visible if fnmatch.fnmatchcase(name.lower(), wanted.lower())]
    if not found:
        raise FileUnreadable(
            "workbook",
            f"has no sheet {wanted or 'that is visible'!r}, but {', '.join(sheet.name for sheet in sheets)}; "
            "state the right `sheet` in the profile",
            value=wanted,
        )
    return found
