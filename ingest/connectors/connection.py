"""Connections: where a server is and how one logs in, in Airflow's own notation, with secrets that no message can show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from ingest.errors import IngestError

_SECRET = re.compile(r"secret|password|passphrase|token|private_key", re.IGNORECASE)
_MASK = "***"


class ConnectionUnusable(IngestError):
    """A connection is not known, or its text cannot be read. The message never holds the text."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"connection {name}: {problem}")


@dataclass(frozen=True)
class Connection:
    """A server and a login.

    Attributes:
        kind: type of the server, or SQLAlchemy's dialect and driver: sftp, aws, postgresql+psycopg.
        schema: name of the database.
        extra: further settings, by the names that Airflow's own connections use.
    """

    name: str
    kind: str = ""
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "extra", dict(self.extra))

    def option(self, name: str) -> str | None:
        """A further setting as text; null where it is not there or empty."""
        value = self.extra.get(name)
        return str(value) if value not in (None, "") else None

    def mask(self, text: str) -> str:
        """The text with every secret of the connection replaced, also in the forms that it takes in URLs."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            for form in dict.fromkeys((secret, quote(secret, safe=""), quote(secret), quote_plus(secret))):
                text = text.replace(form, _MASK)
        return text

    def _secrets(self) -> set[str]:
        found = {self.password or ""}
        for key, value in self.extra.items():
            if _SECRET.search(str(key)):
                found |= {str(value), *(line for line in str(value).splitlines() if len(line) > 20)}
        return found - {""}


Resolve = Callable[[str], Connection]
"""Gives the connection of a name, or raises ConnectionUnusable."""


def no_connections(name: str) -> Connection:
    """A resolver that knows no connection."""
    raise ConnectionUnusable(name, "is not known")


def variables(name: str) -> tuple[str, str]:
    """Names of the environment variables that may hold a connection; the first one that is set counts."""
    key = re.sub(r"\W", "_", name).upper()
    return f"SELLTHROUGH_CONN_{key}", f"AIRFLOW_CONN_{key}"


def from_environment(name: str, environment: Mapping[str, str]) -> Connection:
    """The connection that an environment holds.

    Raises:
        ConnectionUnusable: there is none, or it cannot be read.
    """
    for variable in variables(name):
        if environment.get(variable):
            return parse_connection(name, environment[variable])
    ours, airflows = variables(name)
    raise ConnectionUnusable(name, f"is not known; set {ours} or {airflows} (docs/how-to/pull-from-servers.md)")


def parse_connection(name: str, text: str) -> Connection:
    """Read a connection as Airflow writes it: a URI (`sftp://login:password@host:22/?known_hosts=…`) or a JSON object.

    In a URI every part is percent-encoded; `__extra__` may hold further settings as JSON.

    Raises:
        ConnectionUnusable: it is neither.
    """
    try:
        found = _from_json(name, text) if text.lstrip().startswith("{") else _from_uri(name, text)
    except (ValueError, TypeError, AttributeError):
        found = None
    if found is None or not found.kind:
        raise ConnectionUnusable(
            name, "is neither a URI (kind://login:password@host:port/database) nor a JSON object with `conn_type`"
        )
    return found


def _from_json(name: str, text: str) -> Connection:
    values = json.loads(text)
    extra = values.get("extra") or {}
    return Connection(
        name=name,
        kind=str(values.get("conn_type") or ""),
        host=values.get("host") or None,
        port=int(values["port"]) if values.get("port") else None,
        login=values.get("login") or None,
        password=values.get("password") or None,
        schema=values.get("schema") or None,
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _from_uri(name: str, text: str) -> Connection | None:
    parts = urlsplit(text)
    if not parts.scheme or "://" not in text:
        return None
    extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra |= json.loads(extra.pop("__extra__"))
    return Connection(
        name=name,
        kind=parts.scheme.replace("-", "_"),
        host=unquote(parts.hostname) if parts.hostname else None,
        port=parts.port,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path[1:]) or None,
        extra=extra,
    )
