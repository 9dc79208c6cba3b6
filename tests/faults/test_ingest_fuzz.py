"""Whatever lands: no file stops ingest, and the counts of each file add up."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batch import Source, read_batch
from ingest.contracts import load_contracts
from ingest.profiles import Catalogue

CONTRACTS = load_contracts()
CATALOGUE = Catalogue(None, CONTRACTS)
CONTRACT = CONTRACTS["dms_invoice_line"]
HEADER = b"document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
LINE = b"INVOICE,A,1,2026-03-01,O1,S1,2,EA,9.50\n"
GENTLE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def batch(*contents: bytes, profile: str = "csv_generic", ending: str = "csv"):
    sources = [
        Source(
            f"{profile}/D001/dms_invoice_line_{n}.{ending}",
            "D001",
            str(n),
            len(content),
            datetime(2026, 3, 1, tzinfo=UTC),
            "",
            lambda c=content: c,
        )
        for n, content in enumerate(contents)
    ]
    return read_batch(sources, CATALOGUE.profile(profile).feeds["dms_invoice_line"], CONTRACT)


def check(found, files: int) -> None:
    assert len(found.files) == files
    for file in found.files:
        assert file.records == file.loaded + file.rejected + file.left_out + file.blank + file.total_lines
    assert sum(file.loaded for file in found.files) == found.rows.height
    rejected = found.rejects.filter(found.rejects["_record"].is_not_null()).select("_file", "_record").n_unique()
    whole = sum(file.rejected for file in found.files if file.status == "rejected")
    assert sum(file.rejected for file in found.files) == rejected + whole
    assert all(message for message in found.rejects["message"])


MESSY = st.lists(
    st.one_of(
        st.just(LINE),
        st.binary(max_size=12),
        st.sampled_from(
            [b'"', b",", b"\n", b"\r", b"\r\n", b"\0", b"\xe9", "é".encode(), b"Total", b",,,,,,,,\n", b'"a\nb"']
        ),
        st.text(alphabet=st.sampled_from('INVOICE,A1"\n é-.'), max_size=20).map(str.encode),
    ),
    max_size=12,
).map(b"".join)


@GENTLE
@given(MESSY)
def test_any_bytes_below_a_header(body):
    check(batch(HEADER + body, HEADER + LINE), 2)


@GENTLE
@given(st.binary(max_size=60))
def test_any_bytes_at_all(content):
    found = batch(content, HEADER + LINE)

    check(found, 2)
    assert found.rows.height >= 1


@GENTLE
@given(st.permutations(HEADER.strip().split(b",")), st.sets(st.integers(0, 8), max_size=3))
def test_columns_in_any_order_and_some_missing(names, dropped):
    header = b",".join(name for index, name in enumerate(names) if index not in dropped) + b"\n"
    values = dict(zip(HEADER.strip().split(b","), LINE.strip().split(b","), strict=True))
    line = b",".join(values[name] for index, name in enumerate(names) if index not in dropped) + b"\n"

    found = batch(header + line)

    check(found, 1)
    assert found.rows.height == (0 if dropped else 1)


@GENTLE
@given(st.lists(st.text(max_size=12), min_size=9, max_size=9))
def test_any_text_in_the_cells(cells):
    body = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)

    check(batch(HEADER + body.encode("utf-8", "replace") + b"\n" + LINE), 1)
