"""Every reader on 200 mutated files: it may reject, it may not crash, hang, or lose a record.

Each record of a file bears a mark of its own. A mark that is still to be read in the mutated bytes must be found again, in a loaded row or in
the raw text of a rejected record. One edit can take one record away (it joins it to its neighbour, or cuts into its mark's place), no more; what
only ends a file early takes none.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.archives import members, read_member
from ingest.batch import Batch, Source, read_batch
from ingest.contracts import load_contracts
from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.profiles import Catalogue, Profile, parse_profile

CONTRACTS = load_contracts()
CATALOGUE = Catalogue(None, CONTRACTS)
LIMITS = Limits(cells=1_000_000)
MARKS = [f"MK{number:02}Z" for number in range(12)]
OFTEN = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
COLUMNS = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net"


# edits


@dataclass(frozen=True)
class Edit:
    """One change of a file: what stands at a place is cut out, doubled, moved or overwritten."""

    kind: str
    at: int
    length: int
    new: bytes

    def apply(self, data: bytes) -> bytes:
        """The file with this change."""
        start = self.at % (len(data) + 1)
        end = min(len(data), start + self.length)
        if self.kind == "cut":
            return data[:start] + data[end:]
        if self.kind == "double":
            return data[:end] + data[start:]
        if self.kind == "insert":
            return data[:start] + self.new + data[start:]
        if self.kind == "flip":
            flipped = bytes(byte ^ 1 << self.length % 8 for byte in data[start : start + 1])
            return data[:start] + flipped + data[start + 1 :]
        if self.kind == "end":
            return data[:start]
        return data[start:] + data[:start]  # the halves change places


SIGNS = [
    *(b"\n", b"\r", b"\r\n", b'"', b"'", b"\0", b"\\", b"|", b",", b";", b"{", b"]", b"~", b"*", b"+", b"?", b":"),
    *(b"<", b">", b"</", b"/>", b"&", b"&#4;", b"&#xD800;", b"<![CDATA[", b"]]>", b"\xff\xfe", b"\x1a", b"\xe9"),
    *(b"#N/A", b"1E+5", b"99999999999999999999", b"T00000009", b"SE*9*1~", b"UNT+9+1'", b"</VOUCHER>", b"<IDOC>"),
]
EDITS = st.lists(
    st.builds(
        Edit,
        kind=st.sampled_from(["cut", "cut", "double", "insert", "insert", "flip", "flip", "end", "halves"]),
        at=st.integers(0, 2**31),
        length=st.integers(0, 60),
        new=st.sampled_from(SIGNS) | st.binary(max_size=6),
    ),
    min_size=1,
    max_size=3,
)


def mutated(data: bytes, edits: list[Edit]) -> bytes:
    for edit in edits:
        data = edit.apply(data)
    return data


# files


def invoice_lines(form: str = "INVOICE,A,{n},2026-03-01,O1,{mark},2,EA,9.50\n", header: str = COLUMNS + "\n") -> bytes:
    return (header + "".join(form.format(n=n, mark=mark) for n, mark in enumerate(MARKS, 1))).encode()


def fixed_width() -> bytes:
    lines = (f"D20260331{mark:18}B24A        SPC        120        96\n" for mark in MARKS)
    return ("H20260331\n" + "".join(lines) + "T00000012\n").encode()


def visit(mark: str) -> str:
    times = {"checkin_ts_device": "2026-03-01T09:00:00+05:30", "server_ts": "2026-03-01T04:00:00Z"}
    return json.dumps({"visit_id": mark, "rep_code": "R1", "outlet_code": 'O"1', **times, "location": {"lat": 18.5}})


def vouchers() -> bytes:
    return envelope(
        f'<VOUCHER VCHTYPE="Sales"><GUID>g-{n}</GUID><DATE>20260301</DATE><VOUCHERNUMBER>S-{n}</VOUCHERNUMBER>'
        f"<PARTYLEDGERNAME>Asha</PARTYLEDGERNAME><ALLINVENTORYENTRIES.LIST><STOCKITEMNAME>{mark}</STOCKITEMNAME>"
        "<ISDEEMEDPOSITIVE>No</ISDEEMEDPOSITIVE><AMOUNT>40.00</AMOUNT><ACTUALQTY> 1 pcs</ACTUALQTY>"
        "<BILLEDQTY> 1 pcs</BILLEDQTY></ALLINVENTORYENTRIES.LIST></VOUCHER>\n"
        for n, mark in enumerate(MARKS)
    )


def stock_summary() -> bytes:
    return envelope(
        f"<DSPACCNAME><DSPDISPNAME>{mark}</DSPDISPNAME></DSPACCNAME><DSPSTKINFO><DSPSTKCL><DSPCLQTY>5 pcs</DSPCLQTY>"
        "<DSPCLRATE>3.00</DSPCLRATE><DSPCLAMTA>-15.00</DSPCLAMTA></DSPSTKCL></DSPSTKINFO>\n"
        for mark in MARKS
    )


def envelope(parts) -> bytes:
    return f"<ENVELOPE>\n{''.join(parts)}</ENVELOPE>\n".encode()


LOADER = "guid,date,voucher_type,voucher_number,party_name,is_order_voucher,item,quantity,rate,amount,godown,tracking_number,order_number,uom\n"


def idocs() -> bytes:
    def item(n: int, mark: str) -> str:
        return (
            f'<E1EDL24 SEGMENT="1"><POSNR>{n:06}</POSNR><MATNR>{mark}</MATNR><WERKS>1000</WERKS><LFIMG>4.000</LFIMG>'
            "<VRKME>PCE</VRKME></E1EDL24>"
        )

    def one(n: int) -> str:
        items = "".join(item(place, mark) for place, mark in enumerate(MARKS[n * 3 : n * 3 + 3], 1))
        return (
            f'<IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DOCNUM>{n}</DOCNUM><IDOCTYP>DELVRY07</IDOCTYP></EDI_DC40>'
            f'<E1EDL20 SEGMENT="1"><VBELN>8{n}</VBELN><E1ADRM1 SEGMENT="1"><PARTNER_Q>WE</PARTNER_Q>'
            '<PARTNER_ID>D1</PARTNER_ID></E1ADRM1><E1EDT13 SEGMENT="1"><QUALF>006</QUALF><ISDD>20260302</ISDD></E1EDT13>'
            f"{items}</E1EDL20></IDOC>\n"
        )

    return f"<DELVRY07>{''.join(one(n) for n in range(4))}</DELVRY07>".encode()


def x12() -> bytes:
    def one(n: int) -> str:
        items = "".join(
            f"IT1*{place}*2*EA*10.50**VP*{mark}~\n" for place, mark in enumerate(MARKS[n * 3 : n * 3 + 3], 1)
        )
        return (
            f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ACME':15}*ZZ*{'US':15}*260301*1200*U*00401*{n:09}*0*P*>~\n"
            f"GS*IN*A*B*20260301*1200*{n}*X*004010~\nST*810*0001~\nBIG*20260301*INV{n}~\nN1*BY*Shop*92*D1~\n"
            f"N1*SF*Plant*92*P1~\n{items}CTT*3~\nSE*9*0001~\nGE*1*{n}~\nIEA*1*{n:09}~\n"
        )

    return "".join(one(n) for n in range(4)).encode()


def edifact() -> bytes:
    def one(n: int) -> str:
        lines = "".join(
            f"LIN+{place}++{mark}:SA'MOA+203:10'QTY+153:4'\n" for place, mark in enumerate(MARKS[n * 3 : n * 3 + 3], 1)
        )
        return (
            f"UNB+UNOA:2+R1+US+260301:1200+REF{n}'UNH+M1+SLSRPT:D:96A:UN'BGM+73E+DOC{n}+9'DTM+356:20260301:102'\n"
            f"LOC+162+O1'{lines}UNT+14+M1'UNZ+1+REF{n}'\n"
        )

    return "".join(one(n) for n in range(4)).encode()


def till_log() -> bytes:
    sales = (
        f"<Transaction><RetailStoreID>9</RetailStoreID><WorkstationID>3</WorkstationID><SequenceNumber>{n}</SequenceNumber>"
        "<BusinessDayDate>2026-03-01</BusinessDayDate><RetailTransaction><LineItem><SequenceNumber>1</SequenceNumber>"
        f"<Sale><ItemID>{mark}</ItemID><ExtendedAmount>5.00</ExtendedAmount><Quantity>1</Quantity></Sale></LineItem>"
        "</RetailTransaction></Transaction>\n"
        for n, mark in enumerate(MARKS)
    )
    return f"<POSLog>{''.join(sales)}</POSLog>".encode()


def own(**reading: object) -> Profile:
    """A profile of our own for invoice lines."""
    common = {"contract_names": True, "feeds": {"dms_invoice_line": {"files": "*"}}, "totals": {"values": ["Total*"]}}
    return parse_profile("p", {**common, **reading}, CONTRACTS)


@dataclass(frozen=True)
class Case:
    """A sound file of 12 records and the profile that reads it.

    Attributes:
        is_by_line: each line is a record, a blank or a total line, as long as no quote or carriage return stands in the text.
        above: lines above the records that are not counted.
        encoding: in which the marks are looked for.
    """

    profile: Profile
    content: bytes
    name: str = "x.csv"
    is_by_line: bool = False
    above: int = 0
    encoding: str = "latin-1"


def shipped(profile: str, content: bytes, name: str, **more: object) -> Case:
    return Case(CATALOGUE.profile(profile), content, name, **more)


QUOTED = 'INVOICE,"A ""x""",{n},2026-03-01,"O1\nO2",{mark},2,EA,"9.50"\n'
PIPES = invoice_lines().replace(b",", b"|")
CASES = {
    "csv, trivial": shipped("csv_generic", invoice_lines(), "dms_invoice_line.csv", is_by_line=True, above=1),
    "csv, quoted": shipped("csv_generic", invoice_lines(QUOTED), "dms_invoice_line.csv"),
    "csv, escapes and comments": Case(own(delimiter="|", escape="\\", comment="#"), PIPES),
    "csv, tabs in utf-16": Case(
        own(delimiter="\t", encoding="utf-16-le", quote=None),
        invoice_lines().replace(b",", b"\t").decode().encode("utf-16-le"),
        encoding="utf-16-le",
    ),
    "csv, two header rows": Case(
        own(header_rows=2, fill_down=["a / document_no"], columns={name: f"a / {name}" for name in COLUMNS.split(",")}),
        b"a,,,,,,,,\n" + invoice_lines(),
    ),
    "csv, no header": Case(own(header=COLUMNS.split(",")), invoice_lines(header=""), is_by_line=True),
    "fixed_width": shipped("fixed_width", fixed_width(), "dms_stock.txt", is_by_line=True),
    "jsonl": shipped(
        "sfa_visits", "".join(visit(mark) + "\n" for mark in MARKS).encode(), "visits.jsonl", is_by_line=True
    ),
    "jsonl, array": shipped("sfa_visits", f"[{','.join(map(visit, MARKS))}]".encode(), "visits.jsonl"),
    "sap_table": shipped(
        "sap_likp_lips",
        invoice_lines(
            "0080000001|{n:06}|TAN|D1|{mark}|1000|10|ST|20260302\n",
            "VBELN|POSNR|PSTYV|KUNNR|MATNR|WERKS|LFIMG|VRKME|WADAT_IST\n",
        ),
        "lips.txt",
    ),
    "tally_xml": shipped("tally_daybook", vouchers(), "DayBook.xml"),
    "tally_stock": shipped("tally_daybook", stock_summary(), "StkSum_2026-03-31.xml"),
    "tally_loader": shipped(
        "tally_loader",
        invoice_lines('"g-{n}","2026-03-01","Sales","S-{n}","Asha",0,"{mark}",-2,40,80,"Main","","","pcs"\n', LOADER),
        "rows.csv",
    ),
    "sap_idoc_xml": shipped("sap_delvry07", idocs(), "idocs.xml"),
    "x12": shipped("x12_810", x12(), "invoices.edi"),
    "edifact": shipped("edifact_slsrpt", edifact(), "sales.edi"),
    "nrf_poslog": shipped("nrf_poslog", till_log(), "log.xml"),
}


