"""Read a defect file: a YAML list that anyone can write."""

from __future__ import annotations

import difflib
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from simulation.errors import InvalidDefectFile

FILE_AGAIN, DAY_MISSING, CASES_AS_PIECES = "file_again", "day_missing", "cases_as_pieces"
INVOICE_CORRECTED, INVOICE_MOVED, LINE_DELETED = "invoice_corrected", "invoice_moved", "line_deleted"
CLASSES = (FILE_AGAIN, DAY_MISSING, CASES_AS_PIECES, INVOICE_CORRECTED, INVOICE_MOVED, LINE_DELETED)
FIELDS = ("id", "class", "distributor", "sku", "date", "period", "quantity", "from_date", "feed")


@dataclass(frozen=True)
class Defect:
    """One defect as asked for; what is None is chosen by the seed.

    `first` and `last` hold the date (both the same) or the period; `from_date` is where a moved invoice stood first.
    """

    id: str
    kind: str
    distributor: str | None = None
    sku: str | None = None
    first: date | None = None
    last: date | None = None
    quantity: int | None = None
    from_date: date | None = None
    feed: str | None = None


def read(path: Path) -> list[Defect]:
    """The defects of a file, in its order.

    Raises:
        InvalidDefectFile: it cannot be read, is no list, or an entry has an unknown class, field or value.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidDefectFile(str(path), f"cannot be read as YAML ({error})") from error
    entries = document.get("defects") if isinstance(document, Mapping) else document
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise InvalidDefectFile(str(path), "a list of defects is expected, each with at least `class`")
    defects = [_defect(str(path), number, entry) for number, entry in enumerate(entries, start=1)]
    ids = [d.id for d in defects]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise InvalidDefectFile(str(path), f"the id {twice[0]} is given twice; every defect needs its own")
    return defects


def _defect(path: str, number: int, entry: Any) -> Defect:
    if not isinstance(entry, Mapping):
        raise InvalidDefectFile(path, f"entry {number} is no mapping; write `- class: …` and its fields below")
    for field in entry:
        if field not in FIELDS:
            raise InvalidDefectFile(path, f"entry {number}: unknown field `{field}`{_near(str(field), FIELDS)}")
    kind = entry.get("class")
    if kind not in CLASSES:
        raise InvalidDefectFile(
            path, f"entry {number}: class {kind!r} is none of {', '.join(CLASSES)}{_near(str(kind), CLASSES)}"
        )
    if entry.get("date") is not None and entry.get("period") is not None:
        raise InvalidDefectFile(path, f"entry {number}: give `date` or `period`, not both")
    first, last = _stretch(path, number, entry.get("date"), entry.get("period"))
    quantity = entry.get("quantity")
    if quantity is not None and (isinstance(quantity, bool) or not isinstance(quantity, int) or quantity == 0):
        raise InvalidDefectFile(path, f"entry {number}: quantity {quantity!r} is no whole number other than 0")
    from_date = entry.get("from_date")
    return Defect(
        id=str(entry.get("id") or f"{number:02d}-{kind}"),
        kind=kind,
        distributor=_text(entry.get("distributor")),
        sku=_text(entry.get("sku")),
        first=first,
        last=last,
        quantity=quantity,
        from_date=None if from_date is None else _day(path, number, "from_date", from_date),
        feed=_text(entry.get("feed")),
    )


def _stretch(path: str, number: int, day: Any, period: Any) -> tuple[date | None, date | None]:
    if day is not None:
        only = _day(path, number, "date", day)
        return only, only
    if period is None:
        return None, None
    if isinstance(period, Mapping) and set(period) == {"from", "to"}:
        first, last = _day(path, number, "period", period["from"]), _day(path, number, "period", period["to"])
    elif isinstance(period, list) and len(period) == 2:
        first, last = _day(path, number, "period", period[0]), _day(path, number, "period", period[1])
    elif isinstance(period, str) and len(period) == 7:
        first = _day(path, number, "period", f"{period}-01")
        last = first.replace(day=monthrange(first.year, first.month)[1])
    elif isinstance(period, str) and "/" in period:
        start, _, stop = period.partition("/")
        first, last = _day(path, number, "period", start.strip()), _day(path, number, "period", stop.strip())
    else:
        only = _day(path, number, "period", period)
        first, last = only, only
    if last < first:
        raise InvalidDefectFile(path, f"entry {number}: the period ends ({last}) before it begins ({first})")
    return first, last


def _day(path: str, number: int, field: str, value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidDefectFile(
            path,
            f"entry {number}: {field} {value!r} is no date; write 2026-03-15, for a period 2026-03 or "
            "{from: 2026-03-01, to: 2026-03-15}",
        ) from error


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _near(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f", did you mean `{near[0]}`?" if near else f" (known: {', '.join(known)})"
