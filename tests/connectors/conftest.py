"""Real servers on loopback: OpenSSH's sftp server, an S3 server, PostgreSQL. Each is started here and ended by its process id."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import ingest
from ingest.connectors.connection import Connection, ConnectionUnusable

PATIENCE_S = 30
NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_there: Callable[[], bool], process: subprocess.Popen[Any], log: Path) -> None:
    """Wait for a server, and say what it said where it does not come."""
    until = time.monotonic() + PATIENCE_S
    while not is_there():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def end(process: subprocess.Popen[Any]) -> None:
    """End a server that was started here."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)


class Home:
    """A data home with profiles, connections, and what a fetch finds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: dict[str, Connection] = {}

    def profile(self, name: str, text: str) -> None:
        """Write a profile."""
        path = self.path / "config" / "profiles" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def resolve(self, name: str) -> Connection:
        """The connections of this home."""
        if name not in self.connections:
            raise ConnectionUnusable(name, "is not known")
        return self.connections[name]

    def fetch(self, *, at: datetime | None = None, **options: Any) -> ingest.FetchReport:
        """Fetch, by default as if an hour had gone by since the files were written."""
        moment = at or datetime.now(UTC) + timedelta(hours=1)
        return ingest.fetch(self.path, resolve=self.resolve, now=moment, **options)

    def landed(self) -> dict[str, bytes]:
        """All that lies in landing/, hidden files too."""
        landing = self.path / "landing"
        paths = (path for path in sorted(landing.rglob("*")) if path.is_file())
        return {path.relative_to(landing).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@dataclass(frozen=True)
class SftpServer:
    """A running sshd, the folder that it is to show, and a login."""

    port: int
    folder: Path
    login: str
    key_file: Path
    host_key: str
    fingerprint: str

    def connection(self, **extra: Any) -> Connection:
        """The connection with the user's key and the server's."""
        settings = {"key_file": str(self.key_file), "host_key": self.host_key} | extra
        return Connection("sender", "sftp", "127.0.0.1", self.port, self.login, extra=settings)

    def put(self, name: str, content: bytes, *, age_s: float = 0) -> Path:
        """Let a file lie on the server."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        then = time.time() - age_s
        os.utime(path, (then, then))
        return path


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """OpenSSH's server on loopback, as the current user, with keys made here."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
    if program is None:
        pytest.skip("OpenSSH's sshd is missing: apt-get install openssh-server")
    root = tmp_path_factory.mktemp("sshd")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / name)], check=True)
    (root / "authorized").write_bytes((root / "user.pub").read_bytes())
    (root / "authorized").chmod(0o600)
    port = free_port()
    (root / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {root / 'host'}\nAuthorizedKeysFile {root / 'authorized'}\n"
        f"PidFile {root / 'pid'}\nUsePAM no\nStrictModes no\nPasswordAuthentication yes\nPermitRootLogin yes\n"
        "Subsystem sftp internal-sftp\n"
    )
    log = root / "log"
    process = subprocess.Popen([program, "-D", "-e", "-f", str(root / "config")], stderr=log.open("w"))
    try:
        wait_until(lambda: answers(port), process, log)
        kind, data, *_ = (root / "host.pub").read_text().split()
        shown = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(root / "host.pub")], check=True, capture_output=True, text=True
        )
        login = pwd.getpwuid(os.geteuid()).pw_name
        yield SftpServer(port, root / "files", login, root / "user", f"{kind} {data}", shown.stdout.split()[1])
    finally:
        end(process)


@pytest.fixture
def sftp(sshd: SftpServer) -> SftpServer:
    """The server with an empty folder."""
    shutil.rmtree(sshd.folder, ignore_errors=True)
    sshd.folder.mkdir()
    return sshd


class Dropping:
    """A proxy on loopback that breaks the line off after so many bytes of the server's answers."""

    def __init__(self, target: int, after: int) -> None:
        self.port = free_port()
        self._target = target
        self._left = after
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65536):
                if counted:
                    self._left -= len(data)
                    if self._left < 0:
                        break
                target.sendall(data)
        except OSError:
            pass
        for line in (source, target):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def dropping() -> Iterator[Callable[[int, int], int]]:
    """Starts proxies that break off: (port of the server, bytes) -> port."""
    started: list[Dropping] = []

    def start(target: int, after: int) -> int:
        started.append(Dropping(target, after))
        return started[-1].port

    yield start
    for proxy in started:
        proxy.close()


