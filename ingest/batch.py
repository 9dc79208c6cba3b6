"""Read a batch of files of one profile and feed: framed, typed, judged, counted."""

from __future__ import annotations

import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl

from ingest import spreadsheet
from ingest.contracts import ENVELOPE, REJECTS, Contract, Rule
from ingest.enrichment import Geography
from ingest.errors import FileUnreadable, printable
from ingest.layout import FileWarning, Layout, later, lay_out, vanished
from ingest.limits import DEFAULT, Limits
from ingest.normalise import cell, natural_key, normalise
from ingest.profiles import SOLE, Period, Reading, Route
from ingest.readers import Framed, column_names, read
from ingest.validate import Finding, find, flag_mask

Status = Literal["loaded", "rejected", "nil"]
_WRITTEN_OUT = 20
"""Messages a file that are written out in the report; the rest is counted. All of them are in rejects.parquet."""


@dataclass(frozen=True)
class Source:
    """One file to be read.

    Attributes:
        name: path below landing/.
        sender: the sender as far as it is known without opening the file.
        data: reads the bytes.
        earlier: the sets of our columns that the sender's files of the feed have had, the last one last; None where it is not to be compared.
    """

    name: str
    sender: str
    sha256: str
    size: int
    arrived_at: datetime
    profile_digest: str
    data: Callable[[], bytes]
    earlier: tuple[frozenset[str], ...] | None = None


