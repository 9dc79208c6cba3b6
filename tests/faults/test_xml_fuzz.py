"""Damaged files of Tally and of tills: read or refused, with every record accounted for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batch import Batch, Source, read_batch
from ingest.contracts import load_contracts
from ingest.profiles import Catalogue

CONTRACTS = load_contracts()
CATALOGUE = Catalogue(None, CONTRACTS)
FIXTURES = Path(__file__).parents[1] / "fixtures" / "formats"
FILES = [
    ("tally_daybook", "dms_invoice_line__daybook_utf16.xml"),
    ("tally_daybook", "dms_stock__stksum_2026-03-31.xml"),
    ("tally_loader", "dms_invoice_line__joined.csv"),
    ("nrf_poslog", "pos_sale__two_days_returns_and_voids.xml"),
]
PIECES = [
    b"<",
    b">",
    b"</",
    b"/>",
    b'"',
    b"&",
    b"&#4;",
    b"&#xD800;",
    b"<!--",
    b"<![CDATA[",
    b"]]>",
    b"\0",
    b"\xff",
    b"\r",
    b",",
    b"\n",
]


def read(profile_id: str, name: str, content: bytes) -> list[Batch]:
    """The batches of all feeds that the file serves."""
    profile = CATALOGUE.profile(profile_id)
    source = Source(
        f"{profile_id}/D001/{name}", "D001", "0", len(content), datetime(2026, 4, 1, tzinfo=UTC), "", lambda: content
    )
    return [
        read_batch([source], profile.feeds[feed], CONTRACTS[feed], route=profile.route(feed))
        for feed in profile.feeds_of(name)
    ]


@pytest.mark.parametrize(("profile", "name"), FILES)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_file_is_accounted_for(profile, name, data):
    content = (FIXTURES / profile / name).read_bytes()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.sampled_from([0, 0, 1, 2, 50, 1000]))
        content = content[:start] + data.draw(st.sampled_from([b"", *PIECES]) | st.binary(max_size=4)) + content[end:]

    for batch in read(profile, name, content):
        (file,) = batch.files
        assert file.records == file.loaded + file.rejected + file.left_out + file.blank + file.total_lines
        assert file.loaded == batch.rows.height
        records = batch.rejects["_record"].drop_nulls().n_unique()
        assert file.status == "rejected" or file.rejected == records


@pytest.mark.parametrize(("profile", "name"), [FILES[0], FILES[3]])
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_byte_costs_one_voucher_or_transaction_at_most(profile, name, data):
    content = (FIXTURES / profile / name).read_bytes()
    element = "VOUCHER" if profile == "tally_daybook" else "p:Transaction"
    text = content.decode("utf-16" if profile == "tally_daybook" else "utf-8")
    first, last = text.index(f"<{element} "[:-1]), text.rindex(f"</{element}>")
    at = data.draw(st.integers(first, last))
    damaged = text[:at] + data.draw(st.sampled_from("<>&\"'/xé\x00")) + text[at + 1 :]

    whole, found = (
        sum(
            batch.rows.height + sum(file.left_out for file in batch.files)
            for batch in read(profile, name, one.encode("utf-8"))
        )
        for one in (text, damaged)
    )

    largest = max(
        part.count("<STOCKITEMNAME>") or part.count("ExtendedAmount>") // 2 for part in text.split(f"<{element}")
    )
    neighbours = 2  # a tag that is lost takes the element beside it along
    assert found >= whole - neighbours * largest
