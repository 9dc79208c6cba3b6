"""The jobs of ingest: take in what has landed, dry-run a file, read again after a mend."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow import compute as pc

from ingest import archives, bronze, enrichment, readers
from ingest.batch import Batch, Source, read_batch
from ingest.connectors import folder
from ingest.connectors.folder import LandingFile
from ingest.connectors.sources import Ready
from ingest.contracts import FEED_ORDER, Contract, columns_of, load_contracts
from ingest.enrichment import Geography
from ingest.errors import FileUnreadable, IngestError, ProfileInvalid, UnknownFeed, UnknownProfile, printable
from ingest.limits import DEFAULT, Limits
from ingest.profiles import SOLE, Catalogue, Profile, Reading, Seed
from ingest.spool import Spool

Progress = Callable[[int, int, str], None]

_BATCH_BYTES = 64_000_000
_LARGE = 32_000_000
"""Bytes from which a file is read piece by piece and never held."""
_PACKED = 8
"""How much larger a compressed file or a workbook is taken to be than its bytes."""

_SEED_READING = Reading(files=("*",), contract_names=True)


@dataclass(frozen=True)
class LandedFile:
    """A file that lies in landing/ and is not yet committed."""

    profile: str
    feed: str
    sender: str
    file: str


@dataclass(frozen=True)
class IngestReport:
    """What one run did.

    Attributes:
        files: files that were committed by this run; nil and rejected ones are among them.
        already: files whose content had been committed before.
        commits: sequence numbers that this run created.
        problems: messages, each with file, place and next step.
        rules: records per broken rule, warnings included.
        waiting: files that are not yet whole, by the profile's `ready`; they are taken in a later run.
        outdated: per profile how many of the files that had been committed before were read with other settings than today's; `replay` reads them again.
    """

    files: int = 0
    nil: int = 0
    rejected_files: int = 0
    already: int = 0
    records: int = 0
    loaded: int = 0
    rejected: int = 0
    blank: int = 0
    total_lines: int = 0
    left_out: int = 0
    commits: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()
    rules: Mapping[str, int] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    outdated: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0: all fine; 1: data problems were found and handled."""
        return 1 if self.problems else 0


@dataclass(frozen=True)
class Flagged:
    """Records that would load with a warning.

    Attributes:
        rule, column: the rule that they break, and the column that it is about, where it is about one alone.
        values: what stands in that column -> records; empty for personal data.
        meaning: what the rule asks for.
    """

    rule: str
    column: str | None
    records: int
    values: Mapping[str, int]
    meaning: str


