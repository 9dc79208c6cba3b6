"""Build the warehouse: one dbt process per phase, one writer at a time.

Phase 1 is everything that needs no forecast, with its tests; then the demand panel is written for the forecast. Phase 2 is everything
downstream of the forecast. What a phase did is kept under state/: `build.json` and `alert.json` say what the warehouse shows,
`run_log/` holds one file per dbt run with every model and test.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from sellthrough import steward
from sellthrough.errors import AsOfDiffers, BuildFailed, FailedNode, NotBuilt, NothingCommitted
from sellthrough.files import beside, digest_of, read_json, swap, write_json, writer_lock
from sellthrough.settings import Settings

Progress = Callable[[int, int, str], None]

PHASE_1, PHASE_2 = ["--selector", "phase_1"], ["--selector", "phase_2"]
FILE_LOG = ("stg_file", "stg_scope", "stg_kept_line")
"""Tables of what was read when: made anew in every build, and read feed by feed, so that what lies downstream of them need not be."""


@dataclass(frozen=True)
class BuildReport:
    """What one dbt phase did."""

    phase: str
    through_seq: int
    as_of: date
    full: bool
    models: int
    tests: int
    warnings: list[str]
    seconds: float
    relations: list[str] = field(default_factory=list)

    def as_log(self) -> dict[str, Any]:
        """The report in plain values, for JSON and for Airflow."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[no-any-return]


def build(
    settings: Settings, full: bool = False, as_of: date | None = None, progress: Progress | None = None
) -> BuildReport:
    """Build and test everything up to the marts from all that is committed, then write the demand panel and what unmapped codes may mean.

    Args:
        settings: where the home is.
        full: fold every version anew instead of what the new commits touch.
        as_of: what counts as today; default: the latest business date that is loaded.
        progress: told of each model and test.

    Raises:
        NothingCommitted: bronze is empty.
        BuildFailed: a model could not be built or a test failed.
        WriterBusy: somebody else writes.
    """
    from ingest import bronze

    with writer_lock(settings.state / "warehouse.lock", settings.lock_timeout_s) as lock:
        snapshot = bronze.write_snapshot(settings.home, settings.snapshot)
        pinned = bool(as_of or settings.as_of)
        as_of = as_of or settings.as_of or snapshot.latest_business_date
        if not snapshot.through_seq or as_of is None:
            raise NothingCommitted(settings.home)
        before = read_json(settings.state / "build.json")
        shown = {
            "through_seq": snapshot.through_seq,
            "as_of": as_of,
            "pinned": pinned,
            "code": code_digest(settings),
            "seeds": seeds_digest(settings),
            "quality": _quality_path(settings),
        }
        stale = before.get("code") not in (None, shown["code"]) or before.get("through_seq", 0) > snapshot.through_seq
        full = full or stale
        standing = not full and before.get("seeds") == shown["seeds"] and _stands_as_left(settings, before)
        write_json(settings.state / "build.json", {**shown, "status": "running"})
        _write_build(
            settings,
            snapshot.through_seq,
            as_of,
            *((before["through_seq"], before["as_of"]) if standing else (0, as_of)),
        )
        _write_state_files(settings)
        nodes = PHASE_1
        if standing:
            nodes = changed_nodes(
                feeds=_feeds_since(settings, before["through_seq"]),
                as_of=before["as_of"] != str(as_of),
                quality=before.get("quality") != shown["quality"],
            )
        report = _dbt(settings, "phase_1", nodes, snapshot.through_seq, as_of, full, lock, progress, increment=standing)
        if standing:
            report = replace(report, relations=sorted({*before["relations"], *report.relations}))
        panel = export_panel(settings, before)
        suggestions = steward.suggest(settings)
        _record(settings, "build.json", report, {**shown, **panel, "suggestions": suggestions})
    return report


