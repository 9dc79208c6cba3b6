"""Great Expectations over bronze: suites made from the contracts; one call runs them all.

The contract is the only place where rules live. A warning is read from the flags that ingest set, a rejection from the rejects; what a feed
looks like (rows, columns, types, required values, freshness) is judged natively. This is the only module that imports great_expectations,
and only when it runs: the import alone takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb
import polars as pl

from ingest import bronze
from ingest.contracts import FRAMING_RULES, REJECTS, Contract, DatasetRule, load_contracts
from ingest.errors import IngestError

RESULT = {
    "suite": pl.String,
    "feed": pl.String,
    "expectation": pl.String,
    "column": pl.String,
    "rule": pl.String,
    "severity": pl.String,
    "success": pl.Boolean,
    "unexpected": pl.Int64,
    "evaluated": pl.Int64,
    "raised": pl.String,
    "through_seq": pl.Int64,
}
"""Columns of the results. `rule` is the contract's (or the framing's) rule behind an expectation, where there is one. `unexpected` counts what
breaks it: rows, rejected records (a file that is refused as a whole counts once), columns, duplicates; 1 for a bound that is not kept."""

_Subject = Literal["rows", "shape", "rejects"]
_SUBJECTS: tuple[_Subject, ...] = ("rows", "shape", "rejects")
"""What an expectation looks at: the loaded rows; the type of each column by contract and in the files, and how many keys stand twice; one row per
rejected record and rule."""

_ENGINE = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True, "pool_reset_on_return": None}
"""With stock settings every expectation raises on DuckDB."""

_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


class QualityRunFailed(IngestError):
    """Expectations could not be evaluated: a failure of the run, never bad data.

    Attributes:
        raised: feed, expectation and message of each.
    """

    def __init__(self, raised: Sequence[str]) -> None:
        self.raised = tuple(raised)
        super().__init__(
            f"{len(self.raised)} expectations could not be evaluated, the results before stand; first: {self.raised[0]}; "
            "restore the feed's Parquet files from the backup if they are damaged, and run it again"
        )


@dataclass(frozen=True)
class QualityReport:
    """Outcome of all suites.

    Attributes:
        failed: expectations that are not met, as `feed expectation column: unexpected of evaluated`.
        path: the results.
        without_contract: feeds with data that no suite looked at, because their contract is gone.
    """

    suites: int
    expectations: int
    failed: tuple[str, ...]
    path: Path
    through_seq: int
    without_contract: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Expectation:
    """One expectation of a suite, and how its result is named."""

    kind: str
    arguments: dict[str, Any]
    name: str
    column: str | None
    severity: str
    rule: str | None = None
    subject: _Subject = "rows"


@dataclass
class _Source:
    """The data of a feed.

    Attributes:
        outdated: by path, the files in it of which a later reading stands.
        records: records that were read, a file that is refused as a whole counting as one at least.
    """

    rows: dict[str, None] = field(default_factory=dict)
    rejects: dict[str, None] = field(default_factory=dict)
    outdated: dict[str, set[str]] = field(default_factory=dict)
    records: int = 0


@dataclass(frozen=True)
class _Found:
    """What the data of a feed has, as far as its suite depends on it."""

    loaded: int
    newest: date | None
    rules: frozenset[str]


def run(
    home: Path, through_seq: int | None = None, progress: Callable[[int, int, str], None] | None = None
) -> QualityReport:
    """Run the suites of all feeds that hold anything, and write the results.

    A file that was read again counts as it was last read; all else that live commits hold is looked at, superseded versions included.
    Results go to bronze/_quality/<hash>.parquet; bronze/_quality/current.json names them.

    Raises:
        QualityRunFailed: an expectation raised an error. Nothing is written, so that the run is still due.
    """
    log = bronze.CommitLog(home)
    through = log.last if through_seq is None else max(0, min(through_seq, log.last))
    sources = _sources(home / "bronze", log.commits[:through])
    contracts = load_contracts(home)
    feeds = sorted(sources.keys() & contracts.keys())
    with tempfile.TemporaryDirectory(prefix="quality-") as scratch:
        database = Path(scratch) / "bronze.duckdb"
        found = _lay(database, {feed: (contracts[feed], sources[feed]) for feed in feeds})
        latest = max((item.newest for item in found.values() if item.newest is not None), default=None)
        suites = {
            feed: [*_suite(contracts[feed], latest), *_reject_suite(contracts[feed], found[feed].rules)]
            for feed in feeds
        }
        rows = list(_evaluate(database, suites, progress))
    sizes = {
        feed: {"rows": found[feed].loaded, "shape": found[feed].loaded, "rejects": sources[feed].records}
        for feed in feeds
    }
    table = pl.DataFrame(
        [_row(feed, item, result, sizes[feed][item.subject], through) for feed, item, result in rows],
        schema=RESULT,
        orient="row",
    )
    raised = table.filter(pl.col("raised").is_not_null())
    if raised.height:
        raise QualityRunFailed(
            [f"{row['feed']} {row['expectation']}: {row['raised']}" for row in raised.iter_rows(named=True)]
        )
    failed = tuple(
        f"{row['feed']} {row['expectation']} {row['column'] or ''}: {row['unexpected']} of {row['evaluated']}"
        for row in table.filter(~pl.col("success")).iter_rows(named=True)
    )
    return QualityReport(
        suites=table["suite"].n_unique(),
        expectations=table.height,
        failed=failed,
        path=_write(home / "bronze" / "_quality", table, through),
        through_seq=through,
        without_contract=tuple(sorted(sources.keys() - contracts.keys())),
    )


def _sources(folder: Path, commits: Sequence[Mapping[str, Any]]) -> dict[str, _Source]:
    """The data of commits by feed, without what a later commit replaces."""
    replaced = {path for commit in commits for path in commit["replaces"]}
    last_read: dict[tuple[str, ...], int] = {}
    for commit in commits:
        for entry in commit["files"]:
            last_read.update(dict.fromkeys(_identities(commit["profile"], entry), commit["seq"]))
    sources: dict[str, _Source] = {}
    standing: set[tuple[str, str]] = set()
    outdated: dict[tuple[str, str], str] = {}
    for commit in commits:
        source = sources.setdefault(commit["feed"], _Source())
        paths = []
        for kind, known in (("rows", source.rows), ("rejects", source.rejects)):
            if commit[kind] and commit[kind] not in replaced:
                paths.append(str((folder / commit[kind]).resolve()))
                known[paths[-1]] = None
        for entry in commit["files"]:
            is_last = all(last_read[identity] <= commit["seq"] for identity in _identities(commit["profile"], entry))
            if is_last:
                source.records += max(
                    entry["records"] - entry["blank"] - entry["total_lines"], entry["status"] == "rejected"
                )
                standing.update((path, entry["name"]) for path in paths)
            else:
                outdated.update({(path, entry["name"]): commit["feed"] for path in paths})
    for reading, feed in outdated.items():
        if reading not in standing:
            sources[feed].outdated.setdefault(reading[0], set()).add(reading[1])
    return sources


def _identities(profile: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What makes a file the same file for the commit log: its content and name, and its content alone where something was loaded from it."""
    content = (entry["sha256"], profile, entry["sender"])
    yield (*content, entry["name"])
    if entry["status"] == "loaded":
        yield content


