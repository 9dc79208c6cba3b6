"""Great Expectations over bronze: one suite per feed, made from its contract; one call runs them all.

This is the only module that imports great_expectations, and only when it runs: the import alone takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingest import bronze
from ingest.contracts import FRAMING_RULES, Contract, DatasetRule, load_contracts
from ingest.errors import IngestError

RESULT = {
    "suite": pl.String,
    "feed": pl.String,
    "expectation": pl.String,
    "column_name": pl.String,
    "severity": pl.String,
    "success": pl.Boolean,
    "unexpected": pl.Int64,
    "evaluated": pl.Int64,
    "raised": pl.String,
    "through_seq": pl.Int64,
}


class QualityRunFailed(IngestError):
    """An expectation could not be evaluated: a failure of the run, never bad data."""

    def __init__(self, raised: Sequence[str]) -> None:
        self.raised = tuple(raised)
        super().__init__(f"{len(self.raised)} expectations could not be evaluated; first: {self.raised[0]}")


@dataclass(frozen=True)
class QualityReport:
    """Outcome of all suites.

    Attributes:
        failed: expectations that are not met, as `feed expectation column: unexpected of evaluated`.
        path: the results.
    """

    suites: int
    expectations: int
    failed: tuple[str, ...]
    path: Path
    through_seq: int


@dataclass(frozen=True)
class _Expectation:
    """One expectation of a suite, and how its result is named."""

    kind: str
    arguments: dict[str, Any]
    name: str
    column: str | None
    severity: str
    evaluated: int | None = None


def run(
    home: Path, through_seq: int | None = None, progress: Callable[[int, int, str], None] | None = None
) -> QualityReport:
    """Run the suites of all feeds that hold anything, and write the results.

    Results go to bronze/_quality/<hash>.parquet; bronze/_quality/current.json names them.

    Raises:
        QualityRunFailed: an expectation raised an error. The results are written all the same.
    """
    log = bronze.CommitLog(home)
    through = log.last if through_seq is None else min(through_seq, log.last)
    commits = log.commits[:through]
    contracts = load_contracts(home)
    scratch = home / "state" / f"quality-{uuid.uuid4().hex}"
    scratch.mkdir(parents=True)
    try:
        latest = _load(home, scratch / "bronze.duckdb", commits, contracts)
        suites: dict[str, list[_Expectation]] = {}
        for feed in sorted({commit["feed"] for commit in commits} & set(contracts)):
            suites[feed] = list(_suite(contracts[feed], latest))
            suites[f"{feed}_rejects"] = list(_reject_suite(contracts[feed], commits))
        rows = list(_evaluate(scratch / "bronze.duckdb", suites, through, progress))
    finally:
        shutil.rmtree(scratch)
    table = pl.DataFrame(rows, schema=RESULT, orient="row")
    path = _write(home / "bronze" / "_quality", table, through)
    raised = table.filter(pl.col("raised").is_not_null())
    if raised.height:
        raise QualityRunFailed(
            [f"{row['feed']} {row['expectation']}: {row['raised']}" for row in raised.iter_rows(named=True)]
        )
    failed = tuple(
        f"{row['feed']} {row['expectation']} {row['column_name'] or ''}: {row['unexpected']} of {row['evaluated']}"
        for row in table.filter(~pl.col("success")).iter_rows(named=True)
    )
    return QualityReport(len(suites), table.height, failed, path, through)


def _load(home: Path, database: Path, commits: Sequence[dict[str, Any]], contracts: dict[str, Contract]) -> date | None:
    """Fill a scratch database with the rows and rejects of each feed; return the latest business date."""
    latest: date | None = None
    replaced = {path for commit in commits for path in commit["replaces"]}
    with duckdb.connect(str(database)) as connection:
        connection.execute("set threads = 1")
        for feed in sorted({commit["feed"] for commit in commits} & set(contracts)):
            contract = contracts[feed]
            for kind, columns in (("rows", _row_columns(contract)), ("rejects", "distinct _file, _record, rule")):
                paths = [
                    str(home / "bronze" / c[kind])
                    for c in commits
                    if c["feed"] == feed and c[kind] and c[kind] not in replaced
                ]
                table = feed if kind == "rows" else f"{feed}_rejects"
                if paths:
                    connection.execute(
                        f'create table "{table}" as select {columns} from read_parquet(?, union_by_name = true)',
                        [paths],
                    )
                else:
                    connection.execute(f'create table "{table}" as {_empty(contract, kind)}')
            if contract.is_dated:
                newest = connection.execute(f'select max(business_date) from "{feed}"').fetchall()[0][0]
                latest = max((day for day in (latest, newest) if day is not None), default=None)
    return latest


def _row_columns(contract: Contract) -> str:
    flags = [f"(_flags >> {rule.bit}) & 1 as warn_{rule.name}" for rule in contract.warnings]
    return ", ".join([*contract.names, *flags])


def _empty(contract: Contract, kind: str) -> str:
    if kind == "rejects":
        return "select null::varchar as _file, null::bigint as _record, null::varchar as rule where false"
    columns = [f"null::{column.physical_type} as {column.name}" for column in contract.columns]
    columns += [f"null::bigint as warn_{rule.name}" for rule in contract.warnings]
    return f"select {', '.join(columns)} where false"


def _suite(contract: Contract, latest: date | None) -> Iterator[_Expectation]:
    """Expectations of a feed: the column set, required values, the warnings as flags, freshness, and the contract's dataset rules."""
    flags = [f"warn_{rule.name}" for rule in contract.warnings]
    yield _Expectation(
        "ExpectTableColumnsToMatchSet",
        {"column_set": [*contract.names, *flags], "exact_match": True},
        "column_set",
        None,
        "error",
    )
    for column in contract.columns:
        if column.required:
            yield _Expectation(
                "ExpectColumnValuesToNotBeNull", {"column": column.name}, "required", column.name, "error"
            )
    for rule in contract.warnings:
        yield _Expectation(
            "ExpectColumnValuesToBeInSet",
            {"column": f"warn_{rule.name}", "value_set": [0]},
            rule.name,
            rule.column,
            "warning",
        )
    for dataset_rule in contract.dataset_rules:
        if dataset_rule.metric == "rowCount":
            yield _Expectation(
                "ExpectTableRowCountToBeBetween", _bounds(dataset_rule), dataset_rule.name, None, dataset_rule.severity
            )
    if contract.is_dated and contract.latency_days is not None and latest is not None:
        oldest = latest - timedelta(days=contract.latency_days)
        yield _Expectation(
            "ExpectColumnMaxToBeBetween",
            {"column": "business_date", "min_value": oldest},
            "freshness",
            "business_date",
            "warning",
        )


