"""Rules over a typed batch: which records are rejected and why, which are flagged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ingest.contracts import Column, Contract, Rule, breaks, columns_of, is_strict
from ingest.layout import Layout
from ingest.normalise import Normalised
from ingest.profiles import Reading

SPREADSHEET_ERRORS = (
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#DIV/0!",
    "#NAME?",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
)
Broken = Mapping[Rule, pl.Series]
"""Per rule of a contract the rows that break it."""


@dataclass(frozen=True)
class Finding:
    """One broken rule of one record.

    Attributes:
        row: position in the raw frame.
        problem: the rest of a sentence that begins with the place.
        step: what to do, where it is not what one does about the rule in general.
    """

    row: int
    rule: str
    column: str | None
    value: str | None
    problem: str
    step: str | None = None


def find(
    raw: pl.DataFrame,
    is_record: pl.Series,
    normalised: Normalised,
    broken: Broken,
    layout: Layout,
    reading: Reading,
    contract: Contract,
) -> list[Finding]:
    """All findings of the records, in the order of the rules.

    Args:
        is_record: rows that are framed records, neither blank, nor a declared total, nor broken.
        broken: as `judge` gives it for the normalised frame.
    """
    return list(_findings(raw, is_record, normalised, broken, layout, reading, contract))


def masked(text: pl.Expr) -> pl.Expr:
    """Text with a star for each letter and digit: what is written is hidden, how it is written can be seen."""
    return text.str.replace_all(r"[\p{L}\p{M}\p{N}]", "*")


def judge(frame: pl.DataFrame, contract: Contract) -> Broken:
    """The rows that break each rule, for the rules that any row breaks.

    Where nothing stands in any of a rule's columns it says the same of every row, so that one row tells. A strict rule says nothing where
    nothing stands in one of them.
    """
    filled = {name for name in contract.names if frame[name].null_count() < frame.height}
    told = [
        rule
        for rule in contract.rules
        if not is_strict(rule.expression) or filled.issuperset(columns_of(rule.expression))
    ]
    on_values = [rule for rule in told if filled & set(columns_of(rule.expression))]
    on_nothing = [rule for rule in told if rule not in on_values]
    first = _masks(frame.head(1), on_nothing)
    masks = _masks(frame, on_values) | {
        rule: mask.new_from_index(0, frame.height) for rule, mask in first.items() if mask.any()
    }
    return {rule: masks[rule] for rule in contract.rules if rule in masks and masks[rule].any()}


def _masks(frame: pl.DataFrame, rules: Sequence[Rule]) -> dict[Rule, pl.Series]:
    masks = frame.lazy().select(breaks(rule).alias(str(index)) for index, rule in enumerate(rules)).collect()
    return {rule: masks[str(index)] for index, rule in enumerate(rules)}


def flag_mask(broken: Broken) -> pl.Expr:
    """The warnings that each row breaks, as bits."""
    bits = [mask.cast(pl.Int64) * (1 << rule.bit) for rule, mask in broken.items() if rule.bit is not None]
    return pl.lit(sum(bits[1:], bits[0])) if bits else pl.lit(0, dtype=pl.Int64)


def _findings(
    raw: pl.DataFrame,
    is_record: pl.Series,
    normalised: Normalised,
    broken: Broken,
    layout: Layout,
    reading: Reading,
    contract: Contract,
) -> Iterator[Finding]:
    excused: dict[str, pl.Series] = {}
    for name, (mask, columns) in normalised.unsplit.items():
        mask = mask & is_record
        cell = pl.col(f"c{layout.index(name)}").str.strip_chars()
        if any(contract.column(column).personal for column in columns):
            cell = masked(cell)
        for row, value in _hits(raw, mask, cell):
            yield Finding(
                row,
                "split",
                name,
                value,
                f'"{value}" does not have the form that the profile takes apart into {", ".join(columns)}',
            )
        excused |= dict.fromkeys(columns, mask)
    for name, mask in normalised.bad.items():
        column = contract.column(name)
        for row, value in _hits(raw, mask & is_record, _shown(column, normalised)):
            if value in SPREADSHEET_ERRORS:
                yield Finding(row, "spreadsheet_error", name, value, spreadsheet_error(value))
                continue
            yield Finding(row, "type", name, value, f'"{value}" is no {column.kind}{_expected(column.kind, reading)}')
        excused[name] = mask | excused[name] if name in excused else mask
    for column in contract.columns:
        if not column.required or not normalised.frame[column.name].null_count():
            continue
        mask = normalised.frame[column.name].is_null() & is_record
        if column.name in excused:
            mask = mask & ~excused[column.name]
        yield from _missing(raw, mask, column, normalised, layout, reading, contract)
    for rule, mask in broken.items():
        mask = mask & is_record
        if rule.severity != "error" or not mask.any():
            continue
        about = [rule.column] if rule.column else columns_of(rule.expression)
        shown = [_shown(contract.column(name), normalised) for name in about]
        value_of = pl.concat_str(shown, separator=", ", ignore_nulls=True)
        for row, value in _hits(raw, mask, value_of):
            problem = (
                f'"{value}" is none of {", ".join(rule.valid_values)}'
                if rule.valid_values
                else f'"{value}": {_lower(rule.description)}'
            )
            yield Finding(row, rule.name, rule.column, value, problem)


def _missing(
    raw: pl.DataFrame,
    mask: pl.Series,
    column: Column,
    normalised: Normalised,
    layout: Layout,
    reading: Reading,
    contract: Contract,
) -> Iterator[Finding]:
    """Records without a required value, each with the place from which the profile takes it."""
    name, derive = column.name, reading.derive.get(column.name)
    if derive is not None and layout.places(derive.column):
        index = layout.index(derive.column)
        source = pl.col(f"c{index}")
        if any(contract.column(own).personal for own, place in layout.cells.items() if place == index):
            source = masked(source)
        for row, value in _hits(raw, mask, source):
            told = "is empty" if value is None else f'"{value}" begins with none of {", ".join(derive.prefixes)}'
            yield Finding(
                row,
                "required",
                name,
                value,
                f"is empty, but required, and in {derive.column}, which tells it, {told}",
                "have the sender mend the value, or list its prefix under `derive` in the profile",
            )
        return
    for row, value in _hits(raw, mask, _shown(column, normalised)):
        if name == "business_date" and reading.period.gives_business_date:
            yield Finding(
                row,
                "required",
                name,
                value,
                "is empty, but required, and the file's name tells no day as `period` in the profile writes it",
                "state there the `pattern` and the `format` of the dates in the name",
            )
            continue
        problem = "is empty, but required" if value is None else f'"{value}" stands for nothing that is known'
        yield Finding(row, "required", name, value, problem)


def spreadsheet_error(value: str) -> str:
    """The problem with an error of a spreadsheet, to follow the place."""
    return f'"{value}" is an error of a spreadsheet where the value should be'


def _shown(column: Column, normalised: Normalised) -> pl.Expr:
    """A column's text as a message may show it."""
    text = normalised.texts[column.name]
    return masked(text) if column.personal else text


def _hits(raw: pl.DataFrame, mask: pl.Series, value: pl.Expr) -> Iterator[tuple[int, str | None]]:
    if not mask.any():
        return
    rows = mask.arg_true()
    values = raw[rows].with_columns(value.alias("_value"))["_value"]
    yield from zip(rows.to_list(), values.to_list(), strict=True)


def _expected(kind: str, reading: Reading) -> str:
    if kind == "date":
        return f" in the format {' or '.join(reading.dates)}"
    if kind == "timestamp":
        return f" in the format {' or '.join(reading.timestamps)}"
    if kind in ("decimal", "double", "integer"):
        parts = [f" with decimal sign {reading.decimal!r}"]
        if reading.thousands:
            parts.append(f"thousands sign {reading.thousands!r} ({reading.digit_grouping})")
        parts += [f"negatives {', '.join(reading.negatives)}"] if reading.negatives != ("leading",) else []
        parts += [f"currency {', '.join(reading.currency)}"] if reading.currency else []
        return " and ".join(parts) + ", or too large"
    return f" (true: {', '.join(reading.true_values)}; false: {', '.join(reading.false_values)})"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