def changed_nodes(feeds: Iterable[str], as_of: bool, quality: bool) -> list[str]:
    """What dbt must make anew and test, on a warehouse that stands since the last build, when only so much has changed.

    Tables and tests downstream of it; of the views only those that name the files of a feed, for a view reads what it reads anew each time.

    Args:
        feeds: feeds with new commits.
        as_of: whether the as-of date is another one.
        quality: whether expectations were evaluated anew.
    """
    sources = [f"source:bronze.{feed}" for feed in sorted(feeds)]
    roots = [*sources, "tag:commit_log", *(["stg_build"] if as_of else []), *(["quality_result"] if quality else [])]
    kinds = ("config.materialized:table", "config.materialized:incremental", "resource_type:test")
    chosen = [f"{root}+,{kind}" for root in roots for kind in kinds]
    naming_files = [f"{source}+1,resource_type:model" for source in sources]
    return [
        "--select",
        *FILE_LOG,
        *chosen,
        *naming_files,
        "--exclude",
        "source:forecast+",
        "source:steward+",
        "resource_type:unit_test",
    ]


def alert(settings: Settings, as_of: date | None = None, progress: Progress | None = None) -> BuildReport:
    """Build and test everything downstream of the forecast, for the marts that stand.

    Raises:
        NotBuilt: the marts do not stand, or their tests failed.
        AsOfDiffers: the marts stand for another day.
        BuildFailed, WriterBusy: as for `build`.
    """
    with writer_lock(settings.state / "warehouse.lock", settings.lock_timeout_s) as lock:
        marts = passed_build(settings)
        built_for = date.fromisoformat(marts["as_of"])
        wanted = as_of or settings.as_of or built_for
        if wanted != built_for:
            raise AsOfDiffers(f"The marts stand for {built_for}. Run `sellthrough build --as-of {wanted}` first.")
        shown = {"through_seq": marts["through_seq"], "as_of": built_for, "inputs": alert_inputs(settings)}
        write_json(settings.state / "alert.json", {**shown, "status": "running"})
        _write_state_files(settings)
        report = _dbt(settings, "phase_2", PHASE_2, marts["through_seq"], built_for, False, lock, progress)
        cutoff = read_json(settings.forecast / "current.json").get("cutoff_date")
        _record(settings, "alert.json", report, {**shown, "cutoff_date": cutoff})
    return report


def passed_build(settings: Settings) -> dict[str, Any]:
    """The record of the marts that stand, built and tested.

    Raises:
        NotBuilt: there are none, or the last build did not come to its end.
    """
    record = read_json(settings.state / "build.json")
    if not record:
        raise NotBuilt("The marts have not been built yet. Run `sellthrough build`.")
    if record.get("status") != "passed":
        raise NotBuilt(
            "The last build did not pass to its end. Run `sellthrough build`; what to do when it fails: docs/runbooks/build-failed.md"
        )
    return record


def alert_inputs(settings: Settings) -> dict[str, Any]:
    """What phase 2 is made from: the marts, the forecast, the models and thresholds."""
    marts = read_json(settings.state / "build.json")
    return {
        "through_seq": marts.get("through_seq"),
        "as_of": str(marts.get("as_of")),
        "code": marts.get("code"),
        "seeds": marts.get("seeds"),
        "finished_at": marts.get("finished_at"),
        "run": read_json(settings.forecast / "current.json").get("run"),
    }


def code_digest(settings: Settings) -> str:
    """A digest of the models and macros: when they change, versions are folded anew."""
    root = settings.dbt_project
    paths = [path for folder in ("models", "macros") for path in (root / folder).rglob("*.sql")]
    return digest_of([*paths, root / "dbt_project.yml"], root)


def seeds_digest(settings: Settings) -> str:
    """A digest of our seeds, of the user's own, which are laid over them, of the profiles, which say what senders owe, and of how far ahead we look."""
    ours = digest_of((settings.dbt_project / "seeds").rglob("*.csv"), settings.dbt_project)
    theirs = [*(settings.config / "seeds").rglob("*.csv"), *(settings.config / "profiles").rglob("*.y*ml")]
    return f"{ours}{digest_of(theirs, settings.config)}-{settings.horizon_weeks}"


PANEL = (
    "select sku_code, distributor_code, territory_code, week_start, qty_base, stocked_out, price_ratio, promotion_share, discount_share, free_share, "
    "holiday_share, festival_share from reporting.demand_panel_weekly order by sku_code, distributor_code, territory_code, week_start"
)
PANEL_SKUS = "select sku_code, category, brand, pack, predecessor_sku_code from reporting.sku order by sku_code"


