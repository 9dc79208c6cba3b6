"""Match the header of a file with the columns of a feed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.contracts import Contract
from ingest.errors import FileUnreadable, printable
from ingest.profiles import SOLE, Reading, Route
from ingest.readers.delimited import total_columns

_NEAR, _VERY_NEAR = 0.5, 0.65
"""From which likeness on (difflib) a name may be another spelling of one, and from which on it is taken to be."""
_WRITTEN_OUT = 20
"""Columns of a file that are spoken of one by one."""


@dataclass(frozen=True)
class FileWarning:
    """What is odd about a file that is loaded all the same.

    Attributes:
        column: the column concerned, as the file names it, or ours where the file has none.
        message: the rest of a sentence that begins with the file's name.
        records: how many records it is about; 1 where it is about the file.
    """

    rule: str
    column: str
    message: str
    records: int = 1


@dataclass(frozen=True)
class Layout:
    """Where the columns of a feed stand in a file.

    Attributes:
        cells: our column -> index in the file.
        spare: our column -> indices of the columns that count where the first is empty.
        named: every named column of the file -> index, for splits, derived columns and the sender.
        totals_at: indexes of the columns that mark a declared total row.
        warnings: one per column that the profile does not know.
    """

    header: tuple[str, ...]
    cells: dict[str, int]
    named: dict[str, int]
    totals_at: tuple[int, ...]
    warnings: tuple[FileWarning, ...] = ()
    spare: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def index(self, name: str) -> int:
        """Index of a column by its name in the file, whatever its case."""
        return self.named[normal(name)]

    def places(self, name: str) -> tuple[int, ...]:
        """Indices of the columns of which the first with a value counts as the file's column of that name; none where there is none."""
        index = self.named.get(normal(name))
        if index is None:
            return ()
        column = next((column for column, first in self.cells.items() if first == index), "")
        return (index, *self.spare.get(column, ()))

    def title(self, column: str) -> str:
        """Our column's name, with the file's own beside it where it differs."""
        if column not in self.cells:
            return column
        own = self.header[self.cells[column]]
        return column if normal(own) == normal(column) else f'{column} ("{own}")'


def normal(name: str) -> str:
    """A header's name without the differences that mean nothing: case and runs of blanks."""
    return re.sub(r"\s+", " ", name.strip()).casefold()


def lay_out(header: tuple[str, ...], reading: Reading, contract: Contract, route: Route = SOLE) -> Layout:
    """Match a header with the profile's columns.

    A column that the profile does not know is a warning, so that a sender who adds one loses no file.

    Raises:
        FileUnreadable: a column is twice there, a required one is missing, or one of the natural key goes by another name.
    """
    accepted = dict(_accepted(reading, contract))
    others = {normal(name) for name in (*_other_columns(reading), *route.fields)}
    known = {alias for aliases in accepted.values() for alias in aliases} | others
    named: dict[str, int] = {}
    unknown: list[str] = []
    for index, name in enumerate(header):
        key = normal(name)
        if not key:
            continue
        if key in named:
            raise FileUnreadable(
                "duplicate_column",
                f'column "{name}" stands twice in the header; ask the sender which one counts',
                column=name,
                value=name,
            )
        named[key] = index
        if key not in known:
            unknown.append(name)
    found = {column: tuple(named[alias] for alias in aliases if alias in named) for column, aliases in accepted.items()}
    found = {column: places for column, places in found.items() if places}
    for column, places in found.items():
        if len(places) > 1 and not reading.first_filled_counts:
            raise FileUnreadable(
                "duplicate_column",
                f'columns "{header[places[0]]}" and "{header[places[1]]}" both mean {column}; '
                "list one of them under `ignore_columns`",
                column=column,
                value=header[places[1]],
            )
    cells = {column: places[0] for column, places in found.items()}
    unknown = [] if "*" in others else unknown
    _refuse_missing(header, cells, named, unknown, reading, contract, route)
    return Layout(
        header=header,
        cells=cells,
        named=named,
        totals_at=total_columns(header, reading),
        spare={column: places[1:] for column, places in found.items()},
        warnings=tuple(_unknown(unknown, known)),
    )


def vanished(
    layout: Layout, reading: Reading, contract: Contract, earlier: Sequence[frozenset[str]]
) -> tuple[FileWarning, ...]:
    """Columns of ours that the sender's last file had and this one lacks, unless the sender has sent files like this one before.

    Args:
        earlier: see `later`.

    Raises:
        FileUnreadable: one of them is of the natural key, so that the same lines would count as others.
    """
    if not earlier or layout.cells.keys() in earlier:
        return ()
    gone = [
        column
        for column in contract.names
        if column in earlier[-1] and column not in layout.cells and not _is_made(column, reading)
    ]
    ignored = {normal(name) for name in reading.ignore_columns}
    gone = [column for column in gone if not ignored & {normal(name) for name in _names(column, reading)}]
    for column in gone:
        if column in _key(reading, contract):
            raise FileUnreadable(
                "missing_column",
                f"column {column} of the natural key is missing, which the sender's last file had; ask the sender for it, "
                f"or list {_names(column, reading)[0]} under `ignore_columns` if it is gone for good",
                column=column,
            )
    return tuple(
        FileWarning(
            "vanished_column",
            column,
            f"column {column} is missing, which the sender's last file had; ask the sender whether it is gone for good",
        )
        for column in gone
    )


