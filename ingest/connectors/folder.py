"""The folder connector: what lies in landing/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class LandingFile:
    """A file in landing/<profile>/<sender>/….

    Attributes:
        name: path below landing/, with forward slashes.
        sender: name of the sender's folder; None where the file lies directly in the profile's folder.
    """

    path: Path
    name: str
    profile: str
    sender: str | None

    def read(self) -> bytes:
        """The file's bytes."""
        return self.path.read_bytes()

    @property
    def arrived_at(self) -> datetime:
        """When the file arrived: its modification time, UTC."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)


def scan(home: Path) -> list[LandingFile]:
    """All files of landing/ in the order in which they are taken in: by path without the ending.

    Hidden files and those that are still being written (`.part`, `.tmp`, `~`) are passed over.
    """
    landing = home / "landing"
    return sorted(_walk(landing, landing), key=_order)


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
        if path.name.startswith(".") or path.name.endswith((".part", ".tmp", "~")):
            continue
        if path.is_dir():
            yield from _walk(path, landing)
        elif path.is_file():
            yield _landing_file(path, landing)


def _landing_file(path: Path, landing: Path) -> LandingFile:
    parts = path.relative_to(landing).parts
    return LandingFile(
        path=path,
        name="/".join(parts),
        profile=parts[0] if len(parts) > 1 else "",
        sender=parts[1] if len(parts) > 2 else None,
    )


def _order(file: LandingFile) -> tuple[str, str]:
    folder, _, base = file.name.rpartition("/")
    return f"{folder}/{base.partition('.')[0]}", base
