"""Bronze: content-addressed data and the commit log that says what exists.

A commit is the exclusive creation of the next numbered file in bronze/_commits. What no commit names does not exist and is swept later.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import polars as pl
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore

from ingest.batch import Batch, FileResult
from ingest.contracts import FRAMING_RULES, REJECTS, Contract, load_contracts
from ingest.errors import CommitLogBroken, IngestError
from ingest.layout import later
from ingest.profiles import Cadence, Catalogue, Reading
from ingest.spool import COMPRESSION_LEVEL, ROW_GROUP, Spool

Identity = tuple[str, ...]
"""What makes a file the same file: sha256, profile, feed, sender; and the name of a file from which nothing was loaded, since
one header alone, or nothing at all, is the same bytes for every day."""

Schema = dict[str, pl.DataType | type[pl.DataType]]

_COMMIT_NAME = re.compile(r"\d{10}\.json")
_BLOCK = 2**20
_ABANDONED = timedelta(hours=24)
_ALL_DAYS = {"date_from": "0001-01-01", "date_to": "9999-12-31"}


@dataclass(frozen=True)
class Snapshot:
    """What a build sees: everything committed up to a sequence number."""

    through_seq: int
    latest_business_date: date | None


class CommitLog:
    """The commits of a home, read in order and only once each."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "bronze" / "_commits"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._store = LocalStore(self._folder)
        self.commits: list[dict[str, Any]] = []
        self._latest: dict[Identity, dict[str, Any]] = {}
        self._columns: dict[tuple[str, str, str], tuple[frozenset[str], ...]] = {}
        self.refresh()
        self._refuse_gaps()

    @property
    def last(self) -> int:
        """The last sequence number; 0 where nothing is committed."""
        return len(self.commits)

    def refresh(self) -> None:
        """Read the commits that others have added."""
        while (path := self._folder / f"{self.last + 1:010}.json").exists():
            self._append(_parse(path))

    def latest(self, sha256: str, profile: str, feed: str, sender: str, name: str) -> dict[str, Any] | None:
        """The latest entry of a file, or None where it was never committed."""
        content = (sha256, profile, feed, sender)
        return self._latest.get(content) or self._latest.get((*content, name))

    def columns(self, profile: str, feed: str, sender: str) -> tuple[frozenset[str], ...]:
        """The different sets of our columns that a sender's files have had, the last one last."""
        return self._columns.get((profile, feed, sender), ())

    def create(self, commit: dict[str, Any]) -> dict[str, Any] | None:
        """Create the next commit exclusively, or return None where somebody else was first."""
        seq = self.last + 1
        earlier = self.commits[-1]["committed_at"] if self.commits else ""
        stamped = {"seq": seq, "committed_at": max(_now(), earlier), **commit}
        data = json.dumps(stamped, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            obstore.put(self._store, f"{seq:010}.json", data, mode="create")
        except AlreadyExistsError:
            return None
        self._append(stamped)
        return stamped

    def _append(self, commit: dict[str, Any]) -> None:
        self.commits.append(commit)
        for entry in ({**entry, "mode": commit["mode"]} for entry in commit["files"]):
            content = (entry["sha256"], commit["profile"], commit["feed"], entry["sender"])
            self._latest[(*content, entry["name"])] = entry
            if entry["status"] == "loaded" or content in self._latest:
                self._latest[content] = entry
            if entry["status"] != "rejected" and entry.get("columns"):
                of = (commit["profile"], commit["feed"], entry["sender"])
                known, columns = self._columns.get(of, ()), entry["columns"]
                if not commit.get("replay"):
                    self._columns[of] = later(known, columns)
                elif frozenset(columns) not in known:
                    self._columns[of] = (frozenset(columns), *known)

    def _refuse_gaps(self) -> None:
        numbers = sorted(int(path.stem) for path in self._folder.iterdir() if _COMMIT_NAME.fullmatch(path.name))
        self.refresh()
        if numbers and numbers[-1] > self.last:
            raise CommitLogBroken(
                self._folder / f"{self.last + 1:010}.json", f"is missing, though {numbers[-1]:010}.json exists"
            )


def commit_batch(
    home: Path, log: CommitLog, batch: Batch, contract: Contract, profile: str, mode: str, replay: bool
) -> list[dict[str, Any]]:
    """Commit a batch: as one commit, or, where files restate the same days, as several in the order of the files.

    Files that somebody else commits meanwhile are left out.
    """
    commits = []
    for part in _without_overlaps(batch, mode):
        commit = _commit(home, log, part, contract, profile, mode, replay)
        if commit is not None:
            commits.append(commit)
    return commits


def write_snapshot(home: Path, out_dir: Path, through_seq: int | None = None) -> Snapshot:
    """Write the Parquet tables that tell dbt what a build sees.

    Args:
        out_dir: receives commit, file, scope, path, rule, cut_off, day_off and expected.parquet, and empty/<feed>.parquet.
        through_seq: the last commit to be seen; default the last one there is.
    """
    contracts = list(load_contracts(home).values())
    log = CommitLog(home)
    readings = list(_readings(home))
    through = log.last if through_seq is None else min(through_seq, log.last)
    commits = log.commits[:through]
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "empty").mkdir(exist_ok=True)
    tables = {
        "commit": pl.DataFrame(
            [(c["seq"], _moment(c["committed_at"]), c["feed"], c["profile"], c["mode"], c["replay"]) for c in commits],
            schema=_COMMIT,
            orient="row",
        ),
        "file": _file_table(commits),
        "scope": pl.DataFrame(
            [
                (
                    *(c["seq"], c["feed"], s["sender"]),
                    *(date.fromisoformat(s["date_from"]), date.fromisoformat(s["date_to"])),
                    s.get("closes", True),
                    _stating_file(c, s),
                )
                for c in commits
                for s in c["scopes"]
            ],
            schema=_SCOPE,
            orient="row",
        ),
        "path": pl.DataFrame(list(_live_paths(home, commits)), schema=_PATH, orient="row"),
        "rule": pl.DataFrame(list(_rule_rows(contracts)), schema=_RULE, orient="row"),
        "cut_off": pl.DataFrame([_cut_off(*item) for item in readings], schema=_CUT_OFF, orient="row"),
        "day_off": pl.DataFrame(
            [row for profile, feed, reading in readings for row in _days_off(profile, feed, reading.cadence)],
            schema=_DAY_OFF,
            orient="row",
        ),
        "expected": pl.DataFrame(
            [
                (profile, feed, sender, reading.cadence.since)
                for profile, feed, reading in readings
                for sender in reading.cadence.senders
            ],
            schema=_EXPECTED,
            orient="row",
        ),
    }
    for contract in contracts:
        tables[f"empty/{contract.feed}"] = pl.DataFrame(schema=contract.schema)
    tables["empty/_rejects"] = pl.DataFrame(schema=REJECTS)
    for name, table in tables.items():
        _replace_parquet(table, out_dir / f"{name}.parquet")
    return Snapshot(through_seq=through, latest_business_date=_latest_business_date(commits))


