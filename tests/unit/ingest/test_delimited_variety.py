"""The ways in which delimited text comes: signs, encodings, comments, headers that are missing, doubled or repeated."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import FileUnreadable
from ingest.profiles import Reading
from ingest.readers import delimited, read


def frame(text: str, *, careful: bool = True, **settings):
    return delimited.frame(text.encode(), Reading(files=("*",), **settings), careful=careful)


def cells(framed) -> list[tuple]:
    if framed.cells is not None:
        return framed.cells.rows()
    return [tuple(line.split(framed.delimiter)) for line in framed.body.decode().split("\n")[:-1]]


def read_bytes(data: bytes, **settings):
    return read(data, "x.csv", Reading(files=("*",), **settings))


@pytest.mark.parametrize("delimiter", ["\t", "|", ";", "^", "\x01", "¦"])
def test_any_sign_may_stand_between_values(delimiter):
    text = f"a{delimiter}b\n1{delimiter}x\n"

    assert cells(frame(text, delimiter=delimiter)) == [("1", "x")]
    assert cells(frame(text, delimiter=delimiter, careful=False)) == [("1", "x")]


@pytest.mark.parametrize(
    ("written", "declared", "bom"),
    [
        ("utf-8", "utf-8", b"\xef\xbb\xbf"),
        ("utf-8", "utf-8-sig", b"\xef\xbb\xbf"),
        ("utf-8", "utf-8-sig", b""),
        ("utf-16-le", "utf-16", b"\xff\xfe"),
        ("utf-16-be", "utf-16", b"\xfe\xff"),
        ("utf-16-le", "utf-16-le", b""),
        ("utf-16-le", "utf-16-le", b"\xff\xfe"),
        ("utf-16-be", "utf-16-be", b""),
        ("utf-16-be", "utf-16-be", b"\xfe\xff"),
        ("cp1252", "windows-1252", b""),
        ("latin-1", "latin-1", b""),
        ("iso8859-15", "iso8859-15", b""),
        ("cp437", "cp437", b""),
    ],
)
def test_text_is_read_in_the_declared_encoding(written, declared, bom):
    found = read_bytes(bom + "name,qty\r\nCafé,1\r\n".encode(written), encoding=declared)

    assert (found.header, cells(found)) == (("name", "qty"), [("Café", "1")])


@pytest.mark.parametrize(
    ("data", "declared", "says"),
    [
        ("\ufeffa,b\n".encode("utf-16-be"), "utf-16-le", "other byte order"),
        ("a,b\n".encode("utf-16-le"), "utf-8", "NUL bytes"),
        ("a,b\n".encode("utf-16-le")[:-1], "utf-16-le", "are not utf-16-le"),
        ("é,b\n".encode("cp1252"), "utf-8", "bytes e9"),
        (b"a,b\n\x81,1\n", "cp1252", "line 2: bytes 81"),
    ],
)
def test_another_encoding_is_refused(data, declared, says):
    with pytest.raises(FileUnreadable, match=says):
        read_bytes(data, encoding=declared)


def test_the_end_sign_of_old_programs_is_no_record():
    assert cells(read_bytes(b"a,b\r\n1,2\r\n\x1a")) == [("1", "2")]


def test_lines_may_end_with_a_carriage_return_alone():
    found = read_bytes(b"a,b\r1,2\r3,4\r")

    assert (found.header, cells(found), found.line(1)) == (("a", "b"), [("1", "2"), ("3", "4")], 3)


def test_a_quote_may_be_escaped():
    text = 'a,b\n"5\\" pipe, long",1\nx\\,y,2\n'

    assert cells(frame(text, escape="\\")) == [('5" pipe, long', "1"), ("x,y", "2")]
    assert cells(frame(text, escape="\\", careful=False)) == [('5" pipe, long', "1"), ("x,y", "2")]


def test_comments_are_blank_lines_wherever_they_stand():
    text = "title\n# made on\n# page 1\na,b\n1,2\n#3,4\n5,#6\n"

    for careful in (True, False):
        found = frame(text, title_rows=1, comment="#", careful=careful)
        assert (found.header, found.entries, found.line(0)) == (("a", "b"), 3, 5)
        assert cells(found) == [("1", "2"), ("", ""), ("5", "#6")]
        assert found.raws([1]) == ["#3,4"]


@pytest.mark.parametrize("careful", [True, False])
def test_a_file_may_lack_its_header(careful):
    found = frame("title\n1,2\n3,4\n", title_rows=1, header=["a", "b"], careful=careful)

    assert (found.header, cells(found), found.line(0)) == (("a", "b"), [("1", "2"), ("3", "4")], 2)


def test_two_header_rows_are_joined():
    found = frame("Item,Sales,\n,Qty,Value\nS1,1,2\n", header_rows=2)

    assert (found.header, cells(found), found.line(0)) == (
        ("Item", "Sales / Qty", "Sales / Value"),
        [("S1", "1", "2")],
        3,
    )
    with pytest.raises(FileUnreadable, match="ends within its 2 header rows"):
        frame("a,b\n", header_rows=2)


def test_a_delimiter_at_the_end_of_every_line_makes_no_column(landing, invoice):
    lines = invoice(("A", 1, "2026-03-01", "1", "5"), ("B", 1, "2026-03-01", "1", "5"))
    landing.put("csv_generic/D1/dms_invoice_line.csv", lines.replace("\n", ",\n"))

    assert landing.run().loaded == 2


PROFILE = """
contract_names: true
repeated_header: true
comment: "--"
totals: {values: ["Page *", Total], column: document_type}
feeds:
  dms_invoice_line: {files: "*.csv"}
