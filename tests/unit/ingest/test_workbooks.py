"""Workbooks as people make them: merged headers, several sheets, errors, codes that Excel mangled, and those that are meant to do harm."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import xlsxwriter

from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.profiles import Reading
from ingest.readers import ooxml, read
from ingest.readers.framed import join_headers

HEADER = [
    "document_type",
    "document_no",
    "line_no",
    "business_date",
    "sender_outlet_code",
    "sender_sku_code",
    "qty",
    "unit",
    "value_net",
]
LINE = ["INVOICE", "A", 1, "2026-03-01", "O1", "S1", 2, "EA", 9.5]


def workbook(fill: Callable[[Any], None]) -> bytes:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        fill(book)
    return memory.getvalue()


def sheet(*rows: list[Any], name: str = "Data") -> Callable[[Any], None]:
    def fill(book: Any) -> None:
        page = book.add_worksheet(name)
        for index, row in enumerate(rows):
            page.write_row(index, 0, row)

    return fill


def framed(data: bytes, limits: Limits | None = None, **settings: Any):
    return read(data, "x.xlsx", Reading(files=("*",), format="xlsx", **settings), limits or Limits())


def cells(found) -> list[tuple]:
    return found.cells.rows()


def repacked(data: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry.filename, change(content) if entry.filename == part else content)
    return memory.getvalue()


def test_a_group_header_merged_over_columns_belongs_to_each_of_them():
    def fill(book: Any) -> None:
        page = book.add_worksheet()
        page.merge_range("A1:A2", "Item")
        page.merge_range("B1:C1", "Sales")
        page.merge_range("D1:E1", "Stock")
        page.write_row(1, 1, ["Qty", "Value", "Qty", "Value"])
        page.write_row(2, 0, ["S1", 1, 2, 3, 4])

    found = framed(workbook(fill), header_rows=2)

    assert found.header == ("Item", "Sales / Qty", "Sales / Value", "Stock / Qty", "Stock / Value")
    assert (cells(found), found.line(0)) == ([("S1", "1", "2", "3", "4")], 3)


@pytest.mark.parametrize(
    ("levels", "spans", "names"),
    [
        ([["Item", "Sales", ""], ["", "Qty", "Value"]], [], ["Item", "Sales / Qty", "Sales / Value"]),
        ([["", "Sales", ""], ["Item", "Qty", "Value"]], [], ["Item", "Sales / Qty", "Sales / Value"]),
        ([["Sales", "", ""], ["Qty", "Value", "Remark"]], [(0, 0, 1)], ["Sales / Qty", "Sales / Value", "Remark"]),
        ([["Sales", ""], ["Qty", "Value", "Remark"]], [(0, 0, 1)], ["Sales / Qty", "Sales / Value", "Remark"]),
        ([["A", "", ""], ["B", "", "C"], ["x", "y", "z"]], [], ["A / B / x", "B / y", "C / z"]),
        ([["Sales", ""], ["Qty", ""]], [], ["Sales / Qty", ""]),
    ],
)
def test_header_rows_are_joined_column_by_column(levels, spans, names):
    assert join_headers(levels, spans) == names


def test_by_default_the_first_visible_sheet_is_read():
    def fill(book: Any) -> None:
        sheet(["hidden"], name="Lists")(book)
        sheet(["a"], ["1"])(book)
        sheet(["c"], name="Later")(book)
        book.worksheets()[0].hide()
        book.worksheets()[1].activate()

    data = workbook(fill)

    assert framed(data).header == ("a",)
    assert framed(data, sheet="Lists").header == ("hidden",)
    with pytest.raises(FileUnreadable, match="has no sheet 'L\\*s'"):
        framed(data, sheet="L*s")


def test_all_sheets_that_fit_the_pattern_are_one_file():
    def fill(book: Any) -> None:
        sheet(["Cover"], name="Cover")(book)
        sheet(["a", "b"], ["1", "2"], name="Sales Jan")(book)
        sheet(["a", "b"], ["3", "4"], ["5", "6"], name="Sales Feb")(book)
        sheet(name="Sales Mar")(book)

    found = framed(workbook(fill), sheet="sales *")

    assert (found.header, found.entries) == (("a", "b"), 3)
    assert (cells(found), found.lines) == ([("1", "2"), ("3", "4"), ("5", "6")], [2, 2, 3])


def test_sheets_with_different_headers_are_refused():
    def fill(book: Any) -> None:
        sheet(["a"], name="S1")(book)
        sheet(["b"], name="S2")(book)

    with pytest.raises(FileUnreadable, match="'S1' and 'S2' have different headers"):
        framed(workbook(fill), sheet="S*")


SHEET_PER_STORE = """
format: xlsx
contract_names: true
sheet: "Store *"
feeds:
  pos_sale:
    files: "*.xlsx"
    sheet_column: Sheet
    split: [{column: Sheet, pattern: 'Store (?P<sender_outlet_code>.+)'}]
    constants: {unit: EA}