def _lay(database: Path, feeds: Mapping[str, tuple[Contract, _Source]]) -> dict[str, _Found]:
    """Lay the tables of each feed, one per subject, over its Parquet files."""
    found = {}
    with duckdb.connect(str(database)) as con:
        con.execute("create table outdated (path varchar, name varchar)")
        for feed, (contract, source) in feeds.items():
            try:
                _lay_rows(con, contract, source, database.parent)
                _lay_rejects(con, contract, source, database.parent)
                found[feed] = _look(con, contract)
            except duckdb.Error as error:
                raise QualityRunFailed([f"{feed}: {error}"]) from error
    return found


def _lay_rows(con: duckdb.DuckDBPyConnection, contract: Contract, source: _Source, scratch: Path) -> None:
    """A view of the rows with a flag per warning, and a table of one row that describes them.

    A column of the contract that no file has yet is null, as the warehouse reads it.
    """
    files = _files(con, source.rows, source, scratch / f"{contract.feed}.rows.parquet", contract.schema)
    described = con.execute(f"describe select * exclude (filename) from {files}").fetchall()
    types = {str(name): str(kind) for name, kind, *_ in described}
    columns = ["* exclude (filename)"]
    columns += [
        f"null::{column.physical_type} as {_quoted(column.name)}"
        for column in contract.columns
        if column.name not in types
    ]
    columns += [f"(_flags >> {rule.bit}) & 1 as {_flag(rule.bit)}" for rule in contract.warnings]
    con.execute(f"create view {_table('rows', contract.feed)} as select {', '.join(columns)} from {files}")
    shape = [
        (_type(column.physical_type), types.get(column.name, _type(column.physical_type)))
        for column in contract.columns
    ]
    has_duplicates_rule = any(rule.metric == "duplicateValues" for rule in contract.dataset_rules)
    keys = f"count(_key) - count(distinct _key) as duplicates from {_table('rows', contract.feed)}"
    duplicates = keys if has_duplicates_rule else "null::bigint as duplicates"
    con.execute(
        f"create table {_table('shape', contract.feed)} as select contracted, found, duplicates "
        f"from (values {', '.join(f'({_literal(contracted)}, {_literal(found)})' for contracted, found in shape)}) as type(contracted, found), "
        f"(select {duplicates}) as key"
    )


