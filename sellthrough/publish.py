"""Write the published copy beside, check it against the warehouse, and swap it in.

Readers never open the warehouse: they open `serving/sellthrough.duckdb`, or, in a process that stays up, the version that
`serving/current.json` names. A kill at any moment leaves the old copy or the new one. See docs/explanation/publish.md.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import duckdb

from sellthrough.errors import PublishCheckFailed
from sellthrough.files import beside, read_json, swap, write_json, writer_lock
from sellthrough.settings import Settings
from sellthrough.warehouse import passed_build

Progress = Callable[[int, int, str], None]

Parts = dict[str, tuple[int, str]]

STORAGE_VERSION = "v1.2.0"
SWOLLEN = 1.5
PUBLIC, HISTORY, PUBLICATION = "reporting", "history", "publication"


@dataclass(frozen=True)
class Publication:
    """What the published file shows."""

    changed: bool
    seq: int
    as_of: date
    published_at: str
    alerts_seq: int | None
    forecast_cutoff_date: date | None
    file: str
    tables: dict[str, dict[str, Any]]

    def as_log(self) -> dict[str, Any]:
        """The publication in plain values, for JSON and for Airflow."""
        return {key: str(value) if isinstance(value, date) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Source:
    """One table of the copy and where it is read from: the warehouse, or what was published before."""

    schema: str
    name: str
    catalog: str

    @property
    def path(self) -> str:
        """The table in the catalog that it is read from."""
        return f'{self.catalog}.{self.schema}."{self.name}"'

    @property
    def copy(self) -> str:
        """The table in the copy."""
        return f'fresh.{self.schema}."{self.name}"'


def publish(settings: Settings, progress: Progress | None = None) -> Publication:
    """Publish what the warehouse shows; when nothing has changed since the last time, leave everything as it is.

    What is downstream of the forecast comes from the warehouse when its last build passed, else from what was published before:
    sales are published even when the forecast or an alert failed.

    Raises:
        NotBuilt: the marts do not stand, tested.
        PublishCheckFailed: the copy differs from the warehouse.
    """
    with writer_lock(settings.state / "warehouse.lock", settings.lock_timeout_s):
        marts = passed_build(settings)
        alerts = read_json(settings.state / "alert.json")
        made_from = {
            "through_seq": marts["through_seq"],
            "as_of": marts["as_of"],
            "build": marts["finished_at"],
            "alert": alerts.get("finished_at"),
            "code": marts.get("code"),
        }
        pointer = read_json(settings.serving / "current.json")
        if pointer.get("made_from") == made_from and _stands(settings, pointer):
            return _publication(pointer, changed=False)
        return _publish(settings, marts, alerts, made_from, pointer, progress)


def _publish(
    settings: Settings,
    marts: dict[str, Any],
    alerts: dict[str, Any],
    made_from: dict[str, Any],
    pointer: dict[str, Any],
    progress: Progress | None,
) -> Publication:
    versions = settings.serving / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    _sweep(settings.serving)
    fresh = beside(versions / "fresh.duckdb")
    fresh.unlink(missing_ok=True)
    base = _base(settings, pointer, made_from)
    if base:
        shutil.copyfile(base, fresh)
    known = pointer.get("parts", {}) if base else {}
    parts: dict[str, Parts] = {}
    with duckdb.connect() as con:
        con.execute(f"attach '{_quoted(settings.warehouse)}' as warehouse (read_only)")
        con.execute(f"attach '{_quoted(fresh)}' as fresh" + ("" if base else f" (storage_version '{STORAGE_VERSION}')"))
        earlier = settings.published.exists()
        if earlier:
            con.execute(f"attach '{_quoted(settings.published)}' as earlier (read_only)")
        sources = _sources(con, marts, alerts, earlier)
        for schema in (PUBLIC, HISTORY):
            con.execute(f"create schema if not exists fresh.{schema}")
        _drop_others(con, sources)
        for number, source in enumerate(sources, 1):
            changed = _bring_up(con, source)
            if source.schema == PUBLIC:
                parts[source.name] = _parts(con, source, changed, known.get(source.name, {}))
            if progress:
                progress(number, len(sources), source.name)
        tables = {
            source.name: _content(con, source, parts[source.name]) for source in sources if source.schema == PUBLIC
        }
        carried = alerts if alerts.get("status") == "passed" else pointer
        row = {
            "seq": marts["through_seq"],
            "as_of": marts["as_of"],
            "alerts_seq": carried.get("through_seq", carried.get("alerts_seq")),
            "forecast_cutoff_date": carried.get("cutoff_date", carried.get("forecast_cutoff_date")),
        }
        unchanged = (
            all(pointer.get(key) == value for key, value in row.items())
            and pointer.get("tables") == tables
            and pointer.get("made_from", {}).get("code") == made_from["code"]
            and _stands(settings, pointer)
        )
        if not unchanged:
            published_at = _write_publication(con, row, tables, earlier)
            _create_macros(con)
    if unchanged:
        fresh.unlink()
        write_json(settings.serving / "current.json", {**pointer, "made_from": made_from, "parts": parts})
        return _publication(pointer, changed=False)
    version = versions / f"{marts['through_seq']:010d}-{_digest(tables, row)}.duckdb"
    fresh.chmod(0o444)
    swap(fresh, version)
    _swap_stable_name(version, settings.published)
    _write_parquet(settings, version, tables, pointer)
    pointer = {
        "file": str(version.relative_to(settings.serving)),
        **row,
        "published_at": published_at,
        "made_from": made_from,
        "whole_bytes": pointer["whole_bytes"] if base else version.stat().st_size,
        "tables": tables,
        "parts": parts,
    }
    write_json(settings.serving / "current.json", pointer)
    _keep_last(versions, version, settings.keep_published)
    return _publication(pointer, changed=True)


def content_hashes(settings: Settings) -> dict[str, str]:
    """The hash of each public table of the published file, over its rows in any order."""
    return {
        name: table["hash"] for name, table in read_json(settings.serving / "current.json").get("tables", {}).items()
    }


def _sources(
    con: duckdb.DuckDBPyConnection, marts: dict[str, Any], alerts: dict[str, Any], earlier: bool
) -> list[Source]:
    """The tables of the copy: those of phase 1 from the warehouse, those of phase 2 from where they last passed."""
    first, second = set(marts["relations"]), set(alerts.get("relations") or [])
    passed = alerts.get("status") == "passed"
    found = con.execute(
        "select database_name, schema_name, table_name from (select database_name, schema_name, table_name from duckdb_tables() "
        "union all select database_name, schema_name, view_name from duckdb_views() where not internal) "
        "where schema_name in (?, ?) and table_name <> ? and database_name in ('warehouse', 'earlier') order by all",
        [PUBLIC, HISTORY, PUBLICATION],
    ).fetchall()
    sources = {}
    for catalog, schema, name in found:
        relation = f"warehouse.{schema}.{name}"
        if catalog == "warehouse" and (relation in first or (passed and relation in second)):
            sources[schema, name] = Source(schema, name, catalog)
        elif catalog == "earlier" and not passed and relation not in first:
            sources.setdefault((schema, name), Source(schema, name, catalog))
    return [sources[key] for key in sorted(sources)]


def _base(settings: Settings, pointer: dict[str, Any], made_from: dict[str, Any]) -> Path | None:
    """The published version to start from: that of the same models, unless what was replaced in it since it was written whole has swollen it."""
    if pointer.get("made_from", {}).get("code") != made_from["code"] or not _stands(settings, pointer):
        return None
    version = settings.serving / pointer["file"]
    swollen = version.stat().st_size > SWOLLEN * pointer.get("whole_bytes", 0)
    return None if swollen else version


def _drop_others(con: duckdb.DuckDBPyConnection, sources: list[Source]) -> None:
    """Take out of the copy what it has from the version before and should not have."""
    wanted = {(source.schema, source.name) for source in sources}
    found = con.execute("select schema_name, table_name from duckdb_tables() where database_name = 'fresh'").fetchall()
    for schema, name in found:
        if (schema, name) not in wanted:
            con.execute(f'drop table fresh.{schema}."{name}"')


def _bring_up(con: duckdb.DuckDBPyConnection, source: Source) -> set[date | None]:
    """Make the copy of one table equal to its source, by the days (weeks, months) that differ; give these back.

    Raises:
        PublishCheckFailed: the copy differs from the source after all.
    """
    columns = _columns(con, source.catalog, source)
    part = _part(columns)
    want = _marks(con, source.path, columns, part)
    if _columns(con, "fresh", source) == columns:
        have = _marks(con, source.copy, columns, part)
        changed = {key for key in want.keys() | have.keys() if want.get(key) != have.get(key)}
        if changed:
            _name_changed(con, changed)
            con.execute(f"delete from {source.copy} where exists ({_is_changed(part)})")
            con.execute(f"insert into {source.copy} select * from {source.path} where exists ({_is_changed(part)})")
            have = _marks(con, source.copy, columns, part)
    else:
        con.execute(f"create or replace table {source.copy} as select * from {source.path}")
        _copy_comments(con, source)
        changed, have = set(want), _marks(con, source.copy, columns, part)
    if want != have:
        wrong = sorted(str(key) for key in want.keys() | have.keys() if want.get(key) != have.get(key))
        raise PublishCheckFailed(
            f"The copy of {source.schema}.{source.name} differs from the {source.catalog} ({', '.join(wrong[:3])}). Readers keep the last good copy. "
            "Run `sellthrough publish` again; if it stays, look for a full disk."
        )
    return changed


def _columns(con: duckdb.DuckDBPyConnection, catalog: str, source: Source) -> list[tuple[str, str]]:
    """Names and types of a table's columns; none where there is no such table."""
    found: list[tuple[str, str]] = con.execute(
        "select column_name, data_type from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ? "
        "order by column_index",
        [catalog, source.schema, source.name],
    ).fetchall()
    return found