def _latest_business_date(commits: Iterable[Mapping[str, Any]]) -> date | None:
    """The latest business date of all files, each as it was last read: a date that a replay has mended does not count."""
    days: dict[tuple[str, ...], list[str]] = {}
    for commit in commits:
        for entry in commit["files"]:
            if entry["status"] == "rejected":
                continue
            content = (commit["profile"], commit["feed"], entry["sender"], entry["sha256"])
            key = content if entry["status"] == "loaded" or content in days else (*content, entry["name"])
            told = (entry.get("rows_to"), entry["date_to"] if entry["names_day"] else None)
            days[key] = [day for day in told if day]
    latest = max((day for told in days.values() for day in told), default=None)
    return date.fromisoformat(latest) if latest else None


def sweep(home: Path, older_than: timedelta = _ABANDONED) -> list[str]:
    """Remove data that no commit names, left behind by a process that was killed.

    Young data is left alone: its process may be about to commit it.
    """
    bronze = home / "bronze"
    if not bronze.is_dir():
        return []
    limit = datetime.now(UTC) - older_than
    log = CommitLog(home)
    named = _named(log.commits)
    removed = []
    for feed in sorted(path for path in bronze.iterdir() if path.is_dir() and not path.name.startswith("_")):
        for folder in sorted(feed.iterdir()):
            own = f"{feed.name}/{folder.name}"
            if own not in named and _swept(folder, own, log, limit):
                removed.append(own)
    for path in (bronze / "_commits").glob("*"):
        with suppress(FileNotFoundError):
            if not _COMMIT_NAME.fullmatch(path.name) and _modified(path) <= limit:
                path.unlink()
                removed.append(f"_commits/{path.name}")
    return removed


