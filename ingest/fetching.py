"""Pull what is new from the sources that profiles name into landing/, exactly as it is there.

A crash at any moment loses nothing: what is half copied was never seen, and what was copied is recognised by what lies in landing/. The record in
state/fetch/ only spares looking twice, and may be thrown away.
"""

from __future__ import annotations

import fcntl
import filecmp
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingest import job
from ingest.bronze import CommitLog
from ingest.connectors import landing
from ingest.connectors.connection import Connection, ConnectionUnusable, Resolve, no_connections
from ingest.connectors.sources import RemoteSource, SqlSource
from ingest.contracts import load_contracts
from ingest.errors import IngestError
from ingest.profiles import Catalogue, Profile

if TYPE_CHECKING:
    from ingest.connectors.remote import RemoteFile, Store

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class FetchReport:
    """What one fetch did.

    Attributes:
        sources: sources that were asked.
        fetched: files that came into landing/, by their path below it.
        already: files that lay there before.
        rows: rows that databases gave.
        waiting: files that are not yet whole; they are looked at again next time.
        failures: sources, or files of theirs, that could not be read; each message says what to do.
    """

    sources: int = 0
    fetched: tuple[str, ...] = ()
    already: int = 0
    rows: int = 0
    bytes: int = 0
    waiting: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: every source was read; 3: one was not."""
        return 3 if self.failures else 0


def fetch(
    home: Path,
    *,
    profile: str | None = None,
    resolve: Resolve = no_connections,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> FetchReport:
    """Copy what is new at the sources of the profiles into landing/<profile>/<sender>/.

    One source that cannot be read does not hold up the others. Running it again copies nothing twice.

    Args:
        profile: only the sources of this one.
        resolve: gives a connection by its name.
        now: what time it is; default: what the clock says.

    Raises:
        UnknownProfile: the profile does not exist.
    """
    run = _Fetch(home, resolve, progress, now or datetime.now(UTC))
    for settings in run.profiles(profile):
        run.pull(settings)
    return run.report()


def waiting(home: Path) -> list[str]:
    """Files that are not yet whole: those in landing/, and those at the sources as they were last looked at."""
    records = sorted((home / "state" / "fetch").glob("*.json"))
    return [*job.waiting(home), *(file for path in records for file in _Record.read(path).waiting)]


def sourced(home: Path) -> list[str]:
    """Ids of the profiles that name sources, those whose settings are wrong among them."""
    return Catalogue(home, {}).mentioning("sources")


@dataclass
class _Seen:
    """What was seen of a file at a server: its version, when that was first seen, and whether it was taken."""

    version: str
    since: datetime
    is_taken: bool = False


@dataclass
class _Record:
    """What state/fetch/<profile>.json remembers."""

    path: Path
    seen: dict[str, dict[str, _Seen]] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    compared: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> _Record:
        """The record, or an empty one where there is none that can be read."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                path=path,
                seen={
                    source: {
                        name: _Seen(entry["version"], datetime.fromisoformat(entry["since"]), entry["is_taken"])
                        for name, entry in files.items()
                    }
                    for source, files in stored["seen"].items()
                },
                waiting=list(stored["waiting"]),
                compared={source: datetime.fromisoformat(when) for source, when in stored["compared"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path)

    def write(self) -> None:
        """Replace what is stored."""
        temporary = self.path.with_suffix(".json.tmp")
        content = {
            "seen": {
                source: {name: vars(entry) for name, entry in files.items()} for source, files in self.seen.items()
            },
            "waiting": self.waiting,
            "compared": self.compared,
        }
        temporary.write_text(json.dumps(content, default=str, indent=1), encoding="utf-8")
        temporary.replace(self.path)


class _Fetch:
    """One fetch over one home."""

    def __init__(self, home: Path, resolve: Resolve, progress: Progress | None, now: datetime) -> None:
        self.home = home
        self.now = now
        self._resolve = resolve
        self._progress = progress
        self._catalogue = Catalogue(home, load_contracts(home))
        self._log: CommitLog | None = None
        self._sources = 0
        self._fetched: list[str] = []
        self._already = 0
        self._rows = 0
        self._bytes = 0
        self._waiting: list[str] = []
        self._failures: list[str] = []

    def report(self) -> FetchReport:
        """What has been done so far."""
        return FetchReport(
            sources=self._sources,
            fetched=tuple(self._fetched),
            already=self._already,
            rows=self._rows,
            bytes=self._bytes,
            waiting=tuple(self._waiting),
            failures=tuple(self._failures),
        )

    def profiles(self, chosen: str | None) -> Iterator[Profile]:
        """The profiles that have sources."""
        if chosen is not None:
            yield self._catalogue.profile(chosen)
            return
        for profile_id in self._catalogue.mentioning("sources"):
            try:
                yield self._catalogue.profile(profile_id)
            except IngestError as error:
                self._failures.append(f"{error}; nothing is fetched for it until it is mended")

    def pull(self, profile: Profile) -> None:
        """Ask every source of a profile."""
        if not profile.sources:
            return
        with _alone(self.home / "state" / "fetch" / f"{profile.id}.lock"):
            landing.sweep(self.home / "landing" / profile.id)
            record = _Record.read(self.home / "state" / "fetch" / f"{profile.id}.json")
            record.waiting = []
            for source in profile.sources:
                self._sources += 1
                try:
                    if isinstance(source, SqlSource):
                        self._pull_rows(profile, source, record)
                    else:
                        self._pull_files(profile, source, record)
                except ConnectionUnusable as error:
                    self._fail(profile, source, str(error))
                finally:
                    record.write()
            self._waiting += record.waiting

    def _pull_files(self, profile: Profile, source: RemoteSource, record: _Record) -> None:
        from ingest.connectors import remote

        connection = self._resolve(source.connection) if source.connection else None
        key = f"{source.connection or ''}|{source.url}"
        try:
            with remote.connect(source, connection) as store:
                files = store.files()
                known = record.seen.get(key, {})
                record.seen[key] = {file.path: known[file.path] for file in files if file.path in known}
                for number, file in enumerate(files, 1):
                    self._tick(number, len(files), file.name)
                    try:
                        self._pull_file(profile, source, store, file, record.seen[key])
                    except remote.ChangedMeanwhile:
                        record.waiting.append(source.address(file.path))
                    except (FileNotFoundError, PermissionError) as error:
                        self._fail(profile, source, f"{source.address(file.path)}: {error.strerror or error}")
        except remote.LOST as error:
            self._fail(profile, source, f"{_masked(error, connection)}; what is missing is fetched next time")

    def _pull_file(
        self, profile: Profile, source: RemoteSource, store: Store, file: RemoteFile, known: dict[str, _Seen]
    ) -> None:
        """Copy one file, unless it lies there already.

        Raises:
            ChangedMeanwhile: it is not yet whole.
        """
        from ingest.connectors import remote

        seen = known.get(file.path)
        if seen is not None and seen.is_taken and seen.version == file.version:
            self._already += 1
            return
        sender = source.sender or file.sender
        parts = [profile.id, *([sender] if sender else []), *file.parts]
        *folders, name = (landing.clean(part) for part in parts)
        folder = self.home.joinpath("landing", *folders)
        described = file if file.modified else store.details(file)
        if seen is None and folder.is_dir() and _lies_there(folder, name, described):
            known[file.path] = _Seen(file.version, self.now, is_taken=True)
            self._already += 1
            return
        if seen is None or seen.version != file.version:
            seen = known[file.path] = _Seen(file.version, self.now)
        ready = source.readiness
        if ready is not None and not ready.is_whole(
            described.modified, lambda: _modified(store.marker(file)), self.now, seen.since
        ):
            raise remote.ChangedMeanwhile("is not yet whole")
        with landing.part(folder) as part:
            store.copy(file, part.file)
            path = part.place(name, described.modified)
        seen.is_taken = True
        self._landed(path, file.size)

    def _pull_rows(self, profile: Profile, source: SqlSource, record: _Record) -> None:
        from ingest.connectors import sql

        folder = self.home / "landing" / profile.id / landing.clean(source.sender)
        names = self._extracts(folder, profile.id, source)
        key = f"{source.feed}|{source.sender}"
        asked = sql.plan(source, names, record.compared.get(key), self.now)
        if not asked.is_due:
            return
        connection = self._resolve(source.connection)
        try:
            with sql.ask(source, connection, asked, self.now) as rows:
                while not rows.is_over:
                    self._tick(rows.count, 0, source.label)
                    with landing.part(folder) as part:
                        name = rows.write(part.file)
                        if _repeats_the_last(part, source, asked.is_full, rows.blank_line):
                            self._already += 1
                        else:
                            size = part.file.tell()
                            self._landed(part.place(name), size)
                self._rows += rows.count
        except (*sql.UNREADABLE, OSError) as error:
            cause = getattr(error, "orig", None) or error
            self._fail(profile, source, f"{_masked(cause, connection)}; it is asked again next time")
        except (sql.NotOrdered, sql.NoWatermark) as error:
            self._fail(profile, source, str(error))
        else:
            if asked.is_full:
                record.compared[key] = self.now

    def _extracts(self, folder: Path, profile: str, source: SqlSource) -> list[str]:
        """Names of the feed's files of a sender: those in landing/, else those that were committed."""
        from ingest.connectors import sql

        names = [path.name for path in folder.glob(f"{source.feed}_*")] if folder.is_dir() else []
        if any(sql.parse_name(name) for name in names):
            return names
        self._log = self._log or CommitLog(self.home)
        return [
            entry["name"].rpartition("/")[2]
            for commit in self._log.commits
            if commit["profile"] == profile and commit["feed"] == source.feed
            for entry in commit["files"]
            if entry["name"].startswith(f"{profile}/{folder.name}/")
        ]

    def _fail(self, profile: Profile, source: RemoteSource | SqlSource, problem: str) -> None:
        self._failures.append(f"profile {profile.id}: {source.label}: {problem}")

    def _landed(self, path: Path | None, size: int) -> None:
        if path is None:
            self._already += 1
            return
        self._fetched.append(path.relative_to(self.home / "landing").as_posix())
        self._bytes += size

    def _tick(self, done: int, total: int, label: str) -> None:
        if self._progress is not None:
            self._progress(done, total, label)


def _modified(file: RemoteFile | None) -> datetime | None:
    return file.modified if file else None


def _lies_there(folder: Path, name: str, file: RemoteFile) -> bool:
    """Whether a file of that size and time lies there already, though no record says so."""
    if file.modified is None:
        return False
    claimed = (file.size, int(file.modified.timestamp()))
    there = (path.stat() for path in landing.versions(folder, name))
    return any((stat.st_size, int(stat.st_mtime)) == claimed for stat in there)


def _repeats_the_last(part: landing.Part, source: SqlSource, is_full: bool, blank_line: bytes) -> bool:
    """Whether an extract says nothing that the one before it did not say.

    Where it has the bytes of another one it gets a blank line more: a file is known by its content, and a row that comes back after it was
    gone would otherwise look like an old file sent again.
    """
    from ingest.connectors import sql

    part.file.flush()
    found = [(path, sql.parse_name(path.name)) for path in part.path.parent.iterdir()]
    earlier = sorted(
        (name.read_at, path, name) for path, name in found if name is not None and name.feed == source.feed
    )
    if earlier and (earlier[-1][2].is_full or not is_full) and _same(part.path, earlier[-1][1]):
        return True
    while any(_same(part.path, path) for _, path, _ in earlier):
        part.file.write(blank_line)
        part.file.flush()
    return False


def _same(one: Path, other: Path) -> bool:
    return filecmp.cmp(one, other, shallow=False)


def _masked(error: BaseException, connection: Connection | None) -> str:
    """An error in one line without secrets."""
    if isinstance(error, UnicodeDecodeError):
        return "a file's name on the server is not written in UTF-8; have it renamed"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return (connection.mask(text) if connection else text)[:400]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process of this machine fetches for the profile, and keep others waiting."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
