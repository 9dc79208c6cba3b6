"""Rows of a database, by any SQLAlchemy dialect: each extract is a CSV in landing/ that says in its name what was asked and how far it goes.

`erp_dispatch_line_20260403T101500000000_since_t20260401T000000000000_to_t20260403T101112123456.csv`: when it was read, from which mark on, up to
which. `…_full_since_…_to_….csv` is a full compare. The next extract goes on from the last mark among these names, so that there is nothing else to
remember and nothing to get out of step.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.engine import Connection as Session

from ingest.connectors.connection import Connection, ConnectionUnusable
from ingest.connectors.sources import Mark, SqlSource

UNREADABLE = (sa.exc.SQLAlchemyError, ImportError)
"""What a database that cannot be reached, or refuses the query, raises."""

_FETCHED = 5_000
_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mssql": "mssql+pyodbc"}
_STAMP = "%Y%m%dT%H%M%S%f"
_MARK = r"[dtzi]-?\w+"
_NAME = re.compile(
    rf"(?P<feed>.+)_(?P<at>\d{{8}}T\d{{12}})(?P<full>_full)?(?:_since_(?P<since>{_MARK})_to_(?P<to>{_MARK}))?(?:_r\d{{5}})?\.csv"
)


class NotOrdered(Exception):
    """Rows come in another order than that of their watermark."""


class NoWatermark(Exception):
    """The result lacks the watermark, or it is nothing that can be compared."""


@dataclass(frozen=True)
class Extract:
    """What the name of an extract says."""

    feed: str
    read_at: datetime
    is_full: bool
    since: Mark | None
    to: Mark | None

    @property
    def name(self) -> str:
        """The name of its file."""
        asked = (
            f"_since_{_write(self.since)}_to_{_write(self.to)}"
            if self.since is not None and self.to is not None
            else ""
        )
        return f"{self.feed}_{_stamp(self.read_at)}{'_full' * self.is_full}{asked}.csv"


def parse_name(name: str) -> Extract | None:
    """Read the name of an extract; null where it is none."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        return Extract(
            feed=found["feed"],
            read_at=datetime.strptime(found["at"], _STAMP).replace(tzinfo=UTC),
            is_full=bool(found["full"]),
            since=_read(found["since"]),
            to=_read(found["to"]),
        )
    except ValueError:
        return None


@dataclass(frozen=True)
class Plan:
    """What to ask next: nothing, a full compare, or what has changed since a mark."""

    is_due: bool
    is_full: bool
    since: Mark | None


def plan(source: SqlSource, names: Iterable[str], compared: datetime | None, now: datetime) -> Plan:
    """What a source is to be asked, by the extracts that there are.

    Args:
        names: names of the feed's files, whatever they are.
        compared: when the last full compare was made that gave nothing new, if one is remembered.
    """
    extracts = [found for name in names if (found := parse_name(name)) is not None and found.feed == source.feed]
    fulls = [extract.read_at for extract in extracts if extract.is_full]
    compared = max([*fulls, *([compared] if compared else [])], default=None)
    if source.watermark is None:
        is_due = source.full_every is None or compared is None or now - compared >= source.full_every
        return Plan(is_due=is_due, is_full=True, since=None)
    if source.full_every is not None and extracts:
        known_since = compared or min(extract.read_at for extract in extracts)
        if now - known_since >= source.full_every:
            return Plan(is_due=True, is_full=True, since=source.start)
    counts = isinstance(source.start, int)
    marks = [extract.to for extract in extracts if extract.to is not None and isinstance(extract.to, int) == counts]
    last = max(marks, key=_order, default=None)
    return Plan(is_due=True, is_full=False, since=source.start if last is None else _less(last, source.overlap))


class Rows:
    """The answer of a database, row by row, out of memory."""

    def __init__(self, source: SqlSource, asked: Plan, result: sa.CursorResult[Any], read_at: datetime) -> None:
        self._source = source
        self._asked = asked
        self._result = result
        self._read_at = read_at
        self._columns = list(result.keys())
        self._at: int | None = None
        if source.watermark is not None:
            named = [
                index for index, name in enumerate(self._columns) if name.casefold() == source.watermark.casefold()
            ]
            if len(named) != 1:
                raise NoWatermark(f"the result has no column {source.watermark}; it has {', '.join(self._columns)}")
            self._at = named[0]
        self._rows = (row for page in result.partitions(_FETCHED) for row in page)
        self._ahead = next(self._rows, None)
        self._files = 0
        self.count = 0

    @property
    def is_over(self) -> bool:
        """Whether everything is written. A full compare that has no row is a file all the same: it is refused, not believed."""
        return self._ahead is None and (self._files > 0 or not self._asked.is_full)

    @property
    def blank_line(self) -> bytes:
        """A line that counts as nothing."""
        return b"," * (len(self._columns) - 1) + b"\n"

    def write(self, into: BinaryIO) -> str:
        """Write the rows of one file as CSV, and say what its name is."""
        most = None if self._asked.is_full else self._source.chunk_rows
        text = io.TextIOWrapper(into, encoding="utf-8", newline="", write_through=False)
        text.write(",".join(map(_cell, self._columns)) + "\n")
        highest: Mark | None = None
        written = 0
        while self._ahead is not None and (most is None or written < most):
            text.write(",".join(map(_cell, self._ahead)) + "\n")
            if self._at is not None and self._ahead[self._at] is not None:
                mark = _mark(self._ahead[self._at], self._columns[self._at])
                if highest is not None and most is not None and _order(mark) < _order(highest):
                    raise NotOrdered(
                        f"{self._columns[self._at]} {mark} comes after {highest}; with `chunk_rows` the query must end with "
                        f"order by {self._source.watermark}"
                    )
                highest = mark if highest is None or _order(mark) > _order(highest) else highest
            written += 1
            self._ahead = next(self._rows, None)
        text.detach()
        self._files += 1
        self.count += written
        moment = self._read_at + timedelta(microseconds=self._files - 1)
        reached = None if highest is None else _not_ahead(highest, self._read_at)
        return Extract(self._source.feed, moment, self._asked.is_full, self._asked.since, reached).name


