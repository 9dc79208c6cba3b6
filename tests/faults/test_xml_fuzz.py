"""Damaged files of Tally and of tills: what is damaged is refused alone."""

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
    ("nrf_poslog", "pos_sale__two_days_returns_and_voids.xml"),
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
