"""Packed files: gzip streams and zip archives, whose members are files of their own."""

from __future__ import annotations

import gzip
import io
import zipfile
from itertools import islice

import pytest

import ingest
from ingest.archives import gunzip
from ingest.errors import FileUnreadable
from ingest.limits import Limits, refuse_long_line, short_lines

ZIP = "csv_generic/D001/march.zip"


def packed(*files: tuple[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return memory.getvalue()


def invoices(*numbers: str) -> str:
    header = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
    return header + "".join(f"INVOICE,{number},1,2026-03-01,O1,S1,1,EA,5\n" for number in numbers)


def test_each_member_is_a_file_of_its_own(landing):
    landing.put(
        ZIP,
        packed(
            ("dms_invoice_line_1.csv", invoices("A")),
            ("sub/dms_invoice_line_2.csv", invoices("B", "C")),
            ("__MACOSX/._dms_invoice_line_1.csv", b"\0"),
        ),
    )

    report = landing.run()

    assert (report.files, report.loaded, report.problems) == (2, 3, ())
    assert [entry["name"] for entry in landing.commits()[0]["files"]] == [
        f"{ZIP}/dms_invoice_line_1.csv",
        f"{ZIP}/sub/dms_invoice_line_2.csv",
    ]
    assert landing.rows()["_sender"].unique().to_list() == ["D001"]


def test_a_member_that_landed_before_is_not_taken_again(landing):
    landing.put("csv_generic/D001/dms_invoice_line_1.csv", invoices("A"))
    landing.run()
    landing.put(ZIP, packed(("dms_invoice_line_1.csv", invoices("A")), ("dms_invoice_line_2.csv", invoices("B"))))

    report = landing.run()

    assert (report.files, report.loaded, report.already) == (1, 1, 2)


def test_a_member_may_be_gzipped(landing):
    landing.put(ZIP, packed(("dms_invoice_line.csv.gz", gzip.compress(invoices("A").encode()))))

    assert landing.run().loaded == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../../dms_invoice_line.csv", "leads out of the archive"),
        ("/etc/dms_invoice_line.csv", "leads out of the archive"),
        ("C:\\exports\\dms_invoice_line.csv", "leads out of the archive"),
        ("a\n\x1b[31m/dms_invoice_line.csv", "control characters"),
        ("x" * 400 + "/dms_invoice_line.csv", "too long"),
        ("inner.zip", "archive within an archive"),
    ],
)
def test_a_member_with_a_bad_name_is_refused_alone(landing, name, says):
    landing.put(ZIP, packed((name, invoices("A")), ("dms_invoice_line_2.csv", invoices("B"))))

    report = landing.run()

    assert (report.files, report.rejected_files, report.loaded) == (2, 1, 1)
    (problem,) = report.problems
    assert says in problem
    assert problem.isprintable()
    assert all("/../" not in entry["name"] for commit in landing.commits() for entry in commit["files"])
    assert landing.run().files == 0


def test_folders_written_with_backslashes_are_folders(landing):
    landing.put(ZIP, packed(("march\\dms_invoice_line.csv", invoices("A"))))

    assert landing.run().loaded == 1
    assert landing.commits()[0]["files"][0]["name"] == f"{ZIP}/march/dms_invoice_line.csv"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_with_one_name_neither_counts(landing):
    landing.put(ZIP, packed(("dms_invoice_line.csv", invoices("A")), ("dms_invoice_line.csv", invoices("B"))))

    report = landing.run()

    assert (report.rejected_files, report.loaded) == (1, 0)
    assert "stands 2 times in the archive" in report.problems[0]


def test_an_encrypted_member_is_refused_with_a_clear_message(landing):
    data = bytearray(packed(("dms_invoice_line.csv", invoices("A")), ("dms_invoice_line_2.csv", invoices("B"))))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    landing.put(ZIP, bytes(data))

    report = landing.run()

    assert (report.rejected_files, report.loaded) == (1, 1)
    assert "is encrypted; have it sent without a password" in report.problems[0]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", packed(), packed(("a/", b""))])