def _part(columns: list[tuple[str, str]]) -> str:
    """The column by whose values a table is brought up part by part; a table without one has a single part."""
    dates = [name for name, _ in columns if name in ("business_date", "week_start", "month_start")]
    return f'"{dates[0]}"' if dates else "cast(null as date)"


def _name_changed(con: duckdb.DuckDBPyConnection, parts: set[date | None]) -> None:
    con.execute("create or replace temp table changed as select unnest(?::date[]) as part", [list(parts)])


def _is_changed(part: str) -> str:
    return f"select 1 from changed where changed.part is not distinct from {part}"


def _marks(
    con: duckdb.DuckDBPyConnection, table: str, columns: list[tuple[str, str]], part: str
) -> dict[date | None, tuple[int, int]]:
    """Rows of each part of a table, and a hash over them in any order, good for comparing within this process."""
    names = ", ".join(f'"{name}"' for name, _ in columns)
    rows = con.execute(f"select {part}, count(*), sum(hash({names})::hugeint) from {table} group by 1").fetchall()
    return {key: (count, total) for key, count, total in rows}


def _parts(con: duckdb.DuckDBPyConnection, source: Source, changed: set[date | None], known: Parts) -> Parts:
    """Rows of each part, and the sum of the hashes of its rows: as known where nothing changed, else counted anew."""
    part = _part(_columns(con, "fresh", source))
    keys = {key for (key,) in con.execute(f"select distinct {part} from {source.copy}").fetchall()}
    fresh = {key for key in keys if key in changed or str(key) not in known}
    _name_changed(con, fresh)
    counted = con.execute(
        f"select {part}, count(*), sum(md5_number_lower(to_json(t)::varchar)::hugeint) from {source.copy} as t "
        f"where exists ({_is_changed(part)}) group by 1"
    ).fetchall()
    kept = {str(key): known[str(key)] for key in keys - fresh}
    return kept | {str(key): (rows, str(total)) for key, rows, total in counted}


