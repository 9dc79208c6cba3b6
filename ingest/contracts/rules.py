"""The rule compiler: SQL expressions of a contract become predicates over a typed frame.

What SQL cannot say in a line is a function of its own, which stands alone in the expression: `GS1_CHECK_DIGIT(column)` and
`LUHN_CHECK_DIGIT(column)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import polars as pl

from ingest.contracts.model import Rule

FRAMING_RULES = {
    "columns": "The record has as many values as the header has columns.",
    "quote": "A quoted value is closed where it should be.",
    "nul": "A record of a text file holds no NUL character.",
    "width": "A line of a fixed-width file has the length that the profile says.",
    "record_type": "A line of a fixed-width file is of a kind that the profile names.",
    "control_count": "The trailer of a fixed-width file is there and states the number of its records.",
    "json": "A record of a JSON file is an object that can be read.",
    "unrouted": "A record of a file that several feeds share belongs to one of them.",
    "split": "A value that the profile splits has the form that the profile says.",
    "required": "A required value is there.",
    "type": "A value can be read as its type, in the format that the profile declares.",
    "mangled_code": "A code has all its digits: none is the rounded number that a spreadsheet made of it.",
    "spreadsheet_error": "No cell holds an error of a spreadsheet, such as #N/A.",
    "encoding": "The file is written in the encoding that the profile declares.",
    "compression": "A compressed file is whole.",
    "archive": "An archive can be opened; its members have plain names of their own and no password.",
    "limits": "A file keeps within the limits of what is read.",
    "empty_file": "A file has content, or names the day for which it has nothing.",
    "unknown_column": "Every column has a name, and one that the profile knows; a name that it does not know is a warning.",
    "missing_column": "Every required column is in the file, and every column of the natural key that the sender's files had.",
    "vanished_column": "Every column that the sender's last file had is there; otherwise a warning.",
    "repeated_key": "No two records of a file have the same natural key, unless they are versions of one line; otherwise a warning, and the last one counts.",
    "closing_suspended": "A file that deletes what it lacks has no record of unknown key, and its days are named or close together; otherwise a warning.",
    "duplicate_column": "No two columns of the file mean the same.",
    "interchange": "A file of X12 or EDIFACT holds an interchange.",
    "unframed": "Every stretch of a file of X12 or EDIFACT belongs to an interchange and a document in it.",
    "segment": "A segment can be read, has a tag, and ends within the limits.",
    "envelope_open": "An interchange, a group and a document end with their trailer.",
    "control_totals": "Control numbers and totals of an interchange, a group and a document agree with what was found.",
    "transaction_set": "A document is of a kind whose items are known.",
    "no_items": "A document that must have items has some.",
    "workbook": "The workbook can be opened and has the sheet that the profile names.",
    "xml": "An XML element can be read: it is well-formed and closed.",
    "xml_depth": "XML elements do not stand too deep inside each other.",
    "xml_size": "An XML element is no longer than can be held at once.",
    "xml_entities": "An XML file declares no entities.",
    "idoc": "An IDoc has a control record, is of a type that is read, and has as many items as it says.",
    "beside": "What a record needs from a file beside its own is there.",
    "truncated": "The file goes on to its end.",
}


_FUNCTION = re.compile(r"\s*([A-Z0-9_]+_CHECK_DIGIT)\s*\(\s*(\w+)\s*\)\s*")
_WORD = re.compile(r"[A-Za-z_]\w*")
_STRICT_WORDS = frozenset({"ABS", "CAST", "AS", "DOUBLE"})
_NOT_STRICT = re.compile(r"[^\w\s.()<>=+*/-]|<=>")
"""Signs beyond those of arithmetic and comparisons: false & null is false, and null <=> null is true."""
_LONGEST_GS1 = 18
_IMEI = 15


def compiled(expression: str) -> pl.Expr:
    """The expression over a typed frame: true where a row keeps the rule, null where it cannot be told.

    Raises:
        polars.exceptions.PolarsError: it is no SQL that polars knows.
        ValueError: it calls a check digit that we do not know.
    """
    call = _FUNCTION.fullmatch(expression)
    if call is None:
        return pl.sql_expr(expression)
    name, column = call.groups()
    if name not in _FUNCTIONS:
        raise ValueError(f"{name} is none of {', '.join(_FUNCTIONS)}")
    return _FUNCTIONS[name](pl.col(column))


@lru_cache(maxsize=4096)
def columns_of(expression: str) -> tuple[str, ...]:
    """The columns that an expression names, each once."""
    return tuple(dict.fromkeys(compiled(expression).meta.root_names()))


@lru_cache(maxsize=4096)
def is_strict(expression: str) -> bool:
    """Whether the outcome is known to be null wherever one of the columns is, as that of arithmetic and comparisons is."""
    known = {*columns_of(expression), *_STRICT_WORDS}
    return known.issuperset(_WORD.findall(expression)) and not _NOT_STRICT.search(expression)


def gs1_check_digit(text: pl.Expr) -> pl.Expr:
    """True for a GS1 key (GTIN-8, -12, -13, -14, GLN, GSIN, SSCC) whose last digit is its check digit.

    The digits, weighted 1, 3, 1, 3, … from the right, add up to a multiple of ten (GS1 General Specifications, section 7.9). A text
    that is no such key is false; null stays null. Each key is looked at once, however many lines bear it.
    """
    return text.map_batches(_gs1_each_once, return_dtype=pl.Boolean)


def _gs1_each_once(texts: pl.Series) -> pl.Series:
    if texts.null_count() == len(texts):
        return texts.cast(pl.Boolean)
    keys = texts.unique()
    verdicts = keys.to_frame("key").select(_gs1(pl.col("key"))).to_series()
    return texts.replace_strict(keys, verdicts, return_dtype=pl.Boolean)


def _gs1(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Int64, strict=False)
    total = pl.sum_horizontal(_digit(number, place) * (3 if place % 2 else 1) for place in range(_LONGEST_GS1))
    return text.str.contains("^(?:[0-9]{8}|[0-9]{12,14}|[0-9]{17,18})$") & (total % 10 == 0)


def luhn_check_digit(text: pl.Expr) -> pl.Expr:
    """False for 15 digits, as of an IMEI, whose last digit is not their check digit; true for any other text.

    Every second digit from the right is doubled, and the digits of all these add up to a multiple of ten (ISO/IEC 7812-1, annex B; 3GPP
    TS 23.003, annex B).
    """
    number = text.cast(pl.Int64, strict=False)
    doubled = (_digit(number, place) * 2 for place in range(1, _IMEI, 2))
    total = pl.sum_horizontal(
        *(_digit(number, place) for place in range(0, _IMEI, 2)), *(twice - 9 * (twice > 9) for twice in doubled)
    )
    return ~text.str.contains(f"^[0-9]{{{_IMEI}}}$") | (total % 10 == 0)


def _digit(number: pl.Expr, place: int) -> pl.Expr:
    digit: pl.Expr = number // 10**place % 10
    return digit


_FUNCTIONS = {"GS1_CHECK_DIGIT": gs1_check_digit, "LUHN_CHECK_DIGIT": luhn_check_digit}


def check_expression(expression: str, columns: Sequence[str]) -> str | None:
    """Say what is wrong with a rule's expression, or None."""
    try:
        named = columns_of(expression)
    except (pl.exceptions.PolarsError, ValueError) as error:
        return f"`{expression}` cannot be compiled: {error}"
    unknown = sorted(set(named) - set(columns))
    if unknown:
        return f"`{expression}` names {', '.join(unknown)}, which the feed does not have"
    return None


@lru_cache(maxsize=4096)
def breaks(rule: Rule) -> pl.Expr:
    """True where a row breaks the rule. A null outcome passes: absence is the business of `required`."""
    return ~compiled(rule.expression).fill_null(True)


def flags(rules: Sequence[Rule]) -> pl.Expr:
    """The bit mask of the warnings that a row breaks."""
    mask = pl.lit(0, dtype=pl.Int64)
    for rule in rules:
        if rule.bit is not None:
            mask = mask + breaks(rule).cast(pl.Int64) * (1 << rule.bit)
    return mask
