"""`make demo`: a made network, carried through the four DAGs by Airflow's own runner; then what was found and where to look."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from sellthrough import terminal
from sellthrough.errors import SellthroughError
from sellthrough.scheduler import IN_ORDER, environment
from sellthrough.settings import Settings

PROGRESS = re.compile(r"progress (?P<stage>\S+) (?P<done>\d+)/(?P<total>\d+) (?P<label>.*?)  ")
DEFECTS = Path(__file__).resolve().parents[1] / "simulation" / "defects_default.yaml"


class DemoFailed(SellthroughError):
    """A DAG of the demo did not succeed."""


def run(settings: Settings, *, seed: int, distributors: int, outlets: int, skus: int, days: int) -> dict[str, Any]:
    """Simulate unless the home already holds a network, run the DAGs in order, and gather the summary.

    Raises:
        DemoFailed: with the DAG and the log.
    """
    phases: dict[str, float] = {}
    if not settings.landing.exists():
        started = time.monotonic()
        _simulate(settings, seed=seed, distributors=distributors, outlets=outlets, skus=skus, days=days)
        phases["simulate"] = round(time.monotonic() - started, 1)
    started = time.monotonic()
    runs = _run_dags(settings)
    for line in runs:
        phases[line["dag"]] = line["seconds"]
    phases["airflow start-up"] = round(time.monotonic() - started - sum(line["seconds"] for line in runs), 1)
    return {"phases": phases, "tasks": {line["dag"]: line["tasks"] for line in runs}, **summary(settings)}


def summary(settings: Settings) -> dict[str, Any]:
    """The demo's figures, from the published file."""
    with duckdb.connect(str(settings.published), read_only=True) as con:
        return {name: _rows(con, query) for name, query in QUERIES.items()}


QUERIES = {
    "rows": """
        select sum(records) as records, sum(loaded) as loaded, sum(rejected) as rejected, sum(blank) as blank, sum(total_lines) as total_lines,
            sum(left_out) as left_out, sum(duplicates) as duplicates, sum(superseded) as superseded, sum(deleted) as deleted
        from reporting.row_conservation""",
    "sell_through": """
        select month_start, sum(primary_qty_base) as primary_units, sum(secondary_qty_base) as secondary_units,
            sum(secondary_value_net) as secondary_value_net, sum(tertiary_qty_base) as tertiary_units
        from reporting.sell_through_monthly group by all order by 1 desc limit 3""",
    "stock_that_does_not_tie": """
        select status, count(*) as cells, sum(abs(variance_as_fed_qty_base)) as units_as_fed, sum(abs(variance_value)) as value
        from reporting.reconciliation_cell group by all order by all""",
    "feeds_late_or_missing": """
        select feed, state, count(*) as days from reporting.feed_status where state in ('LATE', 'MISSING') group by all order by all""",
    "open_alerts": """
        select kind, severity, count(*) as alerts from reporting.alert where status = 'OPEN' group by all order by all""",
    "forecast_accuracy": """
        select demand_class, model, round(avg(wape), 3) as wape, round(avg(bias), 3) as bias, round(avg(fva), 3) as gain_on_seasonal_naive
        from reporting.forecast_accuracy where level = 'SKU_TERRITORY' group by all order by all""",
    "shown": """
        select seq, as_of, forecast_cutoff_date from reporting.publication order by published_at desc limit 1""",
}

TITLES = {
    "rows": "Rows: read = loaded + rejected + blank + total lines + left out",
    "sell_through": "Sell-through, the last months",
    "stock_that_does_not_tie": "Stock against movements (reconciliation cells)",
    "feeds_late_or_missing": "Feeds late or missing",
    "open_alerts": "Open alerts",
    "forecast_accuracy": "Forecast accuracy, SKU x territory (gain: seasonal naive's WAPE less the model's)",
    "shown": "Published",
}


def show(settings: Settings, found: dict[str, Any]) -> None:
    """Print the summary, where the time went, and where to look."""
    for name, title in TITLES.items():
        terminal.show_rows(title, found[name])
    terminal.show_rows(
        "Where the time went", [{"phase": name, "seconds": seconds} for name, seconds in found["phases"].items()]
    )
    terminal.show(f"""
Where to look:
  {settings.published}   read-only DuckDB, schema reporting (docs/how-to/look-at-the-result.md)
  reporting.forecast_weekly   the forecasts in it: choose a level, such as level = 'SKU_DISTRIBUTOR'
  {settings.serving / "parquet"}   the same tables as Parquet
  {settings.home / "truth"}   what really happened, and what each planted defect changes
  .venv/bin/sellthrough status --home {settings.home}   feeds, rejects, the steward's queue
  SELLTHROUGH_HOME={settings.home} make airflow   the same DAGs in Airflow's web page""")


def _simulate(settings: Settings, **size: int) -> None:
    from datetime import date

    import simulation

    with terminal.progress("simulate") as progress:
        simulation.run(settings.home, **size, end=date(2026, 6, 30), defects=DEFECTS, progress=progress)


def _run_dags(settings: Settings) -> list[dict[str, Any]]:
    """Run the DAGs in one process of their own; their logs go to a file."""
    settings.airflow_home.mkdir(parents=True, exist_ok=True)
    log = settings.state / "logs" / "demo.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    runs: list[dict[str, Any]] = []
    with log.open("w", encoding="utf-8") as file, terminal.progress("Airflow") as progress:
        process = subprocess.Popen(
            [sys.executable, "-m", "sellthrough.dag_runner", *IN_ORDER],
            env=environment(settings),
            cwd=settings.airflow_home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in process.stdout or ():
            if line.startswith('{"dag"'):
                runs.append(json.loads(line))
                terminal.complain(f"{runs[-1]['dag']}: {runs[-1]['state']} ({runs[-1]['seconds']} s)")
                continue
            file.write(line)
            if said := PROGRESS.search(line):
                progress(int(said["done"]), int(said["total"]), f"{said['stage']} {said['label']}")
        process.wait()
    if process.returncode or len(runs) < len(IN_ORDER) or runs[-1]["state"] != "success":
        at = runs[-1] if runs else {"dag": "Airflow", "tasks": {}}
        raise DemoFailed(
            f"{at['dag']} did not succeed: {at['tasks']}\nLog: {log}\nWhat to do: docs/runbooks/build-failed.md"
        )
    return runs


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
