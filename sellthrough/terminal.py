"""How commands talk: a bar on a terminal, plain lines elsewhere, JSON when asked; results to stdout, the rest to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

Report = Callable[[int, int, str], None]

PLAIN_EVERY_S = 5.0


@contextmanager
def progress(stage: str) -> Iterator[Report]:
    """Yield a function (done, total, label) that shows how far a stage is."""
    if sys.stderr.isatty():
        with _bar(stage) as report:
            yield report
    else:
        yield _plain(stage)


@contextmanager
def _bar(stage: str) -> Iterator[Report]:
    columns = (
        TextColumn("{task.fields[stage]:<9}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, stage=stage)

        def report(done: int, total: int, label: str) -> None:
            bar.update(task, completed=done, total=total, description=label[:60])

        yield report


def _plain(stage: str) -> Report:
    started = time.monotonic()
    said = [started]

    def report(done: int, total: int, label: str) -> None:
        now = time.monotonic()
        if now - said[0] >= PLAIN_EVERY_S:
            said[0] = now
            sys.stderr.write(f"{stage}: {done}/{total} {label} ({now - started:.0f} s)\n")
            sys.stderr.flush()

    return report


def show_json(value: Any) -> None:
    """Print one JSON value to stdout."""
    sys.stdout.write(json.dumps(value, indent=1, default=str) + "\n")


def show(text: str) -> None:
    """Print a line to stdout."""
    sys.stdout.write(f"{text}\n")


def complain(text: str) -> None:
    """Print a line to stderr."""
    sys.stderr.write(f"{text}\n")


def close_stdout() -> None:
    """Let what is still to be written go nowhere: whoever read it has enough, as `| head` has."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_rows(title: str, rows: Sequence[dict[str, Any]], limit: int = 20, all_by: str = "--json shows all") -> None:
    """Print rows as a table under a title; nothing when there are none.

    Args:
        all_by: how all rows can be had.
    """
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        numeric = all(isinstance(row[name], (int, float)) or row[name] is None for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows[:limit]:
        table.add_row(*(_cell(value) for value in row.values()))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(f"\n{title}", style="bold", highlight=False)
    console.print(table)
    if len(rows) > limit:
        console.print(f"… and {len(rows) - limit} more ({all_by})")


def _cell(value: Any) -> Text:
    """A value as it stands: what a sender wrote is neither markup nor a sequence that steers the terminal."""
    text = "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return Text(text if text.isprintable() else repr(text)[1:-1])
