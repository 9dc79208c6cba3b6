"""The catalogue of faults: read from tests/faults/catalogue, let land in a home, and written as the page docs/reference/faults.md.

Run as a program it writes that page.
"""

from __future__ import annotations

import gzip
import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xlsxwriter
import yaml

FOLDER = Path(__file__).parent / "catalogue"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
COUNTS = ("records", "loaded", "rejected", "left_out", "blank", "total_lines")


@dataclass(frozen=True)
class Outcome:
    """What one feed takes from one file.

    Attributes:
        counts: records, loaded, rejected, left_out, blank, total_lines.
    """

    file: str
    feed: str
    status: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Fault:
    """One kind of fault: files that land one after the other, each taken in before the next one lands, and what becomes of them.

    Attributes:
        source: where it was seen: a pain (T01 to T25), a trap, or our own.
        files: path below landing/<profile>/ (below landing/ with a leading slash) -> content.
        outcomes: what is committed; files without an outcome commit nothing.
        rules: records per broken rule over all files.
        says: each stands in one of the messages. Without any there is no message, and the exit code is 0.
        values, sums: of the rows of the first outcome's feed, by column, as text.
        keys: how many different natural keys those rows have.
        scopes: how many stretches of days the last commit restates.
        seen_by: tests that show what becomes of it further on.
    """

    id: str
    fault: str
    source: str
    theme: str
    profile: str
    files: Mapping[str, bytes]
    outcomes: tuple[Outcome, ...]
    rules: Mapping[str, int] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    values: Mapping[str, list[str | None]] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    keys: int | None = None
    scopes: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    seen_by: tuple[str, ...] = ()

    def landing_name(self, file: str) -> str:
        """Path of a file below landing/."""
        return file.removeprefix("/") if file.startswith("/") else f"{self.profile}/{file}"


def catalogue() -> list[Fault]:
    """All faults, theme by theme in the order of the files."""
    return [fault for path in sorted(FOLDER.glob("*.yaml")) for fault in _faults(path)]


def _faults(path: Path) -> Iterator[Fault]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in document["faults"]:
        entry = {**document["usual"], **entry}
        pieces = document.get("pieces", {})
        written = entry["files"] if "files" in entry else {entry["file"]: entry["content"]}
        files = {name: _content(content, pieces) for name, content in written.items()}
        expected = entry["expect"]
        yield Fault(
            id=entry["id"],
            fault=entry["fault"],
            source=entry["source"],
            theme=document["theme"],
            profile=entry["profile"],
            files=files,
            outcomes=tuple(_outcome(one, next(iter(files)), entry["feed"]) for one in expected),
            rules=entry.get("rules", {}),
            says=_list(entry.get("says", ())),
            values={
                name: [None if value is None else str(value) for value in values]
                for name, values in entry.get("values", {}).items()
            },
            sums={name: str(total) for name, total in entry.get("sums", {}).items()},
            keys=entry.get("keys"),
            scopes=entry.get("scopes"),
            config=entry.get("config", {}),
            limits=entry.get("limits", {}),
            seen_by=_list(entry.get("seen_by", ())),
        )


def _outcome(expected: Mapping[str, Any], file: str, feed: str) -> Outcome:
    unknown = set(expected) - {"file", "feed", "status", *COUNTS}
    assert not unknown, unknown
    return Outcome(
        file=expected.get("file", file),
        feed=expected.get("feed", feed),
        status=expected.get("status", "loaded"),
        counts={name: expected.get(name, 0) for name in COUNTS},
    )


def _list(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _content(written: str | Mapping[str, Any], pieces: Mapping[str, str]) -> bytes:
    """A text in UTF-8, in which `«name»` stands for a piece of the theme; or what one of BUILD makes of its settings."""
    if isinstance(written, Mapping):
        settings = {name: _filled(value, pieces) for name, value in written.items() if name != "build"}
        return BUILD[written["build"]](**settings)
    return str(_filled(written, pieces)).encode()


def _filled(value: Any, pieces: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(inner, pieces) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, pieces) for inner in value]
    if isinstance(value, str):
        for name, piece in pieces.items():
            value = value.replace(f"«{name}»", piece)
    return value


