"""The steward's queue: codes that nothing explains, with what they may mean; and the sheet in which a steward accepts.

Suggestions are made at the end of a build, from what the warehouse knows of the codes and of our masters, and written as Parquet that dbt
publishes as `code_suggestion`. They map nothing: an accepted one is a decision.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import duckdb

from sellthrough.decisions import Decision, mapping
from sellthrough.errors import SellthroughError
from sellthrough.files import beside, read_json, swap, write_json
from sellthrough.settings import Settings
from sellthrough.suggestions import Suggestion, suggest_outlets, suggest_skus

SHEET = (
    "kind",
    "owner",
    "code",
    "name",
    "lines",
    "value_net",
    "suggested_code",
    "suggested_name",
    "score",
    "evidence",
    "accept",
)
MOST = 2000
"""Codes for which suggestions are made in a build, those with the most value first."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class SheetUnreadable(SellthroughError):
    """A steward's sheet lacks a column, or accepts something that cannot be a decision."""


def suggest(settings: Settings) -> int:
    """Make suggestions for the queue of the warehouse and write them; returns how many. The writer's lock is held by the caller."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as warehouse:
        warehouse.execute("set threads = 1")
        queue = _rows(
            warehouse,
            f"select * from intermediate.int_code_description order by value_net desc, kind, owner, code limit {MOST}",
        )
        found: list[Suggestion] = []
        if queue:
            found += suggest_skus(
                (row for row in queue if row["kind"] == "SKU"),
                _sku_masters(warehouse),
            )
            found += suggest_outlets(
                (row for row in queue if row["kind"] == "OUTLET"),
                _rows(warehouse, "select * from intermediate.int_outlet_candidate order by code"),
            )
    _write(settings, found)
    return len(found)


def queue(settings: Settings) -> list[dict[str, Any]]:
    """The published queue, the most valuable codes first, each with its best suggestion; empty before the first publish."""
    if not settings.published.exists():
        return []
    with duckdb.connect(str(settings.published), read_only=True) as con:
        return _rows(con, _QUEUE)


def sheet(rows: Sequence[dict[str, Any]]) -> str:
    """The queue as CSV for a spreadsheet. A cell that a spreadsheet would take for a formula is given a leading apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SHEET)
    for row in rows:
        writer.writerow([_harmless(row.get(name)) for name in SHEET])
    return text.getvalue()


def accepted(text: str, decided_by: str, reason: str) -> list[Decision]:
    """The decisions of a sheet: each row whose `accept` holds our code.

    Raises:
        SheetUnreadable: a needed column is missing, or a row accepts a kind that is no mapping.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in ("kind", "owner", "code", "accept") if name not in (reader.fieldnames or ())]
    if missing:
        raise SheetUnreadable(
            f"The sheet has no column {', '.join(missing)}; export it anew with `sellthrough steward --export`."
        )
    decisions = []
    for number, row in enumerate(reader, start=1):
        means = _plain(row["accept"])
        if not means:
            continue
        if row["kind"] not in ("SKU", "OUTLET"):
            raise SheetUnreadable(
                f"record {number}: {row['kind']} {row['code']!r} cannot be mapped to {means!r}; only SKU and OUTLET can. "
                "Units are listed under `units` in the sender's profile, territories in the outlet master."
            )
        decisions.append(
            mapping(row["kind"], _plain(row["owner"]), _plain(row["code"]), means, decided_by=decided_by, reason=reason)
        )
    return decisions


_QUEUE = """
select unmapped.*, suggestion.suggested_code, suggestion.suggested_name, suggestion.score, suggestion.evidence
from (
    select kind, owner, code, any_value(name) as name, sum(lines) as lines, sum(value_net) as value_net, min(first_date) as first_date,
        max(last_date) as last_date
    from reporting.unmapped_code group by all
) as unmapped
left join reporting.code_suggestion as suggestion
    on unmapped.kind = suggestion.kind and unmapped.owner = suggestion.owner and unmapped.code = suggestion.code and suggestion.rank = 1
order by unmapped.value_net desc, unmapped.kind, unmapped.owner, unmapped.code
"""


def _sku_masters(warehouse: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    rows = _rows(warehouse, "select * from intermediate.int_sku_candidate order by code")
    return [{**row, "gtins": [row[name] for name in ("gtin", "gtin_inner", "gtin_case") if row[name]]} for row in rows]


def _write(settings: Settings, found: Sequence[Suggestion]) -> None:
    names = [column.name for column in fields(Suggestion)]
    digest = hashlib.sha256(repr(found).encode()).hexdigest()[:16]
    folder = settings.state / "steward"
    path = folder / f"suggestion-{digest}.parquet"
    if read_json(folder / "current.json").get("suggestion") == path.name and path.exists():
        return
    temporary = beside(path)
    with duckdb.connect() as con:
        con.execute(
            "create table suggestion (kind varchar, owner varchar, code varchar, rank bigint, suggested_code varchar, "
            "suggested_name varchar, score double, evidence varchar)"
        )
        if found:
            con.executemany(
                f"insert into suggestion values ({', '.join('?' * len(names))})", [astuple(item) for item in found]
            )
        quoted = str(temporary).replace("'", "''")
        con.execute(f"copy suggestion to '{quoted}' (format parquet)")
    swap(temporary, path)
    write_json(folder / "current.json", {"suggestion": path.name})
    _sweep(folder, path)


def _sweep(folder: Path, kept: Path) -> None:
    for path in folder.glob("suggestion-*.parquet"):
        if path != kept:
            path.unlink(missing_ok=True)


def _harmless(value: Any) -> str:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else str(value)


def _plain(cell: str | None) -> str:
    text = (cell or "").strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
