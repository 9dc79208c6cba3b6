"""How much a file may ask of us. Beyond these bounds it is refused with a message, before it can fill memory or disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on what is read.

    Attributes:
        unpacked_bytes: of a file, or of all members of an archive together, once unpacked.
        unpacked_ratio: unpacked bytes over packed ones, above the first megabyte.
        members: files in one archive.
        line_bytes: of one line, segment or message that must be held as a whole.
        columns: of a header.
        xml_depth: elements inside each other.
    """

    unpacked_bytes: int = 8 * 2**30
    unpacked_ratio: int = 200
    members: int = 1000
    line_bytes: int = 16 * 2**20
    columns: int = 2000
    xml_depth: int = 64


DEFAULT = Limits()
