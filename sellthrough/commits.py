"""Reading the commit log: what was taken in, from whom, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
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


def last_readings(log: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each file once, as it was last read, with the commit of that reading: a replay takes the place of what it read again."""
    readings: dict[tuple[str, ...], tuple[dict[str, Any], dict[str, Any]]] = {}
    for commit in log:
        for file in commit["files"]:
            content = (commit.get("profile", ""), commit["feed"], file["sender"], file["sha256"])
            named = (*content, file["name"])
            if file["status"] == "loaded" or content in readings:
                readings.pop(named, None)
                readings[content] = (commit, file)
            else:
                readings[named] = (commit, file)
    return list(readings.values())


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
