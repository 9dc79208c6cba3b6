"""The rule compiler: SQL expressions of a contract become predicates over a typed frame."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ingest.contracts.model import Rule

FRAMING_RULES = {
    "columns": "The record has as many values as the header has columns.",
    "quote": "A quoted value is closed where it should be.",
    "unrouted": "A record of a file that several feeds share belongs to one of them.",
    "split": "A value that the profile splits has the form that the profile says.",
    "required": "A required value is there.",
    "type": "A value can be read as its type, in the format that the profile declares.",
    "encoding": "The file is written in the encoding that the profile declares.",
    "compression": "A compressed file is whole.",
    "archive": "An archive can be opened; its members have plain names of their own and no password.",
    "limits": "A file keeps within the limits of what is read.",
    "empty_file": "A file has content, or names the day for which it has nothing.",
    "unknown_column": "Every column of the file is known to the profile.",
    "missing_column": "Every required column is in the file.",
    "duplicate_column": "No two columns of the file mean the same.",
    "workbook": "The workbook can be opened and has the sheet that the profile names.",
}


def check_expression(expression: str, columns: Sequence[str]) -> str | None:
    """Say what is wrong with a rule's expression, or None."""
    try:
        compiled = pl.sql_expr(expression)
        roots = compiled.meta.root_names()
    except (pl.exceptions.PolarsError, ValueError) as error:
        return f"`{expression}` cannot be compiled: {error}"
    unknown = sorted(set(roots) - set(columns))
    if unknown:
        return f"`{expression}` names {', '.join(unknown)}, which the feed does not have"
    return None


def breaks(rule: Rule) -> pl.Expr:
    """True where a row breaks the rule. A null outcome passes: absence is the business of `required`."""
    return ~pl.sql_expr(rule.expression).fill_null(True)


def flags(rules: Sequence[Rule]) -> pl.Expr:
    """The bit mask of the warnings that a row breaks."""
    mask = pl.lit(0, dtype=pl.Int64)
    for rule in rules:
        if rule.bit is not None:
            mask = mask + breaks(rule).cast(pl.Int64) * (1 << rule.bit)
    return mask
