"""A large file is read piece by piece: what comes of it is what comes of the whole text."""

from __future__ import annotations

import gzip
from unittest.mock import patch

import duckdb
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import ingest
from ingest import batch, job, quality
from ingest.batch import Source, read_batch
from ingest.connectors import folder
from ingest.contracts import ENVELOPE, REJECTS, load_contracts
from ingest.errors import FileUnreadable
from ingest.profiles import Catalogue, Reading
from ingest.readers import delimited
from ingest.spool import Spool

GENTLE = settings(deadline=None)
READING = Reading(files=("*",), max_record_lines=3)
ANY = st.text(alphabet=st.sampled_from('ab1 ",\r\n;é\u00a0\u2028\x0b\x85'), max_size=40)
CUTS = st.integers(1, 7)
CONTRACTS = load_contracts()
CONTRACT = CONTRACTS["dms_invoice_line"]
INVOICES = Catalogue(None, CONTRACTS).profile("csv_generic").feeds["dms_invoice_line"]
HEADER = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
LINES = (
    "INVOICE,A,{},2026-03-01,O1,S1,2,EA,9.50\n"
    "INVOICE,B,{},2026-03-02,O1,S1,two,EA,9.50\n"
    "\n"
    '"INVOICE","C",{},2026-03-03,"O\n1",S1,2,DRUM,9.50\n'
    "INVOICE,D,{}\n"
)