def _content(con: duckdb.DuckDBPyConnection, source: Source, parts: Parts) -> dict[str, Any]:
    """Rows and a hash over them that depends on neither their order nor the file."""
    rows = sum(count for count, _ in parts.values())
    total = sum(int(each) for _, each in parts.values())
    columns = ",".join(f"{name} {kind}" for name, kind in _columns(con, "fresh", source))
    return {"rows": rows, "hash": md5(f"{columns}|{rows}|{total}".encode(), usedforsecurity=False).hexdigest()}


def _copy_comments(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Carry the descriptions of a table's columns along, where the warehouse has them."""
    comments = con.execute(
        "select column_name, comment from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ? and comment is not null",
        [source.catalog, source.schema, source.name],
    ).fetchall()
    for column, comment in comments:
        con.execute(f"""comment on column {source.copy}."{column}" is '{comment.replace("'", "''")}'""")


def _write_publication(
    con: duckdb.DuckDBPyConnection, row: dict[str, Any], tables: dict[str, Any], earlier: bool
) -> str:
    """List what was published before and, once, what this publish shows; returns its time."""
    con.execute(
        f"create table fresh.{PUBLIC}.{PUBLICATION} (seq bigint, published_at timestamp, as_of date, alerts_seq bigint, "
        "forecast_cutoff_date date, content varchar)"
    )
    if earlier:
        con.execute(f"insert into fresh.{PUBLIC}.{PUBLICATION} by name select * from earlier.{PUBLIC}.{PUBLICATION}")
    content = _digest(tables, row)
    last = con.execute(
        f"select content, published_at from fresh.{PUBLIC}.{PUBLICATION} order by published_at desc, seq desc limit 1"
    ).fetchone()
    if last and last[0] == content:
        return str(last[1])
    latest = last[1] if last else datetime.min
    now = max(datetime.now(UTC).replace(tzinfo=None), latest)
    con.execute(
        f"insert into fresh.{PUBLIC}.{PUBLICATION} values (?, ?, ?, ?, ?, ?)",
        [row["seq"], now, row["as_of"], row["alerts_seq"], row["forecast_cutoff_date"], content],
    )
    return str(now)


def _create_macros(con: duckdb.DuckDBPyConnection) -> None:
    """Create the warehouse's public macros in the copy, free of the name of the file they came from."""
    macros = con.execute(
        "select function_name, function_type, parameters, macro_definition from duckdb_functions() "
        "where database_name = 'warehouse' and schema_name = ? and function_type in ('macro', 'table_macro') order by all",
        [PUBLIC],
    ).fetchall()
    con.execute("use fresh")
    for name, kind, parameters, definition in macros:
        body = definition.replace('"warehouse".', "").replace("warehouse.", "")
        table = "table " if kind == "table_macro" else ""
        con.execute(f'create or replace macro {PUBLIC}."{name}"({", ".join(parameters)}) as {table}{body}')
    con.execute("use memory")


def _digest(tables: dict[str, Any], row: dict[str, Any]) -> str:
    parts = [f"{name}={table['hash']}" for name, table in sorted(tables.items())] + [
        f"{key}={value}" for key, value in row.items()
    ]
    return sha256("|".join(parts).encode()).hexdigest()[:12]


def _swap_stable_name(version: Path, stable: Path) -> None:
    """Give the version its stable name as well: a second link, or a copy where the file system has no links."""
    temporary = beside(stable)
    temporary.unlink(missing_ok=True)
    if stable.exists() and stable.samefile(version):
        return
    try:
        os.link(version, temporary)
    except OSError:
        shutil.copy2(version, temporary)
    os.replace(temporary, stable)


def _write_parquet(settings: Settings, version: Path, tables: dict[str, Any], pointer: dict[str, Any]) -> None:
    """Write the Parquet of each public table that changed, and take away those of tables that are no more."""
    folder = settings.serving / "parquet"
    before = pointer.get("tables", {})
    with duckdb.connect(str(version), read_only=True) as con:
        for name in [*tables, PUBLICATION]:
            path = folder / name / f"{name}.parquet"
            if name in tables and before.get(name) == tables[name] and path.exists():
                continue
            temporary = beside(path)
            con.execute(f"copy {PUBLIC}.\"{name}\" to '{_quoted(temporary)}' (format parquet, compression zstd)")
            swap(temporary, path)
    for old in folder.iterdir():
        if old.name not in tables and old.name != PUBLICATION:
            shutil.rmtree(old)


def _stands(settings: Settings, pointer: dict[str, Any]) -> bool:
    version = settings.serving / pointer.get("file", "-")
    return version.exists() and settings.published.exists()


def _keep_last(versions: Path, current: Path, keep: int) -> None:
    files = sorted(
        (path for path in versions.glob("*.duckdb") if path != current), key=lambda path: path.stat().st_mtime_ns
    )
    for path in files[: max(0, len(files) - keep + 1)]:
        path.unlink(missing_ok=True)


def _sweep(serving: Path) -> None:
    """Take away what a killed publish left beside."""
    for path in [*serving.glob(".*.tmp*"), *serving.glob("*/.*.tmp*"), *serving.glob("parquet/*/.*.tmp*")]:
        path.unlink(missing_ok=True)


def _publication(pointer: dict[str, Any], changed: bool) -> Publication:
    cutoff = pointer.get("forecast_cutoff_date")
    return Publication(
        changed=changed,
        seq=pointer["seq"],
        as_of=date.fromisoformat(pointer["as_of"]),
        published_at=pointer["published_at"],
        alerts_seq=pointer.get("alerts_seq"),
        forecast_cutoff_date=date.fromisoformat(cutoff) if cutoff else None,
        file=pointer["file"],
        tables=pointer["tables"],
    )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