# readings


def batches(case: Case, content: bytes) -> list[Batch]:
    """What each feed of the file takes from it."""
    arrived = datetime(2026, 4, 1, tzinfo=UTC)
    source = Source(f"p/D1/{case.name}", "D1", "0", len(content), arrived, "", lambda: content)
    return [
        read_batch([source], case.profile.feeds[feed], CONTRACTS[feed], None, case.profile.route(feed), LIMITS)
        for feed in case.profile.feeds_of(case.name)
    ]


def check_counts(batch: Batch) -> None:
    (file,) = batch.files
    assert file.records == file.loaded + file.rejected + file.left_out + file.blank + file.total_lines
    assert file.loaded == batch.rows.height
    if file.status == "rejected":
        assert (batch.rejects["_record"].to_list(), file.loaded, file.left_out) == ([None], 0, 0)
    else:
        assert batch.rejects["_record"].null_count() == batch.rejects["raw"].null_count() == 0
        assert batch.rejects["_record"].n_unique() == file.rejected
        assert batch.rejects["_record"].is_in(range(1, file.records + sum(f.records for f in batch.files) + 1)).all()
    assert all(message and message.isprintable() for message in batch.rejects["message"])


def marks_in(frame: pl.DataFrame) -> set[str]:
    texts = frame.select(pl.col(pl.String))
    return set(re.findall(r"MK\d\dZ", "\x00".join(str(value) for row in texts.iter_rows() for value in row)))


