"""Framing of delimited text: the fast way and the careful way give the same, and bad framing costs one line."""

from __future__ import annotations

import gzip

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.batch import read_batch
from ingest.contracts import load_contracts
from ingest.errors import FileUnreadable
from ingest.profiles import Reading
from ingest.readers import delimited, read

READING = Reading(files=("*",))
PLAIN = st.text(alphabet=st.characters(exclude_characters='",\r\n\0', exclude_categories=["Cs"]), max_size=6)
ANY = st.text(alphabet=st.sampled_from('ab1 ",\r\n;é\u00a0\u2028\x0b\x85'), max_size=8)


def cells(framed) -> list[tuple]:
    """The cells of every entry, however the file was framed."""
    if framed.cells is not None:
        return [tuple(cell or None for cell in row) for row in framed.cells.rows()]
    lines = framed.body.decode().split("\n")[:-1]
    return [tuple(cell or None for cell in line.split(framed.delimiter)) for line in lines]


def frame(text: str, *, careful: bool = False, **settings):
    return delimited.frame(text.encode(), Reading(files=("*",), **settings), careful=careful)


@given(
    st.lists(st.lists(PLAIN, min_size=3, max_size=3), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_trivial_framing_gives_what_careful_framing_gives(rows, ending, ends_with_newline):
    text = ending.join(["a,b,c", *(",".join(row) for row in rows)]) + (ending if ends_with_newline else "")

    fast, careful = frame(text), frame(text, careful=True)

    assert fast.body is not None
    assert (fast.header, fast.entries) == (careful.header, careful.entries)
    assert cells(fast) == cells(careful)
    assert fast.raws(range(fast.entries)) == careful.raws(range(careful.entries))
    assert [fast.line(index) for index in range(fast.entries)] == careful.lines


@given(ANY)
@example("1\n2,3,4\n")
@example("1,2,3\n4\n")
@example("1,2\n\n3,4\n")
def test_whatever_the_text_both_ways_agree_or_the_fast_way_declines(body):
    text = "a,b\n" + body

    fast, careful = frame(text), frame(text, careful=True)

    assert fast.entries == careful.entries
    assert cells(fast) == cells(careful)
    assert {index: broken.rule for index, broken in fast.broken.items()} == {
        i: b.rule for i, b in careful.broken.items()
    }


@given(ANY)
def test_every_line_of_a_file_belongs_to_exactly_one_entry(body):
    framed = frame("a,b\n" + body, careful=True)

    taken = [framed.spans.get(index, 1) for index in range(framed.entries)]
    starts = [framed.line(index) for index in range(framed.entries)]
    assert starts == [2 + sum(taken[:index]) for index in range(framed.entries)]
    assert sum(taken) == len(framed.source or [])


def test_both_ways_load_and_reject_the_same(monkeypatch):
    header = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
    lines = "INV, A ,1,2026-03-01,O1,S1,1,EA,1\n,,,,,,,,\n  ,,,,,,,,\nINV,B,x,2026-03-01,O1,S1,-1,EA,1\nINV,C,1,2026-03-02,O1,,1,EA,1\n"
    outcomes = []
    for careful in (False, True):
        original = delimited._trivial
        monkeypatch.setattr(delimited, "_trivial", (lambda *_: None) if careful else original)
        outcomes.append(_batch(header + lines))
        monkeypatch.setattr(delimited, "_trivial", original)

    fast, slow = outcomes
    assert fast.rows.equals(slow.rows)
    assert fast.rejects.equals(slow.rejects)
    assert [file.content for file in fast.files] == [file.content for file in slow.files]


def test_a_quote_that_never_closes_costs_one_line():
    framed = frame('a,b\n1,2\n"x,3\n4,5\n6,"q,""7"\n')

    assert [cells(framed)[index] for index in (0, 2, 3)] == [("1", "2"), ("4", "5"), ("6", 'q,"7')]
    assert (framed.broken[1].rule, framed.broken[1].line, framed.broken[1].raw) == ("quote", 3, '"x,3')


def test_a_quote_that_never_closes_at_the_end_costs_one_line_too():
    framed = frame('a,b\n1,2\n3,"oops\n5,6\n7,8\n')

    assert list(framed.broken) == [1]
    assert "before the file ends" in framed.broken[1].problem
    assert cells(framed)[2:] == [("5", "6"), ("7", "8")]


def test_an_open_quote_is_given_up_after_the_declared_number_of_lines():
    text = 'a,b\n1,"long\n' + "x\n" * 10 + 'end"\n'

    assert list(frame(text, max_record_lines=20).broken) == []
    capped = frame(text, max_record_lines=5)
    assert "within 5 lines" in capped.broken[0].problem
    assert capped.entries == 12


def test_a_quoted_value_may_hold_delimiters_quotes_and_line_ends():
    framed = frame('a,b\n"x,""y""\nz",2\n3,4\n')

    assert cells(framed) == [('x,"y"\nz', "2"), ("3", "4")]
    assert framed.lines == [2, 4]
    assert framed.raws([0]) == ['"x,""y""\nz",2']


def test_an_inch_sign_inside_a_value_is_no_quote():
    assert cells(frame('a,b\n5" pipe,2\n')) == [('5" pipe', "2")]


def test_without_a_quote_sign_quotes_are_ordinary_letters():
    assert cells(frame('a,b\n"x,2\n', quote=None)) == [('"x', "2")]


def test_title_rows_stand_above_the_header():
    framed = frame("Company\nReport, all\na,b\n1,2\n", title_rows=2)

    assert (framed.header, framed.line(0), cells(framed)) == (("a", "b"), 4, [("1", "2")])


@pytest.mark.parametrize(
    ("data", "encoding", "rule", "says"),
    [
        (b"", "utf-8", "empty_file", "0 bytes"),
        (b" \n\n", "utf-8", "empty_file", "without even a header"),
        ("a,b\nCaf\xe9,1\n".encode("cp1252"), "utf-8", "encoding", "line 2: bytes e9"),
        ("a,b\nCafé,1\n".encode(), "cp1252", "encoding", 'line 2: "'),
        (b"\xef\xbb\xbfa,b\n", "cp1252", "encoding", "byte order mark"),
        ("a,b\n1,2\n".encode("utf-16"), "utf-8", "encoding", "not utf-8"),
        (b"a\0,b\n1,2\n", "utf-8", "encoding", "line 1: holds NUL"),
        ("ä,€\n1,2\n".encode("utf-16-le"), "cp1252", "encoding", ""),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data, encoding, rule, says):
    with pytest.raises(FileUnreadable) as refused:
        read(data, "x.csv", Reading(files=("*",), encoding=encoding))

    assert refused.value.rule == rule
    assert says in refused.value.message


def test_a_byte_order_mark_is_no_part_of_the_first_column():
    assert read(b"\xef\xbb\xbfa,b\n1,2\n", "x.csv", READING).header == ("a", "b")


@pytest.mark.parametrize("cut", [3, 20, -1])
def test_a_truncated_gzip_is_refused(cut):
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)

    assert read(packed, "x.csv.gz", READING).entries == 1000
    with pytest.raises(FileUnreadable, match="truncated"):
        read(packed[:cut], "x.csv.gz", READING)


def _batch(text: str):
    from datetime import UTC, datetime

    from ingest.batch import Source

    contract = load_contracts()["dms_invoice_line"]
    reading = Reading(files=("*",), contract_names=True, values={"document_type": {"INV": "INVOICE"}})
    data = text.encode()
    source = Source("p/D001/x.csv", "D001", "s", len(data), datetime(2026, 3, 1, tzinfo=UTC), "", lambda: data)
    batch = read_batch([source], reading, contract)
    assert batch.rows.schema["_record"] == pl.Int64
    return batch
