"""A file of demand, Parquet or CSV, as typed columns; what cannot be meant is refused with the row that it stands in.

Rows are numbered as a person counts them: in a CSV the header is row 1, in Parquet the first row is.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import PanelError

KINDS = "Files are read as .csv (UTF-8, commas between) or .parquet"
OURS = "Run `sellthrough build` again; it writes the panel."
YOURS = "Write it anew as .csv, in UTF-8 with commas between, or as .parquet."
PARQUET = b"PAR1"
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
INSTEAD = {
    ".xlsx": "Save the sheet as CSV.",
    ".xls": "Save the sheet as CSV.",
    ".ods": "Save the sheet as CSV.",
    ".gz": "Unpack it first.",
    ".zip": "Unpack it first.",
}
WRITTEN: dict[pl.DataType, str] = {
    pl.Date(): "a date written YYYY-MM-DD",
    pl.Float64(): "a number written like 1234.5",
    pl.Boolean(): "true or false",
    pl.String(): "a text",
}
YES, NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def counted(count: int, name: str) -> str:
    """A number of things, the name in the plural where it must be."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def is_csv(path: Path) -> bool:
    """Whether a file is read as CSV; else it is Parquet."""
    return path.suffix.lower() == ".csv"


def first_row(path: Path) -> int:
    """The number of a file's first row of data."""
    return 2 if is_csv(path) else 1


def scan(path: Path) -> pl.LazyFrame:
    """A file as it is, all columns of a CSV as text."""
    return pl.scan_csv(path, infer_schema_length=0) if is_csv(path) else pl.scan_parquet(path)


def header(path: Path, next_step: str = OURS) -> list[str]:
    """The names of a file's columns.

    Raises:
        PanelError: the file is of another kind, cannot be read, or has something else than commas between.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        with path.open("rb") as file:
            begin = file.read(len(PARQUET))
        if begin != PARQUET:
            instead = INSTEAD.get(suffix, "A text file with commas between: let its name end in .csv.")
            raise PanelError(path, f"a file that ends in {suffix or 'nothing'} is not read", f"{KINDS}. {instead}")
    try:
        names = scan(path).collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error, next_step) from error
    if is_csv(path) and len(names) == 1:
        for separator, called in SEPARATORS.items():
            if separator in names[0]:
                raise PanelError(path, f"it has {called} between its columns", "Save it with commas between.")
    return names


def unreadable(path: Path, error: Exception, next_step: str) -> PanelError:
    """What is wrong with a file that the reader gives up on, with the row where one can be told."""
    reason = str(error).splitlines()[0].rstrip(".")
    if not is_csv(path):
        return PanelError(path, f"it is not a readable Parquet file ({reason})", next_step)
    if "more fields" in reason and (found := _row_that_is_too_long(path)):
        row, fields, expected = found
        return PanelError(
            path,
            f"it is not a readable CSV file (row {row} has {fields} fields and the header {expected})",
            "Put a text with commas in it between double quotes.",
        )
    if "utf-8" in reason.lower() and (line := _line_that_is_not_utf8(path)):
        reason = f"line {line:,} is not UTF-8"
    return PanelError(path, f"it is not a readable CSV file ({reason})", YOURS)


def _row_that_is_too_long(path: Path) -> tuple[int, int, int] | None:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        records = csv.reader(file)
        expected = len(next(records, []))
        for row, record in enumerate(records, start=2):
            if len(record) > expected:
                return row, len(record), expected
    return None


def _line_that_is_not_utf8(path: Path) -> int | None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return None


def read(
    path: Path, needed: dict[str, pl.DataType], wanted: dict[str, pl.DataType], next_step: str
) -> tuple[pl.DataFrame, list[str]]:
    """The columns that are wanted and there, typed, rows in the order of the file; and what was not understood.

    Args:
        path: the file.
        needed: the columns that must be there, with their types.
        wanted: further ones.
        next_step: what to do about a file that is not readable.

    Raises:
        PanelError: the file cannot be read, lacks a needed column, or has a value or column of another type.
    """
    there = header(path, next_step)
    missing = [name for name in needed if name not in there]
    if missing:
        raise PanelError(path, f"column {', '.join(missing)} is missing", "Phase 1 of the build writes the panel.")
    types = {name: kind for name, kind in {**needed, **wanted}.items() if name in there}
    try:
        rows = scan(path).select(list(types)).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error, next_step) from error
    if is_csv(path) and len(there) > 1:
        rows = _without_empty_end(rows)
    typed = pl.DataFrame([_typed(path, rows[name], kind) for name, kind in types.items()])
    problems = [
        text for name, kind in types.items() if kind == pl.Boolean() and (text := _not_understood(path, rows[name]))
    ]
    return typed, problems


def _without_empty_end(rows: pl.DataFrame) -> pl.DataFrame:
    """A CSV without the empty lines that it ends in."""
    while rows.height and all(value is None for value in rows.row(-1)):
        rows = rows.head(-1)
    return rows


def _typed(path: Path, column: pl.Series, wanted: pl.DataType) -> pl.Series:
    if _can_be_meant(column.dtype, wanted):
        try:
            typed = column.to_frame().select(_cast(column.name, column.dtype, wanted)).to_series()
        except pl.exceptions.PolarsError:
            typed = None
        if typed is not None and typed.dtype == wanted:
            return typed
    found = f"type {column.dtype}"
    if column.dtype == pl.String():
        read = column.to_frame().select(_cast(column.name, column.dtype, wanted, strict=False)).to_series()
        found = _value(path, column, read.is_null() & ~column.str.strip_chars().is_in(["", None]))
    elif len(known := column.drop_nulls()):
        found = f"{known[0]!r} (type {column.dtype})"
    remedy = "Mend the column, or name another."
    if wanted == pl.Date() and column.dtype.is_numeric():
        remedy = "A column of dates holds dates, or text written YYYY-MM-DD: turn the numbers into one of these, or name another column."
    raise PanelError(path, f"column {column.name} has the wrong type: {found} is not {WRITTEN[wanted]}", remedy)


def _can_be_meant(found: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether values of a type may stand for another: a number is no date, and a date no number, though both can be cast."""
    if found in (pl.String(), pl.Null(), wanted):
        return True
    if wanted == pl.Date():
        return isinstance(found, pl.Datetime)
    if wanted == pl.Float64():
        return found.is_numeric()
    if wanted == pl.Boolean():
        return found.is_numeric()
    return not found.is_nested()