def lines_below(case: Case, content: bytes) -> int | None:
    if (
        not case.is_by_line
        or b"\r" in content
        or (b'"' in content and case.name.endswith(".csv"))
        or content[:1] == b"["
    ):
        return None
    text = content.removesuffix(b"\x1a").removesuffix(b"\n")
    return len(text.split(b"\n")) - case.above


@pytest.mark.parametrize("kind", CASES)
def test_a_sound_file_is_read_whole(kind: str) -> None:
    found = batches(CASES[kind], CASES[kind].content)

    assert [mark for batch in found for mark in sorted(marks_in(batch.rows))] == MARKS
    assert sum(batch.rejects.height for batch in found) == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", CASES)
@OFTEN
@given(edits=EDITS)
def test_a_mutated_file_loses_no_record(kind: str, edits: list[Edit]) -> None:
    case = CASES[kind]
    content = mutated(case.content, edits)

    found = batches(case, content)

    for batch in found:
        check_counts(batch)
    files = [batch.files[0] for batch in found]
    if any(file.status == "rejected" for file in files):
        return
    lines = lines_below(case, content)
    assert lines in (None, sum(file.records for file in files))
    there = set(re.findall(r"MK\d\dZ", content.decode(case.encoding, "replace")))
    lost = there.difference(*(marks_in(batch.rows) | marks_in(batch.rejects) for batch in found))
    joining = sum(edit.kind != "end" for edit in edits)
    assert len(lost) <= joining + sum(file.left_out + file.total_lines for file in files), sorted(lost)


