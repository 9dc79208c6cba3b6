"""From text to typed values, in declared formats only."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from ingest.contracts import Column

NUMERIC = ("integer", "decimal", "double")
_EARLIEST, _LATEST = pl.date(1900, 1, 1), pl.date(2200, 12, 31)
_SPARE_DECIMALS = 10


@dataclass(frozen=True)
class Formats:
    """How a sender writes numbers, dates and truth. The defaults are our own way."""

    decimal: str = "."
    thousands: str | None = None
    dates: tuple[str, ...] = ("%Y-%m-%d",)
    timestamps: tuple[str, ...] = ("%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
    true_values: tuple[str, ...] = ("true", "1", "Y", "yes")
    false_values: tuple[str, ...] = ("false", "0", "N", "no")


def typed(column: Column, text: pl.Expr, formats: Formats) -> pl.Expr:
    """Cast text to a column's type; null where it cannot be read. Numbers are plain already (`to_number`)."""
    if column.kind == "string":
        return text
    if column.kind == "date":
        value = pl.coalesce([text.str.to_date(form, strict=False) for form in formats.dates])
        return pl.when(value.is_between(_EARLIEST, _LATEST)).then(value)
    if column.kind == "timestamp":
        return pl.coalesce([text.str.to_datetime(form, time_unit="us", strict=False) for form in formats.timestamps])
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
        to_number(pl.col("x"), ".", None) if column.kind in NUMERIC else pl.col("x")
    )
    return text.select(typed(column, pl.col("x"), Formats()).alias("x")).item()


def to_number(text: pl.Expr, decimal: str, thousands: str | None) -> pl.Expr:
    """Text with a plain decimal point where it is a number in the declared format, else null.

    Thousands separators must stand where they belong: `1.234,5` is a number with a decimal comma and thousands points, `1.23,5` is none.
    """
    point = re.escape(decimal)
    whole = "[0-9]+" if thousands is None else rf"(?:[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|[0-9]+)"
    pattern = rf"^[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)$"
    plain = text
    if thousands is not None:
        plain = plain.str.replace_all(thousands, "", literal=True)
    if decimal != ".":
        plain = plain.str.replace(decimal, ".", literal=True)
    return pl.when(text.str.contains(pattern)).then(plain)


def to_decimal(number: pl.Expr, scale: int) -> pl.Expr:
    """Cast plain numbers to DECIMAL(18, scale), rounding half away from zero.

    Decimals beyond the tenth are cut off first, which leaves every tie as it is: the cast itself would round half to even.
    """
    cut = (
        pl.when(number.str.len_bytes() > 12)
        .then(number.str.replace(rf"(\.\d{{{_SPARE_DECIMALS}}})\d+", "$1"))
        .otherwise(number)
    )
    exact = cut.cast(pl.Decimal(38, _SPARE_DECIMALS), strict=False)
    return exact.round(scale, mode="half_away_from_zero").cast(pl.Decimal(18, scale), strict=False)
