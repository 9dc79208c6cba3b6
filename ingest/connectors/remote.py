"""Files on servers, through fsspec: SFTP by paramiko, S3-compatible stores by obstore, and folders of this machine.

What a server says of a file (name, size, time, tag) is taken for what it is, a claim: a copy counts only if it has the size that was listed
and the server still says the same of the file afterwards.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import obstore.exceptions
import paramiko
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.sftp import SFTPFileSystem
from obstore.fsspec import FsspecStore

from ingest.connectors.connection import Connection, ConnectionUnusable
from ingest.connectors.landing import PASSED_OVER
from ingest.connectors.sources import SENDER, RemoteSource

LOST = (OSError, EOFError, paramiko.SSHException, obstore.exceptions.BaseError, UnicodeDecodeError)
"""What a server that cannot be reached, or breaks off, raises."""

_ANSWER_S = 60
_PIECE = 2**20
_READ_AHEAD = 64


@dataclass(frozen=True)
class RemoteFile:
    """A file that a server lists.

    Attributes:
        path: as the server knows it.
        parts: its folders below the fixed part of the URL, and its name.
        sender: what stands in place of `{sender}`.
        modified: null where the listing does not say.
        tag: the store's own mark of the content.
    """

    path: str
    parts: tuple[str, ...]
    sender: str | None
    size: int
    modified: datetime | None
    tag: str | None

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return self.parts[-1]

    @property
    def version(self) -> str:
        """Another text when the file has changed."""
        return f"{self.size} {self.tag or self.modified}"


class ChangedMeanwhile(Exception):
    """A file was not, after the copy, what it had been before."""


class Store:
    """What a source's server has."""

    def __init__(self, fs: Any, root: str, pattern: tuple[str, ...], source: RemoteSource) -> None:
        self._fs = fs
        self._root = root
        self._pattern = pattern
        self._source = source
        self._siblings: dict[str, dict[str, RemoteFile]] = {}

    def files(self) -> list[RemoteFile]:
        """The files that fit the source's URL, by path. Hidden and half-written ones are passed over, and so are markers."""
        ready = self._source.ready
        found = self._walk(self._root, (), self._pattern, None)
        data = (file for file in found if ready is None or not ready.is_marker(file.name))
        return sorted(data, key=lambda file: file.path)

    def details(self, file: RemoteFile) -> RemoteFile:
        """The file as the server describes it now."""
        return self._described(self._fs.info(file.path), file.path, file.parts, file.sender)

    def marker(self, file: RemoteFile) -> RemoteFile | None:
        """The marker that belongs to a file, if it is there."""
        name = self._source.ready.marker_of(file.name) if self._source.ready else None
        found = self._siblings[file.path.rpartition("/")[0]].get(name or "")
        return self.details(found) if found else None

    def copy(self, file: RemoteFile, into: BinaryIO) -> None:
        """Copy the file's bytes.

        Raises:
            ChangedMeanwhile: it is not as it was listed.
        """
        size = 0
        with self._fs.open(file.path, "rb") as stream:
            while piece := stream.read(_PIECE):
                into.write(piece)
                size += len(piece)
        now = self.details(file)
        if size != file.size or now.version != file.version:
            raise ChangedMeanwhile(f"{size:,} bytes came, {file.size:,} were announced, {now.size:,} are there now")

    def _walk(
        self, folder: str, parts: tuple[str, ...], pattern: tuple[str, ...], sender: str | None
    ) -> Iterator[RemoteFile]:
        head, *rest = pattern
        anywhere = head == "**"
        wanted = rest[0] if anywhere else head
        siblings = self._siblings.setdefault(folder.rstrip("/"), {})
        for name, entry in self._entries(folder):
            is_passed_over = name.startswith(".") or name.endswith(PASSED_OVER)
            path = f"{folder.rstrip('/')}/{name}"
            if entry["type"] == "directory" and not is_passed_over:
                if anywhere:
                    yield from self._walk(path, (*parts, name), pattern, sender)
                elif rest and (fits := _fits(name, wanted)):
                    own = fits.groupdict().get("sender", sender)
                    kept = parts if wanted == SENDER else (*parts, name)
                    yield from self._walk(path, kept, tuple(rest), own)
            elif entry["type"] == "file" and len(pattern) - anywhere == 1:
                siblings[name] = file = self._described(entry, path, (*parts, name), sender)
                if not is_passed_over and (fits := _fits(name, wanted)):
                    own = fits.groupdict().get("sender", sender)
                    yield RemoteFile(file.path, file.parts, own, file.size, file.modified, file.tag)

    def _entries(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Names in a folder. A link is not followed, and a name that claims to be elsewhere is not believed."""
        try:
            listed = self._fs.ls(folder, detail=True)
        except FileNotFoundError:
            if isinstance(self._fs, FsspecStore):
                return
            raise
        for entry in listed:
            name = entry["name"].removeprefix(folder.rstrip("/") + "/")
            if name and "/" not in name and name not in (".", "..") and not entry.get("islink"):
                yield name, entry

    @staticmethod
    def _described(entry: dict[str, Any], path: str, parts: tuple[str, ...], sender: str | None) -> RemoteFile:
        when = entry.get("mtime") or entry.get("last_modified")
        modified = datetime.fromtimestamp(when, UTC) if isinstance(when, int | float) else when
        return RemoteFile(path, parts, sender, int(entry["size"]), modified, entry.get("e_tag"))


@contextmanager
def connect(source: RemoteSource, connection: Connection | None) -> Iterator[Store]:
    """Open a source's server.

    Raises:
        ConnectionUnusable: the settings do not suffice, or the server's key is not known.
        LOST: it cannot be reached, or refuses the login.
    """
    kind, _, rest = source.url.partition("://")
    host, _, path = rest.partition("/")
    *folders, name = path.split("/")
    fixed = next((at for at, part in enumerate(folders) if _is_open(part)), len(folders))
    root, pattern = "/".join(folders[:fixed]), (*folders[fixed:], name)
    if kind == "file":
        yield Store(LocalFileSystem(skip_instance_cache=True), f"/{root}", pattern, source)
    elif kind == "s3":
        yield Store(_s3(connection), f"{host}/{root}".rstrip("/"), pattern, source)
    else:
        fs = _sftp(host, connection)
        try:
            yield Store(fs, f"/{root}", pattern, source)
        finally:
            fs.client.close()


def _is_open(part: str) -> bool:
    return "*" in part or "?" in part or SENDER in part


def _fits(name: str, pattern: str) -> re.Match[str] | None:
    """Whether a name fits one part of a URL, whatever the case."""
    before, found, after = pattern.partition(SENDER)
    text = _letters(before) + ("(?P<sender>.+?)" if found else "") + _letters(after)
    return re.fullmatch(text, name, re.IGNORECASE | re.DOTALL)


def _letters(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _s3(connection: Connection | None) -> Any:
    """An S3 store by a connection of Airflow's kind `aws`; without one, by the environment's own AWS settings."""
    if connection is None:
        return FsspecStore("s3", skip_instance_cache=True)
    config: dict[str, Any] = {}
    endpoint = connection.option("endpoint_url")
    if region := connection.option("region_name"):
        config["region"] = region
    if endpoint:
        config["endpoint"] = endpoint
    config["virtual_hosted_style_request"] = connection.option("addressing_style") == "virtual"
    plain = (endpoint or "").startswith("http://")
    if plain and not _is_loopback(urlsplit(endpoint or "").hostname or "") and not _is_true(connection, "allow_http"):
        raise ConnectionUnusable(
            connection.name,
            "its endpoint_url is http://, which shows the data to others; use https:// or state allow_http",
        )
    answer = f"{_ANSWER_S}s"
    options: dict[str, Any] = {
        "connect_timeout": answer,
        "read_timeout": answer,
        "timeout": "600s",
        "allow_http": plain,
    }
    provider = None
    if connection.login:
        credential = {
            "access_key_id": connection.login,
            "secret_access_key": connection.password or "",
            "token": connection.option("aws_session_token"),
            "expires_at": None,
        }

        def provider() -> dict[str, Any]:
            return credential

    elif _is_true(connection, "anonymous"):
        config["skip_signature"] = True
    return FsspecStore(
        "s3",
        config=config,
        client_options=options,
        retry_config={"max_retries": 3},
        credential_provider=provider,
        skip_instance_cache=True,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_true(connection: Connection, option: str) -> bool:
    return (connection.option(option) or "").lower() in ("true", "1", "yes")


def _sftp(host: str, connection: Connection | None) -> _Sftp:
    if connection is None:
        raise ConnectionUnusable(host, "an sftp:// source needs `connection`, which has the login and the server's key")
    address, _, port = host.partition(":")
    server = address or connection.host
    if not server:
        raise ConnectionUnusable(connection.name, "names no host, and neither does the URL")
    return _Sftp(server, int(port or connection.port or 22), connection)


class _Sftp(SFTPFileSystem):  # type: ignore[misc]
    """SFTP that logs in only where the server's key is known, and reads ahead."""

    cachable = False

    def __init__(self, host: str, port: int, connection: Connection) -> None:
        self._port = port
        self._connection = connection
        super().__init__(host)

    def _connect(self) -> None:
        connection = self._connection
        self.client = paramiko.SSHClient()
        try:
            self.client.set_missing_host_key_policy(_trust(self.client, self.host, self._port, connection))
            self.client.connect(
                self.host,
                port=self._port,
                username=connection.login,
                password=connection.password,
                pkey=_private_key(connection),
                passphrase=connection.option("private_key_passphrase"),
                key_filename=connection.option("key_file"),
                allow_agent=False,
                look_for_keys=False,
                timeout=_ANSWER_S,
                banner_timeout=_ANSWER_S,
                auth_timeout=_ANSWER_S,
            )
            self.ftp = self.client.open_sftp()
            if (channel := self.ftp.get_channel()) is not None:
                channel.settimeout(_ANSWER_S)
        except BaseException:
            self.client.close()
            raise

    @staticmethod
    def _decode_stat(stats: Any, parent_path: str | None = None) -> dict[str, Any]:
        mode = stats.st_mode
        if mode is None:
            kind = "directory" if str(stats.longname or "").startswith("d") else "file"
        else:
            kind = "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
        name = f"{parent_path.rstrip('/')}/{stats.filename}" if parent_path else ""
        return {"name": name, "size": stats.st_size or 0, "type": kind, "mtime": stats.st_mtime}

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **options: Any) -> Any:
        file = super()._open(path, mode, block_size, **options)
        ask_ahead = file._prefetch_thread

        def ask_quietly(*arguments: Any) -> None:
            with suppress(OSError, EOFError, paramiko.SSHException):  # whoever reads the file is told
                ask_ahead(*arguments)

        file._prefetch_thread = ask_quietly
        file.prefetch(max_concurrent_requests=_READ_AHEAD)
        return file