def test_an_archive_that_cannot_be_opened_is_one_rejected_file(landing, content):
    landing.put(ZIP, content)
    landing.put("csv_generic/D002/dms_invoice_line.csv", invoices("A"))

    report = landing.run()

    assert (report.files, report.rejected_files, report.loaded) == (2, 1, 1)
    assert landing.run().files == 0


def test_a_damaged_member_costs_only_itself(landing):
    data = bytearray(
        packed(
            ("dms_invoice_line_1.csv", invoices("A")),
            ("dms_invoice_line_2.csv", invoices("B")),
            method=zipfile.ZIP_STORED,
        )
    )
    data[data.index(b"INVOICE,A")] ^= 1
    landing.put(ZIP, bytes(data))

    report = landing.run()

    assert (report.rejected_files, report.loaded) == (1, 1)
    assert "the archive is damaged" in report.problems[0]


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(members=1), "archive of 2 files, more than 1"),
        (Limits(unpacked_bytes=2_000_000), "unpacks to more than 2000000 bytes"),
        (Limits(unpacked_ratio=50), "more than 50 times its size"),
    ],
)
def test_an_archive_beyond_the_limits_is_refused_before_anything_is_unpacked(landing, limits, says):
    landing.put(ZIP, packed(("dms_invoice_line_1.csv", b"0" * 3_000_000), ("dms_invoice_line_2.csv", invoices("B"))))

    report = landing.run(limits=limits)

    assert (report.files, report.rejected_files) == (1, 1)
    assert says in report.problems[0]


def test_check_counts_the_members_of_an_archive_together(landing):
    file = landing.put(
        ZIP,
        packed(
            ("dms_invoice_line_1.csv", invoices("A")),
            ("dms_invoice_line_2.csv", invoices("B", "C")),
            ("sku.csv", "sku_code,sku_name\nS1,Soap\n"),
        ),
    )

    report = ingest.check(landing.home, file, profile="csv_generic")

    assert (report.feed, report.sender, report.records, report.loaded) == ("dms_invoice_line", "D001", 3, 3)
    assert report.rows["document_no"].to_pylist() == ["A", "B", "C"]
    assert [(other.feed, other.loaded) for other in report.others] == [("sku", 1)]


def test_joined_gzip_files_are_read_to_the_end(landing):
    first, second = (gzip.compress(part.encode()) for part in (invoices("A"), invoices("B").split("\n", 1)[1]))
    landing.put("csv_generic/D001/dms_invoice_line.csv.gz", first + second)

    assert landing.run().loaded == 2


def test_a_gzipped_file_fits_the_pattern_of_its_name_before_it_was_packed(landing):
    landing.config("profiles/p.yaml", "contract_names: true\nfeeds: {dms_invoice_line: {files: '*.csv'}}\n")
    landing.put("p/D1/MARCH.CSV.GZ", gzip.compress(invoices("A").encode()))

    assert landing.run().loaded == 1


def test_a_gzip_bomb_is_refused_after_its_first_megabytes():
    chunks = gunzip(io.BytesIO(gzip.compress(b"0" * 200_000_000)), Limits())

    with pytest.raises(FileUnreadable, match="more than 200 times its size"):
        list(islice(chunks, 64))


def test_a_gzip_file_that_unpacks_beyond_the_limit_is_refused(landing):
    landing.put("csv_generic/D001/dms_invoice_line.csv.gz", gzip.compress(invoices(*"ABCD").encode()))

    report = landing.run(limits=Limits(unpacked_bytes=200))

    assert "unpacks to more than 200 bytes" in report.problems[0]


def test_a_line_that_is_too_long_is_found_wherever_it_stands():
    limits = Limits(line_bytes=4)

    for data in (b"abcd\nabcd\n", b"abcd", b"\n" * 9, b"[" + b"1," * 9):
        refuse_long_line(data, limits)
        assert b"".join(short_lines([data], limits)) == data
    for data in (b"abcde\n", b"ab\nabcde", b"ab\nabcde\n"):
        with pytest.raises(FileUnreadable):
            refuse_long_line(data, limits)
    for chunks in ([b"abc", b"de\n"], [b"ab\n", b"abc", b"de"], [b"ab\na", b"b", b"c", b"d", b"e"]):
        with pytest.raises(FileUnreadable):
            list(short_lines(chunks, limits))