# contents that are no plain text


def encoded(text: str, encoding: str) -> bytes:
    """A text in another encoding."""
    return text.encode(encoding)


def joined(parts: list[str], encodings: list[str]) -> bytes:
    """Parts of a text, each in an encoding of its own."""
    return b"".join(part.encode(encoding) for part, encoding in zip(parts, encodings, strict=True))


def repeated(text: str, times: int, before: str = "", closing: str = "", after: str = "") -> bytes:
    """A text many times over, and behind it as often what closes it."""
    return (before + text * times + closing * times + after).encode()


def gzipped(text: str, cut: int = 0, times: int = 1) -> bytes:
    """A gzip file, of which the last bytes are cut off."""
    packed = gzip.compress((text * times).encode(), mtime=0)
    return packed[: len(packed) - cut]


def zipped(members: list[dict[str, str]], encrypted: bool = False, cut: int = 0) -> bytes:
    """A zip archive of members with name and text; a name may stand in it twice."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            entry = zipfile.ZipInfo(member["name"], (2026, 3, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with warnings.catch_warnings(action="ignore"):
                archive.writestr(entry, member["text"] * int(member.get("times", 1)))
    packed = bytearray(memory.getvalue())
    if encrypted:
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            place = packed.find(signature) + offset
            packed[place : place + 2] = struct.pack("<H", struct.unpack("<H", packed[place : place + 2])[0] | 1)
    return bytes(packed[: len(packed) - cut])


def workbook(rows: list[list[Any]], cut: int = 0, errors: tuple[str, ...] = ("#N/A", "#REF!")) -> bytes:
    """A workbook with three title rows above the given ones; numbers are number cells, error texts error cells."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "Report")
        for number, row in enumerate(rows, 3):
            for column, value in enumerate(row):
                if value in errors:
                    sheet.write_formula(number, column, "=NA()", None, value)
                elif isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif value is not None:
                    sheet.write_number(number, column, value)
    packed = memory.getvalue()
    return packed[: len(packed) - cut]


BUILD: dict[str, Callable[..., bytes]] = {
    "encoded": encoded,
    "joined": joined,
    "repeated": repeated,
    "gzip": gzipped,
    "zip": zipped,
    "workbook": workbook,
}


# the page


def page(faults: list[Fault]) -> str:
    """The catalogue as a page for readers."""
    lines = [
        "# Faults",
        "",
        f"What senders get wrong, and what becomes of it: {len(faults)} kinds. Each is a fixture in `tests/faults/catalogue/`, run through ingest by",
        "`tests/faults/test_fault_catalogue.py`. Every record is loaded, rejected or left out, and every line is a record, a blank or a total line.",
        "",
        "`T01` to `T25` are the pains of practice that a fault stands for; a trap was seen in the tools that we use. This page is generated: `make docs`.",
    ]
    for theme in dict.fromkeys(fault.theme for fault in faults):
        lines += ["", f"## {theme}", "", "| fault | whence | profile | outcome |", "|---|---|---|---|"]
        lines += [_row(fault) for fault in faults if fault.theme == theme]
    return "\n".join(lines) + "\n"


def _row(fault: Fault) -> str:
    outcome = "; ".join(dict.fromkeys(_told(one) for one in fault.outcomes)) or "waits, nothing is committed"
    rules = ", ".join(f"`{rule}`" for rule in fault.rules)
    return f"| `{fault.id}`: {fault.fault} | {fault.source} | `{fault.profile}` | {outcome}{f' ({rules})' if rules else ''} |".replace(
        "\n", " "
    )


def _told(outcome: Outcome) -> str:
    counts = [
        f"{count} {name.replace('_', ' ')}" for name, count in outcome.counts.items() if count and name != "records"
    ]
    told = {"rejected": ["file rejected"], "nil": ["nil"]}.get(outcome.status, [])
    return ", ".join([*told, *counts])


if __name__ == "__main__":
    PAGE.write_text(page(catalogue()), encoding="utf-8")
