"""Files over SFTP, from OpenSSH's own server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

PROFILE = """
id: pulled
contract_names: true
feeds:
  dms_invoice_line: {{files: ["sales*.csv"]}}
sources:
  - url: "sftp://{root}/{{sender}}/*.csv"
    connection: sender
    {more}
"""


@pytest.fixture
def pulled(home: Any, sftp: Any) -> Any:
    """A home with a profile that pulls from the server."""
    home.connections["sender"] = sftp.connection()
    home.profile("pulled", PROFILE.format(root=sftp.folder, more=""))
    return home


def test_a_file_lands_as_it_is_and_bears_the_time_of_the_server(pulled: Any, sftp: Any) -> None:
    sent = sftp.put("D001/sales_2026-03-01.csv", b"a,b\r\n\xff,2\r\n", age_s=7200)

    report = pulled.fetch()

    assert report.fetched == ("pulled/D001/sales_2026-03-01.csv",)
    assert pulled.landed() == {"pulled/D001/sales_2026-03-01.csv": b"a,b\r\n\xff,2\r\n"}
    landed = pulled.path / "landing" / report.fetched[0]
    assert int(landed.stat().st_mtime) == int(sent.stat().st_mtime)


def test_a_second_fetch_copies_nothing(pulled: Any, sftp: Any) -> None:
    sftp.put("D001/sales.csv", b"a\n1\n")
    pulled.fetch()

    again = pulled.fetch()

    assert (again.fetched, again.already, again.exit_code) == ((), 1, 0)


def test_without_its_record_what_lies_in_landing_is_recognised(pulled: Any, sftp: Any) -> None:
    sftp.put("D001/sales.csv", b"a\n1\n")
    pulled.fetch()
    (pulled.path / "state" / "fetch" / "pulled.json").unlink()

    assert pulled.fetch().already == 1
    assert list(pulled.landed()) == ["pulled/D001/sales.csv"]


def test_a_changed_file_of_the_same_name_lands_as_a_version_and_both_are_kept(pulled: Any, sftp: Any) -> None:
    sftp.put("D001/sales.csv", b"a\n1\n", age_s=200)
    pulled.fetch()
    sftp.put("D001/sales.csv", b"a\n2\n", age_s=100)

    pulled.fetch()

    assert pulled.landed() == {"pulled/D001/sales.csv": b"a\n1\n", "pulled/D001/sales_r00002.csv": b"a\n2\n"}


def test_a_file_that_was_only_touched_lands_once(pulled: Any, sftp: Any) -> None:
    sftp.put("D001/sales.csv", b"a\n1\n", age_s=200)
    pulled.fetch()
    sftp.put("D001/sales.csv", b"a\n1\n", age_s=100)

    assert pulled.fetch().fetched == ()
    assert list(pulled.landed()) == ["pulled/D001/sales.csv"]


def test_a_file_that_is_still_growing_waits_until_it_has_been_stable(pulled: Any, sftp: Any) -> None:
    sftp.put("D001/sales.csv", b"a\n1", age_s=0)
    now = datetime.now(UTC)

    early = pulled.fetch(at=now + timedelta(seconds=20))
    sftp.put("D001/sales.csv", b"a\n1\n2\n", age_s=0)
    later = pulled.fetch(at=now + timedelta(seconds=90))

    assert early.fetched == ()
    assert len(early.waiting) == 1
    assert early.waiting[0].endswith("D001/sales.csv")
    assert pulled.landed() == {"pulled/D001/sales.csv": b"a\n1\n2\n"}
    assert later.waiting == ()


def test_a_file_that_grew_while_it_was_copied_waits(pulled: Any, sftp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.connectors import remote

    path = sftp.put("D001/sales.csv", b"a\n1\n", age_s=100)
    copy = remote.Store.copy

    def grow(store: remote.Store, file: remote.RemoteFile, into: Any) -> None:
        with path.open("ab") as sent:
            sent.write(b"2\n")
        copy(store, file, into)

    monkeypatch.setattr(remote.Store, "copy", grow)

    report = pulled.fetch()

    assert (len(report.waiting), report.exit_code, pulled.landed()) == (1, 0, {})


def test_a_file_without_its_marker_waits(home: Any, sftp: Any) -> None:
    home.connections["sender"] = sftp.connection()
    home.profile("pulled", PROFILE.format(root=sftp.folder, more='ready: {marker: "{name}.done"}'))
    sftp.put("D001/sales.csv", b"a\n1\n", age_s=100)

    without = home.fetch()
    sftp.put("D001/sales.csv.done", b"", age_s=90)
    with_it = home.fetch()

    assert (without.fetched, len(without.waiting)) == ((), 1)
    assert with_it.fetched == ("pulled/D001/sales.csv",)


def test_a_marker_older_than_its_file_is_that_of_an_earlier_upload(home: Any, sftp: Any) -> None:
    home.connections["sender"] = sftp.connection()
    home.profile("pulled", PROFILE.format(root=sftp.folder, more='ready: {marker: "{name}.done"}'))
    sftp.put("D001/sales.csv.done", b"", age_s=100)
    sftp.put("D001/sales.csv", b"a\n1\n", age_s=50)

    assert home.fetch().fetched == ()


def test_hidden_and_half_written_files_links_and_other_names_are_passed_over(pulled: Any, sftp: Any) -> None:
    for name in (".sales.csv", "sales.csv.part", "sales.csv~", "sales.txt"):
        sftp.put(f"D001/{name}", b"x")
    os.symlink("/etc/hostname", sftp.folder / "D001" / "link.csv")
    os.mkfifo(sftp.folder / "D001" / "pipe.csv")
    sftp.put("D001/deeper/sales.csv", b"x")
    sftp.put(".snapshot/sales.csv", b"x")

    assert pulled.fetch().fetched == ()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("after", [10_000, 300_000, 3_000_000])
def test_a_server_that_breaks_off_leaves_nothing_in_landing(
    after: int, home: Any, sftp: Any, dropping: Callable[[int, int], int]
) -> None:
    content = os.urandom(5_000_000)
    sftp.put("D001/sales.csv", content)
    home.profile("pulled", PROFILE.format(root=sftp.folder, more=""))
    home.connections["sender"] = sftp.connection()
    whole = home.connections["sender"]
    broken = dropping(sftp.port, after)
    home.connections["sender"] = type(whole)("sender", "sftp", "127.0.0.1", broken, whole.login, extra=whole.extra)

    report = home.fetch()

    assert report.exit_code == 3
    assert home.landed() == {}
    home.connections["sender"] = whole
    home.fetch()
    assert home.landed() == {"pulled/D001/sales.csv": content}


def test_a_login_that_fails_names_the_source_and_never_the_password(
    pulled: Any, sftp: Any, capfd: Any, caplog: Any
) -> None:
    sftp.put("D001/sales.csv", b"a\n1\n")
    password = "p@ss word/ü%1"
    connection = sftp.connection()
    extra = {"host_key": sftp.host_key, "private_key_passphrase": "second secret"}
    pulled.connections["sender"] = type(connection)(
        "sender", "sftp", "127.0.0.1", sftp.port, sftp.login, password, extra=extra
    )

    with caplog.at_level("DEBUG"):
        report = pulled.fetch()

    assert report.exit_code == 3
    assert "sftp://" in report.failures[0]
    assert "Authentication failed" in report.failures[0]
    stored = b"".join(path.read_bytes() for path in pulled.path.rglob("*") if path.is_file())
    said = f"{report!r}{pulled.connections['sender']!r}{caplog.text}{''.join(capfd.readouterr())}{stored!r}"
    for secret in (password, "p%40ss", "second secret"):
        assert secret not in said


def test_an_unknown_server_is_refused_with_its_fingerprint_and_what_to_do(
    pulled: Any, sftp: Any, tmp_path: Path
) -> None:
    (tmp_path / "known_hosts").write_text("")
    pulled.connections["sender"] = sftp.connection(host_key=None, known_hosts=str(tmp_path / "known_hosts"))

    report = pulled.fetch()

    assert sftp.fingerprint in report.failures[0]
    assert "host_key" in report.failures[0]
    assert pulled.landed() == {}


def test_a_server_with_another_key_than_stated_is_refused(pulled: Any, sftp: Any) -> None:
    pulled.connections["sender"] = sftp.connection(host_key="SHA256:" + "A" * 43)

    assert "another key" in pulled.fetch().failures[0]


@pytest.mark.parametrize("way", ["fingerprint", "known_hosts"])
def test_a_server_is_known_by_its_fingerprint_or_by_known_hosts(
    way: str, pulled: Any, sftp: Any, tmp_path: Path
) -> None:
    sftp.put("D001/sales.csv", b"a\n1\n")
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{sftp.port} {sftp.host_key}\n")
    known = {"host_key": sftp.fingerprint} if way == "fingerprint" else {"known_hosts": str(tmp_path / "known_hosts")}
    pulled.connections["sender"] = sftp.connection(**({"host_key": None} | known))

    assert pulled.fetch().exit_code == 0
    assert len(pulled.landed()) == 1


def test_a_private_key_may_stand_in_the_connection_itself(pulled: Any, sftp: Any) -> None:
    sftp.put("D001/sales.csv", b"a\n1\n")
    pulled.connections["sender"] = sftp.connection(key_file=None, private_key=sftp.key_file.read_text())

    assert pulled.fetch().fetched == ("pulled/D001/sales.csv",)


def test_names_that_lead_elsewhere_or_cannot_stand_here_are_neutralised(pulled: Any, sftp: Any) -> None:
    long = "sales" + "x" * 240 + ".csv"
    for name in ("x\\..\\sales.csv", "sales\x1b[2J.csv", "nul.csv", long):
        sftp.put(f"D001/{name}", name.encode())

    pulled.fetch()

    landed = pulled.landed()
    assert set(landed.values()) == {b"x\\..\\sales.csv", b"sales\x1b[2J.csv", b"nul.csv", long.encode()}
    assert {"pulled/D001/x_.._sales.csv", "pulled/D001/sales_[2J.csv", "pulled/D001/_nul.csv"} <= set(landed)
    assert all(len(Path(name).name.encode()) <= 200 for name in landed)


def test_a_missing_folder_is_told(pulled: Any, sftp: Any) -> None:
    sftp.folder.rmdir()

    report = pulled.fetch()

    assert report.exit_code == 3
    assert "No such file" in report.failures[0]


def test_a_file_that_may_not_be_read_does_not_cost_the_others(
    pulled: Any, sftp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest.connectors import remote

    sftp.put("D001/a.csv", b"a")
    sftp.put("D001/b.csv", b"b")
    copy = remote.Store.copy

    def refuse(store: remote.Store, file: remote.RemoteFile, into: Any) -> None:
        if file.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        copy(store, file, into)

    monkeypatch.setattr(remote.Store, "copy", refuse)

    report = pulled.fetch()

    assert report.fetched == ("pulled/D001/b.csv",)
    assert "a.csv: Permission denied" in report.failures[0]


def test_a_fetch_that_was_killed_leaves_nothing_half_and_is_made_good_by_the_next(pulled: Any, sftp: Any) -> None:
    content = os.urandom(12_000_000)
    sftp.put("D001/sales.csv", content, age_s=3600)
    extra = f'{{"key_file": "{sftp.key_file}", "host_key": "{sftp.host_key}"}}'
    variable = (
        f'{{"conn_type": "sftp", "host": "127.0.0.1", "port": {sftp.port}, "login": "{sftp.login}", "extra": {extra}}}'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "sellthrough.cli", "fetch", "--home", str(pulled.path)],
        env=os.environ | {"SELLTHROUGH_CONN_SENDER": variable},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not list((pulled.path / "landing").rglob("*.part")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    assert not [name for name in pulled.landed() if not name.endswith(".part")]

    pulled.fetch()

    assert pulled.landed() == {"pulled/D001/sales.csv": content}
