"""A real Airflow scheduler carries files through to the published copy, and a backfill brings in days that came late."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

LATE_DAYS = (date(2026, 6, 10), date(2026, 6, 11))
PATIENCE_S = 420


class Airflow:
    """The REST API of an Airflow on loopback."""

    def __init__(self, port: int, password: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        body = {"username": "admin", "password": password}
        self.token = self.call("POST", "/auth/token", body, signed=False)["access_token"]

    def call(self, method: str, path: str, body: Any = None, signed: bool = True) -> Any:
        """One request; its answer as an object."""
        headers = {"Content-Type": "application/json"}
        if signed:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.loads(answer.read())

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The runs of a DAG, oldest first."""
        found = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=run_after&limit=100")
        return list(found["dag_runs"])

    def idle(self) -> bool:
        """Whether no run of any DAG is queued or running; a failed run fails the test."""
        runs = self.call("GET", "/api/v2/dags/~/dagRuns?limit=100")["dag_runs"]
        failed = [(run["dag_id"], run["dag_run_id"]) for run in runs if run["state"] == "failed"]
        assert not failed, failed
        return all(run["state"] == "success" for run in runs)


def wait_for(what: str, holds: Callable[[], bool], log: Path) -> None:
    """Wait, for a bounded time, until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(1)
    raise AssertionError(f"waited {PATIENCE_S} s in vain: {what}\n{log.read_text()[-4000:]}")


def free_port() -> int:
    """A port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def late_files(new_home: Callable[[], Any], network: Path) -> tuple[Any, Path]:
    """A home whose landing lacks every file of two days, and the folder where those files wait."""
    home = new_home()
    home.land(network / "landing")
    waiting = home.path / "waiting"
    files = [path for day in LATE_DAYS for path in (home.path / "landing").rglob(f"*_{day}.*")]
    assert files
    for path in files:
        target = waiting / path.relative_to(home.path / "landing")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    return home, waiting


@pytest.fixture(scope="module")
def airflow(late_files: tuple[Any, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Airflow, Path]]:
    """Airflow standalone on loopback, with our DAGs, on that home."""
    home, _ = late_files
    port = free_port()
    log = tmp_path_factory.mktemp("airflow") / "airflow.log"
    with log.open("w") as out:
        command = [sys.executable, "-m", "sellthrough.cli", "airflow", "--home", str(home.path), "--port", str(port)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:

        def healthy() -> bool:
            assert process.poll() is None, log.read_text()[-4000:]
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=5) as answer:
                    return bool(json.loads(answer.read())["scheduler"]["status"] == "healthy")
            except OSError:
                return False

        wait_for("Airflow is up", healthy, log)
        passwords = home.path / "state" / "airflow" / "simple_auth_manager_passwords.json.generated"
        yield Airflow(port, json.loads(passwords.read_text())["admin"]), log
    finally:
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def sold(home: Any, day: date) -> int:
    """Net units sold on a day, as published."""
    rows = home.query(
        f"select coalesce(sum(secondary_qty_base), 0) from reporting.sell_through_daily where business_date = '{day}'"
    )
    return int(rows[0][0])


def published(home: Any) -> dict[str, Any]:
    """The pointer to what is published; empty before the first time."""
    pointer = home.path / "serving" / "current.json"
    return dict(json.loads(pointer.read_text())) if pointer.exists() else {}


@pytest.mark.long
def test_the_scheduler_carries_files_through_and_a_backfill_brings_in_two_late_days(
    airflow: tuple[Airflow, Path], late_files: tuple[Any, Path], network: Path
) -> None:
    api, log = airflow
    home, waiting = late_files
    dags = ("ingest_feeds", "build_warehouse", "forecast_and_alert", "publish_marts")

    def known() -> bool:
        found = {dag["dag_id"] for dag in api.call("GET", "/api/v2/dags")["dags"]}
        return found == set(dags)

    wait_for("the four DAGs are known", known, log)
    for dag in dags:
        api.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
    api.call("POST", "/api/v2/dags/ingest_feeds/dagRuns", {"logical_date": None})

    def carried_through() -> bool:
        pointer = published(home)
        return api.idle() and pointer.get("alerts_seq") is not None and pointer["alerts_seq"] == pointer["seq"]

    wait_for("a publish after the alerts", carried_through, log)
    assert all(api.runs(dag) for dag in dags)
    assert [sold(home, day) for day in LATE_DAYS] == [0, 0]
    assert home.query("select count(*) > 0 from reporting.alert") == [(True,)]
    missing = home.query("select distinct business_date from reporting.feed_status where state = 'MISSING' order by 1")
    assert missing == [(day,) for day in LATE_DAYS]

    first = published(home)["seq"]
    shutil.copytree(waiting, home.path / "landing", dirs_exist_ok=True)
    request = {
        "dag_id": "ingest_feeds",
        "from_date": f"{LATE_DAYS[0]}T00:00:00Z",
        "to_date": f"{LATE_DAYS[1]}T23:59:59Z",
        "run_backwards": False,
        "dag_run_conf": {},
        "reprocess_behavior": "none",
        "max_active_runs": 1,
    }
    api.call("POST", "/api/v2/backfills", request)

    def brought_in() -> bool:
        pointer = published(home)
        return api.idle() and pointer["seq"] > first and pointer["alerts_seq"] == pointer["seq"]

    wait_for("a publish after the backfill", brought_in, log)
    backfills = [run for run in api.runs("ingest_feeds") if run["run_type"] == "backfill"]
    assert len(backfills) == len(LATE_DAYS)
    import duckdb

    truth = [
        duckdb.execute(
            f"select sum(secondary_qty_base) from '{network}/truth/sell_through_daily.parquet' where business_date = '{day}'"
        ).fetchone()[0]  # type: ignore[index]
        for day in LATE_DAYS
    ]
    assert [sold(home, day) for day in LATE_DAYS] == truth
    assert home.query("select count(*) from reporting.feed_status where state = 'MISSING'") == [(0,)]