def _lay_rejects(con: duckdb.DuckDBPyConnection, contract: Contract, source: _Source, scratch: Path) -> None:
    """A table of each rejected record with each rule that it breaks."""
    files = _files(con, source.rejects, source, scratch / f"{contract.feed}.rejects.parquet", REJECTS)
    con.execute(
        f"create table {_table('rejects', contract.feed)} as select distinct filename, _file, _record, rule from {files}"
    )


def _files(
    con: duckdb.DuckDBPyConnection,
    paths: Mapping[str, None],
    source: _Source,
    empty: Path,
    schema: Mapping[str, pl.DataType],
) -> str:
    """The relation over Parquet files, without outdated readings; over an empty one where there are none."""
    if not paths:
        pl.DataFrame(schema=schema).write_parquet(empty)
    listed = ", ".join(_literal(path) for path in paths or [str(empty)])
    relation = f"read_parquet([{listed}], union_by_name = true, filename = true, hive_partitioning = false)"
    if not source.outdated.keys() & paths.keys():
        return relation
    con.executemany(
        "insert into outdated values (?, ?)",
        [(path, name) for path, names in source.outdated.items() if path in paths for name in sorted(names)],
    )
    return f"(select * from {relation} as read anti join outdated on read.filename = outdated.path and read._file = outdated.name)"


def _look(con: duckdb.DuckDBPyConnection, contract: Contract) -> _Found:
    newest = "max(business_date)" if contract.is_dated else "null"
    loaded, latest = con.execute(f"select count(*), {newest} from {_table('rows', contract.feed)}").fetchall()[0]
    rules = con.execute(f"select distinct rule from {_table('rejects', contract.feed)}").fetchall()
    return _Found(loaded=loaded, newest=latest, rules=frozenset(str(rule) for (rule,) in rules))


def _suite(contract: Contract, latest: date | None) -> Iterator[_Expectation]:
    """Expectations of a feed: columns, types, required values, the warnings as flags, freshness, and the contract's dataset rules."""
    flags = [_flag(rule.bit) for rule in contract.warnings]
    yield _Expectation(
        "ExpectTableColumnsToMatchSet",
        {"column_set": [*contract.schema, *flags], "exact_match": True},
        "column_set",
        None,
        "error",
    )
    yield _Expectation(
        "ExpectColumnPairValuesToBeEqual",
        {"column_A": "contracted", "column_B": "found"},
        "types",
        None,
        "error",
        subject="shape",
    )
    for column in contract.columns:
        if column.required:
            yield _Expectation(
                "ExpectColumnValuesToNotBeNull",
                {"column": column.name},
                "required",
                column.name,
                "error",
                rule="required",
            )
    for rule in contract.warnings:
        yield _Expectation(
            "ExpectColumnValuesToBeInSet",
            {"column": _flag(rule.bit), "value_set": [0]},
            rule.name,
            rule.column,
            "warning",
            rule=rule.name,
        )
    for dataset_rule in contract.dataset_rules:
        yield _dataset_expectation(dataset_rule)
    if contract.is_dated and contract.latency_days is not None and latest is not None:
        oldest = latest - timedelta(days=contract.latency_days)
        yield _Expectation(
            "ExpectColumnMaxToBeBetween",
            {"column": "business_date", "min_value": oldest},
            "freshness",
            "business_date",
            "warning",
        )


def _dataset_expectation(rule: DatasetRule) -> _Expectation:
    if rule.metric == "duplicateValues":
        arguments = {"column": "duplicates", **_bounds(rule)}
        return _Expectation(
            "ExpectColumnMaxToBeBetween", arguments, rule.name, None, rule.severity, rule=rule.name, subject="shape"
        )
    return _Expectation("ExpectTableRowCountToBeBetween", _bounds(rule), rule.name, None, rule.severity, rule=rule.name)