"""


def test_a_report_with_pages_is_counted_line_by_line(landing, invoice):
    landing.config("profiles/p.yaml", PROFILE)
    page = invoice(("A", 1, "2026-03-01", "1", "5"))
    landing.put(
        "p/D1/x.csv",
        page + "Page 1 of 2\n--\n" + page.replace(",A,", ",B,").replace("unit", "Unit") + ",,,\nTotal,,,,,,2\n",
    )

    report = landing.run()

    assert (report.records, report.loaded, report.blank, report.total_lines) == (7, 2, 2, 3)
    assert landing.rows()["_record"].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"escape": '"'}, "`escape` is the same sign"),
        ({"header": ["a"], "repeated_header": True}, "`header` says that the file has none"),
        ({"totals": {"values": ["*"]}}, "would fit every row"),
        ({"delimiter": "||"}, "at most 1 character"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        Reading(files=("*",), **settings)


TEXT = st.text(alphabet=st.sampled_from('ab1 ",\r\n;#\\é'), max_size=12)


@given(TEXT, st.booleans())
def test_every_line_belongs_to_one_entry_with_all_settings_on(body, named):
    settings = {"escape": "\\", "comment": "#", **({"header": ["a", "b"]} if named else {})}
    text = ("" if named else "a,b\n") + "1,2\n" + body

    careful, fast = frame(text, **settings), frame(text, careful=False, **settings)

    taken = [careful.spans.get(index, 1) for index in range(careful.entries)]
    lines = text.removesuffix("\n").split("\n") if not text.endswith("\n\n") else text[:-1].split("\n")
    assert sum(taken) == len(lines) - (0 if named else 1)
    assert fast.entries == careful.entries
    assert fast.broken.keys() == careful.broken.keys()


@pytest.mark.parametrize("careful", [True, False])
@pytest.mark.parametrize(
    ("text", "good", "broken"),
    [
        ("a,b\n1,2\n3\0,4\n5,6\n7,8\n9,0\n1,1\n", 5, {1: "3\0,4"}),
        ("a,b\n\0,\0\n", 0, {0: "\0,\0"}),
        ('a,b\n1,2\n"3\n\0",4\n5,6\n', 2, {1: '"3\n\0",4'}),
    ],
    ids=["one of many", "the only one", "in a quoted value of two lines"],
)
def test_a_nul_costs_its_own_record_with_its_text(careful, text, good, broken):
    framed = frame(text, careful=careful)

    assert {index: (one.rule, one.raw) for index, one in framed.broken.items()} == {
        index: ("nul", raw) for index, raw in broken.items()
    }
    assert framed.entries - len(framed.broken) == good


@given(st.lists(st.sampled_from(["1", "x", "", "\0", "a\0b", '"q"', '"q\0"']), min_size=2, max_size=12))
def test_records_with_a_nul_are_broken_whichever_way_they_are_read(values):
    text = "a,b\n" + "".join(f"{value},1\n" for value in values)

    for careful in (True, False):
        framed = frame(text, careful=careful)
        found = set(framed.broken)
        assert found == {index for index, value in enumerate(values) if "\0" in value}


@pytest.mark.parametrize(
    ("settings", "records"),
    [
        ("format: jsonl", ('{"document_no": "A%s", "qty": 1}', '{"document_no": "B%s", "qty": 1}')),
        ("format: csv, header: [document_no, qty]", ("A%s document,1", "B%s document,1")),
        (
            "format: fixed_width, fixed_width: {fields: {document_no: 8, qty: 8}}",
            ("A%s      1       ", "B%s       1       "),
        ),
    ],
    ids=["json", "no_header", "fixed_width"],
)
def test_a_nul_in_the_first_record_costs_no_other(settings, records):
    reading = Reading.model_validate({"files": ["*"], **yaml.safe_load(f"{{{settings}}}")})
    first, second = records

    framed = read(f"{first % chr(0)}\n{second % ''}\n".encode(), "a.txt", reading)

    assert (framed.entries, list(framed.broken)) == (2, [0])
