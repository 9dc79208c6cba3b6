"""Match the header of a file with the columns of a feed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ingest.contracts import Contract
from ingest.errors import FileUnreadable
from ingest.profiles import SOLE, Reading, Route
from ingest.readers.delimited import total_column


@dataclass(frozen=True)
class Layout:
    """Where the columns of a feed stand in a file.

    Attributes:
        cells: our column -> index in the file.
        spare: our column -> indices of the columns that count where the first is empty.
        named: every named column of the file -> index, for splits, derived columns and the sender.
        total_at: index of the column that marks a declared total row.
    """

    header: tuple[str, ...]
    cells: dict[str, int]
    named: dict[str, int]
    total_at: int | None
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

    Raises:
        FileUnreadable: a column is unknown, twice there, or a required one is missing.
    """
    accepted = dict(_accepted(reading, contract))
    others = {normal(name) for name in (*_other_columns(reading), *route.fields)}
    known = {alias for aliases in accepted.values() for alias in aliases} | others
    named: dict[str, int] = {}
    for index, name in enumerate(header):
        key = normal(name)
        if key in named:
            raise FileUnreadable(
                "duplicate_column",
                f'column "{name}" stands twice in the header; ask the sender which one counts',
                column=name,
                value=name,
            )
        named[key] = index
        if key not in known and "*" not in others:
            raise FileUnreadable("unknown_column", _unknown(name, index, known), column=name, value=name)
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
    _refuse_missing(header, cells, named, reading, contract, route)
    return Layout(
        header=header,
        cells=cells,
        named=named,
        total_at=total_column(header, reading),
        spare={column: places[1:] for column, places in found.items()},
    )


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


def _unknown(name: str, index: int, known: Iterable[str]) -> str:
    if not name:
        return f"column {index + 1} has no name in the header; have it named, or removed"
    near = difflib.get_close_matches(normal(name), list(known), 1)
    hint = f" (near: {near[0]})" if near else ""
    return f'column "{name}" is not known to the profile{hint}; add it to `columns` or to `ignore_columns`'


def _refuse_missing(
    header: tuple[str, ...],
    cells: dict[str, int],
    named: dict[str, int],
    reading: Reading,
    contract: Contract,
    route: Route,
) -> None:
    groups = {name for split in reading.split for name in re.compile(split.pattern).groupindex}
    made = set(reading.constants) | set(reading.defaults) | groups | set(reading.derive)
    made |= {enrichment.point_in_polygon.into for enrichment in reading.enrich}
    for column in contract.columns:
        there = column.name in cells or column.name in made or column.from_sender or column.default is not None
        if column.required and not there:
            names = [*reading.columns.get(column.name, ()), *([column.name] if reading.contract_names else [])]
            raise FileUnreadable(
                "missing_column",
                f"required column {column.name} is missing (expected as {' or '.join(names) or 'nothing: the profile names none'}); "
                f"the header has {', '.join(header)}",
                column=column.name,
            )
    derived = (derive.column for column, derive in reading.derive.items() if column not in cells)
    taken_apart = (*(split.column for split in reading.split), *derived)
    choosing = (*(name for where in route.wheres for name in where), *route.leave_out)
    for wanted, purpose in ((taken_apart, "takes apart"), (choosing, "chooses records by")):
        for name in wanted:
            if normal(name) not in named:
                raise FileUnreadable(
                    "missing_column", f'column "{name}", which the profile {purpose}, is missing', column=name
                )
    if reading.sender.column and normal(reading.sender.column) not in named:
        name = reading.sender.column
        raise FileUnreadable("missing_column", f'column "{name}", which names the sender, is missing', column=name)
