"""Write bronze, its commits and a build's snapshot directly, so that the warehouse can be tested without the readers.

The shapes come from the feed contracts; what is written is what the ingest step would have written for the same records.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

PROJECT = Path(__file__).resolve().parents[2]
FEEDS = PROJECT / "data_contracts" / "feeds"
EPOCH = dt.datetime(2026, 1, 1, 12, 0)

ENVELOPE = [
    ("_key", pa.string()),
    ("_sender", pa.string()),
    ("_file", pa.string()),
    ("_record", pa.int64()),
    ("_pos", pa.int64()),
    ("_flags", pa.int64()),
]
REJECTS = pa.schema(
    [
        ("_key", pa.string()),
        ("_sender", pa.string()),
        ("_file", pa.string()),
        ("_record", pa.int64()),
        ("_line", pa.int64()),
        *[(name, pa.string()) for name in ("rule", "column", "value", "raw", "message")],
    ]
)
CONTROL = {
    "commit": [("seq", pa.int64()), ("committed_at", pa.timestamp("us")), ("feed", pa.string()), ("profile", pa.string()),
               ("mode", pa.string()), ("replay", pa.bool_())],
    "file": [("seq", pa.int64()), ("feed", pa.string()), ("profile", pa.string()), ("mode", pa.string()),
             ("replay", pa.bool_()), ("sender", pa.string()), ("file", pa.string()), ("sha256", pa.string()),
             ("arrived_at", pa.timestamp("us")), ("status", pa.string()), ("records", pa.int64()), ("loaded", pa.int64()),
             ("rejected", pa.int64()), ("blank", pa.int64()), ("total_lines", pa.int64()), ("left_out", pa.int64()),
             ("date_from", pa.date32()), ("date_to", pa.date32()), ("names_day", pa.bool_()), ("closes", pa.bool_()),
             ("first_seq", pa.int64())],
    "scope": [("seq", pa.int64()), ("feed", pa.string()), ("sender", pa.string()), ("date_from", pa.date32()),
              ("date_to", pa.date32()), ("closes", pa.bool_()), ("file", pa.string())],
    "path": [("feed", pa.string()), ("kind", pa.string()), ("seq", pa.int64()), ("path", pa.string())],
    "rule": [("feed", pa.string()), ("rule", pa.string()), ("severity", pa.string()), ("bit", pa.int64()),
             ("description", pa.string())],
    "cut_off": [("profile", pa.string()), ("feed", pa.string()), ("days", pa.int64()), ("time_of_day", pa.string()),
                ("zone", pa.string()), ("every", pa.string())],
    "day_off": [("profile", pa.string()), ("feed", pa.string()), ("weekday", pa.int64()), ("holiday", pa.date32())],
    "expected": [("profile", pa.string()), ("feed", pa.string()), ("sender", pa.string()), ("since", pa.date32())],
    "build": [("through_seq", pa.int64()), ("as_of", pa.date32()), ("since_seq", pa.int64()), ("since_as_of", pa.date32()),
              ("horizon_weeks", pa.int64())],
}  # fmt: skip


@dataclass(frozen=True)
class File:
    """One file of a batch: its records as the contract names them, and what it covers (else: the dates of its rows).

    Attributes:
        refused: records that were rejected though their keys are known.
        rejected: records that were rejected, of which nobody knows which line they are.
    """

    sender: str
    rows: Sequence[Mapping[str, Any]]
    name: str
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    names_day: bool = False
    sha256: str | None = None
    refused: Sequence[Mapping[str, Any]] = ()
    rejected: int = 0
    arrived_at: dt.datetime | None = None

    def digest(self) -> str:
        """What the file's bytes would hash to: its name and content, unless stated."""
        return self.sha256 or hashlib.sha256(repr((self.name, self.rows)).encode()).hexdigest()

    def covers(self) -> tuple[dt.date | None, dt.date | None]:
        """First and last business date, as stated or from the rows."""
        days = [row["business_date"] for row in self.rows if row.get("business_date")]
        return self.date_from or min(days, default=None), self.date_to or max(days, default=None)