def cut(data: bytes, size: int) -> list[bytes]:
    """Data in blocks of a size."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def cut_text(text: str, size: int) -> list[bytes]:
    """Text in blocks of whole characters."""
    return [text[start : start + size].encode() for start in range(0, len(text), size)]


def outcome(run):
    """What is given, or why nothing is."""
    try:
        return run()
    except FileUnreadable as refusal:
        return refusal.rule, refusal.line


def told(framed) -> list[tuple]:
    """Line, raw text, broken rule and cells of every entry."""
    if framed.cells is None:
        lines = (framed.body or b"").decode().split("\n")[:-1]
        cells = [tuple(cell.strip() or None for cell in line.split(framed.delimiter)) for line in lines]
    else:
        cells = [tuple((cell or "").strip() or None for cell in row) for row in framed.cells.rows()]
    raws = framed.raws(range(framed.entries))
    rules = [framed.broken[index].rule if index in framed.broken else None for index in range(framed.entries)]
    return [(framed.line(index), raws[index], rules[index], cells[index]) for index in range(framed.entries)]


def frame_of(body: str, **settings):
    return delimited.frame(("a,b\n" + body).encode(), READING, **settings)


@pytest.fixture
def small_pieces(monkeypatch):
    """Every file is large, and is read a few lines at a time."""
    monkeypatch.setattr(folder, "_BLOCK", 150)
    monkeypatch.setattr(folder, "_LINE", 15)
    monkeypatch.setattr(delimited, "_BLOCK", 150)
    monkeypatch.setattr(batch, "_TOGETHER_BYTES", 200)
    monkeypatch.setattr(job, "_LARGE", 1)


@GENTLE
@given(ANY, CUTS)
@example('1,2\n"3,4\n5,6\n7,8\n', 2)
@example('1,"2\n2"\n3,4', 3)
def test_pieces_give_together_what_the_whole_text_gives(body, size):
    text = "a,b\n" + body

    whole = delimited.frame(text.encode(), READING)
    pieces = list(delimited.frames(cut_text(text, size), READING))

    assert {piece.header for piece in pieces} == {whole.header}
    assert [entry for piece in pieces for entry in told(piece)] == told(whole)


@GENTLE
@given(ANY, st.integers(1, 9), st.integers(1, 9))
@example("abc\nabcdef\nab", 3, 5)
def test_the_blocks_of_a_file_are_the_file_and_end_with_a_line_where_one_ends_near_by(
    tmp_path_factory, text, size, near
):
    path = tmp_path_factory.mktemp("blocks") / "x.csv"
    path.write_bytes(text.encode())

    with patch.object(folder, "_BLOCK", size), patch.object(folder, "_LINE", near):
        blocks = list(folder.LandingFile(path, "p/D/x.csv", "p", "D").blocks())

    assert b"".join(blocks) == text.encode()
    assert all(
        len(block) == size or (size < len(block) <= size + near and block.endswith(b"\n")) for block in blocks[:-1]
    )
    ends = [sum(map(len, blocks[:index])) for index in range(1, len(blocks))]
    assert all(text.encode()[end - 1 : end] == b"\n" or b"\n" not in text.encode()[end : end + near] for end in ends)


ROWS = st.lists(
    st.sampled_from(
        ["1,2", " 3,é ", "4", "5,6,7", '"8,9', '10,"11"', '12"', '"13\n14",15', "", ",", "16\r,17", "18,19\r"]
    ),
    max_size=12,
)


@GENTLE
@given(ROWS, st.booleans(), CUTS)
@example(["1,2", '"8,9', "1,2", "1,2", "1,2", '12"', "1,2"], True, 3)
def test_lines_read_together_and_apart_give_what_all_read_apart_give(rows, ends_with_newline, size):
    text = "a,b\n" + "\n".join(rows) + ("\n" if ends_with_newline else "")

    whole = delimited.frame(text.encode(), READING, careful=True)
    with patch.object(delimited, "_FEW", 0):
        pieces = list(delimited.frames(cut_text(text, size), READING))
        mixed = delimited.frame(text.encode(), READING)

    assert told(mixed) == told(whole)
    assert [entry for piece in pieces for entry in told(piece)] == told(whole)


def test_quotes_around_whole_cells_are_taken_off_at_once_and_kept_in_the_raw_text():
    framed = delimited.frame(b'a,b\n"1",""\n2,"x y"\n', READING)

    assert framed.body == b"1,\n2,x y\n"
    assert framed.raws([0, 1]) == ['"1",""', '2,"x y"']


CELL = st.sampled_from(['""', '"1"', '" 2"', "3", "", '"4,5"', '"6""7"', '8"', '"9', '"é"', '"1" ', '"\n"'])


@GENTLE
@given(st.lists(st.tuples(CELL, CELL), max_size=8), st.sampled_from(["\n", "\r\n"]))
@example([('"4,5"', "")], "\n")
@example([('"9', '9"')], "\n")
def test_quoted_cells_read_at_once_give_what_all_read_apart_give(rows, ending):
    body = ending.join(",".join(row) for row in rows)

    assert told(frame_of(body)) == told(frame_of(body, careful=True))


@GENTLE
@given(ANY)
def test_any_text_read_together_and_apart_gives_what_all_read_apart_gives(body):
    with patch.object(delimited, "_FEW", 0):
        assert told(frame_of(body)) == told(frame_of(body, careful=True))


def test_cells_read_together_and_apart_are_padded_only_where_blanks_are(small_pieces):
    text = HEADER + "INVOICE,A,1,2026-03-01,O1,S1,2,EA,9.50\n" * 9

    assert not delimited.frame((text + "x,y\n").encode(), READING).padded
    assert delimited.frame((text + "INVOICE,A ,1\n").encode(), READING).broken
    assert delimited.frame((text + "x\n" + text[len(HEADER) :].replace(",A", ", A")).encode(), READING).padded


@GENTLE
@given(ANY, CUTS, st.integers(0, 2))
def test_a_header_is_found_wherever_the_text_is_cut(text, size, title_rows):
    reading = READING.model_copy(update={"title_rows": title_rows})

    whole = outcome(lambda: delimited.frame(text.encode(), reading).header)
    pieces = outcome(lambda: next(iter(delimited.frames(cut_text(text, size), reading))).header)

    if text.strip():
        assert pieces == whole
    else:
        assert isinstance(pieces[0], str)


@GENTLE
@given(
    st.one_of(st.binary(max_size=30), ANY.map(str.encode), ANY.map(lambda text: text.encode("utf-16"))),
    CUTS,
    st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-16-le", "gb18030"]),
)
@example("é\n".encode(), 1, "cp1252")
@example(b"\xef\xbb\xbfa\x1a", 2, "utf-8")
@example(b"a\n\xe9\n\0", 2, "utf-8")
def test_a_text_in_blocks_is_decoded_and_refused_as_the_whole_text_is(data, size, encoding):
    whole = outcome(lambda: delimited.to_utf8(data, encoding))
    blocks = outcome(lambda: b"".join(delimited.utf8_blocks(cut(data, size), encoding)))

    assert (blocks == whole) or (isinstance(blocks, tuple) and isinstance(whole, tuple) and blocks[0] == whole[0])


@GENTLE
@given(ANY)
def test_cells_that_are_not_called_padded_have_no_blanks_around_them(body):
    framed = delimited.frame(("a,b\n" + body).encode(), READING)

    if framed.body is not None and not framed.padded:
        cells = pl.Series([cell for line in framed.body.decode().split("\n") for cell in line.split(",")])
        assert cells.equals(cells.str.strip_chars())


def test_a_large_file_gives_what_a_small_one_gives(landing, tmp_path, small_pieces, monkeypatch):
    text = HEADER + "".join(LINES.format(number, number, number, number) for number in range(1, 40))
    landing.put("csv_generic/D1/dms_invoice_line_2026-03-01.csv", text)
    report = landing.run()
    monkeypatch.setattr(job, "_LARGE", 10**9)
    other = type(landing)(tmp_path / "other")
    other.put("csv_generic/D1/dms_invoice_line_2026-03-01.csv", text)

    assert report == other.run()
    assert (report.records, report.loaded, report.rejected, report.blank) == (195, 78, 78, 39)
    assert landing.rows().equals(other.rows())
    assert landing.rejects().equals(other.rejects())
    assert landing.commits()[0]["files"] == other.commits()[0]["files"]
    assert landing.rows()["_pos"].to_list() == list(range(1, 79))


def test_a_large_file_leaves_out_of_its_parquet_the_optional_columns_that_it_does_not_have(
    landing, small_pieces, tmp_path
):
    landing.put("csv_generic/D1/dms_invoice_line.csv", HEADER + LINES.format(1, 2, 3, 4) * 20)
    landing.run()

    (commit,) = landing.commits()
    path = landing.home / "bronze" / commit["rows"]
    absent = set(CONTRACT.schema) - set(pl.read_parquet_schema(path))
    assert "scheme_code" in absent
    assert not absent & {*HEADER.strip().split(","), *ENVELOPE}
    assert not any(CONTRACT.column(name).required for name in absent)


def test_the_warehouse_reads_columns_that_a_large_file_does_not_have_as_null(landing, small_pieces, tmp_path):
    landing.put("csv_generic/D1/dms_invoice_line.csv", HEADER + LINES.format(1, 2, 3, 4) * 20)
    landing.run()
    ingest.write_snapshot(landing.home, tmp_path)
    paths = [
        str(tmp_path / "empty" / "dms_invoice_line.parquet"),
        str(landing.home / "bronze" / landing.commits()[0]["rows"]),
    ]

    table = duckdb.execute(
        "select * exclude (filename) from read_parquet($paths, union_by_name = true, filename = true)", {"paths": paths}
    ).pl()

    assert dict(table.schema) == CONTRACT.schema
    assert table.equals(landing.rows())
    failed = quality.run(landing.home).failed
    assert not [line for line in failed if "column_set" in line or " types" in line]


@pytest.mark.parametrize(
    ("settings", "written_once"),
    [
        ("owner: sales", {"_file", "_sender", "distributor_code"}),
        ("overrides: [{sender: D1, where: {document_no: B}, set: {distributor_code: D2}}]", {"_file", "_sender"}),
        ("sender: {from: column, column: document_no}", {"_file"}),
    ],
)
def test_a_large_file_writes_once_what_is_the_same_in_all_its_rows(
    landing, tmp_path, small_pieces, monkeypatch, settings, written_once
):
    text = HEADER + LINES.replace("two", "2").format(1, 2, 3, 4) * 20
    other = type(landing)(tmp_path / "other")
    for home in (landing, other):
        home.config("profiles/csv_generic.yaml", settings + "\n")
        home.put("csv_generic/D1/dms_invoice_line.csv", text)
    landing.run()
    monkeypatch.setattr(job, "_LARGE", 10**9)
    other.run()

    schema = pl.read_parquet_schema(landing.home / "bronze" / landing.commits()[0]["rows"])
    assert {name for name, dtype in schema.items() if isinstance(dtype, pl.Enum)} == written_once
    assert landing.rows().equals(other.rows())


def test_a_spool_takes_no_other_text_where_all_should_be_the_same(tmp_path):
    spool = Spool(tmp_path, {"_file": pl.String()}, REJECTS)
    spool.write("rows", pl.DataFrame({"_file": ["x", "x"]}), ["_file"])

    with pytest.raises(AssertionError, match="_file"):
        spool.write("rows", pl.DataFrame({"_file": ["x", "y"]}), ["_file"])
    spool.discard("rows")


def test_a_large_file_leaves_nothing_but_its_commit(landing, small_pieces):
    landing.put("csv_generic/D1/dms_invoice_line.csv", HEADER + LINES.format(1, 2, 3, 4) * 20)

    landing.run()
    landing.run()
    ingest.replay(landing.home)

    (commit,) = landing.commits()
    assert sorted(path.name for path in (landing.home / "bronze" / "dms_invoice_line").iterdir()) == [
        commit["rows"].split("/")[1]
    ]


def test_a_large_file_that_turns_out_unreadable_is_rejected_whole(landing, small_pieces):
    text = HEADER + LINES.format(1, 2, 3, 4) * 20
    landing.put("csv_generic/D1/dms_invoice_line.csv", text.encode() + b"INVOICE,\xff\n")

    report = landing.run()

    assert (report.rejected_files, report.loaded) == (1, 0)
    assert "bytes ff" in report.problems[0]
    assert landing.rows().is_empty()
    assert landing.rejects()["rule"].to_list() == ["encoding"]


def test_a_large_file_with_an_unknown_column_is_counted_and_rejected(landing, small_pieces):
    landing.put("csv_generic/D1/dms_invoice_line.csv", HEADER.replace("qty", "what") + "a,b,c,d,e,f,g,h,i\n\n" * 50)

    (entry,) = landing.run() and landing.commits()[0]["files"]

    assert (entry["status"], entry["records"], entry["rejected"], entry["blank"]) == ("rejected", 100, 50, 50)


def test_a_large_packed_file_is_unpacked_on_the_way(landing, small_pieces):
    text = HEADER + LINES.format(1, 2, 3, 4) * 20
    landing.put("csv_generic/D1/dms_invoice_line.csv.gz", gzip.compress(text.encode()))
    landing.put("csv_generic/D2/dms_invoice_line.csv.gz", gzip.compress(text.encode())[:-9])

    report = landing.run()

    assert (report.loaded, report.rejected_files) == (40, 1)


def test_a_large_file_that_reads_as_before_is_not_committed_again(landing, small_pieces):
    landing.put("csv_generic/D1/dms_invoice_line.csv", HEADER + LINES.format(1, 2, 3, 4) * 20)
    landing.run()
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D1, where: {qty: 7}, set: {unit: CS}}]\n")
    assert ingest.replay(landing.home).files == 0
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D1, where: {qty: 2}, set: {unit: CS}}]\n")

    report = ingest.replay(landing.home)

    assert (report.files, report.loaded) == (1, 40)
    assert landing.rows()["unit"].to_list()[-40:] == ["CS"] * 40


@pytest.mark.parametrize("size", [30, 200, 5000])
def test_the_digest_of_a_file_does_not_depend_on_its_pieces(tmp_path, monkeypatch, size):
    text = (HEADER + "".join(LINES.format(number, number, number, number) for number in range(9))).encode()
    monkeypatch.setattr(delimited, "_BLOCK", size)
    monkeypatch.setattr(batch, "_TOGETHER_BYTES", size)
    contents = []
    for blocks in (None, lambda: iter(cut(text, size))):
        source = Source("D/x.csv", "D", "", len(text), None, "", lambda: text, blocks=blocks)
        spool = Spool(tmp_path / str(len(contents)), CONTRACT.schema, REJECTS) if blocks else None
        (tmp_path / str(len(contents))).mkdir()
        contents.append(read_batch([source], INVOICES, CONTRACT, spool=spool).files[0])

    whole, pieces = contents
    assert (whole.content, whole.records, whole.blank) == (pieces.content, pieces.records, pieces.blank)


def test_a_spool_that_cannot_be_written_says_why(tmp_path):
    spool = Spool(tmp_path / "missing", CONTRACT.schema, REJECTS)
    spool.write("rejects", pl.DataFrame([{"_file": "x"}], schema=REJECTS))

    with pytest.raises((OSError, pl.exceptions.PolarsError)):
        spool.close()