def _trust(client: paramiko.SSHClient, host: str, port: int, connection: Connection) -> paramiko.MissingHostKeyPolicy:
    """Which server's key is accepted: the one that the connection states as `host_key`, else those of its `known_hosts`."""
    server = host if port == 22 else f"[{host}]:{port}"
    stated = connection.option("host_key")
    if stated is None:
        path = Path(connection.option("known_hosts") or "~/.ssh/known_hosts").expanduser()
        if path.is_file():
            client.load_host_keys(str(path))
        elif connection.option("known_hosts"):
            raise ConnectionUnusable(connection.name, f"its known_hosts file {path} does not exist")
    elif not stated.startswith("SHA256:"):
        kind, _, data = stated.rpartition(" ")
        try:
            key = paramiko.PKey.from_type_string(kind or "ssh-rsa", base64.b64decode(data, validate=True))
        except (binascii.Error, paramiko.SSHException, ValueError) as error:
            raise ConnectionUnusable(
                connection.name, "its host_key is none; write SHA256:… or for example ssh-ed25519 AAAA…"
            ) from error
        client.get_host_keys().add(server, key.get_name(), key)
    return _Known(server, stated, connection)


class _Known(paramiko.MissingHostKeyPolicy):
    """Asked for a key that is in no list: accepts the stated fingerprint, refuses all else."""

    def __init__(self, server: str, stated: str | None, connection: Connection) -> None:
        self._server = server
        self._stated = stated
        self._connection = connection

    def missing_host_key(self, client: Any, hostname: str, key: paramiko.PKey) -> None:
        shown = fingerprint(key)
        if self._stated is not None and self._stated.rstrip("=") == shown:
            return
        problem = "shows another key than the connection states" if self._stated else "is not known"
        raise ConnectionUnusable(
            self._connection.name,
            f"the server {self._server} {problem}: {key.get_name()} {shown}. Ask its owner whether that is its key; if it is, state it as "
            f"`host_key` in the connection, or add it to the file that `known_hosts` names",
        )


def fingerprint(key: paramiko.PKey) -> str:
    """A key's fingerprint as ssh-keygen writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def _private_key(connection: Connection) -> paramiko.PKey | None:
    text = connection.option("private_key")
    if text is None:
        return None
    passphrase = connection.option("private_key_passphrase")
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(StringIO(text.replace("\\n", "\n")), passphrase)
        except (paramiko.SSHException, ValueError):
            continue
    raise ConnectionUnusable(connection.name, "its private_key cannot be read, or its passphrase is wrong")