@dataclass(frozen=True)
class S3Server:
    """A running S3 server and a bucket of it."""

    port: int
    bucket: str
    client: Any

    def connection(self, **more: Any) -> Connection:
        """The connection to the server."""
        extra = {"endpoint_url": f"http://127.0.0.1:{more.pop('port', self.port)}", "region_name": "us-east-1"}
        return Connection("store", "aws", login="AKIATEST", password="s3-secret/+x", extra=extra | more)

    def put(self, key: str, content: bytes) -> None:
        """Store an object."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Any]]:
    """moto's S3 server in a process of its own, on loopback."""
    pytest.importorskip("moto.server", reason="moto's server is missing: pip install 'moto[server]'")
    boto3 = pytest.importorskip("boto3", reason="boto3 is missing: pip install 'moto[server]'")
    port = free_port()
    log = tmp_path_factory.mktemp("s3") / "log"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until(lambda: answers(port), process, log)
        yield (
            port,
            boto3.client(
                "s3",
                endpoint_url=f"http://127.0.0.1:{port}",
                region_name="us-east-1",
                aws_access_key_id="AKIATEST",
                aws_secret_access_key="s3-secret/+x",
            ),
        )
    finally:
        end(process)


@pytest.fixture
def s3(s3_server: tuple[int, Any], request: pytest.FixtureRequest) -> S3Server:
    """The S3 server with a bucket for this test."""
    port, client = s3_server
    bucket = "b" + base64.b32encode(request.node.name.encode()).decode().rstrip("=").lower()[-50:]
    client.create_bucket(Bucket=bucket)
    return S3Server(port, bucket, client)


@dataclass(frozen=True)
class Erp:
    """A database on a running PostgreSQL, as the company's ERP."""

    engine: sa.Engine
    connection: Connection

    def run(self, *statements: str) -> None:
        """Run statements and commit."""
        with self.engine.begin() as session:
            for statement in statements:
                session.execute(sa.text(statement))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """PostgreSQL on loopback, by an unprivileged user where we are root."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not folders or not (folders[-1] / "initdb").exists():
        pytest.skip("PostgreSQL is missing: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="psycopg is missing: pip install 'psycopg[binary]'")
    programs = folders[-1]
    root = tmp_path_factory.mktemp("postgres")
    options: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        options = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        os.chown(root, account.pw_uid, account.pw_gid)
        for parent in (root, *root.parents):
            if parent.owner() == "root" and parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
    (root / "password").write_text("erp:pass@word/1")
    (root / "password").chmod(0o644)
    data = root / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "erp", f"--pwfile={root / 'password'}", "-A", "scram-sha-256", "-N"],
        check=True,
        capture_output=True,
        cwd=root,
        **options,
    )
    port = free_port()
    log = root / "log"
    process = subprocess.Popen(
        [programs / "postgres", "-D", data, "-p", str(port), "-k", root, "-h", "127.0.0.1", "-c", "fsync=off"],
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
        cwd=root,
        **options,
    )
    try:
        wait_until(lambda: answers(port), process, log)
        yield port
    finally:
        end(process)


@pytest.fixture
def erp(postgres: int, request: pytest.FixtureRequest) -> Iterator[Erp]:
    """An empty database for this test."""
    login = {"username": "erp", "password": "erp:pass@word/1", "host": "127.0.0.1", "port": postgres}
    name = f"t{abs(hash(request.node.name))}"
    until = time.monotonic() + PATIENCE_S
    server = sa.create_engine(
        sa.URL.create("postgresql+psycopg", database="postgres", **login), isolation_level="AUTOCOMMIT"
    )
    while True:
        try:
            with server.connect() as session:
                session.execute(sa.text(f"create database {name}"))
            break
        except sa.exc.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
    server.dispose()
    engine = sa.create_engine(sa.URL.create("postgresql+psycopg", database=name, **login))
    yield Erp(engine, Connection("erp", "postgres", "127.0.0.1", postgres, "erp", "erp:pass@word/1", name))
    engine.dispose()
