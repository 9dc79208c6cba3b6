"""What a look into the package of a workbook tells before it is opened: its size once unpacked, how far a sheet reaches, its error cells.

A workbook of a few kilobytes can declare cells at the far corners of a sheet, or unpack to gigabytes. The names of parts and elements are those of
ECMA-376, Office Open XML; those of an .ods workbook are of ISO/IEC 26300, OpenDocument.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator

from lxml import etree

from ingest.errors import FileUnreadable
from ingest.limits import Limits, refuse_unpacked

_STRETCH = 16 * 2**20
_CELL = re.compile(rb"""<(?:\w+:)?c((?:\s+[^\s=<>"']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))+)\s*(/?)>""")
"""The opening tag of a cell: its attributes, and a slash where it has no content."""
_IS_ERROR = re.compile(rb"""\bt\s*=\s*["']e["']""")
_VALUE = re.compile(rb"(?:<(?:\w+:)?f[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>))?\s*<(?:\w+:)?v>([^<]*)<")
_FAR = re.compile(rb"""r\s*=\s*["'](?:[A-Za-z]{2,3}[0-9]|[A-Za-z]?[0-9]{7})""")
_NEAR_CELLS = 26 * 10**6
"""More than the cells of a sheet without a far one, whose columns have one letter and whose rows six digits."""
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)

Errors = dict[tuple[int, int], str]
"""Row and column, from 0 on, of a cell that holds an error -> the error."""


_CONTENT = "content.xml"
_ERROR_KIND = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_OF_TABLES = ("{*}table", "{*}table-row", "{*}table-cell", "{*}covered-table-cell")
_OF_VALUES = ("value", "value-type")
"""How the names of the attributes end by which a cell of an OpenDocument workbook has a value."""


class Package:
    """The package of a workbook."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        """Open the package.

        Raises:
            FileUnreadable: it is damaged, no .xlsx, or declares more than the limits allow.
        """
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        # NotImplementedError is zipfile's own word for a method or version that it does not know
        except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, OverflowError) as error:
            raise _damaged(error) from error
        parts = self._zip.infolist()
        refuse_unpacked(sum(part.file_size for part in parts), sum(part.compress_size for part in parts), limits)
        self._limits = limits
        self._names = {part.filename for part in parts}
        if "xl/workbook.bin" in self._names:
            raise FileUnreadable("workbook", "is an .xlsb workbook; have it saved as .xlsx")
        self._open_document = self._look_through() if _CONTENT in self._names else {}

    def errors(self, sheet: str) -> Errors:
        """The error cells of a sheet.

        Raises:
            FileUnreadable: its cells reach further than the limits allow.
        """
        found: Errors = {}
        part = self._part(sheet)
        if part is None:
            return self._open_document.get(sheet, found)
        reaches_far = self._limits.cells < _NEAR_CELLS
        for stretch in self._stretches(part):
            reaches_far = reaches_far or _FAR.search(stretch) is not None
            if b'"e"' not in stretch and b"'e'" not in stretch:
                continue
            for cell in _CELL.finditer(stretch):
                place = _PLACE.search(cell[1])
                if place and _IS_ERROR.search(cell[1]):
                    value = _VALUE.match(stretch, cell.end())
                    error = value[1].decode("utf-8", "replace") if value else "#VALUE!"
                    found[int(place[2]) - 1, _column(place[1]) - 1] = error
        if reaches_far:
            self._refuse_spread(sheet, part)
        return found

    def _look_through(self) -> dict[str, Errors]:
        """The error cells of each sheet of an OpenDocument workbook, whose rows and cells may stand for many that are alike.

        Names count whatever namespace they are bound to, for so does the library that reads the sheets.
        """
        found: dict[str, Errors] = {}
        sheet = ""
        row = column = width = height = depth = 0
        is_filled = False
        wrong: Errors = {}
        try:
            with self._zip.open(_CONTENT) as stream:
                for event, element in etree.iterparse(
                    stream,
                    events=("start", "end"),
                    tag=_OF_TABLES,
                    resolve_entities=False,
                    no_network=True,
                ):
                    told = {etree.QName(name).localname: value for name, value in element.items()}
                    kind = etree.QName(element).localname
                    if kind == "table":
                        if event == "start" and not depth:
                            sheet = told.get("name", "")
                            row = column = width = height = 0
                        depth += 1 if event == "start" else -1
                    elif event == "end" and kind != "table-row":
                        after = column + _times(told.get("number-columns-repeated"))
                        if any(name.endswith(_OF_VALUES) for name in told):
                            width, is_filled = max(width, after), True
                            self._refuse_cells(sheet, row + 1, width)
                        if element.get(_ERROR_KIND) == "error":
                            text = "".join(element.itertext()) or "#VALUE!"
                            wrong |= {(row, place): text for place in range(column, after)}
                        column = after
                        element.clear()
                    elif event == "end":
                        repeated = _times(told.get("number-rows-repeated"))
                        height = row + repeated if is_filled else height
                        self._refuse_cells(sheet, height, width)
                        for (_, place), text in wrong.items():
                            found.setdefault(sheet, {}).update({(at, place): text for at in range(row, row + repeated)})
                        row, column, is_filled, wrong = row + repeated, 0, False, {}
                        element.clear()
        except etree.XMLSyntaxError as error:
            problem = f"{error.msg}; it is damaged, or protected by a password"
            raise FileUnreadable("workbook", f"is no readable workbook ({problem}); send it again as .xlsx") from error
        # NotImplementedError is zipfile's own word for a method or version that it does not know
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError, ValueError) as error:
            raise _damaged(error) from error
        return found

    def _refuse_cells(self, sheet: str, rows: int, columns: int) -> None:
        if rows * columns > self._limits.cells:
            raise FileUnreadable(
                "limits",
                f"sheet {sheet!r} reaches over {rows} rows and {columns} columns, more than {self._limits.cells} cells; "
                "have the stray cells deleted, or raise the limit cells",
            )

    def _refuse_spread(self, sheet: str, part: str) -> None:
        rows = columns = 0
        for stretch in self._stretches(part):
            places = [
                place
                for attributes, closed in _CELL.findall(stretch)
                if not closed
                for place in _PLACE.findall(attributes)
            ]
            rows = max(rows, *(int(row) for row in {row for _, row in places}), 0)
            columns = max(columns, *(_column(letters) for letters in {letters for letters, _ in places}), 0)
        self._refuse_cells(sheet, rows, columns)

    def _stretches(self, part: str) -> Iterator[bytes]:
        """A sheet in stretches of whole rows."""
        rest = b""
        try:
            with self._zip.open(part) as stream:
                while chunk := stream.read(_STRETCH):
                    rest += chunk
                    end = rest.rfind(b"row>") + 4
                    if end >= 4:
                        yield rest[:end]
                        rest = rest[end:]
        # NotImplementedError is zipfile's own word for a method or version that it does not know
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
            raise _damaged(error) from error
        yield rest

    def _part(self, sheet: str) -> str | None:
        """The part that holds a sheet, as the workbook's relationships say."""
        targets = {
            str(item.get("Id")): str(item.get("Target", ""))
            for item in self._elements("xl/_rels/workbook.xml.rels", "Relationship")
        }
        for item in self._elements("xl/workbook.xml", "sheet"):
            if item.get("name") == sheet:
                ids = [str(value) for name, value in item.items() if etree.QName(name).localname == "id"]
                target = targets.get(ids[0], "") if ids else ""
                part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
                return part if part in self._names else None
        return None

    def _elements(self, part: str, name: str) -> list[etree._Element]:
        try:
            root = etree.fromstring(self._zip.read(part), _PARSER)
        except (etree.XMLSyntaxError, KeyError):
            return []
        # NotImplementedError is zipfile's own word for a method or version that it does not know
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError, ValueError) as error:
            raise _damaged(error) from error
        return [item for item in root.iter() if isinstance(item.tag, str) and etree.QName(item).localname == name]


def is_package(data: bytes) -> bool:
    """Whether a file is a package, as .xlsx is and .xls is not."""
    return data.startswith(b"PK")


def _times(repeated: str | None) -> int:
    """For how many an element stands.

    Raises:
        ValueError: it is no number, or below one.
    """
    times = int(repeated or 1)
    if times < 1:
        raise ValueError(f"an element is repeated {times} times")
    return times


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _damaged(error: Exception) -> FileUnreadable:
    return FileUnreadable("workbook", f"is no readable workbook ({error}); send it again as .xlsx")
