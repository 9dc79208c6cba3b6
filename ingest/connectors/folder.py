"""The folder connector: what lies in landing/."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ingest import archives
from ingest.connectors.landing import PASSED_OVER, modified_at
from ingest.connectors.sources import Ready
from ingest.errors import FileUnreadable, printable
from ingest.limits import DEFAULT, Limits, refuse_long_line, short_lines

_BLOCK = 16_000_000
"""Least bytes of a block of lines."""
_LINE = 4_000
"""Bytes behind a block in which the end of its last line is looked for."""


@dataclass(frozen=True)
class LandingFile:
    """A file in landing/<profile>/<sender>/…, or a member of an archive there.

    Attributes:
        name: path below landing/, with forward slashes; a member's stands below its archive's. Control characters are escaped.
        sender: name of the sender's folder; None where the file lies directly in the profile's folder.
        member: position of the member in its archive.
        refusal: why it is not read at all.
    """

    path: Path
    name: str
    profile: str
    sender: str | None
    member: int | None = None
    refusal: FileUnreadable | None = None

    def read(self, limits: Limits = DEFAULT, *, by_lines: bool = False) -> bytes:
        """The file's bytes.

        Args:
            by_lines: the file is a table of lines; one that is too long is found before the file is held in memory.

        Raises:
            FileUnreadable: it goes beyond the limits, or is a member that cannot be unpacked.
        """
        if self.refusal is not None:
            raise self.refusal
        if self.member is not None:
            chunks = archives.read_member(self.path, self.member, limits)
            return b"".join(short_lines(chunks, limits) if by_lines else chunks)
        if by_lines and self.path.stat().st_size > limits.line_bytes and not self.name.lower().endswith(".gz"):
            with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                refuse_long_line(mapped, limits)
        return self.path.read_bytes()

    def blocks(self, limits: Limits = DEFAULT) -> Iterator[bytes]:
        """The bytes of a table of lines piece by piece, unpacked: for a file that is too large to be held, and no member of an archive.

        Raises:
            FileUnreadable: it goes beyond the limits, or cannot be unpacked.
        """
        with self.path.open("rb") as file:
            if self.name.lower().endswith(".gz"):
                yield from short_lines(archives.gunzip(file, limits), limits)
            else:
                yield from short_lines(_by_lines(file), limits)

    def fingerprint(self, before: bytes = b"") -> str:
        """SHA-256 of some bytes and what lies in the folder, for a file that is not held."""
        return archives.digest(self.path, before)

    @property
    def size(self) -> int:
        """Bytes of what lies in the folder."""
        return self.path.stat().st_size

    @property
    def arrived_at(self) -> datetime:
        """When the file arrived: its modification time, UTC."""
        return modified_at(self.path)


def _by_lines(file: BinaryIO) -> Iterator[bytes]:
    """A file in blocks of about one size, which end with a line where one ends near by: these need not be copied to be joined."""
    at = 0
    while True:
        file.seek(at + _BLOCK)
        rest = file.read(_LINE).find(b"\n") + 1
        file.seek(at)
        block = file.read(_BLOCK + rest)
        if not block:
            return
        yield block
        at += len(block)


def scan(
    home: Path, limits: Limits = DEFAULT, is_held: Callable[[LandingFile], bool] = lambda file: False
) -> list[LandingFile]:
    """All files of landing/ in the order in which they are taken in: by path without the ending. An archive stands for its members.

    Hidden files and those that are still being written (`.part`, `.tmp`, `~`) are passed over.

    Args:
        is_held: whether a file, or archive, is not to be opened yet.
    """
    landing = home / "landing"
    return sorted(
        (file for found in _walk(landing, landing) if not is_held(found) for file in unpacked(found, limits)),
        key=_order,
    )


def is_whole(file: LandingFile, ready: Ready) -> bool:
    """Whether a file counts as whole by its profile's settings."""

    def marked() -> datetime | None:
        marker = file.path.with_name(ready.marker_of(file.path.name) or file.path.name)
        return modified_at(marker) if marker.is_file() else None

    try:
        return ready.is_whole(modified_at(file.path), marked, datetime.now(UTC))
    except FileNotFoundError:
        return False


def unpacked(file: LandingFile, limits: Limits = DEFAULT) -> list[LandingFile]:
    """The members of an archive, or the file itself where it is none or cannot be listed."""
    if not archives.is_zip(file.name):
        return [file]
    try:
        members = archives.members(file.path, limits)
    except FileUnreadable as refusal:
        return [replace(file, refusal=refusal)]
    except OSError:
        return [file]
    return [
        replace(file, name=f"{file.name}/{member.name}", member=member.position, refusal=member.refusal)
        for member in members
    ]


def beside(file: LandingFile, names: Sequence[str], limits: Limits = DEFAULT) -> dict[str, bytes]:
    """The files of some names in a file's folder, or in its archive, as far as they are there.

    Raises:
        FileUnreadable: one cannot be unpacked.
    """
    if file.member is None:
        paths = {name: file.path.with_name(name) for name in names}
        return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}
    inside = archives.members(file.path, limits)
    own_name = next(member.name for member in inside if member.position == file.member)
    positions = {member.name: member.position for member in inside if member.refusal is None}
    paths_inside = {name: f"{own_name.rpartition('/')[0]}/{name}".removeprefix("/") for name in names}
    return {
        name: b"".join(archives.read_member(file.path, positions[path], limits))
        for name, path in paths_inside.items()
        if path in positions
    }


def locate(home: Path, path: Path) -> LandingFile | None:
    """The landing file of a path, or None where it lies elsewhere."""
    landing = (home / "landing").resolve()
    resolved = path.resolve()
    if not resolved.is_relative_to(landing):
        return None
    return _landing_file(resolved, landing)


def _walk(folder: Path, landing: Path) -> Iterator[LandingFile]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name.endswith(PASSED_OVER):
            continue
        if path.is_dir():
            yield from _walk(path, landing)
        elif path.is_file():
            yield _landing_file(path, landing)


def _landing_file(path: Path, landing: Path) -> LandingFile:
    parts = [printable(part.replace("\\", "\\\\")) for part in path.relative_to(landing).parts]
    return LandingFile(
        path=path,
        name="/".join(parts),
        profile=parts[0] if len(parts) > 1 else "",
        sender=parts[1] if len(parts) > 2 else None,
    )


def _order(file: LandingFile) -> tuple[str, str]:
    folder, _, base = file.name.rpartition("/")
    return f"{folder}/{base.partition('.')[0]}", base
