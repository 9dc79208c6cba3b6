"""Reading the commit log: what was taken in, from whom, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sellthrough.settings import Settings


def last_seq(settings: Settings) -> int:
    """The number of the last commit; 0 when there is none."""
    return max((int(path.stem) for path in _paths(settings)), default=0)


def commits(settings: Settings) -> Iterator[dict[str, Any]]:
    """Every commit, in order."""
    for path in sorted(_paths(settings)):
        yield json.loads(path.read_text(encoding="utf-8"))


def live_paths(settings: Settings, kind: str) -> list[Path]:
    """The Parquet files (`rows` or `rejects`) that commits name and that no later commit replaced, each once."""
    named: dict[str, None] = {}
    gone: set[str] = set()
    for commit in commits(settings):
        gone.update(commit.get("replaces") or [])
        if commit.get(kind):
            named[commit[kind]] = None
    return [settings.bronze / path for path in named if path not in gone]


def _paths(settings: Settings) -> list[Path]:
    folder = settings.bronze / "_commits"
    return [path for path in folder.glob("*.json") if path.stem.isdigit()] if folder.exists() else []
