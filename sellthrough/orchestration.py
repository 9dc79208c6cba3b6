"""What the DAGs share: assets, the pool, defaults. Imported by dags/ only; light, so that a broken install shows at parse time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from airflow.sdk import Asset, CronDataIntervalTimetable, Param

from sellthrough.settings import Settings, switch_telemetry_off

BRONZE = Asset("bronze", uri="sellthrough://bronze")
MARTS = Asset("marts", uri="sellthrough://marts")
ALERTS = Asset("alerts", uri="sellthrough://alerts")
PUBLISHED = Asset("published", uri="sellthrough://published")

SAY_EVERY_S = 2
WAREHOUSE_WRITER = "warehouse_writer"


def defaults(doc: str | None) -> dict[str, Any]:
    """The arguments that all our DAGs have in common."""
    switch_telemetry_off()
    return {
        "doc_md": doc,
        "start_date": datetime(2020, 1, 1, tzinfo=UTC),
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["sellthrough"],
        "params": {
            "as_of": Param(
                None,
                type=["null", "string"],
                format="date",
                description="What counts as today; default: the latest business date.",
            )
        },
        "default_args": {"owner": "data-engineering", "retries": 2, "retry_delay": timedelta(seconds=20)},
    }


def settings(params: Any) -> Settings:
    """The settings of a run: those of the environment, and the run's own `as_of`."""
    as_of = params.get("as_of")
    return Settings(as_of=date.fromisoformat(as_of)) if as_of else Settings()


def ingest_schedule() -> CronDataIntervalTimetable:
    """When ingest_feeds runs: at the end of each interval of the settings' cron expression."""
    return CronDataIntervalTimetable(Settings().ingest_schedule, timezone="UTC")


def progress(stage: str) -> Any:
    """A progress function that writes to the task's log, a line every few seconds."""
    log = structlog.get_logger(stage)
    said = [datetime.now(UTC)]

    def report(done: int, total: int, label: str) -> None:
        now = datetime.now(UTC)
        if (now - said[0]).total_seconds() >= SAY_EVERY_S or done == total:
            said[0] = now
            log.info(f"progress {stage} {done}/{total} {label}")

    return report


def tell(report: Any) -> dict[str, Any]:
    """Write a stage's report, and each problem that it found, to the task's log; gives the report in plain values."""
    from sellthrough.pipeline import plain

    log = structlog.get_logger("sellthrough")
    shown = plain(report)
    for problem in [*(shown.get("problems") or ()), *(shown.get("failures") or ())]:
        log.warning(str(problem))
    counts = {name: value for name, value in shown.items() if not isinstance(value, (list, dict))}
    log.info("done", **counts)
    return counts


def connection(name: str) -> Any:
    """A connection of Airflow's (metadata, secrets backend or environment), else one that only our environment names."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    import ingest

    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return Settings().connection(name)
    return ingest.Connection(
        name=name,
        kind=found.conn_type or "",
        host=found.host or None,
        port=found.port,
        login=found.login or None,
        password=found.password or None,
        schema=found.schema or None,
        extra=found.extra_dejson,
    )


def flat(values: Any) -> list[Any]:
    """The leaves of nested lists, nulls left out: what mapped tasks gave, skipped ones among them."""
    if isinstance(values, (str, int)):
        return [values]
    return [leaf for value in values or () for leaf in flat(value)]