def export_panel(settings: Settings, before: dict[str, Any]) -> dict[str, str]:
    """Write the weekly demand panel and the codes of its SKUs beside and swap them in, unless the files that stand hold the same rows.

    Args:
        before: the record of the last build.

    Returns:
        What to record: the digest of the file (`panel`) and of its rows in any order (`panel_rows`).
    """
    files = {settings.panel: PANEL, settings.panel_skus: PANEL_SKUS}
    with duckdb.connect(str(settings.warehouse), read_only=True) as warehouse:
        warehouse.execute("set threads = 1")
        counted = [
            warehouse.execute(
                f"select concat_ws(' ', count(*), bit_xor(hash(t)), sum(hash(t))) from ({query}) as t"
            ).fetchone()
            for query in files.values()
        ]
        rows = " ".join(str(found and found[0]) for found in counted)
        if before.get("panel_rows") == rows and all(path.exists() for path in files):
            panel = panel_digest(settings)
            if before.get("panel") == panel:
                return {"panel": panel, "panel_rows": rows}
        for path, query in files.items():
            temporary = beside(path)
            warehouse.execute(f"copy ({query}) to '{_quoted(temporary)}' (format parquet, compression zstd)")
            swap(temporary, path)
    return {"panel": panel_digest(settings), "panel_rows": rows}


def panel_digest(settings: Settings) -> str:
    """A digest of what the forecast is made from: the panel's files."""
    return digest_of([settings.panel, settings.panel_skus], settings.home)


def _quoted(path: Path | str) -> str:
    return str(path).replace("'", "''")


def _write_build(settings: Settings, through_seq: int, as_of: date, since_seq: int, since_as_of: date | str) -> None:
    """State what the build shows, how far ahead it looks, and from where increments start: what the last build showed, or 0 for everything."""
    path = settings.snapshot / "build.parquet"
    temporary = beside(path)
    with duckdb.connect() as con:
        con.execute(
            f"copy (select {int(through_seq)}::bigint as through_seq, date '{as_of}' as as_of, "
            f"{int(since_seq)}::bigint as since_seq, date '{since_as_of}' as since_as_of, "
            f"{settings.horizon_weeks}::bigint as horizon_weeks) to '{_quoted(temporary)}' (format parquet)"
        )
    swap(temporary, path)


def _feeds_since(settings: Settings, seq: int) -> list[str]:
    """The feeds with commits after `seq`."""
    with duckdb.connect() as con:
        found = con.execute(
            f"select distinct feed from '{_quoted(settings.snapshot / 'commit.parquet')}' where seq > {int(seq)}"
        ).fetchall()
    return [feed for (feed,) in found]


def _stands_as_left(settings: Settings, before: dict[str, Any]) -> bool:
    """Whether the last build passed, nobody but our alerts has written to the warehouse since, and it lies where it was built (views name files)."""
    left = (before.get("warehouse"), read_json(settings.state / "alert.json").get("warehouse"))
    return before.get("status") == "passed" and settings.warehouse.exists() and _file_mark(settings) in left


def _file_mark(settings: Settings) -> list[str | int]:
    found = settings.warehouse.stat()
    return [str(settings.warehouse), found.st_size, found.st_mtime_ns]


FORECAST_FILES = ("forecast", "accuracy", "cell", "component", "champion", "distribution", "archive")


def _named(paths: str | list[str] | None) -> list[str]:
    """The files that current.json names under a key: none, one or several."""
    return [paths] if isinstance(paths, str) else paths or []


def _write_state_files(settings: Settings) -> None:
    """Name the files of the forecast, the suggestions and the expectations that stand, for dbt to read; none where there is none yet."""
    forecast = read_json(settings.forecast / "current.json")
    rows = [(kind, str(settings.forecast / path)) for kind in FORECAST_FILES for path in _named(forecast.get(kind))]
    suggested = read_json(settings.state / "steward" / "current.json").get("suggestion")
    if suggested:
        rows.append(("suggestion", str(settings.state / "steward" / suggested)))
    quality = _quality_path(settings)
    if quality:
        rows.append(("quality", quality))
    path = settings.snapshot / "forecast.parquet"
    temporary = beside(path)
    with duckdb.connect() as con:
        con.execute("create table named (kind varchar, path varchar)")
        for kind, named in rows:
            # as text, not as parameters: binding one makes DuckDB import pandas
            con.execute(f"insert into named values ('{kind}', '{_quoted(named)}')")
        con.execute(f"copy named to '{_quoted(temporary)}' (format parquet)")
    swap(temporary, path)