@dataclass(frozen=True)
class FileResult:
    """What became of one file: `records = loaded + rejected + left_out`; lines below the header = records + blank + total_lines.

    Attributes:
        date_from, date_to: business dates that the file covers: by its name, else those of its rows.
        rows_to: latest business date of a loaded row.
        content: digest of what was read, equal when a second reading gives the same.
        warnings: what is odd about the file, though it was loaded.
        columns: columns of ours that the file has.
    """

    source: Source
    status: Status
    records: int = 0
    loaded: int = 0
    rejected: int = 0
    blank: int = 0
    total_lines: int = 0
    left_out: int = 0
    date_from: date | None = None
    date_to: date | None = None
    names_day: bool = False
    rows_to: date | None = None
    content: str = ""
    senders: tuple[str, ...] = ()
    left_out_reasons: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[FileWarning, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """A batch as it was read. `rows` lack `_pos` until the batch is written."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    files: tuple[FileResult, ...]
    warnings: tuple[Rule, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Messages about files that were loaded all the same, and of rejected records and files, the first few of each file."""
        return (*self.warned, *_problems(self.rejects))

    @property
    def warned(self) -> tuple[str, ...]:
        """Messages about files that were loaded all the same."""
        return tuple(f"{file.source.name}: {warning.message}" for file in self.files for warning in file.warnings)

    @property
    def rules(self) -> dict[str, int]:
        """Records per broken rule, warnings included; for a warning about a file, how often it was given."""
        counts = self.rejects.group_by("rule").agg(pl.struct("_file", "_record").n_unique()).sort("rule")
        rules = dict(counts.iter_rows())
        for rule in self.warnings:
            hits = int((self.rows["_flags"] // (1 << (rule.bit or 0)) % 2).sum())
            if hits:
                rules[rule.name] = hits
        return dict(Counter(rules) + Counter(warning.rule for file in self.files for warning in file.warnings))

    def without(self, names: set[str]) -> Batch:
        """The batch without some of its files."""
        kept = ~pl.col("_file").is_in(list(names))
        return replace(
            self,
            rows=self.rows.filter(kept),
            rejects=self.rejects.filter(kept),
            files=tuple(file for file in self.files if file.source.name not in names),
        )

    def only(self, names: set[str]) -> Batch:
        """The batch with some of its files only."""
        return self.without({file.source.name for file in self.files} - names)


@dataclass(frozen=True)
class _Opened:
    source: Source
    framed: Framed
    layout: Layout
    warnings: tuple[FileWarning, ...] = ()


@dataclass(frozen=True)
class _Part:
    """A group of files with one header, judged."""

    frame: pl.DataFrame
    counts: dict[str, _Counts]
    rejects: list[dict[str, object]]


@dataclass(frozen=True)
class _Counts:
    blank: int = 0
    total_lines: int = 0
    rejected: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


def read_batch(
    sources: Sequence[Source],
    reading: Reading,
    contract: Contract,
    geographies: Mapping[str, Geography] | None = None,
    route: Route = SOLE,
    limits: Limits = DEFAULT,
) -> Batch:
    """Read files of one profile and feed.

    Files that cannot be read at all become rejected files; they never stop the others.

    Args:
        route: which records are this feed's, where the files serve several.
    """
    opened: list[_Opened] = []
    refused: dict[str, FileUnreadable] = {}
    layouts: dict[tuple[str, ...], Layout] = {}
    seen: dict[str, tuple[frozenset[str], ...]] = {}
    for source in sources:
        earlier = () if source.earlier is None else seen.get(source.sender, source.earlier)
        outcome = _open(source, earlier, reading, contract, layouts, route, limits)
        if isinstance(outcome, FileUnreadable):
            refused[source.name] = outcome
        else:
            opened.append(outcome)
            seen[source.sender] = later(earlier, outcome.layout.cells)
    groups: dict[tuple[str, ...], list[_Opened]] = {}
    for item in opened:
        groups.setdefault(item.framed.header, []).append(item)
    parts = [_judge(group, reading, contract, geographies or {}, route) for group in groups.values()]
    refused |= _without_records(opened, parts, reading)
    return _gather(sources, parts, refused, {item.source.name: item for item in opened}, reading, contract)


def covered_dates(source: Source, period: Period) -> tuple[date | None, date | None]:
    """The business dates that a file's name says it covers, else the day by its arrival where the profile says so."""
    base = source.name.rpartition("/")[2]
    found = re.search(period.pattern, base) if period.pattern else None
    if found:
        groups = found.groupdict()
        try:
            first = datetime.strptime(groups["from"], period.format).replace(tzinfo=UTC).date()
            until = groups.get("to")
            last = datetime.strptime(until, period.format).replace(tzinfo=UTC).date() if until else first
        except ValueError:
            return None, None
        return (first, last) if first <= last else (None, None)
    if period.arrival_offset_days is not None:
        day = source.arrived_at.date() + timedelta(days=period.arrival_offset_days)
        return day, day
    return None, None


def _open(
    source: Source,
    earlier: Sequence[frozenset[str]],
    reading: Reading,
    contract: Contract,
    layouts: dict[tuple[str, ...], Layout],
    route: Route,
    limits: Limits,
) -> _Opened | FileUnreadable:
    try:
        framed = read(source.data(), source.name, reading, limits, route.fields | reading.named_fields)
    except FileUnreadable as refusal:
        return refusal
    try:
        _refuse_nameless(framed)
        layout = layouts.get(framed.header)
        if layout is None:
            layout = layouts[framed.header] = lay_out(framed.header, reading, contract, route)
        warnings = (*layout.warnings, *vanished(layout, reading, contract, earlier))
    except FileUnreadable as refusal:
        return _counted(refusal, framed, reading)
    return _Opened(source, framed, layout, warnings)


def _refuse_nameless(framed: Framed) -> None:
    """A column without a name may stand there empty, as a delimiter at the end of each line makes it; values need a name."""
    nameless = [index for index, name in enumerate(framed.header) if not name.strip()]
    if not nameless:
        return
    raw = _raw_frame([framed]).filter(~pl.col("_broken"))
    for index in nameless:
        values = raw[f"c{index}"].str.strip_chars().drop_nulls()
        if (values != "").any():
            raise FileUnreadable(
                "unknown_column",
                f"column {index + 1} has no name in the header and values below it; have it named, or removed",
                column="",
                value="",
            )


def _without_records(opened: Sequence[_Opened], parts: Sequence[_Part], reading: Reading) -> dict[str, FileUnreadable]:
    """Files without a record that name no day for which there was nothing."""
    refused = {}
    counts = {name: values for part in parts for name, values in part.counts.items()}
    for item in opened:
        counted = counts.get(item.source.name, _Counts())
        has_records = item.framed.entries > counted.blank + counted.total_lines
        if not has_records and covered_dates(item.source, reading.period) == (None, None):
            refused[item.source.name] = FileUnreadable(
                "empty_file",
                "has a header and no records, and names no day for which there was nothing; ask the sender for it again",
                blank=counted.blank,
                total_lines=counted.total_lines,
            )
    return refused


def _counted(refusal: FileUnreadable, framed: Framed, reading: Reading) -> FileUnreadable:
    """Count the records that go with a rejected file, so that they are accounted for."""
    raw = _raw_frame([framed])
    total_at = 0 if reading.totals and framed.header else None
    marked = raw.select(_skips(framed.header, total_at, reading))
    refusal.blank = int(marked["_blank"].sum())
    refusal.total_lines = int(marked["_total"].sum())
    refusal.records = framed.entries - refusal.blank - refusal.total_lines
    return refusal


def _raw_frame(framed: Sequence[Framed]) -> pl.DataFrame:
    """Cells of files with one header, with the file's index, the entry's index and line, and whether it is broken."""
    names = column_names(len(framed[0].header))
    trivial = [(index, item) for index, item in enumerate(framed) if item.body is not None]
    frames: list[pl.DataFrame] = []
    if any(item.entries for _, item in trivial):
        cells = pl.read_csv(
            io.BytesIO(b"".join(item.body or b"" for _, item in trivial)),
            has_header=False,
            new_columns=names,
            separator=trivial[0][1].delimiter,
            quote_char=None,
            infer_schema=False,
            eol_char="\n",
        )
        frames.append(_positioned(cells, trivial))
    careful = [(index, item) for index, item in enumerate(framed) if item.cells is not None]
    if careful:
        cells = pl.concat([item.cells for _, item in careful if item.cells is not None])
        frames.append(_positioned(cells, careful))
    if not frames:
        return _positioned(pl.DataFrame(schema=dict.fromkeys(names, pl.String)), [])
    return frames[0] if len(frames) == 1 else pl.concat(frames).sort("_f", "_entry")


def _positioned(cells: pl.DataFrame, items: Sequence[tuple[int, Framed]]) -> pl.DataFrame:
    counts = [item.entries for _, item in items]
    total = sum(counts)
    if total != cells.height:
        raise AssertionError(f"framed {total} entries, parsed {cells.height}")
    entries = np.concatenate([np.arange(count) for count in counts]) if counts else np.array([], dtype=np.int64)
    broken = np.zeros(total, dtype=bool)
    totals = np.zeros(total, dtype=bool)
    left_out: list[str | None] = [None] * total if any(item.left_out for _, item in items) else []
    start = 0
    for (_, item), count in zip(items, counts, strict=True):
        for entry in item.broken:
            broken[start + entry] = True
        for entry in item.totals:
            totals[start + entry] = True
        for entry, reason in item.left_out.items():
            left_out[start + entry] = reason
        start += count
    return cells.with_columns(
        pl.Series("_f", np.repeat([index for index, _ in items], counts) if counts else [], dtype=pl.UInt32),
        pl.Series("_entry", entries, dtype=pl.Int64),
        pl.Series("_broken", broken, dtype=pl.Boolean),
        pl.Series("_declared_total", totals, dtype=pl.Boolean),
        pl.Series("_left_out", left_out, dtype=pl.String) if left_out else pl.lit(None, pl.String).alias("_left_out"),
    )


def _skips(header: Sequence[str], total_at: int | None, reading: Reading) -> list[pl.Expr]:
    cells = [pl.col(name) for name in column_names(len(header))]
    filled = pl.any_horizontal(cell.str.contains(r"\S") for cell in cells) if cells else pl.lit(False)
    total = pl.col("_declared_total")
    if total_at is not None and reading.totals is not None:
        total |= cells[total_at].str.strip_chars().str.contains(f"^(?s:{reading.totals.marks})$").fill_null(False)
    if reading.repeated_header:
        same = [
            cell.str.strip_chars().str.to_lowercase() == name.lower()
            for cell, name in zip(cells, header, strict=True)
            if name
        ]
        total |= pl.all_horizontal(same).fill_null(False)
    total &= ~pl.col("_broken")
    return [(~(filled.fill_null(False) | pl.col("_broken") | total)).alias("_blank"), total.alias("_total")]


def _filled_down(raw: pl.DataFrame, layout: Layout, names: Sequence[str]) -> pl.DataFrame:
    """Give each cell of a merged block the block's value, which stands in the first of them only.

    A stretch that cannot be read ends a block: it may have begun the next one.
    """
    counts = ~(pl.col("_blank") | pl.col("_total") | pl.col("_broken"))
    cells = [pl.col(f"c{layout.index(name)}") for name in names]
    block = pl.col("_broken").cast(pl.UInt32).cum_sum().over("_f").alias("_block")
    own = [pl.when(counts & (cell.str.strip_chars() != "")).then(cell) for cell in cells]
    filled = [value.forward_fill().over("_f", "_block") for value in own]
    return (
        raw.with_columns(block)
        .with_columns(pl.when(counts).then(value).otherwise(cell) for value, cell in zip(filled, cells, strict=True))
        .drop("_block")
    )


def _judge(
    group: Sequence[_Opened],
    reading: Reading,
    contract: Contract,
    geographies: Mapping[str, Geography],
    route: Route,
) -> _Part:
    layout = group[0].layout
    senders = pl.Series("_sender", [item.source.sender for item in group], dtype=pl.String)
    names = pl.Series("_file", [item.source.name for item in group], dtype=pl.String)
    raw = _raw_frame([item.framed for item in group])
    raw = raw.with_columns(_skips(layout.header, layout.total_at, reading))
    if reading.fill_down:
        raw = _filled_down(raw, layout, reading.fill_down)
    raw = raw.with_columns(
        pl.lit(senders).gather(pl.col("_f")).alias("_sender"),
        pl.lit(_days(group, reading)).gather(pl.col("_f")).alias("_day"),
        (~(pl.col("_blank") | pl.col("_total"))).cast(pl.Int64).cum_sum().over("_f").alias("_record"),
    )
    raw = _routed(raw, layout, route)
    is_record = raw.select(
        ~(
            pl.col("_blank")
            | pl.col("_total")
            | pl.col("_broken")
            | pl.col("_unrouted")
            | pl.col("_left_out").is_not_null()
        )
    ).to_series()
    normalised = normalise(raw, layout, reading, contract, geographies)
    findings = [
        *_broken_findings(raw, group),
        *_unrouted_findings(raw, layout, route),
        *find(raw, is_record, normalised, layout, reading, contract),
    ]
    if any(spreadsheet.may_be(item.framed) for item in group):
        findings += spreadsheet.find(raw, is_record, normalised, layout, reading, contract)
    rejected = np.zeros(raw.height, dtype=bool)
    rejected[[finding.row for finding in findings]] = True
    frame = normalised.frame.with_columns(
        flag_mask(normalised.frame, contract),
        raw["_f"],
        raw["_record"],
        pl.Series("_rejected", rejected),
        is_record.alias("_is_record"),
    )
    left_out: dict[int, dict[str, int]] = {}
    for index, reason, count in (
        raw.drop_nulls("_left_out").group_by("_f", "_left_out").len().sort("_f", "_left_out").iter_rows()
    ):
        left_out.setdefault(index, {})[reason] = count
    counts = {
        names[index]: _Counts(blank, total, bad, left_out.get(index, {}))
        for index, blank, total, bad in frame.select("_f", "_rejected")
        .with_columns(raw["_blank"], raw["_total"])
        .group_by("_f")
        .agg(pl.col("_blank").sum(), pl.col("_total").sum(), pl.col("_rejected").sum())
        .iter_rows()
    }
    rejects = _reject_rows(findings, raw, normalised.frame["_sender"], group)
    loaded = frame.filter(pl.col("_is_record") & ~pl.col("_rejected")).with_columns(
        pl.lit(names).gather(pl.col("_f")).alias("_file"),
        natural_key(reading.key or contract.key).alias("_key"),
    )
    return _Part(loaded.select([*contract.names, *(name for name in ENVELOPE if name != "_pos")]), counts, rejects)


def _days(group: Sequence[_Opened], reading: Reading) -> pl.Series:
    """The last day that each file covers, written as the profile's dates are."""
    covered = [covered_dates(item.source, reading.period)[1] for item in group]
    return pl.Series("_day", [day and day.strftime(reading.dates[0]) for day in covered], dtype=pl.String)


def _routed(raw: pl.DataFrame, layout: Layout, route: Route) -> pl.DataFrame:
    """Keep the records of this feed; mark those that the profile leaves out and those that belong to no feed."""
    plain = ~(pl.col("_blank") | pl.col("_total") | pl.col("_broken")) & pl.col("_left_out").is_null()
    reason = pl.col("_left_out")
    for name, values in route.leave_out.items():
        held = _holds(layout, name, values)
        reason = (
            pl.when(plain & held & reason.is_null())
            .then(pl.format("{} {}", pl.lit(name), _held(layout, name).fill_null("is empty")))
            .otherwise(reason)
        )
    raw = raw.with_columns(reason.alias("_left_out"))
    if route.wheres == ({},):
        return raw.with_columns(pl.lit(False).alias("_unrouted"))
    owner = pl.lit(None, dtype=pl.Int32)
    for place in reversed(range(len(route.wheres))):
        fits = pl.all_horizontal(
            pl.lit(True), *(_holds(layout, name, values) for name, values in route.wheres[place].items())
        )
        owner = pl.when(fits).then(pl.lit(place, dtype=pl.Int32)).otherwise(owner)
    plain = plain & pl.col("_left_out").is_null()
    raw = raw.with_columns(pl.when(plain).then(owner.fill_null(-1)).otherwise(0).alias("_owner"))
    kept = pl.col("_owner") == route.place
    if route.place == 0:
        kept |= pl.col("_owner") == -1
    return raw.filter(kept).with_columns((pl.col("_owner") == -1).alias("_unrouted"))


def _held(layout: Layout, name: str) -> pl.Expr:
    return pl.coalesce(cell(index) for index in layout.places(name))


def _holds(layout: Layout, name: str, values: Sequence[str]) -> pl.Expr:
    """True where a cell has one of the values; the value "" stands for an empty cell."""
    return _held(layout, name).fill_null("").str.to_uppercase().is_in([value.upper() for value in values])


def _unrouted_findings(raw: pl.DataFrame, layout: Layout, route: Route) -> list[Finding]:
    if not raw["_unrouted"].any():
        return []
    names = sorted({name for where in route.wheres for name in where})
    hits = raw.with_row_index("row").filter("_unrouted")
    held = hits.select(
        pl.format(
            ", ".join([f"{name} {{}}" for name in names]), *(_held(layout, name).fill_null("-") for name in names)
        )
    )
    return [
        Finding(row, "unrouted", names[0], value, f"{value} belongs to no feed of the profile")
        for row, value in zip(hits["row"], held.to_series(), strict=True)
    ]


def _broken_findings(raw: pl.DataFrame, group: Sequence[_Opened]) -> list[Finding]:
    if not any(item.framed.broken for item in group):
        return []
    hits = raw.with_row_index("row").filter("_broken").select("row", "_f", "_entry")
    findings = []
    for row, index, entry in hits.iter_rows():
        broken = group[index].framed.broken[entry]
        findings.append(Finding(row, broken.rule, None, None, broken.problem))
    return findings


def _reject_rows(
    findings: Sequence[Finding], raw: pl.DataFrame, senders: pl.Series, group: Sequence[_Opened]
) -> list[dict[str, object]]:
    if not findings:
        return []
    rows = sorted({finding.row for finding in findings})
    places = raw.select("_f", "_entry", "_record")[rows].rows()
    by_file: dict[int, list[int]] = {}
    for index, entry, _ in places:
        by_file.setdefault(index, []).append(entry)
    texts = {
        (index, entry): text
        for index, entries in by_file.items()
        for entry, text in zip(entries, group[index].framed.raws(entries), strict=True)
    }
    place_of = dict(zip(rows, places, strict=True))
    found = []
    for finding in sorted(findings, key=lambda item: item.row):
        index, entry, record = place_of[finding.row]
        item = group[index]
        line = item.framed.line(entry)
        where = f"{item.source.name}, record {record} (line {line})"
        if finding.column is not None:
            where += f", column {item.layout.title(finding.column)}"
        found.append(
            {
                "_sender": senders[finding.row],
                "_file": item.source.name,
                "_record": record,
                "_line": line,
                "rule": finding.rule,
                "column": finding.column,
                "value": finding.value,
                "raw": texts[index, entry],
                "message": printable(f"{where}: {finding.problem}; {_next_step(finding.rule)}"),
            }
        )
    return found


def _next_step(rule: str) -> str:
    return {
        "columns": "have the sender mend the line, or state the right dialect in the profile",
        "quote": "have the sender mend the quotes, or state the right `quote` in the profile",
        "type": "have the sender mend the value, or state its format in the profile",
        "mangled_code": "have it sent as text: the column formatted as text before the codes are typed or pasted",
        "spreadsheet_error": "have the sender mend the formula",
        "width": "have the sender mend the line, or state the right `fixed_width` in the profile",
        "record_type": "name its type under `fixed_width` in the profile",
        "control_count": "have the file sent again whole",
        "json": "have the sender mend the record and send it again",
        "control_totals": "have it sent again, or set `control_totals: lenient` in the profile to load it with a note",
        "envelope_open": "have it sent again in full, or set `control_totals: lenient` in the profile to load what is there",
        "unrouted": "name it under `where` of the feed that it belongs to, or under `leave_out`",
        "split": "have the sender mend the value, or widen the profile's pattern",
        "xml": "have the sender mend it and send it again; the elements around it are read",
        "beside": "have both files sent together, in one folder or archive",
        "truncated": "have the sender send the whole file; what stands before is read",
        "idoc": "have the IDoc sent again; the others of the file are read",
        "encoding": "have the sender mend it, or state the right `encoding` in the profile",
        "required": "have the sender fill it, or give the profile a constant or default",
        "valid_values": "have the sender mend the value, or list its spelling under `values` in the profile",
        "invoice_not_negative": "have it sent as a credit note, or set `derive_returns` in the profile",
        "credit_note_not_positive": "have the sender mend the sign, or set `sign` in the profile",
    }.get(rule, "have the sender mend the record and send it again")


def _gather(
    sources: Sequence[Source],
    parts: Sequence[_Part],
    refused: Mapping[str, FileUnreadable],
    opened: Mapping[str, _Opened],
    reading: Reading,
    contract: Contract,
) -> Batch:
    order = {source.name: index for index, source in enumerate(sources)}
    schema = {name: dtype for name, dtype in contract.schema.items() if name != "_pos"}
    rows = pl.concat([part.frame for part in parts]) if parts else pl.DataFrame(schema=schema)
    if len(parts) > 1:
        rows = (
            rows.with_columns(pl.col("_file").replace_strict(order, return_dtype=pl.Int64).alias("_order"))
            .sort("_order", "_record")
            .drop("_order")
        )
    found = [reject for part in parts for reject in part.rejects]
    found += [_file_reject(source, refused[source.name]) for source in sources if source.name in refused]
    found.sort(key=lambda reject: order[str(reject["_file"])])
    rejects = pl.DataFrame(found, schema=REJECTS)
    counts = {name: values for part in parts for name, values in part.counts.items()}
    per_file = _per_file(rows, contract)
    contents = _contents(rows, rejects)
    files = tuple(
        _refused(source, refused[source.name], reading, contract, contents)
        if source.name in refused
        else _result(
            opened[source.name],
            counts.get(source.name, _Counts()),
            per_file.get(source.name),
            reading,
            contract,
            contents,
        )
        for source in sources
    )
    return Batch(rows=rows, rejects=rejects, files=files, warnings=contract.warnings)


def _per_file(rows: pl.DataFrame, contract: Contract) -> dict[str, tuple[int, date | None, date | None, list[str]]]:
    dates = (
        [pl.col("business_date").min().alias("first"), pl.col("business_date").max().alias("last")]
        if contract.is_dated
        else [pl.lit(None, pl.Date).alias("first"), pl.lit(None, pl.Date).alias("last")]
    )
    grouped = rows.group_by("_file").agg(pl.len(), *dates, pl.col("_sender").unique().sort())
    return {name: (count, first, last, senders) for name, count, first, last, senders in grouped.iter_rows()}


def _contents(rows: pl.DataFrame, rejects: pl.DataFrame) -> dict[str, str]:
    """A digest per file of what was read from it, whatever its name."""
    sums: dict[str, list[int]] = {}
    for kind, frame in enumerate((rows, rejects.drop("message"))):
        if not frame.height:
            continue
        hashed = frame.select(
            "_file",
            frame.drop("_file").hash_rows(seed=1).alias("a"),
            frame.drop("_file").hash_rows(seed=2).alias("b"),
        )
        for name, count, a, b in (
            hashed.group_by("_file").agg(pl.len(), pl.col("a").sum(), pl.col("b").sum()).iter_rows()
        ):
            sums.setdefault(name, []).extend((kind, count, a, b))
    return {name: hashlib.sha256(repr(values).encode()).hexdigest() for name, values in sums.items()}


def _result(
    opened: _Opened,
    counts: _Counts,
    loaded: tuple[int, date | None, date | None, list[str]] | None,
    reading: Reading,
    contract: Contract,
    contents: Mapping[str, str],
) -> FileResult:
    source = opened.source
    left_out = sum(counts.left_out.values())
    rows, first, last, senders = loaded or (0, None, None, [source.sender])
    named_from, named_to = covered_dates(source, reading.period) if contract.is_dated else (None, None)
    return FileResult(
        source=source,
        status="loaded" if rows + counts.rejected + left_out else "nil",
        records=rows + counts.rejected + left_out,
        loaded=rows,
        rejected=counts.rejected,
        blank=counts.blank,
        total_lines=counts.total_lines,
        left_out=left_out,
        left_out_reasons=counts.left_out,
        date_from=named_from or first,
        date_to=named_to or last,
        names_day=named_from is not None and named_from == named_to,
        rows_to=last,
        content=contents.get(source.name, "nil"),
        senders=tuple(sender for sender in senders if sender is not None),
        warnings=opened.warnings,
        columns=() if source.earlier is None else tuple(opened.layout.cells),
    )


def _refused(
    source: Source, refusal: FileUnreadable, reading: Reading, contract: Contract, contents: Mapping[str, str]
) -> FileResult:
    named_from, named_to = covered_dates(source, reading.period) if contract.is_dated else (None, None)
    return FileResult(
        source=source,
        status="rejected",
        records=refusal.records,
        rejected=refusal.records,
        blank=refusal.blank,
        total_lines=refusal.total_lines,
        date_from=named_from,
        date_to=named_to,
        names_day=named_from is not None and named_from == named_to,
        content=contents[source.name],
        senders=(source.sender,),
    )


def _file_reject(source: Source, refusal: FileUnreadable) -> dict[str, object]:
    return {
        "_sender": source.sender,
        "_file": source.name,
        "_record": None,
        "_line": refusal.line,
        "rule": refusal.rule,
        "column": refusal.column,
        "value": refusal.value,
        "raw": None,
        "message": printable(f"{source.name}: {refusal.message}"),
    }


def _problems(rejects: pl.DataFrame) -> tuple[str, ...]:
    problems: list[str] = []
    for (name,), group in rejects.group_by("_file", maintain_order=True):
        messages = group["message"].to_list()
        problems += messages[:_WRITTEN_OUT]
        if len(messages) > _WRITTEN_OUT:
            problems.append(f"{name}: and {len(messages) - _WRITTEN_OUT} more; all of them are in its rejects")
    return tuple(problems)