def _swept(folder: Path, own: str, log: CommitLog, limit: datetime) -> bool:
    """Remove a folder that is old and that no commit names even once it is out of the way; another process may be faster."""
    trash = folder.with_name(f".trash-{uuid.uuid4().hex}")
    with suppress(FileNotFoundError):
        if _modified(folder) > limit:
            return False
        folder.rename(trash)
        log.refresh()
        if _modified(trash) > limit or own in _named(log.commits):
            if not folder.exists():
                trash.rename(folder)
            return False
        shutil.rmtree(trash)
        return True
    return False


def spool(home: Path, contract: Contract) -> Spool:
    """A spool beside the place where its data will be."""
    return Spool(_temporary(home / "bronze" / contract.feed), contract.schema, REJECTS)


def _commit(
    home: Path, log: CommitLog, batch: Batch, contract: Contract, profile: str, mode: str, replay: bool
) -> dict[str, Any] | None:
    staged: _Staged | None = None
    while True:
        log.refresh()
        taken = {file.source.name for file in batch.files if _is_taken(log, file, profile, contract.feed, replay)}
        if taken:
            batch, staged = batch.without(taken), None
        if not batch.files:
            return None
        staged = staged or _stage(home, contract, batch)
        commit = log.create(
            {
                "feed": contract.feed,
                "profile": profile,
                "contract_version": contract.version,
                "mode": mode,
                "replay": replay,
                "scopes": _scopes(batch.files, mode),
                "files": [file_entry(file) for file in batch.files],
                "rows": staged.rows,
                "rejects": staged.rejects,
                "replaces": [],
            }
        )
        if commit is not None:
            if not all((home / "bronze" / path).exists() for path in (staged.rows, staged.rejects) if path):
                _stage(home, contract, batch)
            return commit


def _is_taken(log: CommitLog, file: FileResult, profile: str, feed: str, replay: bool) -> bool:
    entry = log.latest(file.source.sha256, profile, feed, file.source.sender, file.source.name)
    if entry is None:
        return False
    return not replay or entry["profile_digest"] == file.source.profile_digest


@dataclass(frozen=True)
class _Staged:
    rows: str | None
    rejects: str | None


def _stage(home: Path, contract: Contract, batch: Batch) -> _Staged:
    """Write the batch beside its place and move it there; the name is the hash of what it holds."""
    feed = home / "bronze" / contract.feed
    temporary = _temporary(feed)
    digest = hashlib.sha256()
    names: dict[str, str | None] = {"rows": None, "rejects": None}
    for name in names:
        path = temporary / f"{name}.parquet"
        spooled = batch.spool.path(name) if batch.spool is not None else None
        if spooled is not None:
            _link(spooled, path)
        elif name == "rows" and batch.rows.height:
            positions = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_pos")
            _write(batch.rows.with_columns(positions).select(list(contract.schema)), path)
        elif name == "rejects" and batch.rejects.height:
            _write(batch.rejects, path)
        else:
            continue
        digest.update(f"{name}:".encode())
        _digest_synced(path, digest)
        names[name] = path.name
    if not any(names.values()):
        temporary.rmdir()
        return _Staged(None, None)
    target = feed / digest.hexdigest()[:32]
    try:
        temporary.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        os.utime(target)
        shutil.rmtree(temporary)
    paths = {name: f"{contract.feed}/{target.name}/{file}" if file else None for name, file in names.items()}
    return _Staged(paths["rows"], paths["rejects"])


def _temporary(feed: Path) -> Path:
    folder = feed / f".tmp-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    return folder


def _write(table: pl.DataFrame, path: Path) -> None:
    table.rechunk().write_parquet(
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP,
        statistics=False,
    )


