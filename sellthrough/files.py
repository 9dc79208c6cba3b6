"""Writing files so that a reader, or a kill at any moment, sees the old one or the new one and nothing between."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sellthrough.errors import WriterBusy


def beside(path: Path) -> Path:
    """A name next to `path` to write to before the swap; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def swap(temporary: Path, path: Path) -> None:
    """Make `temporary` the file at `path`, on disk before it is seen."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` with `value` as JSON."""
    temporary = beside(path)
    temporary.write_text(json.dumps(value, indent=1, default=str) + "\n", encoding="utf-8")
    swap(temporary, path)


def read_json(path: Path) -> dict[str, Any]:
    """The object at `path`; an empty one when there is none."""
    try:
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return loaded


def digest_of(paths: Iterable[Path], root: Path) -> str:
    """One digest over the names (below `root`) and the contents of `paths`."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{path.relative_to(root)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


@contextmanager
def writer_lock(path: Path, timeout_s: float) -> Iterator[int]:
    """Hold the one writer's place; yields the descriptor, which child processes inherit so that it outlives us with them.

    Raises:
        WriterBusy: another process kept it for longer than `timeout_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip() or "unknown"
                    raise WriterBusy(
                        f"The warehouse is being written by process {holder} ({path}). Wait for it to end and run again."
                    ) from None
                time.sleep(0.2)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)