@cache
def _contract(feed: str) -> tuple[pa.Schema, tuple[str, ...]]:
    table = yaml.safe_load((FEEDS / f"{feed}.yaml").read_text())["schema"][0]
    columns = [(column["name"], _arrow_type(column["physicalType"])) for column in table["properties"]]
    keys = sorted(
        (column["primaryKeyPosition"], column["name"]) for column in table["properties"] if column.get("primaryKey")
    )
    return pa.schema([*columns, *ENVELOPE]), tuple(name for _, name in keys)


def _arrow_type(physical: str) -> pa.DataType:
    if physical.startswith("DECIMAL"):
        precision, scale = physical[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "DATE": pa.date32(),
        "BOOLEAN": pa.bool_(),
        "DOUBLE": pa.float64(),
        "TIMESTAMP": pa.timestamp("us"),
    }[physical]


def _typed(value: Any, kind: pa.DataType) -> Any:
    if value is None or not pa.types.is_decimal(kind):
        return value
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))


def _escaped(value: Any) -> str:
    return "" if value is None else str(value).replace("\\", "\\\\").replace("|", "\\|")


def _key(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    return "|".join(_escaped(row.get(name)) for name in columns)


def _stating_file(
    entries: Sequence[Mapping[str, Any]], sender: str, date_from: dt.date | None, date_to: dt.date | None
) -> str | None:
    """The file of a sender that covers days of a scope, the last one to have come first where there are several."""
    first, last = date_from or dt.date.min, date_to or dt.date.max
    own = [
        entry
        for entry in entries
        if entry["sender"] == sender and entry["date_from"] and entry["date_from"] <= last and entry["date_to"] >= first
    ]
    return max(own, key=lambda entry: entry["first_seq"])["file"] if own else None


def feeds() -> list[str]:
    """Every feed that has a contract."""
    return sorted(path.stem for path in FEEDS.glob("*.yaml"))


@dataclass
class BronzeFactory:
    """A data home whose bronze is written by hand, commit by commit."""

    home: Path
    commits: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def commit(
        self,
        feed: str,
        files: Iterable[File],
        *,
        mode: str = "append",
        profile: str = "csv_generic",
        replay: bool = False,
        scopes: Iterable[tuple[str, dt.date | None, dt.date | None]] | None = None,
        key: Sequence[str] | None = None,
    ) -> int:
        """Commit one batch and return its seq; a replace batch states wholly what its files cover, unless scopes say."""
        files = list(files)
        seq = len(self.commits) + 1
        covered = [(file.sender, *file.covers()) for file in files]
        if scopes is None:
            scopes = covered if mode != "append" else []
            closing = [not file.rejected for file in files]
        else:
            scopes = list(scopes)
            closing = [True] * len(scopes)
        entries = []
        for file, (_, date_from, date_to) in zip(files, covered, strict=True):
            first = self.seen.setdefault((file.digest(), profile, file.sender), seq)
            entry = {
                "seq": seq, "feed": feed, "profile": profile, "mode": mode, "replay": replay, "sender": file.sender,
                "file": f"{profile}/{file.sender}/{file.name}", "sha256": file.digest(),
                "arrived_at": file.arrived_at or EPOCH + dt.timedelta(hours=seq),
                "status": "loaded" if file.rows else "nil",
                "records": len(file.rows) + len(file.refused) + file.rejected, "loaded": len(file.rows),
                "rejected": len(file.refused) + file.rejected, "closes": not file.rejected,
                "blank": 0, "total_lines": 0, "left_out": 0, "date_from": date_from, "date_to": date_to,
                "names_day": file.names_day, "first_seq": first,
            }  # fmt: skip
            entries.append(entry)
        commit = {
            "seq": seq, "committed_at": EPOCH + dt.timedelta(hours=seq), "feed": feed, "profile": profile, "mode": mode,
            "replay": replay, "files": entries, "rows": self._write_rows(feed, files, profile, key),
            "rejects": self._write_rejects(feed, files, profile, key),
            "scopes": [
                {"seq": seq, "feed": feed, "sender": sender, "date_from": date_from, "date_to": date_to, "closes": closes,
                 "file": _stating_file(entries, sender, date_from, date_to)}
                for (sender, date_from, date_to), closes in zip(scopes, closing, strict=False)
            ],
        }  # fmt: skip
        self.commits.append(commit)
        return seq

    def snapshot(
        self, *, through_seq: int | None = None, as_of: dt.date | None = None, since: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Lay out what a build is to see: the commits up to `through_seq`, and the as-of date (else: the latest loaded).

        `since` is what the last build showed, as this returned it then: increments start from there; without it everything counts as touched.
        """
        out = self.home / "state" / "snapshot"
        (out / "empty").mkdir(parents=True, exist_ok=True)
        for feed in feeds():
            pq.write_table(_contract(feed)[0].empty_table(), out / "empty" / f"{feed}.parquet")
        pq.write_table(REJECTS.empty_table(), out / "empty" / "_rejects.parquet")
        through = len(self.commits) if through_seq is None else through_seq
        commits = [commit for commit in self.commits if commit["seq"] <= through]
        files = [file for commit in commits for file in commit["files"]]
        latest = max((file["date_to"] for file in files if file["date_to"]), default=None)
        shown = {"through_seq": through, "as_of": as_of or latest}
        before = since or {"through_seq": 0, "as_of": shown["as_of"]}
        shown |= {"since_seq": before["through_seq"], "since_as_of": before["as_of"], "horizon_weeks": 2}
        tables: dict[str, list[dict[str, Any]]] = {
            "commit": commits,
            "file": files,
            "scope": [scope for commit in commits for scope in commit["scopes"]],
            "path": [
                {"feed": commit["feed"], "kind": kind, "seq": commit["seq"], "path": str(commit[kind])}
                for commit in commits
                for kind in ("rows", "rejects")
                if commit[kind]
            ],
            "rule": [],
            "cut_off": [],
            "day_off": [],
            "expected": [],
            "build": [shown],
        }
        for name, rows in tables.items():
            schema = pa.schema(CONTROL[name])
            picked = [{column: row[column] for column in schema.names} for row in rows]
            pq.write_table(pa.Table.from_pylist(picked, schema=schema), out / f"{name}.parquet")
        return shown

    def _write_rows(self, feed: str, files: Sequence[File], profile: str, key: Sequence[str] | None) -> Path | None:
        schema, contract_key = _contract(feed)
        rows: list[dict[str, Any]] = []
        for file in files:
            for record, row in enumerate(file.rows, 1):
                unknown = row.keys() - set(schema.names)
                if unknown:
                    raise KeyError(f"{feed} has no column {sorted(unknown)}")
                rows.append(
                    {name: _typed(row.get(name), schema.field(name).type) for name in schema.names}
                    | {
                        "_key": _key(row, key or contract_key),
                        "_sender": file.sender,
                        "_file": f"{profile}/{file.sender}/{file.name}",
                        "_record": record,
                        "_pos": len(rows) + 1,
                        "_flags": 0,
                    }
                )
        return self._write(feed, "rows", rows, schema)

    def _write_rejects(self, feed: str, files: Sequence[File], profile: str, key: Sequence[str] | None) -> Path | None:
        rejects = [
            {"_key": _key(row, key or _contract(feed)[1]), "_sender": file.sender, "_file": f"{profile}/{file.sender}/{file.name}",
             "_record": len(file.rows) + place, "rule": "type"}
            for file in files
            for place, row in enumerate(file.refused, 1)
        ]  # fmt: skip
        return self._write(feed, "rejects", rejects, REJECTS)

    def _write(self, feed: str, name: str, rows: list[dict[str, Any]], schema: pa.Schema) -> Path | None:
        if not rows:
            return None
        digest = hashlib.sha256(json.dumps(rows, default=str, sort_keys=True).encode()).hexdigest()
        path = self.home / "bronze" / feed / digest / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
        return path
