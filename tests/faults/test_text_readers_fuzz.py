"""Every reader of text and tables on damaged files: it may reject, it may not crash, hang or lose a record."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.archives import members, read_member
from ingest.batch import Batch, Source, read_batch
from ingest.contracts import load_contracts
from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.profiles import Catalogue, Reading, parse_profile

CONTRACTS = load_contracts()
CATALOGUE = Catalogue(None, CONTRACTS)
FIXTURES = Path(__file__).parents[1] / "fixtures" / "formats"
GENTLE = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
HEADER = [
    *("document_type", "document_no", "line_no", "business_date", "sender_outlet_code", "sender_sku_code"),
    *("qty", "unit", "value_net"),
]
VALUES = ["INVOICE", "A", "1", "01-Mar-26", "O1", "00123", "2", "EA", "₹ 1,23,456.50 Cr"]
ROWS = [HEADER, VALUES, [*VALUES[:1], "B", *VALUES[2:]], ["Total", *[""] * 8]]


def reading(**own: object) -> Reading:
    document = {
        "contract_names": True,
        "dates": ["%d-%b-%y", "excel", "%Y%m%d"],
        "thousands": ",",
        "digit_grouping": "any",
        "negatives": ["cr", "leading", "brackets"],
        "currency": ["₹", "Rs."],
        "totals": {"values": ["Total*"]},
        "fill_down": ["document_no"],
        "repeated_header": True,
        "feeds": {"dms_invoice_line": {"files": "*"}},
        **own,
    }
    return parse_profile("p", document, CONTRACTS).feeds["dms_invoice_line"]


def table(delimiter: str, encoding: str) -> bytes:
    return "".join(delimiter.join(row) + "\n" for row in ROWS).encode(encoding)


def lines_of(records: list[list[str]]) -> bytes:
    return "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in records).encode()


TEXTS = {
    "pipes": (table("|", "utf-8"), reading(delimiter="|", escape="\\", comment="#")),
    "tabs in utf-16": (table("\t", "utf-16-le"), reading(delimiter="\t", encoding="utf-16-le", quote=None)),
    "two header rows": (b"a,,\n" + table(",", "utf-8"), reading(header_rows=2, title_rows=0, ignore_columns=["a"])),
    "no header": (table(";", "utf-8"), reading(delimiter=";", header=HEADER, repeated_header=False)),
    "json lines": (lines_of(ROWS[1:3]), reading(format="jsonl")),
    "json array": (
        json.dumps([dict(zip(HEADER, VALUES, strict=True))] * 3, indent=1).encode(),
        reading(format="jsonl"),
    ),
    "fixed width": (
        (FIXTURES / "fixed_width/dms_invoice_line__envelope_and_returns.txt").read_bytes(),
        CATALOGUE.profile("fixed_width").feeds["dms_invoice_line"],
    ),
}


def batch(content: bytes, how: Reading, name: str = "p/D1/x.csv", limits: Limits | None = None) -> Batch:
    arrived = datetime(2026, 3, 1, tzinfo=UTC)
    source = Source(name, "D1", "s", len(content), arrived, "", lambda: content)
    return read_batch([source], how, CONTRACTS["dms_invoice_line"], limits=limits or Limits())


def check(found: Batch) -> None:
    (file,) = found.files
    assert file.records == file.loaded + file.rejected + file.left_out + file.blank + file.total_lines
    assert file.loaded == found.rows.height
    if file.status == "rejected":
        assert found.rejects.height == 1
    else:
        assert found.rejects["_record"].n_unique() == file.rejected
    assert all(message and message.isprintable() for message in found.rejects["message"])


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A file with stretches cut out, doubled, moved, and bytes put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        change = draw(st.sampled_from(["cut", "double", "insert", "flip", "end"]))
        if change == "cut":
            del data[start:end]
        elif change == "double":
            data[start:start] = data[start:end]
        elif change == "insert":
            signs = [
                b"\n",
                b"\r",
                b'"',
                b"\0",
                b"\\",
                b"|",
                b"{",
                b"]",
                b"\xff\xfe",
                b"\x1a",
                "é".encode(),
                b"#N/A",
                b"1E+5",
            ]
            data[start:start] = draw(st.sampled_from(signs) | st.binary(max_size=6))
        elif change == "flip" and start < len(data):
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif change == "end":
            del data[start:]
    return bytes(data)


@GENTLE
@pytest.mark.parametrize("kind", TEXTS)
@given(data=st.data())
def test_a_damaged_text_loses_no_record(kind, data):
    content, how = TEXTS[kind]

    check(batch(data.draw(damaged(content)), how))


@GENTLE
@pytest.mark.parametrize("kind", ["fixed width", "json lines"])
@given(data=st.data())
def test_each_line_is_counted_once(kind, data):
    content, how = TEXTS[kind]
    text = data.draw(damaged(content)).replace(b"\0", b"")

    found = batch(text, how)

    (file,) = found.files
    read = text.removesuffix(b"\x1a")
    if file.status == "loaded" and b"\n" in read and not read.lstrip().startswith(b"["):
        assert file.records == len(read.removesuffix(b"\n").split(b"\n"))


@pytest.fixture(scope="module")
def workbook() -> bytes:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        page = book.add_worksheet()
        for number, row in enumerate(ROWS):
            page.write_row(number, 0, row)
        page.write_formula(2, 4, "=NA()", None, "#N/A")
        page.merge_range(5, 0, 6, 2, "Total")
    return memory.getvalue()


@GENTLE
@given(data=st.data())
def test_a_damaged_sheet_in_a_sound_package_loses_no_record(workbook, data):
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(memory, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            is_hit = entry.filename in ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml")
            new.writestr(entry.filename, data.draw(damaged(content)) if is_hit else content)

    check(batch(memory.getvalue(), reading(format="xlsx"), "p/D1/x.xlsx", Limits(cells=1_000_000)))


@GENTLE
@given(data=st.data())
def test_a_damaged_archive_gives_refusals_only(tmp_path_factory, data):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", TEXTS["pipes"][0])
        archive.writestr("b/c.csv", TEXTS["no header"][0])
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.unlink(missing_ok=True)
    path.write_bytes(data.draw(damaged(memory.getvalue())))
    try:
        listed = members(path, Limits())
    except FileUnreadable:
        return

    assert len({member.name for member in listed}) == len(listed)
    for member in listed:
        with suppress(FileUnreadable):
            b"".join(read_member(path, member.position, Limits()))


@GENTLE
@given(data=st.data())
def test_a_damaged_gzip_file_is_refused_or_read_whole(data):
    content = data.draw(damaged(gzip.compress(TEXTS["pipes"][0], mtime=0)))

    check(batch(content, TEXTS["pipes"][1], "p/D1/x.csv.gz"))