def _reject_suite(contract: Contract, commits: Sequence[dict[str, Any]]) -> Iterator[_Expectation]:
    """One expectation per rule that rejects: no record breaks it, of all records that were read."""
    records = sum(
        entry["records"] for commit in commits if commit["feed"] == contract.feed for entry in commit["files"]
    )
    errors = {rule.name for rule in contract.rules if rule.severity == "error"}
    for name in sorted(errors | set(FRAMING_RULES)):
        yield _Expectation(
            "ExpectColumnValuesToNotBeInSet",
            {"column": "rule", "value_set": [name]},
            name,
            None,
            "error",
            evaluated=records,
        )


def _bounds(rule: DatasetRule) -> dict[str, int]:
    bound = int(rule.bound)
    return {
        "mustBe": {"min_value": bound, "max_value": bound},
        "mustBeGreaterThan": {"min_value": bound + 1},
        "mustBeGreaterOrEqualTo": {"min_value": bound},
        "mustBeLessThan": {"max_value": bound - 1},
        "mustBeLessOrEqualTo": {"max_value": bound},
    }[rule.operator]


def _evaluate(
    database: Path,
    suites: dict[str, list[_Expectation]],
    through: int,
    progress: Callable[[int, int, str], None] | None,
) -> Iterator[tuple[Any, ...]]:
    if not suites:
        return
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    source = context.data_sources.add_sql(
        "bronze",
        connection_string=f"duckdb:///{database}",
        create_temp_table=False,
        kwargs={"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True, "pool_reset_on_return": None},
    )
    for index, (suite, expectations) in enumerate(suites.items(), start=1):
        feed = suite.removesuffix("_rejects")
        batch = source.add_table_asset(suite, table_name=suite).add_batch_definition_whole_table(suite).get_batch()
        built = gx.ExpectationSuite(
            suite, expectations=[getattr(gx.expectations, item.kind)(**item.arguments) for item in expectations]
        )
        result = batch.validate(built, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
        by_arguments = {_identity(r.expectation_config.type, r.expectation_config.kwargs): r for r in result.results}
        for item in expectations:
            expectation = getattr(gx.expectations, item.kind)(**item.arguments)
            found = by_arguments[_identity(expectation.expectation_type, expectation.configuration.kwargs)]
            yield _row(suite, feed, item, found, through)
        if progress is not None:
            progress(index, len(suites), suite)


def _row(suite: str, feed: str, item: _Expectation, found: Any, through: int) -> tuple[Any, ...]:
    raised = _raised(found.exception_info)
    result = found.result or {}
    unexpected = result.get("unexpected_count")
    evaluated = result.get("element_count")
    if item.kind == "ExpectTableRowCountToBeBetween":
        evaluated = result.get("observed_value")
    if unexpected is None:
        unexpected = 0 if found.success else 1
    return (
        suite,
        feed,
        item.name,
        item.column,
        item.severity,
        bool(found.success),
        int(unexpected),
        item.evaluated if item.evaluated is not None else int(evaluated or 0),
        raised,
        through,
    )


def _raised(info: Any) -> str | None:
    """The message of an exception, whichever of its two shapes the library gives it."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, dict) and entry.get("raised_exception"):
            return str(entry.get("exception_message") or "unknown error")
    return None


def _identity(kind: str, arguments: dict[str, Any]) -> str:
    settings = {
        key: value
        for key, value in arguments.items()
        if key in ("column", "value_set", "column_set", "min_value", "max_value")
    }
    return json.dumps(
        [kind, {key: value for key, value in settings.items() if value is not None}], sort_keys=True, default=str
    )


def _great_expectations() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def _write(folder: Path, table: pl.DataFrame, through: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{uuid.uuid4().hex}.parquet"
    table.write_parquet(temporary)
    target = folder / f"{hashlib.sha256(temporary.read_bytes()).hexdigest()[:32]}.parquet"
    temporary.replace(target)
    pointer = folder / f".{uuid.uuid4().hex}.json"
    pointer.write_text(json.dumps({"path": target.name, "through_seq": through}), encoding="utf-8")
    pointer.replace(folder / "current.json")
    return target
