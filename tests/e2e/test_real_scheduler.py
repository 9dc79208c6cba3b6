"""A real Airflow, started as `make airflow` starts it: triggered and backfilled through its REST API, followed to the published file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

WITHHELD = (date(2026, 6, 23), date(2026, 6, 24))  # a Tuesday and a Wednesday: all sell


@dataclass
class Airflow:
    """A running Airflow standalone and its REST API."""

    url: str
    password: str
    token: str = ""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the object that came back."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")

    def log_in(self) -> None:
        """Get a token."""
        self.token = self.call("POST", "/auth/token", {"username": "admin", "password": self.password})["access_token"]

    def is_up(self) -> bool:
        """Whether scheduler, DAG processor and metadata database say that they are healthy."""
        try:
            health = self.call("GET", "/api/v2/monitor/health")
        except (OSError, urllib.error.HTTPError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """The runs of a DAG."""
        try:
            return list(self.call("GET", f"/api/v2/dags/{dag}/dagRuns?limit=100")["dag_runs"])
        except urllib.error.HTTPError:
            return []

    def backfilled(self, asked: dict[str, Any]) -> bool:
        """Ask for a backfill; false where SQLite was locked just then, which Airflow answers with 503."""
        try:
            self.call("POST", "/api/v2/backfills", asked)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            return False
        return True

    def failed(self) -> list[str]:
        """DAG runs that failed."""
        return [
            run["dag_run_id"] for run in self.call("GET", "/api/v2/dags/~/dagRuns?limit=100&state=failed")["dag_runs"]
        ]


def wait(what: str, true: Callable[[], bool], seconds: float) -> None:
    """Wait until something is true, or fail with what it was."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return
        time.sleep(1)
    pytest.fail(f"{what}: not within {seconds:.0f} s")


@pytest.fixture
def airflow(home: Any) -> Iterator[Airflow]:
    """Airflow standalone on a free port of loopback, over an empty home."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sellthrough.cli", "airflow", "--home", str(home.path), "--port", str(port)]
    home.path.mkdir(parents=True)
    log = (home.path / "airflow.log").open("w")
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=dict(os.environ)
    )
    try:
        passwords = home.path / "state" / "airflow" / "simple_auth_manager_passwords.json.generated"
        wait("the password", passwords.exists, 60)
        running = Airflow(f"http://127.0.0.1:{port}", json.loads(passwords.read_text())["admin"])
        wait("Airflow to be up", running.is_up, 180)
        running.log_in()
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            log.close()


def published(home: Any) -> dict[str, Any]:
    """What the pointer of the published file says."""
    pointer = home.path / "serving" / "current.json"
    return dict(json.loads(pointer.read_text())) if pointer.exists() else {}


@pytest.mark.long
def test_assets_carry_what_landed_to_the_published_file_and_a_backfill_brings_the_days_that_were_withheld(
    home: Any, airflow: Airflow, network: Path, tmp_path: Path
) -> None:
    late = tmp_path / "withheld"
    wait("the first scheduled run", lambda: any(run["state"] == "success" for run in airflow.runs("ingest_feeds")), 180)

    home.land(network / "landing")
    for day in WITHHELD:
        for file in (home.path / "landing").rglob(f"*_{day}.*"):
            kept = late / file.relative_to(home.path / "landing")
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, kept)
    assert any(late.rglob("dms_invoice_line_*"))
    airflow.call("POST", "/api/v2/dags/ingest_feeds/dagRuns", {"logical_date": None})

    wait("a publish after the alerts", lambda: published(home).get("alerts_seq") is not None, 420)
    assert airflow.failed() == []
    first = published(home)
    assert first["alerts_seq"] == first["seq"]
    days = f"business_date in (date '{WITHHELD[0]}', date '{WITHHELD[1]}')"
    assert home.query(f"select count(*) from reporting.secondary_sale_line where {days}") == [(0,)]
    assert home.query("select count(*) > 0 from reporting.secondary_sale_line") == [(True,)]

    shutil.copytree(late, home.path / "landing", dirs_exist_ok=True)
    span = {"from_date": f"{WITHHELD[0]}T00:00:00Z", "to_date": f"{WITHHELD[-1] + timedelta(days=1)}T00:00:00Z"}
    behaviour = {"reprocess_behavior": "none", "max_active_runs": 1, "run_backwards": False, "dag_run_conf": {}}
    wait("a backfill", lambda: airflow.backfilled({"dag_id": "ingest_feeds", **span, **behaviour}), 120)

    def both_days_are_published() -> bool:
        found = home.query(f"select count(distinct business_date) from reporting.secondary_sale_line where {days}")
        return found == [(2,)] and published(home)["alerts_seq"] == published(home)["seq"]

    wait("the withheld days in the published file", both_days_are_published, 420)
    backfills = [run for run in airflow.runs("ingest_feeds") if run["run_type"] == "backfill"]
    assert len(backfills) == 2
    assert airflow.failed() == []
