"""Readers: from the bytes of a file to records of text.

Text tables (`csv`, `xlsx`, …) bring their own column names. A structured format has fixed fields, named as its standard names them: its
module gives `FIELDS` and `entries(data, reading, limits)`, and a profile maps the fields that it wants.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from ingest import archives
from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT, Limits, refuse_long_line, short_lines
from ingest.readers import (
    delimited,
    edifact,
    excel,
    fixed_width,
    idoc,
    json_lines,
    poslog,
    sap_table,
    tally,
    tally_loader,
    tally_stock,
    x12,
)
from ingest.readers.framed import Broken, Entry, Framed, Retraction, column_names, from_entries

if TYPE_CHECKING:
    from ingest.profiles import Reading

__all__ = [
    "LINES",
    "STREAMED",
    "STRUCTURED",
    "TABLES",
    "Broken",
    "Entry",
    "Framed",
    "column_names",
    "read",
    "read_pieces",
]


class StructuredReader(Protocol):
    """What the module of a structured format provides."""

    @property
    def FIELDS(self) -> Collection[str]:  # noqa: N802
        """Field names that its records may have, as the format's standard names them."""

    def entries(self, data: bytes, reading: Reading, limits: Limits) -> Iterable[Entry | Retraction]:
        """The records in the order of the file.

        Raises:
            FileUnreadable: nothing of the file can be read.
        """


Table = Callable[[bytes, "Reading", Limits], Framed]


def _csv(data: bytes, reading: Reading, limits: Limits) -> Framed:
    return delimited.frame(delimited.to_utf8(data, reading.encoding), reading, limits)


def _xlsx(data: bytes, reading: Reading, limits: Limits) -> Framed:
    return excel.frame(data, reading, limits)


TABLES: dict[str, Table] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "fixed_width": fixed_width.frame,
    "jsonl": json_lines.frame,
    "sap_table": sap_table.frame,
}
LINES = frozenset({"csv", "fixed_width", "jsonl", "sap_table", "tally_loader"})
"""Tables in which a record is a line."""
STRUCTURED: dict[str, StructuredReader] = {
    "sap_idoc_xml": idoc,
    "x12": x12,
    "edifact": edifact,
    "nrf_poslog": poslog,
    "tally_xml": tally,
    "tally_stock": tally_stock,
    "tally_loader": tally_loader,
}
DATED: dict[str, Callable[[bytes, Reading, Limits], tuple[Iterable[Entry], Sequence[date]]]] = {
    "tally_xml": tally.dated_entries,
}
"""Formats whose files tell more business dates than their records do: the records, and those dates in order."""
STREAMED = frozenset({"csv"})
"""Formats of which a large file is read piece by piece."""


def read(
    data: bytes, file_name: str, reading: Reading, limits: Limits = DEFAULT, wanted: Collection[str] | None = None
) -> Framed:
    """Frame the records of a file in the format that the profile declares.

    Args:
        wanted: fields of a structured format that are handed over; default: those that the reading names.

    Raises:
        FileUnreadable: the file cannot be read at all.
    """
    if not data:
        raise FileUnreadable("empty_file", "is empty (0 bytes); ask the sender for it again")
    if file_name.lower().endswith(".gz"):
        chunks = archives.gunzip(io.BytesIO(data), limits)
        data = b"".join(short_lines(chunks, limits) if reading.format in LINES else chunks)
    if reading.format in LINES:
        refuse_long_line(data, limits)
    if reading.format in TABLES:
        return TABLES[reading.format](data, reading, limits)
    reader = STRUCTURED[reading.format]
    wanted = reading.named_fields if wanted is None else wanted
    fields = sorted(name for name in wanted if name in reader.FIELDS)
    if reading.format in DATED:
        return from_entries(fields, *DATED[reading.format](data, reading, limits))
    return from_entries(fields, reader.entries(data, reading, limits))


def read_pieces(blocks: Iterable[bytes], reading: Reading, limits: Limits = DEFAULT) -> Iterator[Framed]:
    """Frame the records of a large file piece by piece: together what `read` gives. The first piece tells the header alone.

    Raises:
        FileUnreadable: the file cannot be read at all, which may show after some of its pieces.
    """
    return delimited.frames(delimited.utf8_blocks(blocks, reading.encoding), reading, limits)