def _value(path: Path, column: pl.Series, where: pl.Series) -> str:
    """The first value of those marked, with its row."""
    place = where.arg_true()[0]
    return f"{column[place]!r} in row {place + first_row(path):,}"


def _cast(name: str, found: pl.DataType, wanted: pl.DataType, *, strict: bool = True) -> pl.Expr:
    """The column in the type wanted; text (of a CSV) is read as such, an empty text as null."""
    column = pl.col(name)
    if wanted == pl.String():
        text = column.cast(wanted)
        return pl.when(text.str.strip_chars() != "").then(text).alias(name)
    if found == wanted:
        return column
    if found == pl.String():
        text = column.str.strip_chars().replace("", None)
        if wanted == pl.Date():
            return text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=strict)
        if wanted == pl.Boolean():
            return text.str.to_lowercase().is_in(YES)
        return text.cast(wanted, strict=strict)
    return column.cast(wanted)


def _not_understood(path: Path, column: pl.Series) -> str | None:
    """What a column of yes and no says otherwise."""
    if column.dtype != pl.String():
        return None
    text = column.str.strip_chars().str.to_lowercase()
    odd = text.is_not_null() & ~text.is_in(["", *YES, *NO])
    if not odd.any():
        return None
    return f"{column.name} is {_value(path, column, odd)}{others(odd)}, which is neither true nor false; it counts as false."


def others(marked: pl.Series) -> str:
    """How many rows more than the first are marked, in brackets; nothing where there are none."""
    more = int(marked.sum()) - 1
    return f" ({more:,} more)" if more > 0 else ""


def out_of_range(path: Path, rows: pl.DataFrame, bounds: dict[str, tuple[float, float]]) -> list[str]:
    """A sentence for each column with numbers beyond its bounds (inclusive)."""
    found = []
    for name in (name for name in bounds if name in rows.columns):
        low, high = bounds[name]
        odd = ((rows[name] < low) | (rows[name] > high)).fill_null(value=False)
        if odd.any():
            should = f"between {low:g} and {high:g}: a percentage is to be divided by 100"
            if np.isinf(high):
                should = "above 0; it is taken as unknown" if low > 0 else "0 or above"
            found.append(f"{name} is {_value(path, rows[name], odd)}{others(odd)}; it should be {should}.")
    return found


def rows_where(path: Path, marked: pl.Series, one: str, many: str, place: npt.NDArray[np.int64] | None = None) -> str:
    """What the marked rows, of which there is one at least, do: how many they are, and which is the first.

    Args:
        path: the file.
        marked: a mark for each row.
        one, many: the predicate for a single row, and for several.
        place: where the rows stand in the file; None where all are there.
    """
    count, first = int(marked.sum()), int(marked.arg_true()[0])
    row = (first if place is None else int(place[first])) + first_row(path)
    if count == 1:
        return f"1 row of the panel {one} (row {row:,})"
    return f"{count:,} rows of the panel {many} (the first: row {row:,})"


def names_near(name: str, wanted: Sequence[str]) -> list[str]:
    """Of the names wanted, those that may have been meant by another."""
    from difflib import get_close_matches

    plain = {other.lower().replace("_", ""): other for other in wanted}
    near = get_close_matches(name.strip().lower().replace("_", "").replace(" ", "").replace("-", ""), plain, 1, 0.8)
    return [plain[found] for found in near]
