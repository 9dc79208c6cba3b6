"""Read a batch of files of one profile and feed: framed, typed, judged, counted."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest import spreadsheet
from ingest.contracts import ENVELOPE, REJECTS, Contract, Rule, columns_of
from ingest.enrichment import Geography
from ingest.errors import FileUnreadable, printable
from ingest.layout import FileWarning, Layout, later, lay_out, vanished
from ingest.limits import DEFAULT, Limits
from ingest.normalise import Normalised, Plan, cell, is_unescaped, keyed, normalise, plan
from ingest.profiles import SOLE, Period, Reading, Route
from ingest.readers import Framed, column_names, delimited, read, read_pieces
from ingest.spool import Spool
from ingest.validate import Finding, find, flag_mask, judge

Status = Literal["loaded", "rejected", "nil"]
_TOGETHER_BYTES = 14_000_000
"""Text that is parsed and judged at once: less costs more for each row, and more costs memory."""
_ENTRY_BYTES = 100
"""Taken as the size of a record whose text is not kept whole."""
_FAR_APART = timedelta(days=31)
"""A longer stretch without a business date is more likely a mistyped date than a part of the days that a file tells about."""
_GAPS_TOLD = 3
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
        blocks: reads them piece by piece, where the file is too large to be held.
    """

    name: str
    sender: str
    sha256: str
    size: int
    arrived_at: datetime
    profile_digest: str
    data: Callable[[], bytes]
    earlier: tuple[frozenset[str], ...] | None = None
    blocks: Callable[[], Iterator[bytes]] | None = None


