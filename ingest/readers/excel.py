"""Excel workbooks, through python-calamine: every cell becomes text, dates as ISO, numbers without exponent."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
from python_calamine import CalamineError, CalamineWorkbook

from ingest.errors import FileUnreadable
from ingest.readers.framed import Broken, Framed, column_names, no_header

if TYPE_CHECKING:
    from ingest.profiles import Reading


def frame(data: bytes, reading: Reading) -> Framed:
    """Cut a sheet into entries below the header. The line of an entry is its row number in Excel."""
    rows = _rows(data, reading)
    if not rows:
        raise FileUnreadable("empty_file", "holds an empty sheet; ask the sender for it again")
    if len(rows) <= reading.title_rows:
        raise FileUnreadable("empty_file", f"has no header below its {reading.title_rows} title rows")
    header = [cell_text(cell).strip() for cell in rows[reading.title_rows]]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise no_header(reading.title_rows + 1)
    width = len(header)
    below = rows[reading.title_rows + 1 :]
    while below and not any(cell != "" for cell in below[-1]):
        below.pop()
    names = column_names(width)
    broken: dict[int, Broken] = {}
    first_line = reading.title_rows + 2
    if below and len(below[0]) > width:
        for index, row in enumerate(below):
            if any(cell != "" for cell in row[width:]):
                raw = "\t".join(cell_text(cell) for cell in row)
                broken[index] = Broken(
                    "columns", first_line + index, raw, f"has a value beyond the {width} columns of the header"
                )
    columns = list(zip(*below, strict=True))[:width] if below else [()] * width
    cells = pl.DataFrame(
        {name: _texts(column) for name, column in zip(names, columns, strict=True)},
        schema=dict.fromkeys(names, pl.String),
    )
    return Framed(
        header=tuple(header),
        entries=len(below),
        first_line=first_line,
        cells=cells,
        lines=list(range(first_line, first_line + len(below))),
        broken=broken,
    )


def cell_text(cell: Any) -> str:
    """A typed cell as text: what a person would have typed, in ISO and with a decimal point."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else format(Decimal(repr(cell)), "f")
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


def _rows(data: bytes, reading: Reading) -> list[list[Any]]:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    except (CalamineError, OSError, ValueError) as error:
        raise FileUnreadable("workbook", f"is no readable workbook ({error}); send it again as .xlsx") from error
    names = workbook.sheet_names
    if reading.sheet is not None and reading.sheet not in names:
        raise FileUnreadable(
            "workbook",
            f"has no sheet {reading.sheet!r}, but {', '.join(names)}; state the right `sheet` in the profile",
            value=reading.sheet,
        )
    try:
        sheet = workbook.get_sheet_by_name(reading.sheet or names[0])
        rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
    except (CalamineError, OSError, ValueError, IndexError) as error:
        raise FileUnreadable("workbook", f"its sheet cannot be read ({error}); send it again as .xlsx") from error
    return rows
