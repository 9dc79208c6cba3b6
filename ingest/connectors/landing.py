"""Put what was pulled into landing/: beside its place first, on disk before it is seen, never over what lies there."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import os
import re
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count, takewhile
from pathlib import Path
from typing import BinaryIO

LONGEST = 200
"""Bytes of a name, so that there is room for a version."""
PASSED_OVER = (".part", ".tmp", "~")
"""Endings of files that somebody is still writing."""

_PART = re.compile(r"\.[0-9a-f]{32}\.part")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_ENDING = re.compile(r"(\.[^.]+)?(\.gz|\.zip)?$", re.IGNORECASE)


class Part:
    """A file that is being written beside its place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BinaryIO = path.open("xb")

    def place(self, name: str, modified: datetime | None = None) -> Path | None:
        """Give the file its name in the folder, or a version of that name (`name_r00002`) where another content bears it.

        Returns:
            The path; None where the same content lies there already, under the name or one of its versions.
        """
        self.file.flush()
        if modified is not None:
            os.utime(self.file.fileno(), (modified.timestamp(), modified.timestamp()))
        os.fsync(self.file.fileno())
        self.file.close()
        folder = self.path.parent
        for other in versions(folder, name):
            if filecmp.cmp(self.path, other, shallow=False):
                return None
        while not _link(self.path, path := free_name(folder, name)):
            pass
        self.path.unlink(missing_ok=True)
        _sync(folder)
        return path


@contextmanager
def part(folder: Path) -> Iterator[Part]:
    """A new file in the folder, hidden until it is placed; it is gone afterwards where it was not."""
    folder.mkdir(parents=True, exist_ok=True)
    opened = Part(folder / f".{uuid.uuid4().hex}.part")
    try:
        yield opened
    finally:
        opened.file.close()
        opened.path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half-written below a folder. Only while nobody else fetches into it."""
    for path in folder.rglob(".*.part"):
        if _PART.fullmatch(path.name):
            path.unlink(missing_ok=True)


def versions(folder: Path, name: str) -> list[Path]:
    """Files that lie in the folder under a name, the first one first."""
    taken = takewhile(os.path.lexists, _names(folder, name))
    return [path for path in taken if path.is_file()]


def free_name(folder: Path, name: str) -> Path:
    """The name, or the first version of it that is free: versions sort after each other, as they are to be read."""
    return next(path for path in _names(folder, name) if not os.path.lexists(path))


def _names(folder: Path, name: str) -> Iterator[Path]:
    """The names under which a file may lie: its own, then its versions."""
    yield folder / name
    stem, ending = _split(name)
    yield from (folder / f"{stem}_r{number:05}{ending}" for number in count(2))


def clean(name: str) -> str:
    """A name given by others as one that can stand in a folder of ours: no way out, nothing invisible, not too long.

    Separators, control and format characters and what some systems reserve become `_`; so does a leading dot, and a device's name gets one in
    front. A name that is too long is cut, with a digest of the whole in place of the rest.
    """
    kept = "".join(
        "_" if sign in '/\\:*?"<>|' or unicodedata.category(sign) in ("Cc", "Cf", "Cs") else sign for sign in name
    )
    kept = kept.strip() or "_"
    if kept.startswith("."):
        kept = "_" + kept[1:]
    if _DEVICES.match(kept):
        kept = "_" + kept
    if kept.endswith(PASSED_OVER):
        kept += "_"
    if len(kept.encode()) <= LONGEST:
        return kept
    stem, ending = _split(kept)
    ending = ending if len(ending.encode()) <= 20 else ""
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
    room = LONGEST - len(ending.encode()) - len(digest) - 1
    return stem.encode()[:room].decode(errors="ignore") + f"_{digest}{ending}"


def modified_at(path: Path) -> datetime:
    """When a file was last changed, UTC."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _split(name: str) -> tuple[str, str]:
    """A name without its ending, and the ending, that of a packed file included."""
    at = len(name) - len(m[0]) if (m := _ENDING.search(name)) else len(name)
    return (name[:at], name[at:]) if at > 0 else (name, "")


def _link(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the name is taken."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        if target.exists():
            return False
        source.rename(target)
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