def _quality_path(settings: Settings) -> str | None:
    """The results of the expectations that were evaluated last."""
    path = read_json(settings.bronze / "_quality" / "current.json").get("path")
    return str(settings.bronze / "_quality" / path) if path else None


def _record(settings: Settings, name: str, report: BuildReport, shown: dict[str, Any]) -> None:
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(
        settings.state / name,
        {
            **shown,
            "status": "passed",
            "finished_at": finished,
            "seconds": report.seconds,
            "relations": report.relations,
            "warehouse": _file_mark(settings),
        },
    )


def _dbt(
    settings: Settings,
    phase: str,
    nodes: list[str],
    through_seq: int,
    as_of: date,
    full: bool,
    lock: int,
    progress: Progress | None,
    increment: bool = False,
) -> BuildReport:
    """Run dbt over the nodes that are chosen, in a process of its own, and read what it did; in an increment, which has small queries, one thread each."""
    started = datetime.now(UTC)
    target, logs = settings.dbt_state / "target", settings.dbt_state / "logs"
    settings.dbt_state.mkdir(parents=True, exist_ok=True)
    results = target / "outcome.json"
    results.unlink(missing_ok=True)
    # fmt: off
    command = [
        sys.executable, "-m", "sellthrough.dbt_process", str(results), str(logs / "dbt.log"),
        "--no-use-colors", "--no-print", "build", *nodes, "--threads", str(settings.dbt_threads),
        "--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project),
        "--target-path", str(target), "--log-path", str(logs),
        "--vars", json.dumps({"snapshot_dir": str(settings.snapshot)}),
    ]
    # fmt: on
    if full:
        command.append("--full-refresh")
    environment = settings.subprocess_environment(**({"SELLTHROUGH_QUERY_THREADS": "1"} if increment else {}))
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=settings.dbt_state,
        pass_fds=(lock,),
    )
    said: list[str] = []
    for line in process.stdout or ():
        _follow(line, said, progress)
    code = process.wait()
    done = read_json(results).get("results", [])
    seconds = (datetime.now(UTC) - started).total_seconds()
    _write_run_log(settings, phase, started, code, done)
    failed = [
        FailedNode(_short(node["unique_id"]), node["status"], _first_lines(node.get("message")))
        for node in done
        if node["status"] in ("error", "fail", "runtime error")
    ]
    if code != 0 or failed or not done:
        raise BuildFailed(phase, failed, logs / "dbt.log", " ".join(said[-3:]))
    return BuildReport(
        phase=phase,
        through_seq=through_seq,
        as_of=as_of,
        full=full,
        models=sum(node["unique_id"].startswith(("model.", "seed.")) for node in done),
        tests=sum(node["unique_id"].startswith(("test.", "unit_test.")) for node in done),
        warnings=[
            f"{_short(node['unique_id'])}: {_first_lines(node.get('message'))}"
            for node in done
            if node["status"] == "warn"
        ],
        seconds=round(seconds, 1),
        relations=sorted(node["relation_name"].replace('"', "") for node in done if node.get("relation_name")),
    )


def _follow(line: str, said: list[str], progress: Progress | None) -> None:
    """Turn one line of the dbt process into progress; keep what it says of errors, and whatever else is said."""
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        told = {"error": line.strip()}
    if told.get("error"):
        said.append(told["error"])
    if progress and "node" in told:
        progress(told["index"], told["total"] or 1, told["node"])


def _write_run_log(settings: Settings, phase: str, started: datetime, code: int, nodes: list[dict[str, Any]]) -> None:
    """Keep what dbt said of every model and test: the per-model view of a run."""
    rows = [
        {
            "node": node["unique_id"],
            "status": node["status"],
            "seconds": round(node.get("execution_time") or 0.0, 3),
            "failures": node.get("failures"),
            "message": node.get("message"),
        }
        for node in nodes
    ]
    name = f"{started:%Y%m%dT%H%M%S%f}_{phase}.json"
    write_json(
        settings.state / "run_log" / name, {"phase": phase, "started_at": started, "exit_code": code, "nodes": rows}
    )


def _short(unique_id: str) -> str:
    return ".".join(unique_id.split(".")[2:3]) or unique_id


def _first_lines(message: str | None) -> str:
    lines = [line.strip() for line in (message or "").splitlines() if line.strip()]
    return " ".join(lines[:4])[:400]
