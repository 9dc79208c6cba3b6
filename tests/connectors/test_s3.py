"""Objects of an S3-compatible store, from a server on loopback."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

PROFILE = """
id: pulled
contract_names: true
feeds:
  dms_invoice_line: {{files: ["*.csv", "*.csv.gz"]}}
sources:
  - {{url: "s3://{bucket}/{path}", connection: store{more}}}
"""


@pytest.fixture
def pulled(home: Any, s3: Any) -> Any:
    """A home whose profile pulls packed files of all senders below a prefix."""
    home.connections["store"] = s3.connection()
    home.profile("pulled", PROFILE.format(bucket=s3.bucket, path="dms/{sender}/*.csv.gz", more=""))
    return home


def test_objects_land_by_sender_and_only_once(pulled: Any, s3: Any) -> None:
    packed = gzip.compress(b"a\n1\n")
    s3.put("dms/D001/sales.csv.gz", packed)
    s3.put("dms/D002/sales.csv.gz", packed)
    s3.put("dms/D002/notes.txt", b"x")
    s3.put("other/D003/sales.csv.gz", packed)

    first, second = pulled.fetch(), pulled.fetch()

    assert pulled.landed() == {"pulled/D001/sales.csv.gz": packed, "pulled/D002/sales.csv.gz": packed}
    assert (len(first.fetched), second.fetched, second.already) == (2, (), 2)


def test_the_senders_code_may_stand_in_the_name(home: Any, s3: Any) -> None:
    home.connections["store"] = s3.connection()
    home.profile("pulled", PROFILE.format(bucket=s3.bucket, path="in/{sender}_sales_*.csv", more=""))
    s3.put("in/D001_sales_2026.csv", b"a")

    assert home.fetch().fetched == ("pulled/D001/D001_sales_2026.csv",)


def test_folders_below_are_kept_apart(home: Any, s3: Any) -> None:
    home.connections["store"] = s3.connection()
    home.profile("pulled", PROFILE.format(bucket=s3.bucket, path="in/**/*.csv", more=", sender: D001"))
    s3.put("in/a.csv", b"1")
    s3.put("in/2026/03/a.csv", b"2")

    home.fetch()

    assert home.landed() == {"pulled/D001/a.csv": b"1", "pulled/D001/2026/03/a.csv": b"2"}


def test_an_object_that_is_written_anew_lands_as_a_version_even_at_the_same_size_and_second(
    pulled: Any, s3: Any
) -> None:
    s3.put("dms/D001/sales.csv.gz", b"one")
    pulled.fetch()
    s3.put("dms/D001/sales.csv.gz", b"two")
    when = s3.client.head_object(Bucket=s3.bucket, Key="dms/D001/sales.csv.gz")["LastModified"].timestamp()
    os.utime(pulled.path / "landing" / "pulled/D001/sales.csv.gz", (when, when))

    assert pulled.fetch().fetched == ("pulled/D001/sales_r00002.csv.gz",)
    assert sorted(pulled.landed().values()) == [b"one", b"two"]


def test_without_its_record_what_lies_in_landing_is_recognised(pulled: Any, s3: Any) -> None:
    s3.put("dms/D001/sales.csv.gz", b"one")
    pulled.fetch()
    (pulled.path / "state" / "fetch" / "pulled.json").unlink()

    assert pulled.fetch().already == 1
    assert len(pulled.landed()) == 1


def test_a_prefix_without_objects_is_nothing_and_a_missing_bucket_a_failure(pulled: Any, s3: Any) -> None:
    assert pulled.fetch().exit_code == 0
    pulled.profile("pulled", PROFILE.format(bucket="no-such-bucket", path="dms/{sender}/*.csv", more=""))

    report = pulled.fetch()

    assert report.exit_code == 3
    assert "no-such-bucket" in report.failures[0]


def test_a_marker_object_says_that_a_file_is_whole(home: Any, s3: Any) -> None:
    home.connections["store"] = s3.connection()
    ready = ', sender: D001, ready: {marker: "{stem}.ok"}'
    home.profile("pulled", PROFILE.format(bucket=s3.bucket, path="in/*", more=ready))
    s3.put("in/sales.csv", b"a")

    without = home.fetch()
    s3.put("in/sales.ok", b"")
    with_it = home.fetch()

    assert without.waiting == (f"s3://{s3.bucket}/in/sales.csv",)
    assert with_it.fetched == ("pulled/D001/sales.csv",)


@pytest.mark.timeout(120)
def test_a_store_that_breaks_off_leaves_nothing_in_landing(
    home: Any, s3: Any, dropping: Callable[[int, int], int]
) -> None:
    content = os.urandom(3_000_000)
    s3.put("dms/D001/sales.csv.gz", content)
    home.profile("pulled", PROFILE.format(bucket=s3.bucket, path="dms/{sender}/*.csv.gz", more=""))
    home.connections["store"] = s3.connection(port=dropping(s3.port, 1_500_000))

    report = home.fetch()

    assert report.exit_code == 3
    assert home.landed() == {}
    home.connections["store"] = s3.connection()
    home.fetch()
    assert home.landed() == {"pulled/D001/sales.csv.gz": content}


def test_no_failure_shows_the_secret_key(pulled: Any, s3: Any, capfd: Any, caplog: Any) -> None:
    pulled.connections["store"] = replace(
        s3.connection(), extra={"endpoint_url": "http://127.0.0.1:9", "aws_session_token": "tok/en"}
    )

    with caplog.at_level("DEBUG"):
        report = pulled.fetch()

    assert report.exit_code == 3
    stored = b"".join(path.read_bytes() for path in pulled.path.rglob("*") if path.is_file())
    said = f"{report!r}{pulled.connections['store']!r}{caplog.text}{''.join(capfd.readouterr())}{stored!r}"
    for secret in ("s3-secret/+x", "s3-secret%2F%2Bx", "tok/en"):
        assert secret not in said


def test_an_endpoint_without_encryption_is_refused_beyond_this_machine(pulled: Any, s3: Any) -> None:
    pulled.connections["store"] = replace(s3.connection(), extra={"endpoint_url": "http://store.example.com"})

    assert "allow_http" in pulled.fetch().failures[0]
