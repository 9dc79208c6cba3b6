"""Run DAGs to their end, one after the other, in one process, with Airflow's own runner (`dag.test()`).

`python -m sellthrough.dag_runner [DAG_ID …]`: makes the metadata database and the pool, then runs the DAGs that are named. Writes one
JSON line per DAG run to stdout: {"dag": …, "state": …, "seconds": …, "tasks": {task: [state, seconds]}}. To be started with the environment
of `sellthrough.scheduler`.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

FAILED = 3


def prepare() -> None:
    """Make the metadata database and the pool of one slot."""
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    initdb()
    Pool.create_or_update_pool("warehouse_writer", 1, "Only one process writes the warehouse.", include_deferred=True)


def run(dag_ids: list[str], conf: dict[str, Any] | None = None) -> bool:
    """Run the DAGs in order; stops at the first that fails."""
    from airflow.dag_processing.dagbag import DagBag

    from sellthrough.scheduler import DAGS

    bag = DagBag(dag_folder=str(DAGS))
    if bag.import_errors:
        sys.stderr.write(f"{bag.import_errors}\n")
        return False
    for dag_id in dag_ids:
        started = time.monotonic()
        result = bag.dags[dag_id].test(run_conf=conf)
        tasks = {
            f"{ti.task_id}[{ti.map_index}]" if ti.map_index >= 0 else ti.task_id: [
                str(ti.state),
                round(ti.duration or 0.0, 1),
            ]
            for ti in result.get_task_instances()
        }
        state = str(result.state)
        line = {"dag": dag_id, "state": state, "seconds": round(time.monotonic() - started, 1), "tasks": tasks}
        sys.__stdout__.write(json.dumps(line) + "\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]
        if state != "success":
            return False
    return True


if __name__ == "__main__":
    prepare()
    sys.exit(0 if run(sys.argv[1:]) else FAILED)