def _link(path: Path, other: Path) -> None:
    """Give a file a second name, or copy it where the file system has no such thing."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


def _digest_synced(path: Path, digest: hashlib._Hash) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        while block := file.read(_BLOCK):
            digest.update(block)


def _without_overlaps(batch: Batch, mode: str) -> Iterator[Batch]:
    """Split a batch so that no two files of one commit restate the same sender and day."""
    if mode == "append":
        yield batch
        return
    levels: dict[str, int] = {}
    seen: dict[str, list[tuple[date, date, int]]] = {}
    for file in batch.files:
        scopes = _scopes([file], mode)
        level = 0
        for scope in scopes:
            first, last = date.fromisoformat(scope["date_from"]), date.fromisoformat(scope["date_to"])
            for other_first, other_last, other_level in seen.get(scope["sender"], []):
                if first <= other_last and other_first <= last:
                    level = max(level, other_level + 1)
        for scope in scopes:
            first, last = date.fromisoformat(scope["date_from"]), date.fromisoformat(scope["date_to"])
            seen.setdefault(scope["sender"], []).append((first, last, level))
        levels[file.source.name] = level
    for level in sorted(set(levels.values())):
        names = {name for name, own in levels.items() if own == level}
        yield batch if len(names) == len(levels) else batch.only(names)


def _scopes(files: Sequence[FileResult], mode: str) -> list[dict[str, Any]]:
    """Senders and business dates that the files state: none, their own days, or all days; and whether what a file lacks there is gone."""
    if mode == "append":
        return []
    if mode == "full":
        return [
            {"sender": sender, **_ALL_DAYS, "closes": file.closes}
            for file in files
            if file.status != "rejected"
            for sender in file.senders or (file.source.sender,)
        ]
    return [
        {
            "sender": sender,
            "date_from": file.date_from.isoformat(),
            "date_to": file.date_to.isoformat(),
            "closes": file.closes,
        }
        for file in files
        if file.status != "rejected" and file.date_from and file.date_to
        for sender in file.senders or (file.source.sender,)
    ]


def _stating_file(commit: Mapping[str, Any], scope: Mapping[str, Any]) -> str | None:
    """The name of the file that states a scope of its commit. Commits of old do not tell the senders that stand in a file's rows."""
    days = (scope["date_from"], scope["date_to"])
    of_days = [
        entry
        for entry in commit["files"]
        if entry["status"] != "rejected"
        and (commit["mode"] == "full" or (entry["date_from"], entry["date_to"]) == days)
    ]
    of_sender = [entry for entry in of_days if scope["sender"] in entry.get("senders", [entry["sender"]])]
    return next((entry["name"] for entry in of_sender or of_days), None)


def stated(entry: dict[str, Any], mode: str) -> tuple[str, str | None, str | None]:
    """What the file of an entry states wholly: its mode, and the days, where they bear on that."""
    is_by_day = mode == "replace" or entry["names_day"]
    return mode, *((entry["date_from"], entry["date_to"]) if is_by_day else (None, None))


def file_entry(file: FileResult) -> dict[str, Any]:
    """A file as the commit log tells of it."""
    return {
        "name": file.source.name,
        "sender": file.source.sender,
        "senders": list(file.senders),
        "sha256": file.source.sha256,
        "bytes": file.source.size,
        "arrived_at": _stamp(file.source.arrived_at),
        "status": file.status,
        "records": file.records,
        "loaded": file.loaded,
        "rejected": file.rejected,
        "blank": file.blank,
        "total_lines": file.total_lines,
        "left_out": file.left_out,
        "left_out_reasons": dict(file.left_out_reasons),
        "date_from": file.date_from.isoformat() if file.date_from else None,
        "date_to": file.date_to.isoformat() if file.date_to else None,
        "names_day": file.names_day,
        "closes": file.closes,
        "rows_to": file.rows_to.isoformat() if file.rows_to else None,
        "content": file.content,
        "columns": sorted(file.columns),
        "warnings": [{"rule": item.rule, "column": item.column, "message": item.message} for item in file.warnings],
        "profile_digest": file.source.profile_digest,
    }


_COMMIT: Schema = {
    "seq": pl.Int64,
    "committed_at": pl.Datetime("us"),
    "feed": pl.String,
    "profile": pl.String,
    "mode": pl.String,
    "replay": pl.Boolean,
}
_FILE: Schema = {
    "seq": pl.Int64,
    "feed": pl.String,
    "profile": pl.String,
    "mode": pl.String,
    "replay": pl.Boolean,
    "sender": pl.String,
    "file": pl.String,
    "sha256": pl.String,
    "arrived_at": pl.Datetime("us"),
    "status": pl.String,
    "records": pl.Int64,
    "loaded": pl.Int64,
    "rejected": pl.Int64,
    "blank": pl.Int64,
    "total_lines": pl.Int64,
    "left_out": pl.Int64,
    "date_from": pl.Date,
    "date_to": pl.Date,
    "names_day": pl.Boolean,
    "closes": pl.Boolean,
    "first_seq": pl.Int64,
}
_SCOPE: Schema = {
    "seq": pl.Int64,
    "feed": pl.String,
    "sender": pl.String,
    "date_from": pl.Date,
    "date_to": pl.Date,
    "closes": pl.Boolean,
    "file": pl.String,
}
_PATH: Schema = {"feed": pl.String, "kind": pl.String, "seq": pl.Int64, "path": pl.String}
_RULE: Schema = {"feed": pl.String, "rule": pl.String, "severity": pl.String, "bit": pl.Int64, "description": pl.String}