"""


def stores(*rows: list[Any]) -> bytes:
    def fill(book: Any) -> None:
        for name in ("Store 7", "Store 12", "Legend"):
            page = book.add_worksheet(name)
            for index, row in enumerate([["sender_sku_code", "business_date", "qty"], *rows]):
                page.write_row(index, 0, row)

    return workbook(fill)


def test_the_name_of_a_sheet_can_tell_the_store(landing):
    landing.config("profiles/p.yaml", SHEET_PER_STORE)
    landing.put("p/R1/x.xlsx", stores(["S1", "2026-03-01", 2], [], ["S2", "2026-03-01", 3]))

    report = landing.run()

    assert (report.records, report.loaded, report.blank, report.exit_code) == (6, 4, 2, 0)
    assert landing.rows("pos_sale").select("sender_outlet_code", "sender_sku_code").rows() == [
        ("7", "S1"),
        ("7", "S2"),
        ("12", "S1"),
        ("12", "S2"),
    ]


def test_a_header_that_is_repeated_on_a_sheet_whose_name_counts_is_no_record(landing):
    landing.config("profiles/p.yaml", SHEET_PER_STORE + "repeated_header: true\n")
    landing.put("p/R1/x.xlsx", stores(["S1", "2026-03-01", 2], ["sender_sku_code", "business_date", "qty"]))

    report = landing.run()

    assert (report.records, report.loaded, report.total_lines) == (4, 2, 2)


def test_a_record_of_several_sheets_is_rejected_with_the_name_of_its_sheet(landing):
    landing.config("profiles/p.yaml", SHEET_PER_STORE)
    landing.put("p/R1/x.xlsx", stores(["S1", "2026-03-01", "two"]))

    assert 'record 2 (sheet "Store 12", line 2), column qty' in landing.run().problems[1]


def test_a_sheet_without_a_header_is_named():
    def fill(book: Any) -> None:
        book.add_worksheet("Data").write_row(0, 0, ["title"])
        book.get_worksheet_by_name("Data").write_row(1, 0, ["a", "b"])
        book.add_worksheet("Legend").write_row(0, 0, ["net of tax"])

    with pytest.raises(FileUnreadable, match="sheet 'Legend': has no header below its 1 title rows; state"):
        framed(workbook(fill), sheet="*", title_rows=1)


def test_typed_cells_become_the_text_that_a_person_would_have_typed():
    def fill(book: Any) -> None:
        page = book.add_worksheet()
        page.write_row(0, 0, ["gtin", "true", "formula", "day", "serial", "moment"])
        page.write_number(1, 0, 8901030123456, book.add_format({"num_format": "0.00E+00"}))
        page.write_boolean(1, 1, True)
        page.write_formula(1, 2, "=6*7", None, 42)
        page.write_datetime(1, 3, datetime(2026, 3, 1), book.add_format({"num_format": "dd/mm/yy"}))
        page.write_number(1, 4, 46082)
        page.write_datetime(1, 5, datetime(2026, 3, 1, 10, 30), book.add_format({"num_format": "dd/mm/yy hh:mm"}))

    assert cells(framed(workbook(fill))) == [
        ("8901030123456", "true", "42", "2026-03-01", "46082", "2026-03-01T10:30:00")
    ]


PROFILE = """
format: xlsx
contract_names: true
dates: ["%Y-%m-%d", excel]
feeds:
  dms_invoice_line: {files: "*.xlsx"}
