"""One dbt command, in a process of its own that does nothing else: `python -m sellthrough.dbt_process RESULTS ARGUMENT...`.

What each node did is written to the file RESULTS; the exit code is dbt's. Two things make it cheaper than dbt's own command line: nothing is collected
as garbage, since the process ends with the command, and dbt's large artefacts, which nobody reads, are not written.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

from sellthrough.files import write_json


def main(results: Path, arguments: list[str]) -> int:
    """Run dbt with the arguments; write what it did to `results`."""
    gc.disable()
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    done = dbtRunner().invoke(["--no-write-json", *arguments])
    DuckDBConnectionManager.close_all_connections()
    if done.exception:
        sys.stdout.write(f"{done.exception}\n")
    nodes: list[Any] = list(getattr(done.result, "results", None) or [])
    write_json(results, {"results": [_outcome(result) for result in nodes]})
    return 0 if done.success else 2 if done.exception else 1


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
    code = main(Path(sys.argv[1]), sys.argv[2:])
    sys.stdout.flush()
    os._exit(code)  # without taking dbt's object graph apart piece by piece