def _bounds(rule: DatasetRule) -> dict[str, int]:
    """The bound on a count, in whole numbers, both ends included."""
    below, above = math.floor(rule.bound), math.ceil(rule.bound)
    return {
        "mustBe": {"min_value": int(rule.bound), "max_value": int(rule.bound)},
        "mustBeGreaterThan": {"min_value": below + 1},
        "mustBeGreaterOrEqualTo": {"min_value": above},
        "mustBeLessThan": {"max_value": above - 1},
        "mustBeLessOrEqualTo": {"max_value": below},
    }[rule.operator]


def _reject_suite(contract: Contract, found: frozenset[str]) -> Iterator[_Expectation]:
    """One expectation per rule that rejects, those of earlier contracts included where they did: no record breaks it."""
    errors = {rule.name for rule in contract.rules if rule.severity == "error"}
    for name in sorted(errors | set(FRAMING_RULES) | found):
        yield _Expectation(
            "ExpectColumnValuesToNotBeInSet",
            {"column": "rule", "value_set": [name]},
            name,
            None,
            "error",
            rule=name,
            subject="rejects",
        )


def _evaluate(
    database: Path, suites: Mapping[str, Sequence[_Expectation]], progress: Callable[[int, int, str], None] | None
) -> Iterator[tuple[str, _Expectation, Any]]:
    """Run the suites; each expectation with the library's result."""
    if not suites:
        return
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_sql(
        "bronze",
        connection_string=f"duckdb:///{database}",
        create_temp_table=False,
        kwargs=_ENGINE,
    )
    for index, (feed, expectations) in enumerate(suites.items(), start=1):
        for subject in _SUBJECTS:
            chosen = [item for item in expectations if item.subject == subject]
            if not chosen:
                continue
            name = f"{subject}_{feed}"
            batch = source.add_table_asset(name, table_name=name).add_batch_definition_whole_table(name).get_batch()
            built = [
                getattr(gx.expectations, item.kind)(**item.arguments, meta={"position": position})
                for position, item in enumerate(chosen)
            ]
            outcome = batch.validate(gx.ExpectationSuite(name, expectations=built), result_format=_COUNTS_ONLY)
            by_position = {result.expectation_config.meta["position"]: result for result in outcome.results}
            for position, item in enumerate(chosen):
                yield feed, item, by_position[position]
        if progress is not None:
            progress(index, len(suites), feed)
    source.get_engine().dispose()


def _row(feed: str, item: _Expectation, outcome: Any, evaluated: int, through: int) -> tuple[Any, ...]:
    result = outcome.result or {}
    unexpected = result.get("unexpected_count")
    if item.name == "column_set":
        columns = set(result.get("observed_value") or ())
        unexpected, evaluated = len(columns ^ set(item.arguments["column_set"])), len(columns)
    elif item.name == "types":
        evaluated = result.get("element_count", 0)
    elif item.arguments.get("column") == "duplicates":
        unexpected = result.get("observed_value")
    if unexpected is None:
        unexpected = 0 if outcome.success else 1
    return (
        f"{feed}_rejects" if item.subject == "rejects" else feed,
        feed,
        item.name,
        item.column,
        item.rule,
        item.severity,
        bool(outcome.success),
        int(unexpected),
        evaluated,
        _raised(outcome.exception_info),
        through,
    )


def _raised(info: Mapping[str, Any]) -> str | None:
    """The message of an exception, whichever of its two shapes the library gives it."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            return str(entry.get("exception_message") or "unknown error")
    return None


def _write(folder: Path, table: pl.DataFrame, through: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{uuid.uuid4().hex}.parquet"
    table.write_parquet(temporary)
    target = folder / f"{hashlib.sha256(_synced_bytes(temporary)).hexdigest()[:32]}.parquet"
    temporary.replace(target)
    pointer = folder / f".{uuid.uuid4().hex}.json"
    pointer.write_text(json.dumps({"path": target.name, "through_seq": through}), encoding="utf-8")
    _synced_bytes(pointer)
    pointer.replace(folder / "current.json")
    return target


def _synced_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return file.read()


def _table(subject: _Subject, feed: str) -> str:
    return _quoted(f"{subject}_{feed}")


def _flag(bit: int | None) -> str:
    return f"_warning_{bit}"


def _type(physical: str) -> str:
    return physical.replace(" ", "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