@contextmanager
def ask(source: SqlSource, connection: Connection, asked: Plan, read_at: datetime) -> Iterator[Rows]:
    """Ask a database, in a transaction that may read only and is rolled back, with a cursor on the server's side.

    Raises:
        ConnectionUnusable: no dialect or driver fits the connection.
        UNREADABLE: the database cannot be reached, refuses the login or the query, or breaks off.
        NoWatermark, NotOrdered: the query does not fit the settings.
    """
    try:
        engine = sa.create_engine(_url(connection), hide_parameters=True, poolclass=sa.NullPool)
    except (ImportError, sa.exc.ArgumentError) as error:
        raise ConnectionUnusable(
            connection.name,
            f"no driver for {connection.kind} is installed ({connection.mask(str(error))}); install it with pip",
        ) from None
    try:
        with _reading(engine, source.timeout_seconds) as session:
            options = session.execution_options(stream_results=True, max_row_buffer=_FETCHED)
            bound = {} if asked.since is None else {"since": asked.since}
            yield Rows(source, asked, options.execute(sa.text(source.sql), bound), read_at)
    finally:
        engine.dispose()


@contextmanager
def _reading(engine: sa.Engine, timeout_seconds: int) -> Iterator[Session]:
    dialect = engine.dialect.name
    with engine.connect() as session:
        try:
            if dialect == "postgresql":
                session.execute(sa.text("set transaction read only"))
                wanted = {"wanted": f"{timeout_seconds}s"}
                session.execute(sa.text("select set_config('statement_timeout', :wanted, true)"), wanted)
            elif dialect in ("mysql", "mariadb"):
                session.execute(sa.text("start transaction read only"))
            elif dialect == "oracle":
                session.execute(sa.text("set transaction read only"))
            elif dialect == "sqlite":
                session.execute(sa.text("pragma query_only = on"))
            yield session
        finally:
            session.rollback()


def _url(connection: Connection) -> URL:
    query = {key: str(value) for key, value in connection.extra.items() if isinstance(value, str | int | float)}
    return URL.create(
        drivername=_DRIVERS.get(connection.kind, connection.kind),
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query=query,
    )


def _cell(value: Any) -> str:
    """A value as text: exact, dates in ISO form, null as nothing and an empty string as two quotes."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, Decimal):
        text = format(value, "f")
    elif isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
    elif isinstance(value, datetime | date | time):
        text = _iso(value)
    elif isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value).hex()
    elif isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    plain = text and text == text.strip() and not any(sign in text for sign in ',"\r\n')
    return text if plain else '"' + text.replace('"', '""') + '"'


def _iso(value: datetime | date | time) -> str:
    """A time with zone as UTC, marked Z; all else as it is."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    return value.isoformat()


def _mark(value: Any, column: str) -> Mark:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, datetime | date | int) and not isinstance(value, bool):
        return value
    raise NoWatermark(
        f"{column} is {value!r:.40}, which is no time, date or whole number; cast it in the query, and compare the cast column with :since"
    )


def _not_ahead(mark: Mark, now: datetime) -> Mark:
    """A mark, but none from the future: one row with a mistyped year would otherwise hide all changes until then."""
    if isinstance(mark, int) or _order(mark) <= now:
        return mark
    if not isinstance(mark, datetime):
        return now.date()
    return now if mark.tzinfo is not None else now.replace(tzinfo=None)


def _less(mark: Mark, overlap: int | timedelta | None) -> Mark:
    return mark if overlap is None else mark - overlap  # type: ignore[operator]


def _order(mark: Mark) -> Any:
    """Marks in the order in which they grow. Times without a zone are taken for UTC."""
    if isinstance(mark, int):
        return mark
    moment = mark if isinstance(mark, datetime) else datetime.combine(mark, time())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _write(mark: Mark) -> str:
    if isinstance(mark, datetime):
        return f"t{_stamp(mark)}" if mark.tzinfo is None else f"z{_stamp(mark.astimezone(UTC))}"
    return f"d{mark.year:04}{mark:%m%d}" if isinstance(mark, date) else f"i{mark}"


def _stamp(moment: datetime) -> str:
    return f"{moment.year:04}{moment:%m%dT%H%M%S%f}"


def _read(text: str | None) -> Mark | None:
    if text is None:
        return None
    kind, value = text[0], text[1:]
    if kind == "i":
        return int(value)
    if kind == "d":
        return datetime.strptime(value, "%Y%m%d").date()
    moment = datetime.strptime(value, _STAMP)
    return moment.replace(tzinfo=UTC) if kind == "z" else moment
