"""The short ways of casting, mapping and keying give what the long ways give."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.casting import Formats, Numbers, by_distinct, cast, plain_number, typed
from ingest.contracts import Rule, breaks, columns_of, load_contracts
from ingest.normalise import keyed, natural_key
from ingest.profiles import Reading
from ingest.readers import delimited
from ingest.readers.framed import PLAIN_DECIMALS
from ingest.validate import judge

GENTLE = settings(deadline=None)
CONTRACT = load_contracts()["dms_invoice_line"]
COLUMNS = {column.name: column for column in CONTRACT.columns}


NUMBER_LIKE = st.text(alphabet=st.sampled_from("0123456789+-.eE,_ xinfa"), max_size=14)
EDGES = [
    "0.00005",
    "1.00015",
    "-2.5",
    "1e3",
    "1.",
    ".5",
    "+7",
    "99999999999999.99995",
    "0" * 30 + "1",
    "1.0000000000001",
    "9" * 28 + ".99999",
    "-" + "9" * 20 + ".99999999999",
    "9" * 40,
]


@GENTLE
@given(st.lists(st.one_of(st.none(), NUMBER_LIKE, st.sampled_from(EDGES)), min_size=1, max_size=6))
@example(EDGES)
def test_numbers_are_cast_as_the_long_way_casts_them(texts):
    series = pl.Series("x", texts, dtype=pl.String)
    for column in (COLUMNS["qty"], COLUMNS["value_net"], COLUMNS["line_no"]):
        long = (
            series.to_frame().select(plain_number(pl.col("x"), Numbers())).select(typed(column, pl.col("x"), Formats()))
        )
        assert cast(column, series, Formats(), Numbers()).equals(long.to_series())


NUMBER_CELL = st.one_of(
    st.text(alphabet=st.sampled_from("0123456789+-.eE_ xinfa\u00a0\t"), max_size=14),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.sampled_from([edge for edge in EDGES if "," not in edge]),
)


@GENTLE
@given(st.lists(st.tuples(NUMBER_CELL, NUMBER_CELL), min_size=1, max_size=6))
@example([("1.5", "1.234"), ("x", " 2 ")])
@example([("1.2.3", ".5"), ("1.", "+7"), ("-", "9" * 40)])
@example([("1", ".0005")])
@example([("1", "1E3")])
@example([("1.00050", "1")])
@example([("1", "0.e3")])
def test_numbers_of_a_text_that_is_called_plain_are_cast_as_the_long_way_casts_them(rows):
    text = "a,b\n" + "".join(f"{first},{second}\n" for first, second in rows)
    framed = delimited.frame(text.encode(), Reading(files=("*",)))
    column = COLUMNS["qty"]
    assert column.scale >= PLAIN_DECIMALS

    if framed.plain:
        for cells in zip(*rows, strict=True):
            series = pl.Series("x", [cell.strip() or None for cell in cells], dtype=pl.String)
            assert cast(column, series, Formats(), Numbers(), is_plain=True).equals(
                cast(column, series, Formats(), Numbers())
            )


@pytest.mark.parametrize(
    ("cells", "plain"),
    [
        ("INVOICE,1.234,-2", True),
        ("SKU12,x.y,1.5", True),
        ("1,1.2345,1", False),
        ("1,1,1.0000", False),
        ("1,1e3,1", False),
        ("1,1,1.E3", False),
        ("9.2345,1,1", False),
    ],
)
def test_a_text_is_called_plain_where_no_number_has_an_exponent_or_more_than_three_decimals(cells, plain):
    framed = delimited.frame(f"a,b,c\nINVOICE,1.5,2\n{cells}\n".encode(), Reading(files=("*",)))

    assert framed.plain is plain


def test_defaults_are_cast_with_all_their_decimals_whatever_the_text_is_called(landing, invoice):
    landing.config("profiles/csv_generic.yaml", 'defaults: {qty: "1.0005"}\n')
    landing.put(
        "csv_generic/D1/dms_invoice_line.csv",
        invoice(("A", 1, "2026-03-01", "", "9.50"), ("A", 2, "2026-03-01", "2.5", "9.50")),
    )
    landing.run()

    assert [str(qty) for qty in landing.rows()["qty"]] == ["1.001", "2.500"]


DATE_LIKE = st.one_of(
    st.dates().map(str),
    st.dates().map(lambda day: day.strftime("%d/%m/%Y")),
    st.sampled_from(["1899-12-31", "2201-01-01", "x", ""]),
)


@GENTLE
@given(st.lists(st.one_of(st.none(), DATE_LIKE), min_size=1, max_size=6))
@example(["1899-12-31", "2026-03-01"])
@example(["2026-03-01", "01/03/2026"])
def test_dates_are_cast_as_the_long_way_casts_them(texts):
    series = pl.Series("x", texts, dtype=pl.String)
    formats = Formats(dates=("%Y-%m-%d", "%d/%m/%Y"))
    column = COLUMNS["business_date"]

    assert cast(column, series, formats, Numbers()).equals(
        series.to_frame().select(typed(column, pl.col("x"), formats)).to_series()
    )


@GENTLE
@given(st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=1, max_size=6))
def test_texts_are_mapped_by_their_distinct_values_as_one_by_one(texts):
    found = by_distinct(pl.Series("x", texts, dtype=pl.String), str.upper, pl.String())

    assert found.to_list() == [text if text is None else text.upper() for text in texts]


KEY_PART = st.text(alphabet=st.sampled_from("ab|\\"), max_size=3)


KEY_NUMBER = st.one_of(st.none(), st.integers(-1, 9))


@GENTLE
@given(st.lists(st.tuples(st.one_of(st.none(), KEY_PART), KEY_NUMBER), min_size=1, max_size=5))
@example([(None, None)])
@example([("a", 0), ("b", 1)])
def test_a_key_is_escaped_only_where_it_must_be_and_is_always_the_same(rows):
    frame = pl.DataFrame(rows, schema={"a": pl.String, "n": pl.Int64}, orient="row")

    assert keyed(frame, ("a", "n"))["_key"].to_list() == frame.select(natural_key(("a", "n"))).to_series().to_list()


def test_columns_that_have_nothing_to_escape_are_not_looked_through():
    frame = pl.DataFrame({"a": ["x|y"], "b": ["z"]})

    assert keyed(frame, ("a", "b"), {"b"})["_key"].to_list() == ["x\\|y|z"]
    assert keyed(frame, ("a", "b"), {"a", "b"})["_key"].to_list() == ["x|y|z"]


@pytest.mark.parametrize(
    ("text", "delimiter", "escapes"),
    [
        ("a,b\n1,2\n", ",", False),
        ("a,b\n1,x|y\n", ",", True),
        ("a,b\n1,x\\y\n", ",", True),
        ('a,b\n1,"x|y"\n', ",", True),
        ("a|b\n1|2\n", "|", False),
        ("a|b\n1|x\\y\n", "|", True),
    ],
)
def test_a_text_tells_whether_a_cell_has_something_to_escape(text, delimiter, escapes):
    assert delimited.frame(text.encode(), Reading(files=("*",), delimiter=delimiter)).escapes is escapes


@pytest.mark.parametrize(
    ("settings_of_profile", "sender", "document_no"),
    [
        ("", "D1", "A|1"),
        ("", "D|1", "A"),
        ("defaults: {document_no: 'N|1'}", "D1", ""),
        ("constants: {document_no: 'N|1'}", "D1", "A"),
        ("values: {document_no: {A: 'N|1'}}", "D1", "A"),
        ("values: {distributor_code: {D1: 'D|1'}}", "D1", "A"),
        ("derive: {document_no: {column: sender_sku_code, prefixes: {S: 'P|1'}}}", "D1", "A"),
        ("overrides: [{sender: D1, set: {document_no: 'O|1'}}]", "D1", "A"),
        ("overrides: [{sender: D1, set: {distributor_code: 'O|1'}}]", "D1", "A"),
    ],
)
def test_a_key_is_escaped_wherever_its_parts_come_from(landing, invoice, settings_of_profile, sender, document_no):
    if settings_of_profile:
        landing.config("profiles/csv_generic.yaml", settings_of_profile)
    lines = invoice((document_no, 1, "2026-03-01", "1", "9.50"), ("B", 1, "2026-03-02", "2", "9.50"))
    landing.put(f"csv_generic/{sender}/dms_invoice_line.csv", lines)
    landing.run()

    rows = landing.rows()
    assert "\\|" in rows["_key"][0]
    assert rows["_key"].to_list() == rows.select(natural_key(CONTRACT.key)).to_series().to_list()


RULED = sorted({name for rule in CONTRACT.rules for name in columns_of(rule.expression)})
VALUES = {
    "string": ("INVOICE", "CREDIT_NOTE", "EA", "x"),
    "decimal": (Decimal(-5), Decimal(0), Decimal(9), Decimal(10)),
    "date": (date(2026, 1, 1), date(2026, 2, 1)),
    "boolean": (True, False),
    "timestamp": (datetime(2026, 1, 1), datetime(2026, 2, 1)),
}


@GENTLE
@given(st.data(), st.sets(st.sampled_from(RULED)))
def test_rules_are_judged_as_one_by_one_whatever_columns_are_empty(data, empty):
    rows = [
        {name: data.draw(st.sampled_from((None, *VALUES[COLUMNS[name].kind]))) for name in RULED} | dict.fromkeys(empty)
        for _ in range(2)
    ]
    frame = pl.DataFrame(rows, schema=CONTRACT.schema)

    broken = {rule: frame.select(breaks(rule)).to_series().to_list() for rule in CONTRACT.rules}

    assert {rule: mask.to_list() for rule, mask in judge(frame, CONTRACT).items()} == {
        rule: mask for rule, mask in broken.items() if any(mask)
    }


def test_a_discount_is_checked_where_the_file_lacks_its_parts():
    row = {"gross_value": Decimal(10), "discount_value": Decimal(1), "value_net": Decimal(8)}
    frame = pl.DataFrame([row], schema=CONTRACT.schema)

    assert [rule.name for rule in judge(frame, CONTRACT)] == ["net_is_gross_less_discount"]


def test_a_rule_about_what_must_be_there_breaks_in_every_row_of_a_file_without_it():
    rule = Rule("batch_is_told", "warning", "A batch is told.", "batch_no IS NOT NULL", bit=0)
    frame = pl.DataFrame([{"line_no": 1}, {"line_no": 2}], schema=CONTRACT.schema)

    assert judge(frame, replace(CONTRACT, rules=(rule,)))[rule].to_list() == [True, True]
