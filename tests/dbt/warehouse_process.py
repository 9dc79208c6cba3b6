"""Run real dbt builds of data homes in one process beside the tests, which parses the project once, and keep what a build published.

As a module: `Warehouse`, used by the tests. As a script: the process itself, which takes one command per line until its input ends.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

import duckdb

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


class BuildFailed(Exception):
    """A dbt build did not succeed; the message lists what failed."""


class Warehouse:
    """The warehouse of a data home; no process holds it between two commands."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "warehouse.duckdb"
        (home / "state").mkdir(parents=True, exist_ok=True)

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

    def manifest(self) -> dict[str, Any]:
        """The project as dbt understands it."""
        path = self.home / "state" / "manifest.json"
        self._order({"manifest": str(path)})
        return cast(dict[str, Any], json.loads(path.read_text()))

    def _order(self, command: dict[str, Any]) -> None:
        orders, answers = _process()
        orders.write(json.dumps({"home": str(self.home), **command}) + "\n")
        orders.flush()
        answer = json.loads(answers.readline() or '{"failed": "the process ended"}')
        if answer["failed"]:
            raise BuildFailed(answer["failed"])


@cache
def _process() -> tuple[IO[str], IO[str]]:
    """What is written to the dbt process of these tests, and read from it; it ends when its input does."""
    environment = os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    process = subprocess.Popen(
        [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return cast(IO[str], process.stdin), cast(IO[str], process.stdout)


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

    project = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    project += ["--quiet", "--log-level-file", "none", "--no-write-json"]
    manifest = None
    for line in sys.stdin:
        command = json.loads(line)
        home = Path(command["home"])
        os.environ["SELLTHROUGH_HOME"] = str(home)
        os.environ["DBT_TARGET_PATH"] = str(home / "state" / "dbt" / "target")
        os.environ["DBT_LOG_PATH"] = str(home / "state" / "dbt" / "logs")
        failed = ""
        if manifest is None:
            parsed = dbtRunner().invoke(["parse", *project])
            failed, manifest = str(parsed.exception or ""), parsed.result
            gc.freeze()  # what was parsed stays to the end
        if failed:
            pass
        elif "dbt" in command:
            done = dbtRunner(manifest=manifest).invoke([command["dbt"][0], *project, *command["dbt"][1:]])
            if not done.success:
                failed = str(done.exception or "")
                for result in getattr(done.result, "results", []):
                    if result.status not in ("success", "pass", "skipped"):
                        failed += f"\n{result.node.unique_id}: {result.message}"
                failed = failed or "dbt failed"
            DuckDBConnectionManager.close_all_connections()
        elif "manifest" in command:
            manifest.write(command["manifest"])
        else:
            _keep(home / "warehouse.duckdb", Path(command["keep"]))
        answers.write(json.dumps({"failed": failed}) + "\n")
        answers.flush()


def _keep(warehouse: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set default_null_order = 'nulls_first'")
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'reporting' order by table_name"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f"copy reporting.{table} to '{folder / table}.parquet' (format parquet)")


if __name__ == "__main__":
    _serve()