def later(earlier: Sequence[frozenset[str]], columns: Iterable[str]) -> tuple[frozenset[str], ...]:
    """The different sets of columns that a sender's files have had, with that of a further file, which is the last one now."""
    newest = frozenset(columns)
    return (*(known for known in earlier if known != newest), newest)


def _key(reading: Reading, contract: Contract) -> tuple[str, ...]:
    return reading.key or contract.key


def _names(column: str, reading: Reading) -> list[str]:
    """Names under which a file may have a column of ours, those of the profile first."""
    own = [column] if reading.contract_names or column not in reading.columns else []
    return [*reading.columns.get(column, ()), *own]


def _is_made(column: str, reading: Reading) -> bool:
    """True where the profile gives the column a value that is in no column of that name."""
    groups = {name for split in reading.split for name in re.compile(split.pattern).groupindex}
    made = {*reading.constants, *reading.defaults, *groups, *reading.derive}
    made |= {"line_no"} if reading.number_lines else set()
    made |= {"business_date"} if reading.period.gives_business_date else set()
    return column in made | {enrichment.point_in_polygon.into for enrichment in reading.enrich}


def _accepted(reading: Reading, contract: Contract) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Our columns with the headers under which they may stand, the first of several first."""
    for column in contract.names:
        own = (column,) if reading.contract_names else ()
        names = tuple(dict.fromkeys(normal(name) for name in (*own, *reading.columns.get(column, ()))))
        if names:
            yield column, names


def _other_columns(reading: Reading) -> Iterator[str]:
    yield from reading.ignore_columns
    yield from (split.column for split in reading.split)
    yield from (derive.column for derive in reading.derive.values())
    if reading.sender.column:
        yield reading.sender.column


def _unknown(names: Sequence[str], known: Iterable[str]) -> Iterator[FileWarning]:
    known = list(known)
    for name in names[:_WRITTEN_OUT]:
        near = difflib.get_close_matches(normal(name), known, 1)
        hint = f" (near: {near[0]})" if near else ""
        yield FileWarning(
            "unknown_column",
            printable(name),
            f'column "{printable(name)}" is not known to the profile{hint} and was not loaded; add it to `columns` or to '
            "`ignore_columns`, then `sellthrough replay`",
        )
    if len(names) > _WRITTEN_OUT:
        yield FileWarning(
            "unknown_column",
            "",
            f"{len(names) - _WRITTEN_OUT} more columns are not known to the profile; see the header",
        )


def _refuse_missing(
    header: tuple[str, ...],
    cells: dict[str, int],
    named: dict[str, int],
    unknown: Sequence[str],
    reading: Reading,
    contract: Contract,
    route: Route,
) -> None:
    key = _key(reading, contract)
    for column in contract.columns:
        if column.name in cells or _is_made(column.name, reading) or column.from_sender:
            continue
        likeness, renamed = _nearest(column.name, unknown, reading)
        if column.required and column.default is None:
            names = [*reading.columns.get(column.name, ()), *([column.name] if reading.contract_names else [])]
            hint = _was_it(renamed, column.name) if likeness >= _NEAR else ""
            if not names and normal(column.name) in named:
                hint = "; it is there under that very name: set `contract_names: true` in the profile"
            raise FileUnreadable(
                "missing_column",
                f"required column {column.name} is missing (expected as {' or '.join(names) or 'nothing: the profile names none'})"
                f"{hint}; the header has {_few(header)}",
                column=column.name,
            )
        if column.name in key and likeness >= _VERY_NEAR:
            raise FileUnreadable(
                "missing_column",
                f"column {column.name} of the natural key is missing{_was_it(renamed, column.name)}, or to `ignore_columns` if it is another",
                column=column.name,
                value=renamed,
            )
    derived = (derive.column for column, derive in reading.derive.items() if column not in cells)
    taken_apart = (*(split.column for split in reading.split), *derived)
    choosing = (*(name for where in route.wheres for name in where), *route.leave_out)
    groups = (reading.fill_down_group,) if reading.fill_down_group else ()
    for wanted, purpose in (
        (reading.fill_down, "fills down"),
        (groups, "tells groups by"),
        (taken_apart, "takes apart"),
        (choosing, "chooses records by"),
    ):
        for name in wanted:
            if normal(name) not in named:
                raise FileUnreadable(
                    "missing_column", f'column "{name}", which the profile {purpose}, is missing', column=name
                )
    if reading.sender.column and normal(reading.sender.column) not in named:
        name = reading.sender.column
        raise FileUnreadable("missing_column", f'column "{name}", which names the sender, is missing', column=name)


def _nearest(column: str, unknown: Sequence[str], reading: Reading) -> tuple[float, str]:
    """The unknown column of the file whose name is most like those of a missing one, and how like it is."""
    return max(
        (
            (difflib.SequenceMatcher(None, normal(name), normal(known)).ratio(), name)
            for name in unknown[:_WRITTEN_OUT]
            for known in _names(column, reading)
        ),
        default=(0.0, ""),
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _WRITTEN_OUT} more" if len(names) > _WRITTEN_OUT else ""
    return ", ".join(names[:_WRITTEN_OUT]) + more


def _was_it(renamed: str, column: str) -> str:
    return f'; "{renamed}" may be it: add it to `columns` as {column} in the profile'
