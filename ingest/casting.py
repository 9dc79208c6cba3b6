"""From text to typed values, in declared formats only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from ingest.contracts import Column

NUMERIC = ("integer", "decimal", "double")
_EARLIEST, _LATEST = date(1900, 1, 1), date(2200, 12, 31)
_SPARE_DECIMALS = 10
Grouping = Literal["western", "indian", "any"]
Negative = Literal["leading", "trailing", "brackets", "cr", "dr", "overpunch"]
SERIALS = {"excel": date(1899, 12, 30), "excel1904": date(1904, 1, 1)}
"""Day 0 of Excel's serial dates, from the 61st day on in the 1900 system."""
_LEAP_BUG = 60
"""The serial of 29 February 1900, which Excel counts and which never was."""


@dataclass(frozen=True)
class Numbers:
    """How a sender writes numbers.

    Attributes:
        negatives: how a negative number is marked; a number without a mark, or with a plus before it, is positive.
        currency: signs that may stand before or after a number.
    """

    decimal: str = "."
    thousands: str | None = None
    grouping: Grouping = "western"
    negatives: tuple[Negative, ...] = ("leading",)
    currency: tuple[str, ...] = ()


_PLAIN = Numbers()


@dataclass(frozen=True)
class Formats:
    """How a sender writes dates and truth. The defaults are our own way.

    Attributes:
        zone: whose local time a timestamp without an offset is.
    """

    dates: tuple[str, ...] = ("%Y-%m-%d",)
    timestamps: tuple[str, ...] = ("%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
    true_values: tuple[str, ...] = ("true", "1", "Y", "yes")
    false_values: tuple[str, ...] = ("false", "0", "N", "no")
    zone: str = "UTC"


def cast(
    column: Column,
    text: pl.Series,
    formats: Formats,
    numbers: Numbers,
    implied_decimals: int = 0,
    *,
    is_plain: bool = False,
) -> pl.Series:
    """Text as it was sent, as the column's type; null where it cannot be read.

    The same as `typed` over `plain_number`, with less work: what is written plainly is cast at once, and only the rest goes the long way.

    Args:
        is_plain: it is known that no number has an exponent, or more decimals behind a point than the column.
    """
    if column.kind == "string":
        return text
    if column.kind in ("decimal", "integer") and numbers == _PLAIN and not implied_decimals:
        value = text.cast(column.dtype, strict=False)
        if column.kind == "integer" or is_plain:
            return _or_else(column, text, value, formats, numbers)
        # the cast itself would read exponents, and round ties to even
        others = (~text.str.contains(rf"^[+-]?[0-9]+(?:\.[0-9]{{0,{column.scale}}})?$")).arg_true()
        return _recast(column, text, value, others, formats, numbers)
    if column.kind in ("date", "timestamp"):
        return _first_that_fits(column, text, formats, numbers)
    return _cast_any(column, text, formats, numbers, implied_decimals)


def _or_else(column: Column, text: pl.Series, value: pl.Series, formats: Formats, numbers: Numbers) -> pl.Series:
    """The values, with the long way for those that the short one could not read."""
    if value.null_count() == text.null_count():
        return value
    unread = (value.is_null() & text.is_not_null()).arg_true()
    return _recast(column, text, value, unread, formats, numbers)


def _recast(
    column: Column, text: pl.Series, value: pl.Series, rows: pl.Series, formats: Formats, numbers: Numbers
) -> pl.Series:
    if not len(rows):
        return value
    return value.scatter(rows, _cast_any(column, text.gather(rows), formats, numbers, 0))


def _cast_any(column: Column, text: pl.Series, formats: Formats, numbers: Numbers, implied_decimals: int) -> pl.Series:
    number = plain_number(pl.col("text"), numbers, implied_decimals) if column.kind in NUMERIC else pl.col("text")
    return _series(text, typed(column, number, formats))


def _first_that_fits(column: Column, text: pl.Series, formats: Formats, numbers: Numbers) -> pl.Series:
    """Moments in the first of the forms in which they can be read; a further form is tried only where a text fits none before it."""
    if column.kind == "date":
        value = _series(text, _date(pl.col("text"), formats.dates[0]))
        outside = value.len() > value.null_count() and not _EARLIEST <= value.min() <= value.max() <= _LATEST  # type: ignore[operator]
    else:
        value = _series(text, _timestamp(pl.col("text"), formats.timestamps[0], formats.zone))
        outside = False
    if outside:
        return _cast_any(column, text, formats, numbers, 0)
    return _or_else(column, text, value, formats, numbers)


def _series(text: pl.Series, value: pl.Expr) -> pl.Series:
    return text.to_frame("text").select(value.alias("value")).to_series()


def by_distinct(text: pl.Series, into: Callable[[str], object], dtype: pl.DataType) -> pl.Series:
    """Map a column's texts, each distinct one once. For columns of few distinct texts."""
    distinct = text.unique().drop_nulls()
    mapped = pl.Series([into(value) for value in distinct], dtype=dtype)
    if dtype == pl.String() and mapped.equals(distinct):
        return text
    return mapped.gather(text.cast(pl.Enum(distinct)).to_physical())


def typed(column: Column, text: pl.Expr, formats: Formats) -> pl.Expr:
    """Cast text to a column's type; null where it cannot be read. Numbers are plain already (`plain_number`)."""
    if column.kind == "string":
        return text
    if column.kind == "date":
        values = [_date(text, form) for form in formats.dates]
        return pl.coalesce([pl.when(value.is_between(_EARLIEST, _LATEST)).then(value) for value in values])
    if column.kind == "timestamp":
        return pl.coalesce([_timestamp(text, form, formats.zone) for form in formats.timestamps])
    if column.kind == "boolean":
        known = {value.upper(): True for value in formats.true_values} | {
            value.upper(): False for value in formats.false_values
        }
        return text.str.to_uppercase().replace_strict(known, default=None, return_dtype=pl.Boolean)
    if column.kind == "decimal":
        return to_decimal(text, column.scale)
    if column.kind == "double":
        value = text.cast(pl.Float64, strict=False)
        return pl.when(value.is_finite()).then(value)
    return text.str.replace(r"\.0*$", "").cast(pl.Int64, strict=False)


def own_value(column: Column, value: str) -> object:
    """A value that a profile states in our own way of writing; null where it is none of the column's type."""
    text = pl.DataFrame({"x": [value]}).select(
        plain_number(pl.col("x"), Numbers()) if column.kind in NUMERIC else pl.col("x")
    )
    return text.select(typed(column, pl.col("x"), Formats()).alias("x")).item()


def plain_number(text: pl.Expr, numbers: Numbers, implied_decimals: int = 0) -> pl.Expr:
    """Text with a leading sign and a plain decimal point where it is a number as the sender writes it, else null.

    Args:
        implied_decimals: so many of the last digits stand behind a decimal point that is not written; a written one is then an error.
    """
    if numbers.currency or numbers.negatives != ("leading",):
        text = _signed(text, numbers)
    plain = to_number(text, numbers.decimal, numbers.thousands, numbers.grouping)
    if implied_decimals:
        filled = plain.str.replace(r"^([+-]?)", "${1}" + "0" * implied_decimals)
        pointed = filled.str.replace(rf"([0-9]{{{implied_decimals}}})$", ".${1}")
        plain = pl.when(~plain.str.contains(".", literal=True)).then(pointed)
    return plain


def _signed(text: pl.Expr, numbers: Numbers) -> pl.Expr:
    """The number without currency signs and with its sign in front; null where it is marked in a way that is not declared."""
    if numbers.currency:
        signs = "|".join(re.escape(sign) for sign in sorted(numbers.currency, key=len, reverse=True))
        text = text.str.replace(rf"(?i)^([+(-]?)\s*(?:{signs})\s*", "${1}")
        text = text.str.replace(rf"(?i)\s*(?:{signs})\s*(\)|-|cr\.?|dr\.?)?$", "${1}")
    signed = text
    unmarked = "^([^()+-]*?)"
    if "brackets" in numbers.negatives:
        signed = signed.str.replace(r"^\(\s*([^()+-]*?)\s*\)$", "-${1}")
    if "trailing" in numbers.negatives:
        signed = signed.str.replace(rf"{unmarked}\s*-$", "-${1}")
    for negative, positive in (("cr", "dr"), ("dr", "cr")):
        if negative in numbers.negatives:
            signed = signed.str.replace(rf"(?i){unmarked}\s*{negative}\.?$", "-${1}")
            signed = signed.str.replace(rf"(?i){unmarked}\s*{positive}\.?$", "${1}")
    if "overpunch" in numbers.negatives:
        signed = _unpunched(signed)
    return signed if "leading" in numbers.negatives else pl.when(~text.str.starts_with("-")).then(signed)


def _unpunched(text: pl.Expr) -> pl.Expr:
    """The last digit of a zoned decimal bears the sign: `{`, A to I are 0 to 9, `}`, J to R are 0 to 9 of a negative number."""
    digits = {sign: str(digit) for signs in ("{ABCDEFGHI", "}JKLMNOPQR") for digit, sign in enumerate(signs)}
    number = text.str.head(-1) + text.str.tail(1).replace(digits)
    return (
        pl.when(text.str.contains(r"^[0-9]*[{A-I]$"))
        .then(number)
        .when(text.str.contains(r"^[0-9]*[}J-R]$"))
        .then(pl.lit("-") + number)
        .otherwise(text)
    )


def to_number(text: pl.Expr, decimal: str, thousands: str | None, grouping: Grouping = "western") -> pl.Expr:
    """Text with a plain decimal point where it is a number in the declared format, with a leading sign or none, else null.

    Thousands separators must stand where they belong: `1.234,5` is a number with a decimal comma and thousands points, `1.23,5` is none.
    A blank as thousands separator is any blank of one sign, such as the one that does not break.
    """
    point = re.escape(decimal)
    whole = "[0-9]+"
    if thousands is not None:
        mark = "[ \u00a0\u2009\u202f]" if thousands == " " else re.escape(thousands)
        western, indian = rf"[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+", rf"[0-9]{{1,2}}(?:{mark}[0-9]{{2}})*{mark}[0-9]{{3}}"
        whole = "|".join({"western": [western], "indian": [indian], "any": [western, indian]}[grouping] + [whole])
    pattern = rf"^[+-]?(?:(?:{whole})(?:{point}[0-9]*)?|{point}[0-9]+)$"
    plain = text
    if thousands is not None:
        plain = (
            plain.str.replace_all(mark, "") if thousands == " " else plain.str.replace_all(thousands, "", literal=True)
        )
    if decimal != ".":
        plain = plain.str.replace(decimal, ".", literal=True)
    return pl.when(text.str.contains(pattern)).then(plain)


def _date(text: pl.Expr, form: str) -> pl.Expr:
    if form in SERIALS:
        return _from_serial(text, form).dt.date()
    return _whole_digits(text, form).str.to_date(form, strict=False)


def _timestamp(text: pl.Expr, form: str, zone: str) -> pl.Expr:
    """In UTC. A time that the zone's clocks showed twice is the first of the two; one that they skipped is null."""
    if form in SERIALS:
        local = _from_serial(text, form)
    elif "%z" in form:
        moment = text.str.to_datetime(form.replace("%z", "%#z"), time_unit="us", strict=False)
        return moment.dt.replace_time_zone(None)
    else:
        local = _whole_digits(text, form).str.to_datetime(form, time_unit="us", strict=False)
    if zone == "UTC" or form.endswith("Z"):
        return local
    placed = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return placed.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _whole_digits(text: pl.Expr, form: str) -> pl.Expr:
    """Without signs between them each part of a date has all its digits: polars would read 2026031 as the first of March."""
    if not re.search(r"%[YymdHMSj]%[YymdHMSj]", form):
        return text
    digits = {"Y": 4, "j": 3}
    pattern = re.sub(
        r"%([A-Za-z])|(.)",
        lambda part: (
            re.escape(part[2]) if part[2] else f"[0-9]{{{digits.get(part[1], 2)}}}" if part[1] in "YymdHMSj" else ".*"
        ),
        form,
    )
    return pl.when(text.str.contains(f"^{pattern}$")).then(text)


def _from_serial(text: pl.Expr, system: str) -> pl.Expr:
    """Excel's days since its day 0 and fraction of a day, to the second; the day that never was is null."""
    serial = pl.when(text.str.contains(r"^[0-9]{1,6}(?:\.[0-9]*)?$")).then(text).cast(pl.Float64, strict=False)
    if system == "excel":
        serial = (
            pl.when(serial >= _LEAP_BUG + 1).then(serial).when((serial >= 1) & (serial < _LEAP_BUG)).then(serial + 1)
        )
    seconds = (serial * 86_400).round().cast(pl.Int64)
    return pl.lit(SERIALS[system]).cast(pl.Datetime("us")) + pl.duration(seconds=seconds)


def to_decimal(number: pl.Expr, scale: int) -> pl.Expr:
    """Cast plain numbers to DECIMAL(18, scale), rounding half away from zero.

    Decimals beyond the tenth are cut off first, which leaves every tie as it is: the cast itself would round half to even. What has more
    digits than can be right is null before it is rounded, which would fail where there is no room for a carry.
    """
    cut = (
        pl.when(number.str.len_bytes() > 12)
        .then(number.str.replace(rf"(\.\d{{{_SPARE_DECIMALS}}})\d+", "$1"))
        .otherwise(number)
    )
    exact = cut.cast(pl.Decimal(30, _SPARE_DECIMALS), strict=False).cast(pl.Decimal(38, _SPARE_DECIMALS))
    return exact.round(scale, mode="half_away_from_zero").cast(pl.Decimal(18, scale), strict=False)