@pytest.fixture(scope="module")
def workbook() -> bytes:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        sheet = book.add_worksheet()
        rows = [["Stock"], [], [], ["As Of", "Item Code", "Closing", "UOM"]]
        rows += [["2026-03-01", mark, 5, "PC"] for mark in MARKS]
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
        sheet.write_formula(6, 2, "=NA()", None, "#N/A")
    return memory.getvalue()


def with_sheet_edited(package: bytes, edits: list[Edit]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(memory, "w") as new:
        for number, entry in enumerate(old.infolist()):
            own_edits = edits[number % len(edits) :] if entry.filename in PARTS else []
            new.writestr(entry.filename, mutated(old.read(entry), own_edits))
    return memory.getvalue()


PARTS = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("edited", [mutated, with_sheet_edited])
@OFTEN
@given(edits=EDITS)
def test_a_mutated_workbook_is_accounted_for(
    workbook: bytes, edited: Callable[[bytes, list[Edit]], bytes], edits: list[Edit]
) -> None:
    case = Case(CATALOGUE.profile("xlsx_generic"), edited(workbook, edits), "dms_stock_2026-03-01.xlsx")

    for batch in batches(case, case.content):
        check_counts(batch)


@pytest.mark.timeout(120)
@OFTEN
@given(edits=EDITS)
def test_a_mutated_gzip_file_is_refused_or_read_whole(edits: list[Edit]) -> None:
    case = CASES["csv, trivial"]
    packed = mutated(gzip.compress(case.content, mtime=0), edits)

    (batch,) = batches(replace(case, name=f"{case.name}.gz"), packed)

    check_counts(batch)
    assert batch.files[0].status == "rejected" or marks_in(batch.rows) == set(MARKS)


@pytest.mark.timeout(120)
@OFTEN
@given(edits=EDITS)
def test_each_member_of_a_mutated_archive_is_refused_or_read_whole(
    tmp_path_factory: pytest.TempPathFactory, edits: list[Edit]
) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", MARKS[0] * 50)
        archive.writestr("b/c.csv", MARKS[1] * 50)
    path = tmp_path_factory.getbasetemp() / "mutated.zip"
    path.unlink(missing_ok=True)
    path.write_bytes(mutated(memory.getvalue(), edits))
    try:
        listed = members(path, LIMITS)
    except FileUnreadable:
        return

    assert len({member.name for member in listed}) == len(listed)
    for member in listed:
        with suppress(FileUnreadable):
            assert b"".join(read_member(path, member.position, LIMITS)) in (
                MARKS[0].encode() * 50,
                MARKS[1].encode() * 50,
            )
