"""Casting: numbers in declared formats, money rounded once, dates by declared format only, keys that cannot collide."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.casting import Formats, Numbers, cast, own_value, to_decimal, to_number
from ingest.contracts import load_contracts
from ingest.normalise import natural_key
from ingest.readers.excel import cell_text

DECIMALS = st.decimals(min_value=-(10**10), max_value=10**10, allow_nan=False, allow_infinity=False, places=None)


def number(text: str | None, decimal: str = ".", thousands: str | None = None) -> str | None:
    frame = pl.DataFrame({"x": [text]}, schema={"x": pl.String})
    return frame.select(to_number(pl.col("x"), decimal, thousands)).item()


def decimal(text: str, scale: int = 4) -> Decimal | None:
    return pl.DataFrame({"x": [text]}).select(to_decimal(pl.col("x"), scale)).item()


@pytest.mark.parametrize(
    ("text", "sign", "thousands", "plain"),
    [
        ("12", ".", None, "12"),
        ("-12.50", ".", None, "-12.50"),
        ("+4", ".", None, "+4"),
        (".5", ".", None, ".5"),
        ("1,5", ",", None, "1.5"),
        ("1.234,5", ",", ".", "1234.5"),
        ("1.234.567", ",", ".", "1234567"),
        ("1,234.5", ".", ",", "1234.5"),
        ("1 234,5", ",", " ", "1234.5"),
        ("1234,5", ",", ".", "1234.5"),
        ("1,5", ".", None, None),
        ("1.5", ",", None, None),
        ("1.23,5", ",", ".", None),
        ("12.34", ",", ".", None),
        ("1,234.5", ",", ".", None),
        ("1e5", ".", None, None),
        ("8.90103E+12", ".", None, None),
        ("nan", ".", None, None),
        ("inf", ".", None, None),
        ("1_0", ".", None, None),
        ("12-", ".", None, None),
        ("--1", ".", None, None),
        (".", ".", None, None),
        ("-", ".", None, None),
        ("٣", ".", None, None),
        ("1 0", ".", None, None),
    ],
)
def test_a_number_is_what_the_declared_format_says(text, sign, thousands, plain):
    assert number(text, sign, thousands) == plain


@given(DECIMALS, st.sampled_from([3, 4]))
def test_money_is_rounded_half_away_from_zero(value, scale):
    expected = value.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)

    assert decimal(format(value, "f"), scale) == expected


@pytest.mark.parametrize(
    ("text", "rounded"),
    [
        ("1.00005", "1.0001"),
        ("-1.00005", "-1.0001"),
        ("0.000049999999999999", "0.0000"),
        ("2.00015", "2.0002"),
        ("7", "7.0000"),
    ],
)
def test_ties_go_away_from_zero_and_only_ties(text, rounded):
    assert decimal(text) == Decimal(rounded)


def test_a_number_too_large_for_the_column_is_no_value():
    assert decimal("123456789012345.1") is None
    assert decimal("99999999999999.9999") == Decimal("99999999999999.9999")


@given(
    st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=3),
    st.sampled_from([(".", None), (",", None), (",", "."), (".", ","), (",", " ")]),
)
def test_a_number_written_in_a_format_reads_back_in_it(value, signs):
    point, thousands = signs
    text = f"{value:,.3f}".replace(",", "T").replace(".", "P").replace("T", thousands or "").replace("P", point)

    assert Decimal(number(text, point, thousands)) == value


@given(
    st.lists(st.tuples(st.text(max_size=5), st.text(alphabet="|\\a", max_size=4)), min_size=2, max_size=6, unique=True)
)
def test_different_key_values_never_make_the_same_key(pairs):
    frame = pl.DataFrame(
        {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}, schema={"a": pl.String, "b": pl.String}
    )

    assert frame.select(natural_key(("a", "b")).alias("k"))["k"].n_unique() == len(pairs)


def test_a_key_names_numbers_and_dates_plainly_and_nothing_as_empty():
    frame = pl.DataFrame(
        {"a": ["x|y\\z"], "n": [7], "d": [date(2026, 3, 1)], "e": [None]}, schema_overrides={"e": pl.String}
    )

    assert frame.select(natural_key(("a", "n", "d", "e"))).item() == r"x\|y\\z|7|2026-03-01|"


@given(st.floats(min_value=-(2**53) + 1, max_value=2**53 - 1))
def test_a_number_cell_becomes_text_of_the_same_value_without_exponent(value):
    text = cell_text(value)

    assert float(text) == value
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("cell", "text"), [(8901030123456.0, "8901030123456"), (1.2345678901234568e17, "1.2345678901234568E+17")]
)
def test_a_number_cell_keeps_all_digits_or_shows_that_they_are_lost(cell, text):
    assert cell_text(cell) == text


@given(st.dates(min_value=date(1900, 3, 1), max_value=date(2200, 1, 1)))
def test_a_date_cell_becomes_an_iso_date(day):
    assert cell_text(day) == day.isoformat()


@pytest.mark.parametrize(
    ("cell", "text"), [(True, "true"), (12.0, "12"), (0.1, "0.1"), (1e-05, "0.00001"), (timedelta(hours=1), "1:00:00")]
)
def test_a_typed_cell_reads_as_a_person_would_write_it(cell, text):
    assert cell_text(cell) == text


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("cancelled", "true", True),
        ("expiry_date", "2026-05-01", date(2026, 5, 1)),
        ("qty", "1.5", Decimal("1.500")),
        ("line_no", "7", 7),
        ("line_no", "seven", None),
        ("expiry_date", "0026-05-01", None),
    ],
)
def test_a_value_in_a_profile_is_written_our_own_way(column, value, expected):
    assert own_value(load_contracts()["dms_invoice_line"].column(column), value) == expected


@pytest.mark.parametrize(("long", "short"), [("%d.%m.%Y", "%d.%m.%y"), ("%d-%b-%Y", "%d-%b-%y")])
def test_a_year_of_two_digits_is_read_in_the_form_that_has_two_whatever_the_order(long, short):
    days = [date(2026, 3, 2), date(2026, 3, 2)]
    texts = pl.Series([days[0].strftime(long), days[0].strftime(short)])
    column = load_contracts()["dms_invoice_line"].column("business_date")

    for forms in ((long, short), (short, long)):
        assert cast(column, texts, Formats(dates=forms), Numbers()).to_list() == days
