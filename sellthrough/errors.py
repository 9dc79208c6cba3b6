"""Errors that end a command: each message is a sentence that names the thing and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class SellthroughError(Exception):
    """Something that stops the work and that the user can act on (exit code 3)."""


class NothingCommitted(SellthroughError):
    """A build was asked for before anything had been taken in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(
            f"Nothing has been taken in yet under {home / 'bronze'}. Put files under {home / 'landing'}/<profile>/<sender>/ "
            "and run `sellthrough ingest`."
        )


class NotBuilt(SellthroughError):
    """A later stage was asked for before the marts stood, tested."""


class WriterBusy(SellthroughError):
    """Another process holds the warehouse for longer than we wait."""


class AsOfDiffers(SellthroughError):
    """Phase 2 was asked for another day than the marts were built for."""


@dataclass(frozen=True)
class FailedNode:
    """A dbt node that did not succeed."""

    node: str
    status: str
    message: str


class BuildFailed(SellthroughError):
    """dbt could not build a model, or a test found what must not be."""

    def __init__(self, phase: str, failed: list[FailedNode], log: Path, detail: str = "") -> None:
        self.phase, self.failed, self.log = phase, failed, log
        lines = [f"dbt {phase} failed: {len(failed)} node(s)." if failed else f"dbt {phase} failed. {detail}".rstrip()]
        lines += [f"  {node.node} ({node.status}): {node.message}" for node in failed[:10]]
        lines.append(f"Nothing was published; readers keep the last good copy. Log: {log}")
        lines.append("What to do: docs/runbooks/build-failed.md")
        super().__init__("\n".join(lines))


class PublishCheckFailed(SellthroughError):
    """The copy beside differs from the warehouse; it was thrown away."""
