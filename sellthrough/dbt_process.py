"""One dbt command, in a process of its own that does nothing else: `python -m sellthrough.dbt_process RESULTS LOG ARGUMENT...`.

What each node did is written to the file RESULTS, what dbt said to the file LOG; the exit code is dbt's. Standard output has one line of JSON per node
done (`node`, `index`, `total`) and per error (`error`). Three things make it cheaper than dbt's own command line: nothing is collected as garbage, since
the process ends with the command; dbt's large artefacts, which nobody reads, are not written; and dbt's debug messages, thousands of them, are not
made into text to be thrown away.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from sellthrough.files import write_json

NODE_DONE = ("LogModelResult", "LogTestResult", "LogSeedResult", "LogNodeResult")


def main(results: Path, log: Path, arguments: list[str]) -> int:
    """Run dbt with the arguments; write what it did to `results` and what it said to `log`."""
    gc.disable()
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    own = ["--no-write-json", "--log-level", "none", "--log-level-file", "none"]
    done = dbtRunner(callbacks=[Said(log)]).invoke([*own, *arguments])
    DuckDBConnectionManager.close_all_connections()
    if done.exception:
        _tell(error=str(done.exception))
    nodes: list[Any] = list(getattr(done.result, "results", None) or [])
    write_json(results, {"results": [_outcome(result) for result in nodes]})
    return 0 if done.success else 2 if done.exception else 1


class Said:
    """Takes dbt's messages; those for developers of dbt are left out."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = logging.getLogger("sellthrough.dbt_process")
        self._log.setLevel(logging.INFO)
        self._log.propagate = False
        handler = RotatingFileHandler(log, maxBytes=10_000_000, backupCount=2, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._log.addHandler(handler)

    def __call__(self, message: Any) -> None:
        level, text = message.info.level, message.info.msg
        if level == "debug":
            return
        self._log.info("[%s] %s", level, text)
        if level == "error":
            _tell(error=text.strip())
        if message.info.name in NODE_DONE:
            data = message.data
            total = getattr(data, "total", 0) or getattr(data, "num_models", 0)
            _tell(node=data.node_info.node_name, index=data.index, total=total)


def _tell(**facts: str | int) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _outcome(result: Any) -> dict[str, Any]:
    return {
        "unique_id": result.node.unique_id,
        "status": str(result.status),
        "execution_time": result.execution_time,
        "failures": result.failures,
        "message": result.message,
        "relation_name": getattr(result.node, "relation_name", None),
    }


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
    sys.stdout.flush()
    os._exit(code)  # without taking dbt's object graph apart piece by piece
