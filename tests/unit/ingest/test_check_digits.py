"""Check digits: what a rule accepts, and that one wrong digit is always found."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contracts.rules import check_expression, gs1_check_digit, luhn_check_digit

DIGITS = st.characters(min_codepoint=ord("0"), max_codepoint=ord("9"))
GS1_LENGTHS = (8, 12, 13, 14, 17, 18)


def is_gs1(text: str | None) -> bool | None:
    return pl.DataFrame({"x": [text]}, schema={"x": pl.String}).select(gs1_check_digit(pl.col("x"))).item()


def is_luhn(text: str | None) -> bool | None:
    return pl.DataFrame({"x": [text]}, schema={"x": pl.String}).select(luhn_check_digit(pl.col("x"))).item()


@pytest.mark.parametrize("key", ["96385074", "614141000036", "4006381333931", "10614141000415", "106141412345678908"])
def test_published_keys_are_right(key):
    assert is_gs1(key)


@pytest.mark.parametrize(
    "text", ["4006381333932", "400638133393", "8.90103E+12", "A006381333931", "٤٠٠٦٣٨١٣٣٣٩٣١", "-400638133393", ""]
)
def test_what_is_no_gs1_key_is_wrong(text):
    assert is_gs1(text) is False


def test_what_is_absent_is_not_judged():
    assert is_gs1(None) is not False
    assert is_luhn(None) is not False


@given(st.sampled_from(GS1_LENGTHS).flatmap(lambda size: st.text(DIGITS, min_size=size - 1, max_size=size - 1)))
def test_exactly_one_last_digit_completes_a_gs1_key(body):
    right = [digit for digit in "0123456789" if is_gs1(body + digit)]

    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    assert right == [str(-weighted % 10)]


@given(st.text(DIGITS, min_size=14, max_size=14))
def test_exactly_one_last_digit_completes_an_imei(body):
    right = [digit for digit in "0123456789" if is_luhn(body + digit)]

    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    assert right == [str(-sum(value // 10 + value % 10 for value in doubled) % 10)]


@pytest.mark.parametrize("text", ["SN-1", "12345678901234", "4901542032375189"])
def test_what_has_not_15_digits_is_no_imei_and_passes(text):
    assert is_luhn(text) is True


def test_an_unknown_check_digit_cannot_be_compiled():
    problem = check_expression("VERHOEFF_CHECK_DIGIT(x)", ["x"])

    assert problem is not None
    assert "VERHOEFF_CHECK_DIGIT is none of GS1_CHECK_DIGIT, LUHN_CHECK_DIGIT" in problem


def test_a_check_digit_of_a_column_that_is_not_there_is_refused():
    assert check_expression("GS1_CHECK_DIGIT(y)", ["x"]) == "`GS1_CHECK_DIGIT(y)` names y, which the feed does not have"
