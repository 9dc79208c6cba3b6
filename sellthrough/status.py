"""What one asks of a morning: which feeds came, what was refused and why, what waits for a steward, what readers see.

Everything here reads the commit log and the published copy, never the warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

import ingest
from sellthrough.commits import commits, last_readings, live_paths
from sellthrough.errors import NotBuilt
from sellthrough.files import read_json
from sellthrough.settings import Settings

Readings = list[tuple[dict[str, Any], dict[str, Any]]]
"""Files as they were last read, each with the commit of that reading."""


@dataclass(frozen=True)
class Status:
    """The state of a data home."""

    home: str
    commits: int
    feeds: list[dict[str, Any]]
    waiting: list[str]
    lateness: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    refused_files: list[dict[str, Any]]
    file_warnings: list[dict[str, Any]]
    unknown_units: list[dict[str, Any]]
    unmapped_codes: list[dict[str, Any]]
    stages: dict[str, Any]
    published: dict[str, Any]


def status(settings: Settings, as_of: date | None = None) -> Status:
    """Gather the state of the home; empty lists where there is nothing yet.

    Args:
        settings: where the home is.
        as_of: lateness up to this day; default: everything that was published.
    """
    log = list(commits(settings))
    readings = last_readings(log)
    return Status(
        home=str(settings.home),
        commits=len(log),
        feeds=_feeds(log, readings),
        waiting=ingest.waiting(settings.home),
        lateness=_published(settings, LATENESS, [as_of or settings.as_of or date.max]),
        rejects=_rejects(settings, log, readings),
        warnings=_published(settings, QUALITY, []),
        refused_files=[
            {"file": file["name"], "feed": commit["feed"], "seq": commit["seq"]}
            for commit, file in readings
            if file["status"] == "rejected"
        ],
        file_warnings=_file_warnings(log, readings),
        unknown_units=_unknown_units(settings),
        unmapped_codes=_published(settings, UNMAPPED, []),
        stages={name: _stage(settings, name) for name in ("build", "alert")},
        published={
            key: value
            for key, value in read_json(settings.serving / "current.json").items()
            if key not in ("tables", "made_from")
        },
    )


LATENESS = """
select feed, sender, count(*) filter (state = 'LATE') as late, count(*) filter (state = 'MISSING') as missing,
    max(business_date) filter (state <> 'MISSING') as last_day
