"""JSON: one object per line, or one array of objects. Nested keys are named with dots: `customer.code`.

Numbers are taken as they are written, never through a floating-point number. What is no object, names a key twice or cannot be read is one
rejected record; in an array that is damaged, all from there to its end is one, with its bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from ingest.errors import FileUnreadable
from ingest.limits import Limits, refuse_columns
from ingest.readers.delimited import to_utf8, with_line_feeds
from ingest.readers.framed import Broken, Framed, column_names

if TYPE_CHECKING:
    from ingest.profiles import Reading

_BLANKS = re.compile(r"[ \t\r\n]*")
_LARGEST_EXPONENT = 40


class _Number(str):
    """A number as it is written."""


class _KeyTwice(ValueError):
    """An object names a key twice."""


def frame(data: bytes, reading: Reading, limits: Limits) -> Framed:
    """Cut the file into records. The header is the keys in the order in which they first appear.

    Raises:
        FileUnreadable: the file is empty, not in the declared encoding, or has more keys than the limits allow.
    """
    text = with_line_feeds(to_utf8(data, reading.encoding)).decode("utf-8")
    if not text.strip():
        raise FileUnreadable("empty_file", "is empty; ask the sender for it again")
    found = list(_elements(text) if text.lstrip().startswith("[") else _lines(text))
    if not found:
        raise FileUnreadable("empty_file", "holds an empty array; ask the sender for it again")
    columns: dict[str, int] = {}
    for _, _, record in found:
        if isinstance(record, dict):
            for key in record:
                columns.setdefault(key, len(columns))
        refuse_columns(len(columns), limits)
    if not columns:
        raise _nothing_readable(found)
    rows: list[list[str | None]] = []
    broken: dict[int, Broken] = {}
    for index, (line, raw, record) in enumerate(found):
        row: list[str | None] = [None] * len(columns)
        if isinstance(record, dict):
            for key, value in record.items():
                row[columns[key]] = value
        elif record:
            broken[index] = Broken("json", line, raw, record)
        rows.append(row)
    names = column_names(len(columns))
    return Framed(
        header=tuple(columns),
        entries=len(rows),
        first_line=1,
        cells=pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row"),
        lines=[line for line, _, _ in found],
        broken=broken,
        texts=[raw for _, raw, _ in found],
    )


def _nothing_readable(found: list[tuple[int, str, _Record]]) -> FileUnreadable:
    blank = sum(record == "" for _, _, record in found)
    line, problem = next((line, record) for line, _, record in found if record != "")
    return FileUnreadable(
        "json",
        f"no record of it can be read; line {line}: {problem or 'it has no keys'}; send it again as one JSON object per line",
        line=line,
        records=len(found) - blank,
        blank=blank,
    )


_Record = dict[str, str | None] | str
"""Keys and texts of a record, or what is wrong with it; an empty problem is a blank line."""


def _lines(text: str) -> Iterator[tuple[int, str, _Record]]:
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        raw = line.removesuffix("\r")
        if not raw.strip():
            yield number, raw, ""
            continue
        try:
            yield number, raw, _record(_DECODER.decode(raw))
        except (ValueError, RecursionError) as error:
            yield number, raw, _problem(error)


def _elements(text: str) -> Iterator[tuple[int, str, _Record]]:
    """The elements of an array."""
    at = _after_blanks(text, text.index("[") + 1)
    line = 1 + text.count("\n", 0, at)
    sign = text[at : at + 1]
    while sign != "]":
        try:
            value, end = _DECODER.raw_decode(text, at)
            after = _after_blanks(text, end)
            sign = text[after : after + 1]
            if sign not in (",", "]"):
                raise ValueError("no comma and no end of the array follow it")
        except (ValueError, RecursionError) as error:
            first, last = len(text[:at].encode()) + 1, len(text.encode())
            yield line, text[at:], f"bytes {first} to {last} are no elements of the array: {_problem(error)}"
            return
        try:
            record: _Record = _record(value)
        except (ValueError, RecursionError) as error:
            record = _problem(error)
        yield line, text[at:end], record
        begin, at = at, after if sign == "]" else _after_blanks(text, after + 1)
        line += text.count("\n", begin, at)
    if rest := text[at + 1 :].strip():
        yield line, rest, "it stands behind the end of the array"


def _after_blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _record(value: Any) -> dict[str, str | None]:
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    record: dict[str, str | None] = {}
    _flatten(value, "", record)
    for key, text in record.items():
        if not _is_writable(key) or not _is_writable(text or ""):
            raise ValueError(f"{key!r} holds a sign that no text can hold")
    return record


def _flatten(value: dict[str, Any], prefix: str, into: dict[str, str | None]) -> None:
    for key, item in value.items():
        name = prefix + key
        if isinstance(item, dict):
            _flatten(item, f"{name}.", into)
        elif name in into:
            raise _KeyTwice(name)
        else:
            into[name] = _text(item)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Number):
        return _plain(value)
    return value if isinstance(value, str) else _as_json(value)


def _plain(number: str) -> str:
    """A number without exponent, which JSON allows and which means no loss here."""
    mantissa, mark, exponent = number.lower().partition("e")
    if not mark or len(exponent) > 4 or abs(int(exponent)) > _LARGEST_EXPONENT or len(mantissa) > 100:
        return str(number)
    return format(Decimal(number), "f")


def _as_json(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_as_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_as_json(item)}" for key, item in value.items()) + "}"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _is_writable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _KeyTwice(next(key for key in keys if keys.count(key) > 1))
    return found


def _refuse_constant(name: str) -> str:
    raise ValueError(f"{name} is no number")


def _problem(error: Exception) -> str:
    if isinstance(error, _KeyTwice):
        return f'it names the key "{error}" twice'
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON: {error.msg} at sign {error.colno}"
    return str(error)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_Number, parse_int=_Number, parse_constant=_refuse_constant
)
