"""What a spreadsheet made of values: errors in the place of values, and codes that it took for numbers."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ingest.contracts import Column, Contract
from ingest.layout import Layout
from ingest.normalise import Normalised
from ingest.profiles import Reading
from ingest.readers import Framed
from ingest.validate import SPREADSHEET_ERRORS, Finding, masked, spreadsheet_error

_CODE_ENDINGS = ("_code", "_no", "_id")
_AS_A_NUMBER = r"^[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}$"


def may_be(framed: Framed) -> bool:
    """Whether a file can hold such values at all, told without looking at its cells."""
    body = framed.body
    return body is None or b"#" in body or (b"+" in body and (b"E+" in body or b"e+" in body))


def find(
    raw: pl.DataFrame,
    is_record: pl.Series,
    normalised: Normalised,
    layout: Layout,
    reading: Reading,
    contract: Contract,
) -> Iterator[Finding]:
    """Records with an error in a text column (those in others cannot be read as their type), or with a code such as 8.90103E+12, whose digits are lost."""
    texts = [column for column in contract.columns if column.kind == "string" and column.name in layout.cells]
    codes = [column for column in texts if _is_code(column, reading.key or contract.key)]
    checks = [
        *((column, "spreadsheet_error", normalised.texts[column.name].is_in(SPREADSHEET_ERRORS)) for column in texts),
        *((column, "mangled_code", normalised.texts[column.name].str.contains(_AS_A_NUMBER)) for column in codes),
    ]
    if not checks:
        return
    masks = raw.select(
        (check.fill_null(False) & is_record).alias(str(place)) for place, (_, _, check) in enumerate(checks)
    )
    for place, (column, rule, _) in enumerate(checks):
        if not masks[str(place)].any():
            continue
        text = normalised.texts[column.name]
        shown = masked(text) if column.personal and rule == "mangled_code" else text
        hits = raw.select(shown.alias("value")).with_row_index("row").filter(masks[str(place)])
        for row, value in hits.iter_rows():
            yield Finding(row, rule, column.name, value, _problem(rule, value))


def _problem(rule: str, value: str) -> str:
    if rule == "spreadsheet_error":
        return spreadsheet_error(value)
    return f'"{value}" is what a spreadsheet made of a longer code, whose last digits are lost'


def _is_code(column: Column, key: tuple[str, ...]) -> bool:
    return column.name in key or column.name.endswith(_CODE_ENDINGS) or column.name.startswith("gtin")