"""


def test_errors_and_codes_without_their_last_digits_are_rejected(landing):
    def fill(book: Any) -> None:
        page = book.add_worksheet()
        page.write_row(0, 0, [*HEADER, "batch_no"])
        page.write_row(1, 0, LINE)
        for row in (2, 3, 4, 5, 6):
            page.write_row(row, 0, LINE)
            page.write(row, 1, f"B{row}")
        page.write(2, 5, "8.90103E+12")
        page.write_number(3, 5, 123456789012345678)
        page.write_formula(4, 4, "=NA()", None, "#N/A")
        page.write_formula(5, 6, "=1/0", None, "#DIV/0!")
        page.write_formula(6, 9, "=B99", None, "#REF!")

    landing.config("profiles/p.yaml", PROFILE)
    landing.put("p/D1/x.xlsx", workbook(fill))

    report = landing.run()

    assert (report.records, report.loaded, report.rejected) == (6, 1, 5)
    assert landing.rejects().select("_line", "rule", "column", "value").rows() == [
        (3, "mangled_code", "sender_sku_code", "8.90103E+12"),
        (4, "mangled_code", "sender_sku_code", "1.234567890123457E+17"),
        (5, "spreadsheet_error", "sender_outlet_code", "#N/A"),
        (6, "spreadsheet_error", "qty", "#DIV/0!"),
        (7, "spreadsheet_error", "batch_no", "#REF!"),
    ]
    assert "whose last digits are lost; have it sent as text" in report.problems[0]


def test_a_mangled_code_in_a_text_file_is_rejected_too(landing, invoice):
    text = invoice(("A", 1, "2026-03-01", "1", "5"), ("B", 1, "2026-03-01", "1", "5")).replace("B,1", "2.5E+09,1")
    landing.put("csv_generic/D1/dms_invoice_line.csv", text)

    landing.run()

    assert landing.rejects().select("rule", "column").rows() == [("mangled_code", "document_no")]


def test_a_report_is_read_down_to_its_lines(landing):
    landing.config(
        "profiles/p.yaml",
        PROFILE
        + """
