"""The four DAGs: they are these, wired like this, and short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"
IDS = {"ingest_feeds", "build_warehouse", "forecast_and_alert", "publish_marts"}


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    """Every DAG of the folder, parsed as Airflow parses it."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(DAGS))
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_the_folder_holds_exactly_the_promised_dags(dags: dict[str, Any]) -> None:
    assert set(dags) == IDS
    assert {Path(dag.fileloc) for dag in dags.values()} == {DAGS / f"{name}.py" for name in IDS}


@pytest.mark.parametrize("name", sorted(IDS))
def test_a_dag_says_what_it_does_who_owns_it_and_takes_as_of(dags: dict[str, Any], name: str) -> None:
    dag = dags[name]

    assert dag.doc_md
    assert "docs/runbooks/build-failed.md" in dag.doc_md
    assert dag.tags == {"sellthrough"}
    assert dag.params.dump() == {"as_of": None}
    assert dag.catchup is False
    assert all(task.owner == "data-engineering" and task.retries >= 1 for task in dag.tasks)


@pytest.mark.parametrize("name", sorted(IDS))
def test_a_dag_file_is_wiring_that_one_reads_in_a_minute(name: str) -> None:
    assert len((DAGS / f"{name}.py").read_text().splitlines()) < 80


def test_assets_carry_a_commit_through_to_the_published_file(dags: dict[str, Any]) -> None:
    emits = {name: {outlet.name for task in dag.tasks for outlet in task.outlets} for name, dag in dags.items()}
    follows = {
        name: {asset.name for asset in dag.timetable.asset_condition.objects}
        for name, dag in dags.items()
        if getattr(dag.timetable, "asset_condition", None)
    }

    assert emits == {
        "ingest_feeds": {"bronze"},
        "build_warehouse": {"marts"},
        "forecast_and_alert": {"alerts"},
        "publish_marts": {"published"},
    }
    assert follows == {
        "build_warehouse": {"bronze"},
        "forecast_and_alert": {"marts"},
        "publish_marts": {"marts", "alerts"},
    }


def test_whatever_opens_the_warehouse_waits_for_its_one_slot(dags: dict[str, Any]) -> None:
    writers = {task.task_id for dag in dags.values() for task in dag.tasks if task.pool == "warehouse_writer"}

    assert writers == {"build", "alert", "publish"}


def test_masters_are_taken_in_before_facts_and_expectations_come_last(dags: dict[str, Any]) -> None:
    tasks = dags["ingest_feeds"].task_dict

    assert tasks["ingest_masters"].upstream_task_ids == {"list_masters"}
    assert tasks["list_facts"].upstream_task_ids == {"ingest_masters"}
    assert tasks["ingest_facts"].upstream_task_ids == {"list_facts"}
    assert tasks["evaluate_quality"].upstream_task_ids == {"ingest_masters", "ingest_facts"}
    assert tasks["evaluate_quality"].downstream_task_ids == set()


def test_what_has_landed_is_taken_in_even_where_a_source_cannot_be_read_and_the_run_tells_of_it(
    dags: dict[str, Any],
) -> None:
    tasks = dags["ingest_feeds"].task_dict

    assert tasks["fetch"].upstream_task_ids == set()
    assert tasks["list_masters"].upstream_task_ids == {"fetch"}
    assert tasks["list_masters"].trigger_rule == "all_done"
    assert tasks["report_unread_sources"].upstream_task_ids == {"fetch"}
    assert tasks["report_unread_sources"].trigger_rule == "one_failed"
    assert tasks["report_unread_sources"].downstream_task_ids == set()


def test_the_forecast_is_dealt_out_to_mapped_tasks_and_collected_even_where_there_are_none(
    dags: dict[str, Any],
) -> None:
    tasks = dags["forecast_and_alert"].task_dict

    assert tasks["forecast"].is_mapped
    assert tasks["forecast"].upstream_task_ids == {"prepare", "list_groups"}
    assert tasks["collect"].upstream_task_ids == {"prepare", "forecast"}
    assert tasks["collect"].trigger_rule == "none_failed"
    assert tasks["alert"].upstream_task_ids == {"collect"}


def test_an_ingest_run_stands_for_a_day_so_that_it_can_be_backfilled(dags: dict[str, Any]) -> None:
    from airflow.sdk import CronDataIntervalTimetable

    assert isinstance(dags["ingest_feeds"].timetable, CronDataIntervalTimetable)


def test_a_connection_is_airflows_own_or_that_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest import Connection, ConnectionUnusable
    from sellthrough import orchestration

    monkeypatch.setenv("AIRFLOW_CONN_ERP", "postgres://reader:p%40ss@erp.example:5432/prod?sslmode=require")
    monkeypatch.setenv("SELLTHROUGH_CONN_STORE", "aws://id:key@/?region_name=eu-west-1")

    assert orchestration.connection("erp") == Connection(
        "erp", "postgres", "erp.example", 5432, "reader", "p@ss", "prod", {"sslmode": "require"}
    )
    assert orchestration.connection("store").login == "id"
    with pytest.raises(ConnectionUnusable, match="SELLTHROUGH_CONN_NOBODY"):
        orchestration.connection("nobody")
