"""Settings of a profile's sources: from where its files, or rows, are pulled."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SkipValidation,
    Tag,
    field_validator,
    model_validator,
)

SENDER = "{sender}"
_PLACE = re.compile(r"\{name\}|\{stem\}")
_SPAN = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _span(value: Any) -> Any:
    """`2d`, `90m`, `30s`: a number and its unit."""
    if not isinstance(value, str):
        return value
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no span of time; write for example 2d, 12h or 30m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


Span = Annotated[timedelta, BeforeValidator(_span)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Ready(_Settings):
    """How one knows that a file is whole.

    Attributes:
        stable_seconds: its size and time have not changed for so long.
        marker: name of a file beside it that says so, with `{name}` or, without the ending, `{stem}`; it must not be older than the file.
    """

    stable_seconds: int | None = Field(default=None, ge=0)
    marker: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Ready:
        if (self.stable_seconds is None) == (self.marker is None):
            raise ValueError("state either `stable_seconds` or `marker`")
        if self.marker is not None and ("/" in self.marker or not _PLACE.sub("", self.marker).strip()):
            raise ValueError("`marker` is the name of another file in the same folder, for example {name}.done")
        return self

    def is_marker(self, name: str) -> bool:
        """Whether a file is no data but marks other files as whole."""
        return self.marker is not None and bool(
            re.fullmatch(".+".join(re.escape(part) for part in _PLACE.split(self.marker)), name, re.DOTALL)
        )

    def marker_of(self, name: str) -> str | None:
        """Name of the file that marks another one as whole."""
        if self.marker is None:
            return None
        return self.marker.replace("{name}", name).replace("{stem}", name.rpartition(".")[0] or name)

    def is_whole(
        self,
        modified: datetime | None,
        marked: Callable[[], datetime | None],
        now: datetime,
        unchanged_since: datetime | None = None,
    ) -> bool:
        """Whether a file counts as whole.

        Args:
            modified: its time, where it is known.
            marked: gives the time of its marker; null where there is none.
            unchanged_since: since when it has been seen as it is.
        """
        if self.stable_seconds is None:
            marker = marked()
            return marker is not None and (modified is None or marker >= modified)
        least = timedelta(seconds=self.stable_seconds)
        return any(since is not None and now - since >= least for since in (modified, unchanged_since))


class RemoteSource(_Settings):
    """Files on a server: sftp://, s3:// or file://.

    Attributes:
        url: `*` and `?` stand for letters within one name, `**` for any folders, `{sender}` for the sender's code.
        connection: name of the connection with the login.
        sender: the sender's code, where the URL does not hold it.
        ready: how one knows that a file is whole; default: unchanged for a minute, in an S3 store at once.
    """

    url: str
    connection: str | None = None
    sender: str | None = Field(default=None, min_length=1)
    ready: Ready | None = None

    @field_validator("url")
    @classmethod
    def _known_kind(cls, url: str) -> str:
        if not re.match(r"(sftp|s3|file)://", url):
            raise ValueError("a URL begins with sftp://, s3:// or file://")
        *folders, name = url.partition("://")[2].split("/")
        if not name:
            raise ValueError("a URL ends with the name of a file, for example *.csv")
        if "**" in (name, *folders[:-1]) or any("**" in part and part != "**" for part in folders):
            raise ValueError("`**` stands alone, as the last folder before the name of the file")
        return url

    @model_validator(mode="after")
    def _one_sender(self) -> RemoteSource:
        if self.sender is not None and SENDER in self.url:
            raise ValueError(f"state either `sender` or {SENDER} in the URL")
        return self

    @property
    def label(self) -> str:
        """The source, in messages."""
        return self.url

    def address(self, path: str) -> str:
        """A file of the source's server, in messages."""
        kind, _, rest = self.url.partition("://")
        return f"{kind}://{'' if kind == 's3' else rest.partition('/')[0]}{path}"

    @property
    def readiness(self) -> Ready | None:
        """How one knows that a file is whole; null where none is ever seen otherwise: a store shows an object when it is complete."""
        return self.ready or (None if self.url.startswith("s3://") else Ready(stable_seconds=60))


Mark = int | datetime | date
"""How far a watermark has come."""


class SqlSource(_Settings):
    """Rows of a database.

    Without a watermark every extract is a full compare: what it lacks is deleted. With one, only rows at or after the last mark less the
    overlap are read, and a full compare is made every `full_every`.

    Attributes:
        sql: one query; with a watermark it compares its column with `:since`.
        watermark: column of the result that grows with every change: a time, a date or a whole number.
        start: `:since` of the first extract and of full compares.
        overlap: how far behind the last mark is read again, for rows that were committed late; a span, or for whole numbers a number.
        chunk_rows: rows of one file; the query must then be ordered by the watermark.
        timeout_seconds: how long a statement may take, where the database can be told.
    """

    sql: str
    connection: str
    feed: str
    sender: str = Field(min_length=1)
    watermark: str | None = None
    start: SkipValidation[Mark | None] = None
    overlap: int | Span | None = None
    full_every: Span | None = None
    chunk_rows: int | None = Field(default=None, ge=1)
    timeout_seconds: int = Field(default=3600, ge=1)

    @field_validator("start", mode="before")
    @classmethod
    def _plain_start(cls, value: Any) -> Any:
        if isinstance(value, int | date | None) and not isinstance(value, bool):
            return value
        return datetime.fromisoformat(str(value))

    @model_validator(mode="after")
    def _complete(self) -> SqlSource:
        binds = ":since" in self.sql
        if self.watermark is None:
            given = {"start": self.start, "overlap": self.overlap, "chunk_rows": self.chunk_rows}
            unused = [name for name, value in given.items() if value is not None] + [":since"] * binds
            if unused:
                raise ValueError(f"{', '.join(unused)}: only with a `watermark`")
            return self
        if not binds or self.start is None:
            raise ValueError("a `watermark` needs `start`, and a query that compares it with :since")
        if isinstance(self.overlap, timedelta) == isinstance(self.start, int) and self.overlap is not None:
            raise ValueError(
                "`overlap` is a span (2d) where `start` is a time or date, and a number where it is a number"
            )
        return self

    @property
    def label(self) -> str:
        """The source, in messages."""
        return f"{self.feed} from {self.connection}"


def _kind(value: Any) -> str:
    return "sql" if isinstance(value, SqlSource) or (isinstance(value, dict) and "sql" in value) else "url"


Source = Annotated[Annotated[RemoteSource, Tag("url")] | Annotated[SqlSource, Tag("sql")], Discriminator(_kind)]