_CUT_OFF: Schema = {
    "profile": pl.String,
    "feed": pl.String,
    "days": pl.Int64,
    "time_of_day": pl.String,
    "zone": pl.String,
    "every": pl.String,
}
_DAY_OFF: Schema = {"profile": pl.String, "feed": pl.String, "weekday": pl.Int64, "holiday": pl.Date}
_EXPECTED: Schema = {"profile": pl.String, "feed": pl.String, "sender": pl.String, "since": pl.Date}
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def _readings(home: Path) -> Iterator[tuple[str, str, Reading]]:
    """The settings of every profile and feed, as far as they are valid."""
    catalogue = Catalogue(home, load_contracts(home))
    for profile_id in catalogue.profile_ids:
        try:
            profile = catalogue.profile(profile_id)
        except IngestError:
            continue
        for feed, reading in sorted(profile.feeds.items()):
            yield profile_id, feed, reading


def _cut_off(profile: str, feed: str, reading: Reading) -> tuple[str, str, int, str, str, str]:
    due = reading.cut_off
    return profile, feed, due.days, due.at.strftime("%H:%M"), due.zone, reading.cadence.every


def _days_off(profile: str, feed: str, cadence: Cadence) -> Iterator[tuple[str, str, int | None, date | None]]:
    yield from ((profile, feed, _WEEKDAYS.index(name) + 1, None) for name in cadence.days_off)
    yield from ((profile, feed, None, day) for day in cadence.holidays)


def _file_table(commits: Sequence[dict[str, Any]]) -> pl.DataFrame:
    first: dict[Identity, int] = {}
    rows = []
    for commit in commits:
        for entry in commit["files"]:
            content = (entry["sha256"], commit["profile"], commit["feed"], entry["sender"])
            arrival = first.setdefault((*content, entry["name"]), commit["seq"])
            if entry["status"] == "loaded":
                arrival = min(arrival, first.setdefault(content, arrival))
            rows.append(
                (
                    *(commit[name] for name in ("seq", "feed", "profile", "mode", "replay")),
                    entry["sender"],
                    entry["name"],
                    entry["sha256"],
                    _moment(entry["arrived_at"]),
                    *(
                        entry[name]
                        for name in ("status", "records", "loaded", "rejected", "blank", "total_lines", "left_out")
                    ),
                    *(date.fromisoformat(entry[name]) if entry[name] else None for name in ("date_from", "date_to")),
                    entry["names_day"],
                    entry.get("closes", True),
                    arrival,
                )
            )
    return pl.DataFrame(rows, schema=_FILE, orient="row")


def _live_paths(home: Path, commits: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, int, str]]:
    replaced = {path for commit in commits for path in commit["replaces"]}
    for commit in commits:
        for kind in ("rows", "rejects"):
            path = commit[kind]
            if path and path not in replaced:
                yield commit["feed"], kind, commit["seq"], str((home / "bronze" / path).resolve())


def _rule_rows(contracts: Sequence[Contract]) -> Iterator[tuple[str, str, str, int | None, str]]:
    for contract in contracts:
        for name, description in FRAMING_RULES.items():
            yield contract.feed, name, "reject", None, description
        named = {rule.name: rule for rule in reversed(contract.rules) if rule.severity == "error"}
        for name, rule in sorted(named.items()):
            yield contract.feed, name, "reject", None, rule.description
        for rule in contract.warnings:
            yield contract.feed, rule.name, "warn", rule.bit, rule.description


def _replace_parquet(table: pl.DataFrame, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    table.write_parquet(temporary)
    temporary.replace(path)


def _named(commits: Sequence[dict[str, Any]]) -> set[str]:
    """Folders that a commit names."""
    return {commit[kind].rpartition("/")[0] for commit in commits for kind in ("rows", "rejects") if commit[kind]}


def _parse(path: Path) -> dict[str, Any]:
    try:
        commit = json.loads(path.read_bytes())
    except ValueError as error:
        raise CommitLogBroken(path, f"cannot be read ({error})") from error
    if not isinstance(commit, dict) or commit.get("seq") != int(path.stem):
        raise CommitLogBroken(path, "does not bear its own number")
    return commit


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _now() -> str:
    return _stamp(datetime.now(UTC))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp.removesuffix("Z"))
