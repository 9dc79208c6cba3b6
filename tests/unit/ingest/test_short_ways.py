"""The short ways of casting, mapping and keying give what the long ways give."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.casting import Formats, Numbers, by_distinct, cast, plain_number, typed
from ingest.contracts import load_contracts
from ingest.normalise import keyed, natural_key
from ingest.profiles import Reading
from ingest.readers import delimited
from ingest.readers.framed import PLAIN_DECIMALS

GENTLE = settings(deadline=None)
COLUMNS = {column.name: column for column in load_contracts()["dms_invoice_line"].columns}


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


@GENTLE
@given(st.lists(st.tuples(st.one_of(st.none(), KEY_PART), st.integers(0, 9)), min_size=1, max_size=5))
def test_a_key_is_escaped_only_where_it_must_be_and_is_always_the_same(rows):
    frame = pl.DataFrame(rows, schema={"a": pl.String, "n": pl.Int64}, orient="row")

    assert keyed(frame, ("a", "n"))["_key"].to_list() == frame.select(natural_key(("a", "n"))).to_series().to_list()
