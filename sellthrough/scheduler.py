"""The built-in Airflow: its environment inside the data home, and how to start it. Nothing here imports airflow."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

from sellthrough import terminal
from sellthrough.errors import SellthroughError
from sellthrough.files import read_json, write_json
from sellthrough.settings import PROJECT_ROOT, Settings

DAGS = PROJECT_ROOT / "dags"
IN_ORDER = ("ingest_feeds", "build_warehouse", "forecast_and_alert", "publish_marts")


class AirflowNotReady(SellthroughError):
    """The metadata database or the pool could not be made."""


def environment(settings: Settings, port: int = 8080, airflow_home: Path | None = None) -> dict[str, str]:
    """What Airflow is told: everything inside the data home, loopback only, no examples, no telemetry."""
    home = airflow_home or settings.airflow_home
    return settings.subprocess_environment(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__PARALLELISM="4",
        AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{port}/execution/",
        AIRFLOW__API__HOST="127.0.0.1",
        AIRFLOW__API__PORT=str(port),
        AIRFLOW__API__BASE_URL=f"http://127.0.0.1:{port}",
        AIRFLOW__API__WORKERS="1",
        AIRFLOW__API_AUTH__JWT_SECRET=_made_once(home / "secrets.json", "jwt", 64),
        AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT="60",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home / 'airflow.db'}",
        AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST="127.0.0.1",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
    )


def login(settings: Settings) -> tuple[str, str]:
    """The user and the password of the built-in Airflow, made on first use."""
    path = settings.airflow_home / "simple_auth_manager_passwords.json.generated"
    return "admin", _made_once(path, "admin", 12)


def _made_once(path: Path, name: str, length: int) -> str:
    """A secret of this home, made on first use and readable by its owner only."""
    known = read_json(path)
    if name not in known:
        known = {**known, name: secrets.token_urlsafe(length)}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        write_json(path, known)
        path.chmod(0o600)
    return str(known[name])


def prepare(settings: Settings, port: int = 8080) -> dict[str, str]:
    """Make the metadata database and the pool; gives the environment to start Airflow with.

    Raises:
        AirflowNotReady: with what Airflow said.
    """
    settings.airflow_home.mkdir(parents=True, exist_ok=True)
    chosen = environment(settings, port)
    done = subprocess.run(
        [sys.executable, "-m", "sellthrough.dag_runner"],
        env=chosen,
        cwd=settings.airflow_home,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise AirflowNotReady(
            f"Airflow could not be set up in {settings.airflow_home}:\n{(done.stdout + done.stderr)[-2000:]}"
        )
    return chosen


def command(settings: Settings, port: int, words: tuple[str, ...]) -> int:
    """Become an Airflow command that works on the metadata of the home."""
    return _become(prepare(settings, port), settings, words)


def standalone(settings: Settings, port: int) -> int:
    """Become Airflow standalone; ends with it."""
    user, password = login(settings)
    chosen = prepare(settings, port)
    terminal.show(f"Airflow: http://127.0.0.1:{port}  user {user}  password {password}")
    terminal.show(
        f"Data home: {settings.home}. Put files under {settings.landing}/<profile>/<sender>/ and trigger ingest_feeds."
    )
    return _become(chosen, settings, ("standalone",))


def _become(chosen: dict[str, str], settings: Settings, words: tuple[str, ...]) -> int:
    sys.stdout.flush()
    os.chdir(settings.airflow_home)
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *words], chosen)
