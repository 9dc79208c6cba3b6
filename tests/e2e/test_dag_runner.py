"""The four DAGs, run in order by Airflow's own runner as `make demo` runs them: they carry what landed to the published file, once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sellthrough import scheduler
from sellthrough.settings import Settings


def run_dags(home: Path, *dags: str) -> dict[str, Any]:
    """Run DAGs in order; state and tasks of each by its id."""
    settings = Settings(home=home)
    settings.airflow_home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "sellthrough.dag_runner", *dags]
    done = subprocess.run(
        command,
        env=scheduler.environment(settings),
        cwd=settings.airflow_home,
        capture_output=True,
        text=True,
        timeout=600,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"dag"')]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return {line["dag"]: line for line in lines}


def states(run: dict[str, Any], task: str) -> set[str]:
    """The states of a task, over its mapped instances."""
    return {state for name, (state, _) in run["tasks"].items() if name.split("[")[0] == task}


def leave_with_the_sender(home: Path, name: str) -> None:
    """Take a file out of landing/ and let its profile fetch it."""
    landed = next((home / "landing").rglob(name))
    profile, sender = landed.relative_to(home / "landing").parts[:2]
    outbox = home.with_name(f"{home.name}-outbox")
    outbox.mkdir()
    landed.rename(outbox / name)
    config = home / "config" / "profiles" / f"{profile}.yaml"
    config.parent.mkdir(parents=True)
    source = f"{{url: 'file://{outbox}/*.csv', sender: {sender}, ready: {{stable_seconds: 0}}}}"
    config.write_text(f"sources: [{source}]\n")


@pytest.fixture(scope="module")
def carried(new_home: Any, network: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """A home whose landing the DAGs carried through, the first run of the DAGs, and a second one with nothing new, which publishes before it alerts."""
    home = new_home()
    home.land(network / "landing")
    leave_with_the_sender(home.path, "sku.csv")
    first = run_dags(home.path, *scheduler.IN_ORDER)
    return home, first, run_dags(home.path, "ingest_feeds", "publish_marts", "forecast_and_alert")


def test_what_landed_is_published_with_alerts_of_the_same_commit(carried: Any) -> None:
    home, first, _ = carried

    assert [first[dag]["state"] for dag in scheduler.IN_ORDER] == ["success"] * 4
    pointer = json.loads((home.path / "serving" / "current.json").read_text())
    assert pointer["alerts_seq"] == pointer["seq"] == len(list((home.path / "bronze" / "_commits").glob("*.json")))
    assert home.query("select count(*) > 0 from reporting.secondary_sale_line") == [(True,)]
    assert home.query("select count(*) > 0 from reporting.quality_result") == [(True,)]


def test_what_a_source_has_is_fetched_before_masters_are_taken_in(carried: Any) -> None:
    home, first, second = carried

    assert states(first["ingest_feeds"], "fetch") == states(second["ingest_feeds"], "fetch") == {"success"}
    assert states(first["ingest_feeds"], "report_unread_sources") == {"skipped"}
    assert home.query("select count(*) > 0 from reporting.secondary_sale_line where sku_code <> 'UNKNOWN'") == [(True,)]


def test_only_feeds_that_landed_are_mapped_over(carried: Any, network: Path) -> None:
    _, first, _ = carried
    landed = {file.name for file in (network / "landing").rglob("*.*")}
    facts = ("dms_invoice_line", "dms_stock", "goods_receipt", "erp_dispatch_line", "pos_sale", "scheme", "calendar")
    expected = sum(any(name.startswith(feed) for name in landed) for feed in facts)

    assert sum(name.startswith("ingest_facts[") for name in first["ingest_feeds"]["tasks"]) == expected


def test_the_forecast_comes_from_mapped_tasks_and_one_with_nothing_new_has_none_and_succeeds(carried: Any) -> None:
    _, first, second = carried
    again = second["forecast_and_alert"]

    assert states(first["forecast_and_alert"], "forecast") == {"success"}
    assert states(again, "forecast") == {"skipped"}
    assert states(again, "collect") == states(again, "alert") == {"success"}


def test_a_second_run_with_nothing_new_skips_instead_of_committing_and_publishing(carried: Any) -> None:
    home, _, second = carried

    assert states(second["ingest_feeds"], "evaluate_quality") == {"skipped"}
    assert states(second["publish_marts"], "publish") == {"skipped"}
    assert home.query("select count(*) from reporting.publication") == [(1,)]
