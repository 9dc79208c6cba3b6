"""What the end-to-end tests share: the command line in its own process, homes, real data, and the published hashes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Home:
    """A data home and the command line that works on it."""

    path: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "sellthrough.cli", *words, "--home", str(self.path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=dict(os.environ),
        )

    def run(self, *words: str, exits: tuple[int, ...] = (0,)) -> str:
        """Run a command to its end, demand its exit code, and give what it printed."""
        process = self.start(*words)
        out, err = process.communicate(timeout=600)
        assert process.returncode in exits, f"{words} ended with {process.returncode}\n{out[-3000:]}\n{err[-3000:]}"
        return out

    def json(self, *words: str, exits: tuple[int, ...] = (0,)) -> Any:
        """Run a command with --json and give the object that it printed."""
        return json.loads(self.run(*words, "--json", exits=exits))

    def land(self, source: Path) -> None:
        """Copy a landing tree in, with the files' times."""
        shutil.copytree(source, self.path / "landing", dirs_exist_ok=True)

    def copy(self, target: Path) -> Home:
        """A copy of the whole home, files' times kept."""
        shutil.copytree(self.path, target, symlinks=True)
        return Home(target)

    def hashes(self) -> dict[str, str]:
        """The content hash of every public table that is published."""
        tables = json.loads((self.path / "serving" / "current.json").read_text())["tables"]
        return {name: table["hash"] for name, table in tables.items()}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the published file."""
        with duckdb.connect(str(self.path / "serving" / "sellthrough.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new, empty home."""
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    """Makes new, empty homes."""
    return lambda: Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated network without planted defects: landing/ and truth/."""
    out = tmp_path_factory.mktemp("network")
    simulate(out, "none")
    return out


@pytest.fixture(scope="session")
def faulty_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network with one defect of each kind planted in the senders' files."""
    out = tmp_path_factory.mktemp("faulty_network")
    simulate(out, str(PROJECT / "simulation" / "defects_default.yaml"))
    return out


def simulate(out: Path, defects: str) -> None:
    """Write the small network that the tests run on."""
    size = ["--seed", "7", "--distributors", "8", "--outlets", "120", "--skus", "20", "--days", "130"]
    words = ["simulate", "--out", str(out), *size, "--defects", defects]
    done = subprocess.run(
        [sys.executable, "-m", "sellthrough.cli", *words], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
