"""Run real dbt builds of one data home in a short-lived process of their own, and keep what each build published.

As a module: `Warehouse`, used by the tests. As a script: the process itself, which takes one command per line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


class BuildFailed(Exception):
    """A dbt build did not succeed; the message lists what failed."""


class Warehouse:
    """The warehouse of a data home, built by a process that ends with the `with` block."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "warehouse.duckdb"

    def __enter__(self) -> Warehouse:
        (self.home / "state").mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "SELLTHROUGH_HOME": str(self.home),
            "DBT_TARGET_PATH": str(self.home / "state" / "dbt" / "target"),
            "DBT_LOG_PATH": str(self.home / "state" / "dbt" / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def dbt(self, *arguments: str) -> None:
        """Run one dbt command."""
        self._order({"dbt": arguments})

    def build(
        self,
        label: str,
        *,
        full: bool = False,
        tests: bool = False,
        select: Sequence[str] = ("--selector", "phase_1"),
    ) -> Path:
        """Build the models of phase 1 and keep its public tables as Parquet under the label."""
        self.dbt(
            "build",
            *select,
            "--exclude-resource-type",
            "unit_test",
            *([] if tests else ["--exclude-resource-type", "test"]),
            *(["--full-refresh"] if full else []),
        )
        folder = self.home / "kept" / label
        self._order({"keep": str(folder)})
        return folder

    def _order(self, command: dict[str, Any]) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"failed": "the process ended"}')
        if answer["failed"]:
            raise BuildFailed(answer["failed"])


def query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read the warehouse; no process may hold it."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def differing_rows(one: str, other: str, connection: duckdb.DuckDBPyConnection) -> int:
    """How many rows stand in only one of two tables, repeats counted."""
    found = connection.execute(
        f"select (select count(*) from (from {one} except all from {other})) "
        f"+ (select count(*) from (from {other} except all from {one}))"
    ).fetchone()
    assert found
    return int(found[0])


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    project = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
    manifest = None
    for line in sys.stdin:
        command = json.loads(line)
        failed = ""
        if "dbt" in command:
            if manifest is None:
                parsed = dbtRunner().invoke(["parse", *project])
                failed, manifest = str(parsed.exception or ""), parsed.result
            if not failed:
                done = dbtRunner(manifest=manifest).invoke([command["dbt"][0], *project, *command["dbt"][1:]])
                if not done.success:
                    failed = str(done.exception or "")
                    for result in getattr(done.result, "results", []):
                        if result.status not in ("success", "pass", "skipped"):
                            failed += f"\n{result.node.unique_id}: {result.message}"
                    failed = failed or "dbt failed"
            DuckDBConnectionManager.close_all_connections()
        else:
            _keep(Path(command["keep"]))
        answers.write(json.dumps({"failed": failed}) + "\n")
        answers.flush()


def _keep(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(Path(os.environ["SELLTHROUGH_HOME"]) / "warehouse.duckdb")) as connection:
        connection.execute("set default_null_order = 'nulls_first'")
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'reporting' order by table_name"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f"copy reporting.{table} to '{folder / table}.parquet' (format parquet)")


if __name__ == "__main__":
    _serve()