from reporting.feed_status where business_date <= ? group by all having late + missing > 0 order by missing desc, late desc, feed, sender
"""
QUALITY = "select * from reporting.quality_result where not success order by all limit 50"
UNMAPPED = "select * from reporting.unmapped_code order by all limit 50"


def trace(
    settings: Settings,
    day: date,
    sku: str | None = None,
    distributor: str | None = None,
    outlet: str | None = None,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """The published sale lines behind one figure, each with the file and the record that it came from.

    Raises:
        NotBuilt: nothing has been published yet.
    """
    if not settings.published.exists():
        raise NotBuilt("Nothing has been published yet. Run `sellthrough run`.")
    wanted = {"sku_code": sku, "distributor_code": distributor, "outlet_code": outlet}
    filters = " ".join(f"and {column} = ?" for column, value in wanted.items() if value)
    query = (
        "select business_date, distributor_code, document_type, document_no, line_no, outlet_code, sku_code, sender_sku_code, "
        f"qty_base, free_qty_base, value_net, source_file, source_record, seq_from from reporting.secondary_sale_line where business_date = ? {filters} "
        f"order by distributor_code, document_no, line_no, source_record limit {int(limit)}"
    )
    return _published(settings, query, [day, *(value for value in wanted.values() if value)])


def _published(settings: Settings, query: str, parameters: list[Any]) -> list[dict[str, Any]]:
    """Rows of the published copy; none where it, or the table, does not stand yet."""
    if not settings.published.exists():
        return []
    with duckdb.connect(str(settings.published), read_only=True) as con:
        try:
            result = con.execute(query, parameters)
        except duckdb.CatalogException:
            return []
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _feeds(log: list[dict[str, Any]], readings: Readings) -> list[dict[str, Any]]:
    """What was counted of the files of each feed, as they were last read."""
    feeds: dict[str, dict[str, Any]] = {}
    counts = ("records", "loaded", "rejected", "blank", "total_lines", "left_out")
    for commit in log:
        feed = feeds.setdefault(
            commit["feed"],
            {"feed": commit["feed"], "senders": set(), "files": 0, **dict.fromkeys(counts, 0), "last_seq": 0},
        )
        feed["last_seq"] = max(feed["last_seq"], commit["seq"])
    for commit, file in readings:
        feed = feeds[commit["feed"]]
        feed["files"] += 1
        feed["senders"].add(file["sender"])
        for count in counts:
            feed[count] += file[count]
    return [{**feed, "senders": len(feed["senders"])} for feed in feeds.values()]


_ABOUT_COLUMNS = ("unknown_column", "vanished_column")


def _file_warnings(log: list[dict[str, Any]], readings: Readings) -> list[dict[str, Any]]:
    """Columns that came or went, in the last file of each sender and feed; what else is odd, in every file."""
    last: dict[tuple[str, str, str], tuple[int, dict[str, Any]]] = {}
    for commit in log:
        for file in commit["files"]:
            if file["status"] != "rejected":
                last[(commit.get("profile", ""), commit["feed"], file["sender"])] = (commit["seq"], file)
    columns = [
        {"feed": feed, "sender": sender, "file": file["name"], "seq": seq, **warning}
        for (_, feed, sender), (seq, file) in last.items()
        for warning in file.get("warnings", [])
        if warning["rule"] in _ABOUT_COLUMNS
    ]
    others = [
        {"feed": commit["feed"], "sender": file["sender"], "file": file["name"], "seq": commit["seq"], **warning}
        for commit, file in readings
        for warning in file.get("warnings", [])
        if warning["rule"] not in _ABOUT_COLUMNS
    ]
    return columns + others


def _rejects(settings: Settings, log: list[dict[str, Any]], readings: Readings) -> list[dict[str, Any]]:
    """Rejected records by feed and rule, with one example each, without those of files that were read again since."""
    paths = live_paths(settings, "rejects")
    if not paths:
        return []
    read = {(commit["rejects"], file["name"]) for commit in log if commit["rejects"] for file in commit["files"]}
    read_again = sorted(read - {(commit["rejects"], file["name"]) for commit, file in readings})
    with duckdb.connect() as con:
        result = con.execute(
            "select split_part(filename, '/', -3) as feed, rule, count(distinct (_file, _record)) as records, "
            "any_value(_file || coalesce(', record ' || _record, '')) as example, "
            "any_value(message) as message from read_parquet(?, union_by_name = true, filename = true) "
            "anti join (select unnest(?::varchar[]) as filename, unnest(?::varchar[]) as _file) using (filename, _file) "
            "group by all order by records desc, feed, rule",
            [
                [str(path) for path in paths],
                [str(settings.bronze / path) for path, _ in read_again],
                [name for _, name in read_again],
            ],
        )
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _unknown_units(settings: Settings) -> list[dict[str, Any]]:
    """Lines that kept their value and have no base quantity, by sender and unit."""
    if not settings.published.exists():
        return []
    query = (
        "select distributor_code as sender, unit, count(*) as lines, sum(value_net) as value_net from history.sale_line_version "
        "where seq_to is null and not is_tombstone and factor is null and unit not in ('EA', 'IN', 'CS') group by all order by lines desc, sender limit 50"
    )
    return _published(settings, query, [])


def _stage(settings: Settings, name: str) -> dict[str, Any] | None:
    record = read_json(settings.state / f"{name}.json")
    return (
        {key: record.get(key) for key in ("status", "through_seq", "as_of", "finished_at", "seconds")}
        if record
        else None
    )