@dataclass(frozen=True)
class FileResult:
    """What became of one file: `records = loaded + rejected + left_out + blank + total_lines`, all that was read below the header.

    Attributes:
        date_from, date_to: business dates that the file covers: by its name, else those of its rows and those that its format tells besides.
        rows_to: latest business date of a loaded row.
        content: digest of what was read, equal when a second reading gives the same.
        warnings: what is odd about the file, though it was loaded.
        columns: columns of ours that the file has.
        closes: whether lines that it lacks count as gone: nothing of it was refused of which it cannot be told which line it is, and its days are named
            or lie close together.
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
    closes: bool = True


@dataclass(frozen=True)
class Batch:
    """A batch as it was read. `rows` lack `_pos` until the batch is written.

    Attributes:
        spool: has the rows and rejects instead, where the batch is one file that is too large to be held.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    files: tuple[FileResult, ...]
    warnings: tuple[Rule, ...] = ()
    spool: Spool | None = None

    @property
    def all_rows(self) -> pl.LazyFrame:
        """The rows, wherever they are."""
        return self._scan("rows", self.rows)

    @property
    def problems(self) -> tuple[str, ...]:
        """Messages about files that were loaded all the same, and of rejected records and files, the first few of each file."""
        rejects = self._scan("rejects", self.rejects).select("_file", "message")
        counts = rejects.group_by("_file", maintain_order=True).agg(pl.len(), pl.col("message").head(_WRITTEN_OUT))
        problems = list(self.warned)
        for name, count, messages in counts.collect().iter_rows():
            problems += messages
            if count > len(messages):
                problems.append(f"{name}: and {count - len(messages)} more; all of them are in its rejects")
        return tuple(problems)

    @property
    def warned(self) -> tuple[str, ...]:
        """Messages about files that were loaded all the same."""
        return tuple(f"{file.source.name}: {warning.message}" for file in self.files for warning in file.warnings)

    @property
    def rules(self) -> dict[str, int]:
        """Records per broken rule, warnings included; for a warning about a file as a whole, how often it was given."""
        rejects = self._scan("rejects", self.rejects).select("_file", "_record", "rule")
        counts = rejects.group_by("rule").agg(pl.struct("_file", "_record").n_unique()).sort("rule")
        rules = dict(counts.collect().iter_rows())
        flagged = self.all_rows.select(
            (pl.col("_flags") // (1 << (rule.bit or 0)) % 2).sum().alias(rule.name) for rule in self.warnings
        )
        hits = flagged.collect().row(0, named=True) if self.warnings else {}
        rules |= {name: count for name, count in hits.items() if count}
        for warning in (warning for file in self.files for warning in file.warnings):
            rules[warning.rule] = rules.get(warning.rule, 0) + warning.records
        return rules

    def _scan(self, name: str, held: pl.DataFrame) -> pl.LazyFrame:
        path = self.spool.path(name) if self.spool is not None else None
        return held.lazy() if path is None else pl.scan_parquet(path)

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
class _Piece:
    """What is read together of one file: all of it, or a stretch of a large one."""

    source: Source
    framed: Framed
    plan: Plan
    warnings: tuple[FileWarning, ...] = ()


@dataclass(frozen=True)
class _Part:
    """Pieces with one header, judged.

    Attributes:
        rows: what is loaded, with `_f`, the place of its piece.
        rejects: in the order of the records, with `_f`.
        absent: optional columns of which neither the files nor the profile state anything.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    absent: frozenset[str]


@dataclass
class _Tally:
    """What is counted of one file while it is read.

    Attributes:
        numbered: records and broken stretches so far, whichever feed they belong to.
        dates: business dates of what is loaded.
        days: business dates that the file's format tells, besides those of its rows.
        entries: lines below the header so far, as the reader cut them out.
        untold: records that were refused, and of which it cannot be told which line they are; whichever feed they belong to.
        outside: of what is loaded, records of days that are none of those in the file's name.
        keys: hashes of the natural keys of what is loaded.
        digest: per kind (rows, rejects) their number and the sum of their hashes, which does not depend on how they were read.
    """

    entries: int = 0
    numbered: int = 0
    blank: int = 0
    total_lines: int = 0
    loaded: int = 0
    rejected: int = 0
    untold: int = 0
    outside: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    dates: set[date] = field(default_factory=set)
    days: tuple[date, ...] = ()
    senders: set[str] = field(default_factory=set)
    plan: Plan | None = None
    warnings: tuple[FileWarning, ...] = ()
    digest: dict[int, tuple[int, int]] = field(default_factory=dict)
    keys: list[npt.NDArray[np.uint64]] = field(default_factory=list)

    def add(self, kind: int, count: int, hashes: int) -> None:
        """Add rows to the digest."""
        known, total = self.digest.get(kind, (0, 0))
        self.digest[kind] = (known + count, (total + hashes) % 2**64)

    @property
    def repeated(self) -> pl.Series:
        """The hashes of natural keys that several records have."""
        keys = pl.Series(np.concatenate(self.keys) if self.keys else [], dtype=pl.UInt64)
        if keys.n_unique() == keys.len():
            return keys.clear()
        return keys.filter(keys.is_duplicated()).unique()

    @property
    def content(self) -> str:
        """Digest of what was read from the file, whatever its name."""
        if not self.digest:
            return "nil"
        return hashlib.sha256(repr(sorted(self.digest.items())).encode()).hexdigest()


def read_batch(
    sources: Sequence[Source],
    reading: Reading,
    contract: Contract,
    geographies: Mapping[str, Geography] | None = None,
    route: Route = SOLE,
    limits: Limits = DEFAULT,
    spool: Spool | None = None,
) -> Batch:
    """Read files of one profile and feed.

    Files that cannot be read at all become rejected files; they never stop the others.

    Args:
        route: which records are this feed's, where the files serve several.
        spool: receives rows and rejects; for a single file that is too large to be held.
    """
    tallies = {source.name: _Tally() for source in sources}
    refused: dict[str, FileUnreadable] = {}
    counted: set[str] = set()
    rows: list[pl.DataFrame] = []
    rejects: list[pl.DataFrame] = []
    pieces = _pieces(sources, reading, contract, route, limits, tallies, refused, counted)
    for together in _bounded(pieces):
        part = _read_together(together, reading, contract, geographies or {}, route, tallies)
        if spool is not None:
            spool.write("rows", part.rows.drop(part.absent), _of_one_file(tallies[sources[0].name].plan))
            spool.write("rejects", part.rejects)
        else:
            rows.append(part.rows)
            rejects.append(part.rejects)
    refused |= _without_records(sources, tallies, refused, reading)
    if refused and spool is not None:
        spool.discard("rows")
        spool.discard("rejects")
    if spool is not None:
        spool.close()
    held_rows, held_rejects = _assembled(sources, rows, rejects, refused, contract)
    for name, refusal in refused.items():
        if name in counted:
            refusal.add(tallies[name].numbered, tallies[name].blank, tallies[name].total_lines)
        tallies[name] = _Tally()
    _digest_rejects(held_rejects.filter(pl.col("_file").is_in(list(refused))), tallies)
    rows_path = spool.path("rows") if spool is not None else None
    all_rows = held_rows.lazy() if rows_path is None else pl.scan_parquet(rows_path)
    for source in sources:
        tallies[source.name].warnings += tuple(
            _repeated_keys(source, tallies[source.name], all_rows, reading, contract)
        )
    files = tuple(
        _result(source, tallies[source.name], refused.get(source.name), reading, contract) for source in sources
    )
    return Batch(rows=held_rows, rejects=held_rejects, files=files, warnings=contract.warnings, spool=spool)


_KEY_HASH = pl.col("_key").hash(1)
_VERSION = ("document_version", "modified_at", "sync_attempt")
"""Columns by which a sender tells versions of one line apart, or the times that a device has sent it."""


def _repeated_keys(
    source: Source, tally: _Tally, rows: pl.LazyFrame, reading: Reading, contract: Contract
) -> Iterator[FileWarning]:
    """The warning that records of a file have the natural key of another one, so that only the last of them counts."""
    repeated = tally.repeated
    if repeated.is_empty():
        return
    found = rows.filter((pl.col("_file") == source.name) & _KEY_HASH.is_in(repeated.implode())).collect()
    said = found.select(name for name in contract.names if name in found.columns).hash_rows(seed=1)
    stamps = [pl.col(name) for name in _VERSION if name in found.columns]
    lines = (
        found.with_columns(
            said.alias("_said"), pl.concat_str(stamps or [pl.lit(None, pl.String)], ignore_nulls=True).alias("_stamp")
        )
        .group_by("_key")
        .agg(
            pl.len(),
            pl.col("_said").n_unique(),
            pl.col("_stamp").replace("", None).drop_nulls().n_unique().alias("stamps"),
        )
        .filter(pl.col("stamps") < pl.col("len"))
    )
    again = int((lines["len"] - 1).sum())
    differing = int((lines["_said"] - 1).sum())
    if again:
        yield FileWarning(
            "repeated_key",
            "",
            f"{_records(again)} the natural key ({', '.join(reading.key or contract.key)}) of an earlier one, {differing} of them with another "
            "content; they count as one line each, as the last record of it says; have the sender number them, or name under `key` what tells them apart",
            again,
        )


def _records(count: int) -> str:
    return "1 record has" if count == 1 else f"{count} records have"


def _of_one_file(plan: Plan | None) -> list[str]:
    """Columns that hold the same in all rows of a file: its name, its sender, and what is taken from the sender."""
    if plan is None or plan.reading.sender.column:
        return ["_file"]
    return ["_file", "_sender", *plan.of_sender]


def _assembled(
    sources: Sequence[Source],
    rows: Sequence[pl.DataFrame],
    rejects: Sequence[pl.DataFrame],
    refused: Mapping[str, FileUnreadable],
    contract: Contract,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows and rejects in the order of the files, without those of files that were refused after all, with the refusals themselves."""
    schema = {name: dtype for name, dtype in contract.schema.items() if name != "_pos"}
    of_refused = pl.col("_file").is_in(list(refused))
    all_rows = pl.concat(rows) if rows else pl.DataFrame(schema=schema)
    found = pl.concat([*rejects, pl.DataFrame(schema=REJECTS)])
    if refused:
        order = {source.name: index for index, source in enumerate(sources)}
        refusals = [_file_reject(source, refused[source.name]) for source in sources if source.name in refused]
        all_rows = all_rows.filter(~of_refused)
        found = (
            pl.concat([found.filter(~of_refused), pl.DataFrame(refusals, schema=REJECTS)])
            .with_columns(pl.col("_file").replace_strict(order, return_dtype=pl.Int64).alias("_order"))
            .sort("_order", maintain_order=True)
            .drop("_order")
        )
    return all_rows, found


def _pieces(
    sources: Sequence[Source],
    reading: Reading,
    contract: Contract,
    route: Route,
    limits: Limits,
    tallies: Mapping[str, _Tally],
    refused: dict[str, FileUnreadable],
    counted: set[str],
) -> Iterator[_Piece]:
    """The files' pieces in order.

    A file that cannot be read is put among the refused ones, even where pieces of it have been given before; among the counted ones too
    where its records can be counted all the same.
    """
    plans: dict[tuple[str, ...], Plan] = {}
    seen: dict[str, tuple[frozenset[str], ...]] = {}
    for source in sources:
        tally = tallies[source.name]
        known = () if source.earlier is None else seen.get(source.sender, source.earlier)
        try:
            for framed in _framed(source, reading, route, limits):
                refusal = refused.get(source.name)
                if refusal is None:
                    try:
                        _refuse_nameless(framed)
                        if tally.plan is None:
                            if framed.header not in plans:
                                layout = lay_out(framed.header, reading, contract, route)
                                plans[framed.header] = plan(layout, reading, contract)
                            tally.plan = plans[framed.header]
                            layout = tally.plan.layout
                            gone = () if reading.format == "jsonl" else vanished(layout, reading, contract, known)
                            tally.warnings = (*layout.warnings, *gone)
                    except FileUnreadable as error:
                        refusal = refused[source.name] = error
                        counted.add(source.name)
                tally.entries += framed.entries
                tally.days += tuple(framed.days)
                if refusal is not None:
                    _count(refusal, framed, reading)
                elif framed.entries and tally.plan is not None:
                    yield _Piece(source, framed, tally.plan)
        except FileUnreadable as refusal:
            refused[source.name] = refusal
            counted.discard(source.name)
        if tally.plan is not None and source.name not in refused:
            seen[source.sender] = later(known, tally.plan.layout.cells)


def _framed(source: Source, reading: Reading, route: Route, limits: Limits) -> Iterator[Framed]:
    if source.blocks is not None:
        yield from read_pieces(source.blocks(), reading, limits)
    else:
        yield read(source.data(), source.name, reading, limits, route.fields | reading.named_fields)


def _bounded(pieces: Iterable[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces that are judged together: as many as make up a certain size."""
    together: list[_Piece] = []
    size = 0
    for piece in pieces:
        together.append(piece)
        size += len(piece.framed.body or b"") or piece.framed.entries * _ENTRY_BYTES
        if size >= _TOGETHER_BYTES:
            yield together
            together, size = [], 0
    if together:
        yield together


def _read_together(
    pieces: Sequence[_Piece],
    reading: Reading,
    contract: Contract,
    geographies: Mapping[str, Geography],
    route: Route,
    tallies: Mapping[str, _Tally],
) -> _Part:
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, piece in enumerate(pieces):
        groups.setdefault(piece.framed.header, []).append(place)
    parts = [_judge(pieces, places, reading, contract, geographies, route, tallies) for places in groups.values()]
    rows, rejects = pl.concat([part.rows for part in parts]), pl.concat([part.rejects for part in parts])
    if len(parts) > 1:
        rows, rejects = rows.sort("_f", "_record"), rejects.sort("_f", maintain_order=True)
    name = _of_piece([piece.source.name for piece in pieces], range(len(pieces)))
    columns = [*contract.names, *(column for column in ENVELOPE if column != "_pos")]
    rejects = rejects.drop("_f")
    _digest_rejects(rejects, tallies)
    absent = frozenset.intersection(*(part.absent for part in parts))
    return _Part(rows.with_columns(name.alias("_file")).select(columns), rejects, absent)


def _count_rows(
    rows: pl.DataFrame,
    empty: Collection[str],
    pieces: Sequence[_Piece],
    reading: Reading,
    contract: Contract,
    tallies: Mapping[str, _Tally],
) -> None:
    """Count what is loaded.

    Args:
        empty: columns that the files do not have, and which are left out of the digest.
    """
    if not rows.height:
        return
    day = pl.col("business_date") if contract.is_dated else pl.lit(None, pl.Date)
    hashes = rows.drop("_f", *empty).hash_rows(seed=1)
    counted = rows.select("_f", "_sender", day.alias("day"), hashes.alias("hash"), _KEY_HASH.alias("key"))
    days, senders, total = pl.col("day").drop_nulls().unique(), pl.col("_sender").unique(), pl.col("hash").sum()
    if len(pieces) == 1:
        found = counted.select(pl.first("_f"), pl.len(), days.implode(), senders.implode(), total)
        parts = [counted]
    else:
        found = counted.group_by("_f").agg(pl.len(), days, senders, total)
        parts = counted.select("_f", "key").partition_by("_f")
    for part in parts:
        tallies[pieces[part["_f"][0]].source.name].keys.append(part["key"].to_numpy())
    for place, count, own_days, own_senders, own_hashes in found.iter_rows():
        tally = tallies[pieces[place].source.name]
        tally.loaded += count
        tally.dates.update(own_days)
        tally.senders.update(sender for sender in own_senders if sender is not None)
        named_from, named_to = covered_dates(pieces[place].source, reading.period)
        if named_from and named_to and own_days and (min(own_days) < named_from or max(own_days) > named_to):
            own = counted.filter(pl.col("_f") == place)["day"]
            tally.outside += int((~own.is_between(named_from, named_to)).sum())
        tally.add(0, count, own_hashes)


def _digest_rejects(rejects: pl.DataFrame, tallies: Mapping[str, _Tally]) -> None:
    if not rejects.height:
        return
    hashes = rejects.drop("message", "_file").hash_rows(seed=1)
    found = rejects.select("_file", hashes.alias("hash")).group_by("_file").agg(pl.len(), pl.col("hash").sum())
    for name, count, total in found.iter_rows():
        tallies[name].add(1, count, total)


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


def _refuse_nameless(framed: Framed) -> None:
    """A column without a name may stand there empty, as a delimiter at the end of each line makes it; values need a name."""
    nameless = [index for index, name in enumerate(framed.header) if not name.strip()]
    if not nameless:
        return
    raw = _raw_frame([(0, framed)]).filter(~pl.col("_broken"))
    for index in nameless:
        if raw[f"c{index}"].null_count() < raw.height:
            raise FileUnreadable(
                "unknown_column",
                f"column {index + 1} has no name in the header and values below it; have it named, or removed",
                column="",
                value="",
            )


def _without_records(
    sources: Sequence[Source], tallies: Mapping[str, _Tally], refused: Mapping[str, FileUnreadable], reading: Reading
) -> dict[str, FileUnreadable]:
    """Files without a record that name no day for which there was nothing."""
    empty = {}
    for source in sources:
        tally = tallies[source.name]
        has_records = tally.entries > tally.blank + tally.total_lines
        if source.name in refused or has_records or tally.days or covered_dates(source, reading.period) != (None, None):
            continue
        empty[source.name] = FileUnreadable(
            "empty_file",
            "has a header and no records, and names no day for which there was nothing; ask the sender for it again",
            blank=tally.blank,
            total_lines=tally.total_lines,
        )
    return empty


def _count(refusal: FileUnreadable, framed: Framed, reading: Reading) -> None:
    """Count the records that go with a rejected file, so that they are accounted for."""
    if not framed.header:
        refusal.add(framed.entries, 0, 0)
        return
    raw = _raw_frame([(0, framed)])
    marked = raw.select(_skips(raw, framed.header, (0,) if reading.totals else (), reading))
    blank, total_lines = int(marked["_blank"].sum()), int(marked["_total"].sum())
    refusal.add(framed.entries - blank - total_lines, blank, total_lines)


def _raw_frame(framed: Sequence[tuple[int, Framed]]) -> pl.DataFrame:
    """Cells of pieces with one header, with the piece's place, the entry's index, and whether it is broken.

    Cells are without blanks around them, and null where nothing is left.
    """
    names = column_names(len(framed[0][1].header))
    trivial = [(place, item) for place, item in framed if item.body is not None]
    frames: list[pl.DataFrame] = []
    if any(item.entries for _, item in trivial):
        body = trivial[0][1].body or b"" if len(trivial) == 1 else b"".join(item.body or b"" for _, item in trivial)
        cells = delimited.parse(body, len(names), trivial[0][1].delimiter)
        if any(item.padded for _, item in trivial):
            cells = _stripped(cells)
        frames.append(_positioned(cells, trivial))
    careful = [(place, item) for place, item in framed if item.cells is not None]
    if careful:
        cells = pl.concat([item.cells for _, item in careful if item.cells is not None])
        if any(item.padded for _, item in careful):
            cells = _stripped(cells)
        frames.append(_positioned(cells, careful))
    if not frames:
        return _positioned(pl.DataFrame(schema=dict.fromkeys(names, pl.String)), [])
    return frames[0] if len(frames) == 1 else pl.concat(frames).sort("_f", "_entry")


def _stripped(cells: pl.DataFrame) -> pl.DataFrame:
    stripped = pl.all().str.strip_chars()
    return cells.select(pl.when(stripped != "").then(stripped))


def _positioned(cells: pl.DataFrame, items: Sequence[tuple[int, Framed]]) -> pl.DataFrame:
    counts = [item.entries for _, item in items]
    total = sum(counts)
    if total != cells.height:
        raise AssertionError(f"framed {total} entries, parsed {cells.height}")
    entries = np.concatenate([np.arange(count) for count in counts]) if counts else np.array([], dtype=np.int64)
    broken = pl.lit(False)
    totals = pl.lit(False)
    left_out = pl.lit(None, pl.String)
    if any(item.broken for _, item in items):
        broken = pl.lit(pl.Series([index in item.broken for _, item in items for index in range(item.entries)]))
    if any(item.totals for _, item in items):
        totals = pl.lit(pl.Series([index in item.totals for _, item in items for index in range(item.entries)]))
    if any(item.left_out for _, item in items):
        reasons = [item.left_out.get(index) for _, item in items for index in range(item.entries)]
        left_out = pl.lit(pl.Series(reasons, dtype=pl.String))
    return cells.with_columns(
        pl.Series("_f", np.repeat([place for place, _ in items], counts) if counts else [], dtype=pl.UInt32),
        pl.Series("_entry", entries, dtype=pl.Int64),
        broken.alias("_broken"),
        totals.alias("_declared_total"),
        left_out.alias("_left_out"),
    )


def _skips(raw: pl.DataFrame, header: Sequence[str], totals_at: Sequence[int], reading: Reading) -> list[pl.Expr]:
    cells = [pl.col(name) for name in column_names(len(header))]
    total = pl.col("_declared_total")
    if reading.totals is not None:
        for index in totals_at:
            total |= cells[index].str.contains(f"^(?s:{reading.totals.marks})$").fill_null(False)
    if reading.repeated_header:
        told = [(cell, name) for cell, name in zip(cells, header, strict=True) if name and name != reading.sheet_column]
        same = [cell.str.to_lowercase() == name.lower() for cell, name in told]
        total |= pl.all_horizontal(same).fill_null(False)
    total &= ~pl.col("_broken")
    blank = pl.lit(False)
    if all(raw[name].null_count() for name in column_names(len(header))):
        blank = pl.all_horizontal(pl.lit(True), *(cell.is_null() for cell in cells)) & ~(pl.col("_broken") | total)
    return [blank.alias("_blank"), total.alias("_total")]


def _filled_down(raw: pl.DataFrame, layout: Layout, reading: Reading) -> pl.DataFrame:
    """Give each cell of a merged block the block's value, which stands in the first of them only.

    A stretch that cannot be read ends a block: it may have begun the next one. So does a record that begins a group.
    """
    counts = ~(pl.col("_blank") | pl.col("_total") | pl.col("_broken"))
    cells = [pl.col(f"c{layout.index(name)}") for name in reading.fill_down]
    ends = pl.col("_broken")
    if reading.fill_down_group is not None:
        ends |= counts & pl.col(f"c{layout.index(reading.fill_down_group)}").is_not_null()
    block = ends.cast(pl.UInt32).cum_sum().over("_f").alias("_block")
    own = [pl.when(counts).then(cell) for cell in cells]
    filled = [value.forward_fill().over("_f", "_block") for value in own]
    return (
        raw.with_columns(block)
        .with_columns(pl.when(counts).then(value).otherwise(cell) for value, cell in zip(filled, cells, strict=True))
        .drop("_block")
    )


def _judge(
    pieces: Sequence[_Piece],
    places: Sequence[int],
    reading: Reading,
    contract: Contract,
    geographies: Mapping[str, Geography],
    route: Route,
    tallies: Mapping[str, _Tally],
) -> _Part:
    layout = pieces[places[0]].plan.layout
    raw = _raw_frame([(place, pieces[place].framed) for place in places])
    raw = raw.with_columns(_skips(raw, layout.header, layout.totals_at, reading))
    if reading.fill_down:
        raw = _filled_down(raw, layout, reading)
    raw = raw.with_columns(
        _of_piece([piece.source.sender for piece in pieces], places).alias("_sender"),
        _of_piece([_last_day(piece.source, reading) for piece in pieces], places).alias("_day"),
        _numbers(raw, [(pieces[place], tallies[pieces[place].source.name]) for place in places]),
    )
    raw, of_no_feed = _routed(raw, layout, route)
    is_record = raw.select(
        ~(
            pl.col("_blank")
            | pl.col("_total")
            | pl.col("_broken")
            | pl.col("_unrouted")
            | pl.col("_left_out").is_not_null()
        )
    ).to_series()
    is_plain = all(pieces[place].framed.plain for place in places)
    normalised = normalise(raw, pieces[places[0]].plan, geographies, is_plain=is_plain)
    key = reading.key or contract.key
    if reading.number_lines and "line_no" in key:
        normalised = _with_line_numbers(normalised, raw, key, contract)
    broken = judge(normalised.frame, contract)
    findings = [
        *_broken_findings(raw, pieces),
        *_unrouted_findings(raw, layout, route),
        *find(raw, is_record, normalised, broken, layout, reading, contract),
    ]
    if any(spreadsheet.may_be(pieces[place].framed) for place in places):
        findings += spreadsheet.find(raw, is_record, normalised, layout, reading, contract)
    rejected = np.zeros(raw.height, dtype=bool)
    rejected[[finding.row for finding in findings]] = True
    keys = _told_keys(findings, normalised.frame, key, reading, contract)
    untold = ~(pl.col("_broken") | pl.col("_unrouted")) & ~pl.col("row").is_in(list(keys)) & pl.Series(rejected)
    for place in (*of_no_feed, *raw.select("_f", "_broken", "_unrouted").with_row_index("row").filter(untold)["_f"]):
        tallies[pieces[place].source.name].untold += 1
    _count_others(raw, rejected, pieces, tallies)
    frame = normalised.frame.with_columns(flag_mask(broken).alias("_flags"), raw["_f"], raw["_record"])
    loaded = is_record & ~pl.Series(rejected)
    rows = keyed(frame if loaded.all() else frame.filter(loaded), key, _unescaped([pieces[place] for place in places]))
    _count_rows(rows, normalised.empty, pieces, reading, contract, tallies)
    absent = frozenset(name for name in normalised.empty if not contract.column(name).required)
    return _Part(rows, _reject_rows(findings, raw, normalised.frame["_sender"], keys, pieces), absent)


def _unescaped(pieces: Sequence[_Piece]) -> frozenset[str]:
    """Columns of pieces with one header that are known to hold nothing that a natural key escapes."""
    plan = pieces[0].plan
    unsure: set[str] = set()
    if any(piece.framed.escapes for piece in pieces):
        unsure |= plan.unescaped - plan.of_sender
    if not is_unescaped(piece.source.sender for piece in pieces):
        unsure |= plan.of_sender
    return plan.unescaped - unsure


def _told_keys(
    findings: Sequence[Finding],
    frame: pl.DataFrame,
    key: tuple[str, ...],
    reading: Reading,
    contract: Contract,
) -> dict[int, str]:
    """The natural key of each rejected record, by its row, unless what is wrong with the record bears on the key."""
    if not findings or any(set(override.put) & set(key) for override in reading.overrides):
        return {}
    bearing = {*key, *(("qty", "value_net") if reading.derive_returns and "document_type" in key else ())}
    unsure = {finding.row for finding in findings if not bearing.isdisjoint(_about(finding, contract) or bearing)}
    rows = [row for row in sorted({finding.row for finding in findings} - unsure) if frame["_sender"][row] is not None]
    return dict(zip(rows, keyed(frame[rows], key)["_key"], strict=True))


def _about(finding: Finding, contract: Contract) -> set[str]:
    """The columns of ours that a finding is about; none where it is about the record as a whole, or a column of the file's own."""
    if finding.rule in ("split", "unrouted"):
        return set()
    rules = [rule for rule in contract.rules if (rule.name, rule.column) == (finding.rule, finding.column)]
    return {finding.column or "", *(name for rule in rules for name in columns_of(rule.expression))} - {""}


def _numbers(raw: pl.DataFrame, items: Sequence[tuple[_Piece, _Tally]]) -> pl.Series:
    """The number of each record within its file, counted on from the file's pieces before."""
    running = (~(raw["_blank"] | raw["_total"])).cast(pl.Int64).cum_sum().to_numpy().copy()
    start, before = 0, 0
    for piece, tally in items:
        stop = start + piece.framed.entries
        after = int(running[stop - 1])
        running[start:stop] += tally.numbered - before
        tally.numbered += after - before
        start, before = stop, after
    return pl.Series("_record", running, dtype=pl.Int64)


def _with_line_numbers(normalised: Normalised, raw: pl.DataFrame, key: Sequence[str], contract: Contract) -> Normalised:
    """Number the records of each document in the order of the file, those that are rejected among them.

    A record that does not tell its document, or cannot be read, is taken to be of the one beside it, so that the records behind it keep their numbers.

    Args:
        key: the natural key, whose other columns tell a document.
    """
    names = [name for name in key if name != "line_no"]
    told = pl.all_horizontal(
        ~pl.col("_broken"), *(pl.col(name).is_not_null() for name in names if contract.column(name).required)
    )
    document = pl.concat_str(
        [pl.lit(""), *(pl.col(name).cast(pl.String).fill_null("") for name in names)], separator="\0"
    )
    frame = normalised.frame.with_columns(raw.select("_f", "_blank", "_total", "_broken", "_left_out"))
    frame = frame.with_columns(pl.when(told).then(document).alias("_document"))
    counts = ~(
        pl.col("_blank") | pl.col("_total") | (pl.col("_left_out").is_not_null() & pl.col("_document").is_null())
    )
    frame = frame.with_columns(
        counts.alias("_counts"),
        pl.when(counts).then("_document").forward_fill().backward_fill().over("_f").alias("_document"),
    )
    number = pl.col("_counts").cast(pl.Int64).cum_sum().over("_f", "_document")
    frame = frame.with_columns(number.alias("line_no")).select(normalised.frame.columns)
    return replace(normalised, frame=frame, empty=normalised.empty - {"line_no"})


def _count_others(
    raw: pl.DataFrame, rejected: npt.NDArray[np.bool_], pieces: Sequence[_Piece], tallies: Mapping[str, _Tally]
) -> None:
    """Count the entries that are not loaded."""
    marks = raw.select("_f", "_blank", "_total", "_left_out", pl.Series("rejected", rejected))
    others = marks.filter(pl.col("_blank") | pl.col("_total") | pl.col("_left_out").is_not_null() | pl.col("rejected"))
    for place, is_blank, is_total, reason, is_rejected, count in (
        others.group_by(others.columns, maintain_order=True).len().iter_rows()
    ):
        tally = tallies[pieces[place].source.name]
        tally.blank += count if is_blank else 0
        tally.total_lines += count if is_total else 0
        tally.rejected += count if is_rejected else 0
        if reason is not None:
            tally.left_out[reason] += count


def _of_piece(values: Sequence[str | None], places: Sequence[int]) -> pl.Expr:
    """For each row the value of its piece."""
    if len(places) == 1:
        return pl.lit(values[places[0]], dtype=pl.String)
    return pl.lit(pl.Series(values, dtype=pl.String)).gather(pl.col("_f"))


def _last_day(source: Source, reading: Reading) -> str | None:
    """The last day that a file covers, written as the profile's dates are."""
    day = covered_dates(source, reading.period)[1]
    return day.strftime(reading.dates[0]) if day else None


def _routed(raw: pl.DataFrame, layout: Layout, route: Route) -> tuple[pl.DataFrame, list[int]]:
    """Keep the records of this feed; mark those that the profile leaves out and those that belong to no feed.

    Returns:
        These records; and the piece of each record of which nobody knows the feed, for it may be of this one: the broken, and the unrouted.
    """
    plain = ~(pl.col("_blank") | pl.col("_total") | pl.col("_broken")) & pl.col("_left_out").is_null()
    reason = pl.col("_left_out")
    for name, values in route.leave_out.items():
        held = _holds(layout, name, values)
        reason = (
            pl.when(plain & held & reason.is_null())
            .then(pl.format("{} {}", pl.lit(name), _held(layout, name).fill_null("is empty")))
            .otherwise(reason)
        )
    if route.leave_out:
        raw = raw.with_columns(reason.alias("_left_out"))
    if route.wheres == ({},):
        return raw.with_columns(pl.lit(False).alias("_unrouted")), raw.filter("_broken")["_f"].to_list()
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
    of_no_feed = raw.filter(pl.col("_broken") | (pl.col("_owner") == -1))["_f"].to_list()
    return raw.filter(kept).with_columns((pl.col("_owner") == -1).alias("_unrouted")), of_no_feed


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


def _broken_findings(raw: pl.DataFrame, pieces: Sequence[_Piece]) -> list[Finding]:
    if not raw["_broken"].any():
        return []
    hits = raw.with_row_index("row").filter("_broken").select("row", "_f", "_entry")
    findings = []
    for row, index, entry in hits.iter_rows():
        broken = pieces[index].framed.broken[entry]
        findings.append(Finding(row, broken.rule, None, None, broken.problem))
    return findings


def _reject_rows(
    findings: Sequence[Finding],
    raw: pl.DataFrame,
    senders: pl.Series,
    keys: Mapping[int, str],
    pieces: Sequence[_Piece],
) -> pl.DataFrame:
    schema = {**REJECTS, "_f": raw.schema["_f"]}
    if not findings:
        return pl.DataFrame(schema=schema)
    rows = sorted({finding.row for finding in findings})
    places = raw.select("_f", "_entry", "_record")[rows].rows()
    by_piece: dict[int, list[int]] = {}
    for index, entry, _ in places:
        by_piece.setdefault(index, []).append(entry)
    texts = {
        (index, entry): text
        for index, entries in by_piece.items()
        for entry, text in zip(entries, pieces[index].framed.raws(entries), strict=True)
    }
    place_of = dict(zip(rows, places, strict=True))
    sender_of = dict(zip(rows, senders.gather(rows), strict=True))
    found = []
    for finding in sorted(findings, key=lambda item: item.row):
        index, entry, record = place_of[finding.row]
        piece = pieces[index]
        line = piece.framed.line(entry)
        sheet = f'sheet "{piece.framed.sheets[entry]}", ' if piece.framed.sheets else ""
        where = f"{piece.source.name}, record {record} ({sheet}line {line})"
        if finding.column is not None:
            where += f", column {piece.plan.layout.title(finding.column)}"
        found.append(
            (
                keys.get(finding.row),
                sender_of[finding.row],
                piece.source.name,
                record,
                line,
                finding.rule,
                finding.column,
                finding.value,
                texts[index, entry],
                printable(f"{where}: {finding.problem}; {finding.step or _next_step(finding.rule)}"),
                index,
            )
        )
    return pl.DataFrame(found, schema=schema, orient="row")


def _next_step(rule: str) -> str:
    return {
        "columns": "have the sender mend the line, or state the right dialect in the profile",
        "nul": "have the sender mend the record; where every record has it, state the right `encoding` in the profile",
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


def _result(
    source: Source, tally: _Tally, refusal: FileUnreadable | None, reading: Reading, contract: Contract
) -> FileResult:
    named_from, named_to = covered_dates(source, reading.period) if contract.is_dated else (None, None)
    names_day = named_from is not None and named_from == named_to
    if refusal is not None:
        return FileResult(
            source=source,
            status="rejected",
            records=refusal.records + refusal.blank + refusal.total_lines,
            rejected=refusal.records,
            blank=refusal.blank,
            total_lines=refusal.total_lines,
            date_from=named_from,
            date_to=named_to,
            names_day=names_day,
            content=tally.content,
            senders=(source.sender,),
            closes=False,
        )
    left_out = sum(tally.left_out.values())
    days = sorted(tally.dates.union(tally.days if contract.is_dated else ()))
    suspended = list(_suspended(tally, () if named_from else days, reading))
    return FileResult(
        source=source,
        status="loaded" if tally.loaded + tally.rejected + left_out else "nil",
        records=tally.loaded + tally.rejected + left_out + tally.blank + tally.total_lines,
        loaded=tally.loaded,
        rejected=tally.rejected,
        blank=tally.blank,
        total_lines=tally.total_lines,
        left_out=left_out,
        left_out_reasons=dict(sorted(tally.left_out.items())),
        date_from=named_from or min(days, default=None),
        date_to=named_to or max(days, default=None),
        names_day=names_day,
        rows_to=max(tally.dates, default=None),
        content=tally.content,
        senders=tuple(sorted(tally.senders)) if tally.loaded else (source.sender,),
        warnings=(*tally.warnings, *_outside(tally, reading, named_from, named_to), *suspended),
        closes=not tally.untold and not suspended,
        columns=() if source.earlier is None or tally.plan is None else tuple(tally.plan.layout.cells),
    )


def _outside(tally: _Tally, reading: Reading, named_from: date | None, named_to: date | None) -> Iterator[FileWarning]:
    """The warning that a file which restates the days in its name is mostly about others, as where day and month are taken for each other."""
    if reading.mode == "replace" and 2 * tally.outside > tally.loaded:
        yield FileWarning(
            "outside_days",
            "business_date",
            f"the name says {named_from} to {named_to}, and {tally.outside} of {tally.loaded} records that load have other dates, "
            f"{min(tally.dates)} to {max(tally.dates)} in all; if `dates` or `period` of the profile say it wrongly, mend that, then `sellthrough replay`",
        )


def _suspended(tally: _Tally, days: Sequence[date], reading: Reading) -> Iterator[FileWarning]:
    """The warnings that nothing is taken as deleted by a file.

    Args:
        days: those from the first to the last of which the file states, in order; empty where its name tells its days.
    """
    if tally.untold and reading.mode != "append":
        many = "a record was" if tally.untold == 1 else f"{tally.untold} records were"
        yield FileWarning(
            "closing_suspended",
            "",
            f"{many} rejected without it being known which line that is, so that no line that the file lacks counts as deleted; "
            "mend it, then `sellthrough replay`, which closes what is really gone; or have the sender send the file again",
        )
    gaps = [f"{day} to {after}" for day, after in pairwise(days) if after - day > _FAR_APART]
    if gaps and reading.mode == "replace":
        more = f" and {len(gaps) - _GAPS_TOLD} more" if len(gaps) > _GAPS_TOLD else ""
        yield FileWarning(
            "closing_suspended",
            "",
            f"its name tells no days, and its business dates leave more than {_FAR_APART.days} days between them ({', '.join(gaps[:_GAPS_TOLD])}{more}), "
            "so that no line that the file lacks counts as deleted; where a date is mistyped, have the sender mend it and send the file again; "
            "where the dates are right, have the first and last day put into its name, as `period` of the profile describes them",
        )


def _file_reject(source: Source, refusal: FileUnreadable) -> dict[str, object]:
    return {
        "_key": None,
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