@dataclass(frozen=True)
class CheckReport:
    """What a file would give."""

    feed: str
    sender: str
    records: int
    loaded: int
    rejected: int
    blank: int
    total_lines: int
    left_out: int
    rules: Mapping[str, int]
    problems: tuple[str, ...]
    rows: pa.Table
    rejects: pa.Table
    left_out_reasons: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    flagged: tuple[Flagged, ...] = ()
    others: tuple[CheckReport, ...] = ()

    @property
    def sums(self) -> dict[str, Decimal]:
        """Sums of the quantities and values that would load; columns in which nothing stands are left out."""
        names = [name for name in self.rows.column_names if name.endswith(("qty", "value")) or name == "value_net"]
        sums = {name: pc.sum(self.rows[name]).as_py() for name in names if pa.types.is_decimal(self.rows[name].type)}
        return {name: total for name, total in sums.items() if total is not None}

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last business date of what would load."""
        if "business_date" not in self.rows.column_names:
            return None
        found = pc.min_max(self.rows["business_date"]).as_py()
        return (found["min"], found["max"]) if found["min"] else None

    @property
    def exit_code(self) -> int:
        """0: everything would load; 1: something would not."""
        return 1 if self.problems or any(other.problems for other in self.others) else 0


def run(
    home: Path,
    *,
    profile: str | None = None,
    sender: str | None = None,
    feed: str | None = None,
    as_of: date | None = None,
    progress: Progress | None = None,
    data_dirs: Sequence[Path] = (),
    limits: Limits = DEFAULT,
) -> IngestReport:
    """Take in what has landed and is not yet committed.

    Masters and cross-references go before facts, so that facts find them at first sight. Running it again commits nothing.

    Args:
        as_of: loaded records of later business dates are counted in the report's rules as `after_as_of`; they are loaded all the same.
        data_dirs: further folders in which a GeoJSON file named by a profile is looked for.

    Raises:
        UnknownProfile, UnknownFeed: a filter names something that does not exist.
    """
    job = _Job(home, _Filter(profile, sender, feed, as_of), progress, data_dirs, limits)
    job.take_in()
    bronze.sweep(home)
    return job.report()


def replay(
    home: Path,
    *,
    profile: str | None = None,
    sender: str | None = None,
    feed: str | None = None,
    as_of: date | None = None,
    progress: Progress | None = None,
    data_dirs: Sequence[Path] = (),
    limits: Limits = DEFAULT,
) -> IngestReport:
    """Read committed files again whose settings have changed since, and commit those that now read differently.

    Files that were never committed are left to `run`. A file that reads as before commits nothing.
    """
    job = _Job(home, _Filter(profile, sender, feed, as_of), progress, data_dirs, limits)
    job.read_again()
    return job.report()


def landed(home: Path, limits: Limits = DEFAULT) -> list[LandedFile]:
    """Files in landing/, and seeds of the profiles used there, that belong to a known feed and are not yet committed."""
    job = _Job(home, _Filter(), None, (), limits)
    waiting = []
    for group in job.groups():
        for item in group.items:
            sender = job.sender_of(item, group)
            sha256, *_ = _taken(item, group.reading, job.limits)
            if job.log.latest(sha256, group.profile.id, group.contract.feed, sender, item.name) is None:
                waiting.append(LandedFile(group.profile.id, group.contract.feed, sender, item.name))
    return waiting


def waiting(home: Path) -> list[str]:
    """Files in landing/ that are not yet whole, by the `ready` of their profile."""
    if not Catalogue(home, {}).mentioning("ready"):
        return []
    job = _Job(home, _Filter(), None, ())
    job.groups()
    return job.waiting


def check(
    home: Path,
    file: Path,
    *,
    profile: str,
    sender: str | None = None,
    feed: str | None = None,
    as_of: date | None = None,
    data_dirs: Sequence[Path] = (),
    limits: Limits = DEFAULT,
) -> CheckReport:
    """Read one file without committing anything.

    Where several feeds share the file, the report is that of the first one, with those of the others beside it. The members of an archive are
    counted together, feed by feed.

    Args:
        sender: default: the constant of the profile, else the sender's folder in landing/, else the name of the folder in which the file lies.
        feed: only this feed; default: those whose pattern fits the file's name. Members of an archive that fit others alone are passed over;
            those that fit none are a problem and a warning.

    Raises:
        UnknownProfile, UnknownFeed, FileNotFoundError: usage errors.
    """
    job = _Job(home, _Filter(profile, None, feed, as_of), None, data_dirs, limits)
    settings = job.catalogue.profile(profile)
    landed_file = folder.locate(home, file) or LandingFile(file, printable(file.name), settings.id, None)
    reports: dict[str, CheckReport] = {}
    strays: list[str] = []
    for place in folder.unpacked(landed_file, limits):
        if place.member is not None and settings.ignores(place.name.rpartition("/")[2]):
            continue
        fitting = settings.feeds_of(place.name.rpartition("/")[2])
        if place.member is not None and feed and fitting and feed not in fitting:
            continue
        if place.member is not None and not (feed or fitting or place.refusal):
            strays.append(_fits_no_feed(place, settings))
            continue
        for feed_id in (feed,) if feed else _feeds_of(settings, place):
            if feed_id not in settings.feeds:
                raise UnknownFeed(f"profile {profile} has no feed {feed_id}", tuple(settings.feeds))
            report = _check_feed(job, place, settings, feed_id, sender)
            reports[feed_id] = _together(reports[feed_id], report) if feed_id in reports else report
    if not reports and strays:
        raise UnknownFeed("; ".join(strays), tuple(settings.feeds))
    if not reports:
        others = f" or reads as other feeds than {feed}" if feed else ""
        raise UnknownFeed(
            f"{file.name} holds nothing but files that profile {profile} ignores{others}", tuple(settings.feeds)
        )
    first, *further = reports.values()
    return replace(
        first,
        others=tuple(further),
        problems=(*first.problems, *strays),
        warnings=(*first.warnings, *strays),
    )


def _feeds_of(profile: Profile, file: LandingFile) -> tuple[str, ...]:
    base = file.name.rpartition("/")[2]
    feeds = profile.feeds_of(base) or (tuple(profile.feeds)[:1] if file.refusal else _sole_feeds(profile))
    if not feeds:
        raise UnknownFeed(f"{base} fits no feed of profile {profile.id}; state the feed", tuple(profile.feeds))
    return feeds


def _sole_feeds(profile: Profile) -> tuple[str, ...]:
    """All feeds of a profile whose files serve all of them: any file is then one of those."""
    return tuple(profile.feeds) if len({reading.files for reading in profile.feeds.values()}) == 1 else ()


def _together(one: CheckReport, other: CheckReport) -> CheckReport:
    """The reports of two members of an archive as one."""
    counts = ("records", "loaded", "rejected", "blank", "total_lines", "left_out")
    return replace(
        one,
        **{name: getattr(one, name) + getattr(other, name) for name in counts},
        rules=Counter(one.rules) + Counter(other.rules),
        left_out_reasons=Counter(one.left_out_reasons) + Counter(other.left_out_reasons),
        problems=(*one.problems, *other.problems),
        rows=pa.concat_tables([one.rows, other.rows]),
        rejects=pa.concat_tables([one.rejects, other.rejects]),
        warnings=(*one.warnings, *other.warnings),
        flagged=_flagged_together((*one.flagged, *other.flagged)),
    )


def _flagged_together(flagged: Sequence[Flagged]) -> tuple[Flagged, ...]:
    found: dict[tuple[str, str | None], Flagged] = {}
    for one in flagged:
        known = found.get((one.rule, one.column))
        if known is not None:
            values = Counter(known.values) + Counter(one.values)
            one = replace(one, records=known.records + one.records, values=dict(values.most_common()))
        found[one.rule, one.column] = one
    return tuple(found.values())


def _flagged(batch: Batch, contract: Contract) -> Iterator[Flagged]:
    for rule in batch.warnings:
        hits = batch.rows.filter(pl.col("_flags") // (1 << (rule.bit or 0)) % 2 == 1)
        if not hits.height:
            continue
        about = [rule.column] if rule.column else columns_of(rule.expression)
        column = about[0] if len(about) == 1 else None
        values: dict[str, int] = {}
        if column is not None and not contract.column(column).personal:
            values = dict(Counter(hits[column].cast(pl.String).drop_nulls().sort()).most_common())
        yield Flagged(rule.name, column, hits.height, values, rule.description)


def _check_feed(job: _Job, place: LandingFile, settings: Profile, feed_id: str, sender: str | None) -> CheckReport:
    group = _Group(settings, job.catalogue.contracts[feed_id], settings.feeds[feed_id], [])
    code = sender or (
        job.sender_of(place, group)
        if place.sender or group.reading.sender.source == "constant"
        else place.path.resolve().parent.name
    )
    known = job.log.columns(settings.id, feed_id, code)
    batch = job.read(group, [_source(place, code, group.reading, "", job.limits, known)])
    result = batch.files[0]
    rows = batch.rows.select([*group.contract.names, "_record"])
    rejects = batch.rejects.select("_record", "_line", "rule", "column", "value", "raw", "message")
    return CheckReport(
        feed=feed_id,
        sender=code,
        records=result.records,
        loaded=result.loaded,
        rejected=result.rejected,
        blank=result.blank,
        total_lines=result.total_lines,
        left_out=result.left_out,
        rules={**batch.rules, **job.after_as_of(batch, group)},
        problems=batch.problems,
        rows=rows.to_arrow(),
        rejects=rejects.to_arrow(),
        left_out_reasons=result.left_out_reasons,
        warnings=batch.warned,
        flagged=tuple(_flagged(batch, group.contract)),
    )


@dataclass(frozen=True)
class _Filter:
    profile: str | None = None
    sender: str | None = None
    feed: str | None = None
    as_of: date | None = None


@dataclass(frozen=True)
class _SeedFile:
    """A seed of a profile, in the shape of a file."""

    name: str
    sender: str
    data: bytes


@dataclass
class _Group:
    """Files of one profile and feed."""

    profile: Profile
    contract: Contract
    reading: Reading
    items: list[LandingFile | _SeedFile]


def _by_mode(group: _Group) -> Iterator[_Group]:
    """The group in stretches of files that add in the same way to what is there, their order kept."""
    own = group.reading.mode

    def mode(item: LandingFile | _SeedFile) -> str:
        if isinstance(item, _SeedFile):
            return own
        return group.profile.mode_of(group.contract.feed, item.name.rpartition("/")[2])

    for stretch, items in groupby(group.items, mode):
        reading = group.reading if stretch == own else group.reading.model_copy(update={"mode": stretch})
        yield replace(group, reading=reading, items=list(items))


class _Job:
    """One run over one home."""

    def __init__(
        self,
        home: Path,
        chosen: _Filter,
        progress: Progress | None,
        data_dirs: Sequence[Path],
        limits: Limits = DEFAULT,
    ) -> None:
        self.home = home
        self.limits = limits
        self.chosen = chosen
        self.catalogue = Catalogue(home, load_contracts(home))
        self.log = bronze.CommitLog(home)
        self._progress = progress
        self._data_dirs = tuple(data_dirs)
        self._problems: list[str] = []
        self._entries: list[dict[str, Any]] = []
        self._commits: list[int] = []
        self._ready: dict[str, Ready | None] = {}
        self.waiting: list[str] = []
        self._rules: Counter[str] = Counter()
        self._already = 0
        self._outdated: Counter[str] = Counter()
        self._done = 0
        self._total = 0
        self._refuse_unknown_filters()

    def take_in(self) -> None:
        """Commit what has not been committed."""
        self._work(replaying=False)

    def read_again(self) -> None:
        """Commit what reads differently."""
        self._work(replaying=True)

    def report(self) -> IngestReport:
        """What has been done so far."""
        names = ("records", "loaded", "rejected", "blank", "total_lines", "left_out")
        totals = {name: sum(entry[name] for entry in self._entries) for name in names}
        statuses = Counter(entry["status"] for entry in self._entries)
        return IngestReport(
            files=len(self._entries),
            nil=statuses["nil"],
            rejected_files=statuses["rejected"],
            already=self._already,
            **totals,
            commits=tuple(self._commits),
            problems=tuple(self._problems),
            rules=dict(self._rules),
            waiting=tuple(self.waiting),
            outdated=dict(self._outdated),
        )

    def groups(self) -> list[_Group]:
        """What lies in landing/, by profile and feed, in the order in which it is taken in."""
        found: dict[tuple[str, str], _Group] = {}
        broken: set[str] = set()
        seeded: set[str] = set()
        for file in folder.scan(self.home, self.limits, self._is_held):
            if self.chosen.profile not in (None, file.profile) or file.profile in broken:
                continue
            try:
                profile = self.catalogue.profile(file.profile)
            except UnknownProfile:
                self._problems.append(self._unknown_profile(file))
                continue
            except ProfileInvalid as error:
                broken.add(file.profile)
                self._problems.append(f"{error}; its files wait until it is mended")
                continue
            base = file.name.rpartition("/")[2]
            if profile.ignores(base):
                continue
            if profile.id not in seeded:
                seeded.add(profile.id)
                self._add_seeds(profile, found)
            feeds = profile.feeds_of(base) or (tuple(profile.feeds)[:1] if file.refusal else ())
            if not feeds:
                self._problems.append(_fits_no_feed(file, profile))
                continue
            if profile.feeds[feeds[0]].sender.source == "folder" and file.sender is None:
                self._problems.append(
                    f"{file.name}: lies in no sender's folder; move it to landing/{profile.id}/<sender>/"
                )
                continue
            for feed in feeds:
                if self.chosen.feed not in (None, feed):
                    continue
                group = found.setdefault(
                    (profile.id, feed), _Group(profile, self.catalogue.contracts[feed], profile.feeds[feed], [])
                )
                if self.chosen.sender in (None, self.sender_of(file, group)):
                    group.items.append(file)
        order = {feed: index for index, feed in enumerate(FEED_ORDER)}
        groups = [part for group in found.values() for part in _by_mode(group)]
        return sorted(
            groups,
            key=lambda group: (order.get(group.contract.feed, len(order)), group.contract.feed, group.profile.id),
        )

    def _is_held(self, file: LandingFile) -> bool:
        """Whether a file is not to be read: it marks others as whole, or is not yet whole itself."""
        if file.profile not in self._ready:
            try:
                self._ready[file.profile] = self.catalogue.profile(file.profile).ready
            except IngestError:
                self._ready[file.profile] = None
        ready = self._ready[file.profile]
        if ready is None or (not ready.is_marker(file.path.name) and folder.is_whole(file, ready)):
            return False
        if not ready.is_marker(file.path.name):
            self.waiting.append(file.name)
        return True

    def sender_of(self, item: LandingFile | _SeedFile, group: _Group) -> str:
        """The sender as far as it is known without opening the file."""
        if isinstance(item, _SeedFile):
            return item.sender
        if group.reading.sender.source == "constant":
            return str(group.reading.sender.value)
        return item.sender or group.profile.id

    def read(self, group: _Group, sources: Sequence[Source], spool: Spool | None = None) -> Batch:
        """Read a batch of the group."""
        route = SOLE if group.reading is _SEED_READING else group.profile.route(group.contract.feed)
        return read_batch(sources, group.reading, group.contract, self._geographies(group), route, self.limits, spool)

    def _work(self, *, replaying: bool) -> None:
        groups = self.groups()
        self._total = sum(len(group.items) for group in groups)
        for group in groups:
            try:
                geographies = self._geographies(group)
            except IngestError as error:
                self._problems.append(
                    f"{group.items[0].name} and what else {group.profile.id} has for {group.contract.feed}: {error}; it waits"
                )
                continue
            for sources in self._chunks(group, geographies, replaying):
                is_large = sources[0].blocks is not None
                spool = bronze.spool(self.home, group.contract) if is_large else None
                try:
                    batch = self._once_each(self.read(group, sources, spool))
                    if replaying:
                        batch = self._changed_only(batch, group)
                    self._commit(batch, group, replaying)
                finally:
                    if spool is not None:
                        spool.remove()

    def _commit(self, batch: Batch, group: _Group, replaying: bool) -> None:
        commits = bronze.commit_batch(
            self.home, self.log, batch, group.contract, group.profile.id, group.reading.mode, replaying
        )
        names = {entry["name"] for commit in commits for entry in commit["files"]}
        others = {file.source.name for file in batch.files} - names
        self._already += len(others)
        committed = batch.without(others) if others else batch
        self._commits += [commit["seq"] for commit in commits]
        self._entries += [entry for commit in commits for entry in commit["files"]]
        if names:
            self._problems += committed.problems
            self._rules.update(committed.rules)
            self._rules.update(self.after_as_of(committed, group))

    def after_as_of(self, batch: Batch, group: _Group) -> dict[str, int]:
        """How many loaded records bear a business date after as-of."""
        if self.chosen.as_of is None or not group.contract.is_dated:
            return {}
        late = batch.all_rows.filter(pl.col("business_date") > self.chosen.as_of).select(pl.len()).collect().item()
        return {"after_as_of": late} if late else {}

    def _once_each(self, batch: Batch) -> Batch:
        """Leave out files whose content stands in the batch already, under another name."""
        seen: set[tuple[str, str]] = set()
        copies = set()
        for file in batch.files:
            content = (file.source.sha256, file.source.sender)
            if file.status == "loaded" and content in seen:
                copies.add(file.source.name)
            seen |= {content} if file.status == "loaded" else set()
        self._already += len(copies)
        return batch.without(copies) if copies else batch

    def _changed_only(self, batch: Batch, group: _Group) -> Batch:
        unchanged = set()
        for file in batch.files:
            entry = self.log.latest(
                file.source.sha256, group.profile.id, group.contract.feed, file.source.sender, file.source.name
            )
            if entry is None:
                continue
            before = (
                entry["content"],
                entry["status"],
                entry.get("closes", True),
                *bronze.stated(entry, entry["mode"]),
            )
            named = bronze.file_entry(file)
            if before == (file.content, file.status, file.closes, *bronze.stated(named, group.reading.mode)):
                unchanged.add(file.source.name)
        self._already += len(unchanged)
        return batch.without(unchanged)

    def _chunks(self, group: _Group, geographies: Mapping[str, Geography], replaying: bool) -> Iterator[list[Source]]:
        """Sources to be read together, bounded in size; a file that is too large to be held stands alone.

        Each file is opened once: hashed, compared with the log, and kept for reading; a large one is read a second time.
        """
        chunk: list[Source] = []
        size = 0
        digests: dict[str, str] = {}
        for item in group.items:
            sender = self.sender_of(item, group)
            if sender not in digests:
                digests[sender] = self._digest(group, sender, geographies)
            self._tick(group)
            try:
                known = self.log.columns(group.profile.id, group.contract.feed, sender)
                source = _source(item, sender, group.reading, digests[sender], self.limits, known)
            except OSError as error:
                self._problems.append(
                    f"{item.name}: cannot be opened ({error.strerror}); it is tried again in the next run"
                )
                continue
            entry = self.log.latest(source.sha256, group.profile.id, group.contract.feed, sender, source.name)
            due = (
                entry["profile_digest"] != digests[sender]
                if entry is not None and replaying
                else entry is None and not replaying
            )
            if not due:
                self._already += 1
                if entry is not None and entry["profile_digest"] != digests[sender]:
                    self._outdated[group.profile.id] += 1
                continue
            if source.blocks is not None:
                if chunk:
                    yield chunk
                    chunk, size = [], 0
                yield [source]
                continue
            chunk.append(source)
            size += source.size * _unpacking(item.name, group.reading)
            if size >= _BATCH_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _tick(self, group: _Group) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total, f"{group.profile.id} {group.contract.feed}")

    def _digest(self, group: _Group, sender: str, geographies: Mapping[str, Geography]) -> str:
        if group.reading is _SEED_READING:
            return _sha256(group.contract.digest.encode())
        own = group.profile.digest(group.contract.feed, sender, group.contract)
        return _sha256("|".join([own, *(geography.digest for _, geography in sorted(geographies.items()))]).encode())

    def _geographies(self, group: _Group) -> dict[str, Geography]:
        names = {item.point_in_polygon.geojson for item in group.reading.enrich}
        return {name: self._geography(name, group.profile.id) for name in names}

    def _geography(self, name: str, profile_id: str) -> Geography:
        folders = [self.home / "config", self.home / "landing" / profile_id, *self._data_dirs]
        return enrichment.load(enrichment.find(name, folders))

    def _add_seeds(self, profile: Profile, found: dict[tuple[str, str], _Group]) -> None:
        for feed, seed in profile.seeds.items():
            if self.chosen.feed not in (None, feed) or self.chosen.sender not in (None, seed.sender):
                continue
            try:
                data = self._seed_data(profile, seed, self.catalogue.contracts[feed])
            except IngestError as error:
                self._problems.append(f"{profile.id}/seed/{feed}: {error}; it waits")
                continue
            group = found.setdefault(
                (f"{profile.id}/seed", feed), _Group(profile, self.catalogue.contracts[feed], _SEED_READING, [])
            )
            group.items.append(_SeedFile(f"{profile.id}/seed/{feed}", seed.sender, data))

    def _seed_data(self, profile: Profile, seed: Seed, contract: Contract) -> bytes:
        rows: list[Mapping[str, str | None]] = list(seed.rows)
        if seed.geojson is not None:
            rows += enrichment.seed_rows(seed.geojson, self._geography(seed.geojson.file, profile.id))
        columns = [name for name in contract.names if any(row.get(name) for row in rows)]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([row.get(name) or "" for name in columns] for row in rows)
        return text.getvalue().encode()

    def _unknown_profile(self, file: LandingFile) -> str:
        if not file.profile:
            return f"{file.name}: lies directly in landing/; move it to landing/<profile>/<sender>/"
        return f"{file.name}: {UnknownProfile(file.profile, self.catalogue.profile_ids)}"

    def _refuse_unknown_filters(self) -> None:
        if self.chosen.profile is not None:
            self.catalogue.profile(self.chosen.profile)
        if self.chosen.feed is not None and self.chosen.feed not in self.catalogue.contracts:
            raise UnknownFeed(f"unknown feed {self.chosen.feed}", tuple(self.catalogue.contracts))


def _fits_no_feed(file: LandingFile, profile: Profile) -> str:
    return (
        f"{file.name}: its name fits no feed of profile {profile.id} ({', '.join(profile.feeds)}); rename it, "
        "or widen `files` in the profile"
    )


def _source(
    item: LandingFile | _SeedFile,
    sender: str,
    reading: Reading,
    digest: str,
    limits: Limits = DEFAULT,
    earlier: tuple[frozenset[str], ...] | None = None,
) -> Source:
    sha256, size, data, blocks = _taken(item, reading, limits)
    return Source(
        name=item.name,
        sender=sender,
        sha256=sha256,
        size=size,
        arrived_at=item.arrived_at if isinstance(item, LandingFile) else datetime.now(UTC),
        profile_digest=digest,
        data=data,
        earlier=earlier if isinstance(item, LandingFile) else None,
        blocks=blocks,
    )


def _unpacking(name: str, reading: Reading) -> int:
    """How much larger than its bytes a file is taken to be once it is read."""
    return _PACKED if reading.format == "xlsx" or name.lower().endswith(".gz") else 1


def _taken(
    item: LandingFile | _SeedFile, reading: Reading, limits: Limits
) -> tuple[str, int, Callable[[], bytes], Callable[[], Iterator[bytes]] | None]:
    """Digest, size and content of a file, and its content piece by piece where it is too large to be held.

    A file that is refused before it is read says why when its content is asked for. Where the file's name gives the business date, the digest
    is over name and content: equal stock on two days is not one statement sent twice.
    """
    if isinstance(item, _SeedFile):
        return _sha256(item.data), len(item.data), partial(_same, item.data), None
    named = item.name.rpartition("/")[2].encode() if reading.period.gives_business_date else b""
    if _is_streamed(item, reading):
        whole = partial(item.read, limits, by_lines=True)
        return item.fingerprint(named), item.size, whole, partial(item.blocks, limits)
    try:
        data = item.read(limits, by_lines=reading.format in readers.LINES)
        if companions := folder.beside(item, reading.beside, limits):
            data = archives.bundle({item.name.rpartition("/")[2]: data, **companions})
    except FileUnreadable as refusal:
        return item.fingerprint(), 0, partial(_refuse, refusal), None
    return _sha256(named + data), len(data), partial(_same, data), None


def _is_streamed(item: LandingFile, reading: Reading) -> bool:
    """Whether a file is too large to be held, and can be read piece by piece: each piece by itself."""
    needs_more = reading.fill_down or reading.number_lines or reading.beside
    by_itself = reading.format in readers.STREAMED and not needs_more
    return by_itself and item.member is None and item.size * _unpacking(item.name, reading) >= _LARGE


def _same(data: bytes) -> bytes:
    return data


def _refuse(refusal: FileUnreadable) -> bytes:
    raise refusal


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
