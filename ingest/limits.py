"""How much a file may ask of us. Beyond these bounds it is refused with a message, before it can fill memory or disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ingest.errors import FileUnreadable


@dataclass(frozen=True)
class Limits:
    """Bounds on what is read.

    Attributes:
        unpacked_bytes: of a file, or of all members of an archive together, once unpacked.
        unpacked_ratio: unpacked bytes over packed ones, above the first megabyte.
        members: files in one archive.
        line_bytes: of one line, segment or message that must be held as a whole.
        columns: of a header.
        cells: rows times columns of one sheet.
        xml_depth: elements inside each other.
    """

    unpacked_bytes: int = 8 * 2**30
    unpacked_ratio: int = 200
    members: int = 1000
    line_bytes: int = 16 * 2**20
    columns: int = 2000
    cells: int = 50_000_000
    xml_depth: int = 64


DEFAULT = Limits()
UNRATED_BYTES = 2**20
"""What may be unpacked before the ratio is looked at: small files of blanks shrink to almost nothing."""


class Searchable(Protocol):
    """Bytes in memory, or a file mapped into it."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: slice, /) -> bytes: ...

    def rfind(self, sub: bytes, start: int, end: int, /) -> int: ...


def refuse_long_line(data: Searchable, limits: Limits) -> None:
    """Refuse a text with a line beyond the bound, looking only at the end of each stretch of that many bytes.

    A JSON array is one value, whatever its lines: it is let through.

    Raises:
        FileUnreadable: there is such a line.
    """
    start = 0
    while len(data) - start > limits.line_bytes and not _is_array(data[:1]):
        end = data.rfind(b"\n", start, start + limits.line_bytes + 1)
        if end < 0:
            raise _long_line(start, limits)
        start = end + 1


def short_lines(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Pass on the pieces of a text until one of its lines is too long; as `refuse_long_line`."""
    start, at, checked = 0, 0, None
    for chunk in chunks:
        checked = not _is_array(chunk[:1]) if checked is None else checked
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        if checked and at + (first if first >= 0 else len(chunk)) - start > limits.line_bytes:
            raise _long_line(start, limits)
        start = at + last + 1 if last >= 0 else start
        at += len(chunk)
        yield chunk


def _is_array(first: bytes) -> bool:
    return first == b"["


def _long_line(start: int, limits: Limits) -> FileUnreadable:
    return FileUnreadable(
        "limits",
        f"the line that begins at byte {start} is longer than {limits.line_bytes} bytes, so it is no table of records; have it sent with line ends, "
        "or raise the limit line_bytes",
    )


def refuse_columns(count: int, limits: Limits) -> None:
    """Refuse a header beyond the bound.

    Raises:
        FileUnreadable: it has too many columns.
    """
    if count > limits.columns:
        raise FileUnreadable(
            "limits",
            f"its header has {count} columns, more than {limits.columns}; state the right `delimiter` in the profile, or raise the limit columns",
        )


def refuse_unpacked(unpacked: int, packed: int, limits: Limits) -> None:
    """Refuse what grows beyond the bounds while it is unpacked.

    Raises:
        FileUnreadable: it is too large, alone or for what it was packed into.
    """
    if unpacked > limits.unpacked_bytes:
        raise FileUnreadable(
            "limits",
            f"unpacks to more than {limits.unpacked_bytes} bytes; have it sent in parts, or raise the limit unpacked_bytes",
        )
    if unpacked > UNRATED_BYTES and unpacked > limits.unpacked_ratio * packed:
        raise FileUnreadable(
            "limits",
            f"unpacks to more than {limits.unpacked_ratio} times its size, as archives that are meant to do harm do; have it sent unpacked, "
            "or raise the limit unpacked_ratio",
        )