title_rows: 1
repeated_header: true
fill_down: [document_no, business_date]
totals: {values: ["Sub Total*", Grand Total], column: document_type}
""",
    )
    first, second = list(LINE), list(LINE)
    first[1:4], second[1:4] = ["A", 1, 46082], ["", 2, ""]
    rows = [
        ["Sales register"],
        HEADER,
        first,
        second,
        ["Sub Total A", "", "", "", "", "", 4],
        HEADER,
        [],
        ["INVOICE", "B", 1, 46083, "O1", "S1", 1, "EA", 1],
        ["INVOICE", "", 2, "", "O1", "S1", 1, "EA", 1],
        ["Grand Total", "", "", "", "", "", 6],
    ]
    landing.put("p/D1/x.xlsx", workbook(sheet(*rows)))

    report = landing.run()

    assert (report.records, report.loaded, report.blank, report.total_lines) == (8, 4, 1, 3)
    assert landing.rows().select("document_no", "line_no", "business_date").rows() == [
        ("A", 1, date(2026, 3, 1)),
        ("A", 2, date(2026, 3, 1)),
        ("B", 1, date(2026, 3, 2)),
        ("B", 2, date(2026, 3, 2)),
    ]
    assert landing.rows()["value_net"].sum() == Decimal("21")


def test_nothing_is_carried_from_one_group_into_the_next(landing):
    landing.config(
        "profiles/p.yaml", PROFILE + "fill_down: [document_no, sender_outlet_code]\nfill_down_group: document_no\n"
    )
    rows = [
        ["INVOICE", "A", 1, "2026-03-01", "O1", "S1", 1, "EA", 1],
        ["INVOICE", "", 2, "2026-03-01", "", "S1", 1, "EA", 1],
        ["INVOICE", "B", 1, "2026-03-01", "", "S1", 1, "EA", 1],
        ["INVOICE", "", 2, "2026-03-01", "", "S1", 1, "EA", 1],
    ]
    landing.put("p/D1/x.xlsx", workbook(sheet(HEADER, *rows)))

    report = landing.run()

    assert (report.loaded, report.rejected) == (2, 2)
    assert landing.rows().select("document_no", "sender_outlet_code").rows() == [("A", "O1"), ("A", "O1")]
    assert landing.rejects().select("rule", "column").rows() == [("required", "sender_outlet_code")] * 2


def test_the_column_that_tells_groups_must_be_there(landing):
    landing.config("profiles/p.yaml", PROFILE + "fill_down: [document_no]\nfill_down_group: Bill\n")
    landing.put("p/D1/x.xlsx", workbook(sheet(HEADER, LINE)))

    landing.run()

    assert landing.rejects().select("rule", "column").rows() == [("missing_column", "Bill")]


def test_total_rows_are_marked_in_several_columns(landing):
    landing.config(
        "profiles/p.yaml",
        PROFILE + "totals: {values: [Sub Total, Grand Total], column: [document_type, sender_sku_code]}\n",
    )
    sub_total = ["", "", "", "", "", "Sub Total", "", "", 1]
    landing.put("p/D1/x.xlsx", workbook(sheet(HEADER, LINE, sub_total, ["Grand Total", *[""] * 7, 1])))

    report = landing.run()

    assert (report.records, report.loaded, report.total_lines, report.rejected) == (3, 1, 2, 0)


def test_nothing_is_filled_down_past_a_row_that_cannot_be_read(landing):
    landing.config("profiles/p.yaml", PROFILE + "fill_down: [document_no]\n")
    later = ["INVOICE", "", 2, "2026-03-01", "O1", "S1", 1, "EA", 1]
    landing.put("p/D1/x.xlsx", workbook(sheet(HEADER, LINE, [*LINE[:1], "B", *LINE[2:], "beyond"], later)))

    report = landing.run()

    assert (report.loaded, report.rejected) == (1, 2)
    assert landing.rejects().select("rule", "column").rows() == [("columns", None), ("required", "document_no")]


def test_a_sheet_without_a_header_has_the_names_that_the_profile_gives():
    found = framed(workbook(sheet(["1", "2"], ["3"])), header=["a", "b", "c"])

    assert (found.header, cells(found), found.line(0)) == (("a", "b", "c"), [("1", "2", ""), ("3", "", "")], 1)


def test_a_cell_at_the_far_corner_does_not_fill_the_memory():
    data = workbook(sheet(["a"], ["1"]))
    bomb = repacked(
        data,
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'),
    )

    with pytest.raises(FileUnreadable, match="reaches over 1048576 rows and 16384 columns"):
        framed(bomb)


@pytest.mark.parametrize(
    "cell",
    [
        b"<c r='XFD1048576'><v>1</v></c>",
        b'<c\n s="1"   r = "XFD1048576" ><v>1</v></c>',
        b'<c s=">" r="XFD1048576"><v>1</v></c>',
        b'<c s="' + b" " * 5000 + b'" r="XFD1048576"><v>1</v></c>',
        b'<c x:r="A1" r="xfd1048576"><v>1</v></c>',
    ],
)
def test_a_far_cell_is_found_however_it_is_written(cell):
    xml = workbook(sheet(["a"], ["1"]))
    bomb = repacked(
        xml,
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</sheetData>", b"<row>" + cell + b"</row></sheetData>"),
    )

    with pytest.raises(FileUnreadable, match="1048576 rows and 16384 columns"):
        framed(bomb)


@pytest.mark.parametrize("stretch", [b"<c ", b'<c t="e" ', b'<c r="ZZ1" t="e">', b'r="A1" ', b"r "])
def test_the_look_takes_no_longer_for_what_is_no_xml(stretch):
    bomb = repacked(
        workbook(sheet(["a"])), "xl/worksheets/sheet1.xml", lambda xml: xml + b'<c r="ZZ1" t="e" ' + stretch * 150_000
    )

    ooxml.Package(bomb, Limits(unpacked_ratio=10_000)).errors("Data")


def test_a_sheet_is_as_wide_as_its_widest_and_as_long_as_its_longest_part(monkeypatch):
    monkeypatch.setattr(ooxml, "_STRETCH", 64)
    far = b'<row r="900000"><c r="A900000"><v>1</v></c></row><row r="900001"><c r="ZZ900001"><v>1</v></c></row>'
    bomb = repacked(
        workbook(sheet(["a"], ["1"])),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</sheetData>", far + b"</sheetData>"),
    )

    with pytest.raises(FileUnreadable, match="reaches over 900001 rows and 702 columns"):
        framed(bomb)


def test_formatted_cells_without_a_value_do_not_count():
    data = workbook(sheet(["a"], ["1"]))
    formatted = repacked(
        data,
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'),
    )

    assert cells(framed(formatted)) == [("1",)]


def test_a_workbook_that_unpacks_beyond_the_limits_is_refused_unopened():
    bomb = repacked(workbook(sheet(["a"])), "xl/styles.xml", lambda xml: xml + b" " * 30_000_000)

    with pytest.raises(FileUnreadable, match="more than 200 times its size"):
        framed(bomb)


def test_too_many_columns_are_refused():
    with pytest.raises(FileUnreadable, match="its header has 30 columns, more than 20"):
        framed(workbook(sheet([str(n) for n in range(30)])), Limits(columns=20))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<html><table><tr><td>a</td></tr></table></html>", "web page under the name of a workbook"),
        (b"a\tb\n1\t2\n", "read with `format: csv`"),
        (b"PK\x03\x04 cut off", "no readable workbook"),
    ],
)
def test_what_is_no_workbook_is_refused_with_a_way_out(data, says):
    with pytest.raises(FileUnreadable, match=says):
        framed(data)


@pytest.mark.parametrize(("part", "kind"), [("xl/workbook.bin", "an .xlsb")])
def test_other_kinds_of_workbook_are_named(part, kind):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(part, b"x")

    with pytest.raises(FileUnreadable, match=f"is {kind} workbook; have it saved as .xlsx"):
        framed(memory.getvalue())


NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:{name}:1.0"'
    for prefix, name in (
        ("office", "oasis:names:tc:opendocument:xmlns:office"),
        ("table", "oasis:names:tc:opendocument:xmlns:table"),
        ("text", "oasis:names:tc:opendocument:xmlns:text"),
        ("calcext", "org:documentfoundation:names:experimental:calc:xmlns:calcext"),
    )
)


def open_document(*rows: str) -> bytes:
    """An .ods workbook of one sheet, as small as it may be."""
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    sheet = f'<table:table table:name="Sheet1">{"".join(rows)}</table:table>'
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as packed:
        packed.writestr("mimetype", kind)
        packed.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>',
        )
        packed.writestr(
            "content.xml",
            f"<office:document-content {NAMESPACES}><office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    return memory.getvalue()


def ods_row(*cells: str, repeated: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(cells)}</table:table-row>'


def ods_cell(text: str, kind: str = "string", more: str = "") -> str:
    value = {"float": f'office:value="{text}"', "date": f'office:date-value="{text}"'}.get(kind, "")
    return f'<table:table-cell office:value-type="{kind}" {value} {more}><text:p>{text}</text:p></table:table-cell>'


def read_ods(*rows: str, limits: Limits | None = None):
    return read(open_document(*rows), "a.ods", Reading(files=("*",), format="xlsx"), limits or Limits())


HEAD_OF_ODS = ods_row(ods_cell("code"), ods_cell("qty"), ods_cell("day"))


def test_an_open_document_workbook_is_read_as_any_other():
    framed = read_ods(
        HEAD_OF_ODS,
        ods_row(ods_cell("00017"), ods_cell("1.5", "float"), ods_cell("2026-03-01", "date")),
        ods_row(ods_cell("S2"), '<table:table-cell table:number-columns-repeated="16382"/>', repeated=2),
        ods_row('<table:table-cell table:number-columns-repeated="16384"/>', repeated=1_048_572),
    )

    assert framed.header == ("code", "qty", "day")
    assert framed.cells.rows() == [("00017", "1.5", "2026-03-01"), ("S2", "", ""), ("S2", "", "")]


def test_an_error_cell_of_an_open_document_workbook_is_there():
    error = ods_cell("#DIV/0!", "string", 'office:string-value="" calcext:value-type="error"')

    assert read_ods(HEAD_OF_ODS, ods_row(ods_cell("S1"), error)).cells["c1"].to_list() == ["#DIV/0!"]


def test_an_error_that_stands_for_several_cells_is_in_each_of_them():
    more = 'office:string-value="" calcext:value-type="error" table:number-columns-repeated="2"'

    framed = read_ods(HEAD_OF_ODS, ods_row(ods_cell("S1"), ods_cell("#N/A", more=more), repeated=2))

    assert framed.cells.rows() == [("S1", "#N/A", "#N/A")] * 2


def test_a_cell_of_an_open_document_workbook_that_stands_for_very_many_is_refused():
    many = ods_row(ods_cell("x", more='table:number-columns-repeated="16384"'), repeated=1_048_575)

    with pytest.raises(FileUnreadable, match="reaches over 1048576 rows and 16384 columns"):
        read_ods(HEAD_OF_ODS, many)


BESIDE = ods_row(ods_cell("a"), '<table:table-cell table:number-columns-repeated="8000"/>', ods_cell("z"))
VALUE_ALONE = '<table:table-cell office:value="1" table:number-columns-repeated="8000"/>'
ERROR_ALONE = '<table:table-cell calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'


@pytest.mark.parametrize(
    "rows",
    [
        (BESIDE, ods_row(ods_cell("x"), repeated=12_000)),
        (HEAD_OF_ODS, ods_row(VALUE_ALONE, repeated=12_000)),
        (ods_row(ERROR_ALONE, repeated=400_000_000),),
        (
            ods_row(ods_cell("a"), f"<table:table-cell>{BESIDE}</table:table-cell>"),
            ods_row(ods_cell("x"), repeated=12_000),
        ),
        (ods_row(ods_cell("x"), repeated=60_000_000), "<oops>"),
    ],
    ids=["wide_then_tall", "value_without_type", "errors_alone", "table_in_a_cell", "damaged_behind"],
)
def test_an_open_document_workbook_that_reaches_far_in_any_other_way_is_refused(rows: tuple[str, ...]):
    with pytest.raises(FileUnreadable, match="have the stray cells deleted"):
        read_ods(*rows)


def test_names_of_an_open_document_count_whatever_they_are_bound_to():
    far = open_document(BESIDE, ods_row(ods_cell("x"), repeated=12_000))
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(far)) as packed, zipfile.ZipFile(memory, "w") as again:
        for name in packed.namelist():
            again.writestr(name, packed.read(name).replace(b"xmlns:table:1.0", b"xmlns:other:1.0"))

    with pytest.raises(FileUnreadable, match="have the stray cells deleted"):
        read(memory.getvalue(), "a.ods", Reading(files=("*",), format="xlsx"))


def test_the_empty_rest_of_a_wide_sheet_does_not_count():
    wide = ods_row(*(ods_cell(f"c{place}") for place in range(100)))
    rest = ods_row('<table:table-cell table:number-columns-repeated="16384"/>', repeated=1_048_574)

    assert read_ods(wide, wide, rest).entries == 1


def test_a_number_of_repetitions_that_is_none_is_refused():
    with pytest.raises(FileUnreadable, match="no readable workbook"):
        read_ods(HEAD_OF_ODS, ods_row('<table:table-cell table:number-columns-repeated="-4"/>'))


def test_a_row_outside_of_any_table_of_an_open_document_is_no_crash():
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(open_document(HEAD_OF_ODS))) as packed, zipfile.ZipFile(memory, "w") as again:
        for name in packed.namelist():
            text = (
                packed.read(name)
                .replace(b"<table:table ", b"<table:other ")
                .replace(b"</table:table>", b"</table:other>")
            )
            again.writestr(name, text)

    with pytest.raises(FileUnreadable):
        read(memory.getvalue(), "a.ods", Reading(files=("*",), format="xlsx"))


def test_an_open_document_package_that_is_none_is_refused():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as packed:
        packed.writestr("content.xml", "no workbook")

    with pytest.raises(FileUnreadable, match="no readable workbook"):
        read(memory.getvalue(), "a.ods", Reading(files=("*",), format="xlsx"))
