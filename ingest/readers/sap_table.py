"""Tables as SAP users export them: delimited text, or the list that SE16 prints, with lines of dashes, a pipe at both ends and pages.

The header is the first line that names at least two columns of the profile; what stands above it is a title. The delimiter is the first of
pipe, tab, semicolon and comma in the header: technical field names hold none of them. A name may bear its table, as in `LIPS-LFIMG`,
`LIPS~LFIMG` or `LIPS.LFIMG`: of the same field in two tables of a join the last, that of the item, keeps the bare name. Where no line has
technical names, SAP's own English or German labels of the fields are taken for them. A file that begins with the byte order mark of UTF-16 is in
UTF-16, as the SAP GUI saves it, whatever the profile says.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from ingest.errors import FileUnreadable
from ingest.limits import Limits, refuse_columns
from ingest.readers import delimited
from ingest.readers.framed import Broken, Framed, column_names

if TYPE_CHECKING:
    from ingest.profiles import Reading

_DELIMITERS = ("|", "\t", ";", ",")
_TITLE_LINES = 50
_RULE = re.compile(r"[\s|+\-_=]*")
LABELS = {
    "ARKTX": ("Description", "Item Description", "Material Description", "Bezeichnung", "Materialkurztext"),
    "AUBEL": ("Sales Document", "Verkaufsbeleg"),
    "AUPOS": ("Sales Document Item", "Verkaufsbelegposition"),
    "CHARG": ("Batch", "Batch Number", "Charge", "Chargennummer"),
    "EAN11": ("International Article Number", "International Article Number (EAN/UPC)", "EAN/UPC", "EAN/UPC-Code"),
    "FKART": ("Billing Type", "Fakturaart"),
    "FKDAT": ("Billing Date", "Fakturadatum"),
    "FKIMG": ("Billed Quantity", "Actual Billed Quantity", "Fakturierte Menge"),
    "FKLMG": ("Billing qty in SKU", "Billing Quantity in SKU"),
    "FKSTO": ("Canceled", "Cancelled", "Storniert"),
    "HSDAT": ("Date of Manufacture", "Herstelldatum"),
    "KDMAT": ("Customer Material Number", "Kundenmaterial", "Kundenmaterialnummer"),
    "KUNAG": ("Sold-to party", "Auftraggeber"),
    "KUNNR": ("Ship-to party", "Warenempfänger"),
    "KUNRG": ("Payer", "Regulierer"),
    "LFART": ("Delivery Type", "Lieferart"),
    "LFDAT": ("Delivery Date", "Lieferdatum"),
    "LFIMG": ("Delivery quantity", "Actual quantity delivered (in sales units)", "Liefermenge"),
    "LGMNG": ("Actual delivery qty", "Actual quantity delivered in stockkeeping units"),
    "LGORT": ("Storage Location", "Lagerort"),
    "MATNR": ("Material", "Material Number", "Materialnummer"),
    "MEINS": ("Base Unit of Measure", "Basismengeneinheit"),
    "MWSBP": ("Tax Amount", "Steuerbetrag"),
    "NETWR": ("Net Value", "Net Value of the Billing item in Document Currency", "Nettowert"),
    "PODAT": ("Proof of delivery date",),
    "POSNR": ("Item", "Delivery Item", "Billing Item", "Position"),
    "PSTYV": ("Item Category", "Delivery item category", "Sales document item category", "Positionstyp"),
    "SFAKN": ("Canceled bill.doc.", "Cancelled billing document number", "Stornierte Faktura"),
    "SHKZG": ("Returns", "Returns Item", "Retoure"),
    "UECHA": ("Higher-Level Item of Batch Split Item",),
    "VBELN": ("Delivery", "Lieferung", "Billing Document", "Billing doc.", "Faktura"),
    "VFDAT": ("SLED/BBD", "Shelf Life Expiration or Best-Before Date", "Verfallsdatum", "MHD"),
    "VGBEL": ("Reference Document", "Document number of the reference document", "Vorlagebeleg"),
    "VGPOS": ("Reference Item", "Item number of the reference item", "Vorlageposition"),
    "VRKME": ("Sales Unit", "Verkaufsmengeneinheit", "Verkaufseinheit"),
    "WADAT_IST": (
        "Act. Gds Mvmnt Date", "Actual GI date", "Actual Goods Movement Date", "Ac.GI date", "Istwarenbewegungsdatum", "Ist-Warenbewegungsdatum",
    ),
    "WAERK": ("Document Currency", "SD Document Currency", "Belegwährung"),
    "WERKS": ("Plant", "Werk"),
}  # fmt: skip
"""Labels that SAP's dictionary gives the fields, by technical name. None is a label of two of them."""
_FIELDS = {label.casefold(): field for field, labels in LABELS.items() for label in labels}
_TABLE = re.compile(r"([A-Za-z0-9_/]+)[-~.]([A-Za-z0-9_/]+)")


def frame(data: bytes, reading: Reading, limits: Limits) -> Framed:
    """Cut an export into its records.

    Raises:
        FileUnreadable: no line of the first fifty is a header, or records stand above it.
    """
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else reading.encoding
    text = delimited.to_utf8(data, encoding)
    at, delimiter, header, named = _header(text, reading)
    refuse_columns(len(header), limits)
    if delimiter == "|" and header[0] == "" == header[-1]:
        return _printed_list(text.decode("utf-8"), at, header)
    dialect = reading.model_copy(update={"delimiter": delimiter, "title_rows": at})
    framed = delimited.frame(text, dialect, limits, careful=delimiter != reading.delimiter)
    return Framed(**(framed.__dict__ | {"header": _bare_names(named(framed.header))}))


Naming = Callable[[Sequence[str]], Sequence[str]]


def _header(text: bytes, reading: Reading) -> tuple[int, str, Sequence[str], Naming]:
    """The header's line, what separates its names, these in technical terms, and what makes them technical."""
    known = {alias.casefold() for aliases in reading.columns.values() for alias in aliases}
    known |= {name.casefold() for name in reading.named_fields}
    lines = text[: 2**20].decode("utf-8", "replace").split("\n")[:_TITLE_LINES]
    for named in (_as_written, _technical):
        for at, line in enumerate(lines):
            delimiter = next((sign for sign in _DELIMITERS if sign in line), None)
            if delimiter is None:
                continue
            names = named([name.strip().strip('"').strip() for name in line.rstrip("\r").split(delimiter)])
            if sum(_bare(name).casefold() in known for name in names) > 1:
                _refuse_records_above(lines[:at], delimiter, len(names))
                return at, delimiter, names, named
    raise FileUnreadable(
        "missing_column",
        f"none of its first {_TITLE_LINES} lines is a header with columns of the profile (such as {', '.join(sorted(known)[:3]).upper()}), "
        "separated by pipes, tabs, semicolons or commas; have it exported with technical field names",
    )


def _as_written(header: Sequence[str]) -> Sequence[str]:
    return header


def _technical(header: Sequence[str]) -> Sequence[str]:
    """A header with technical names for SAP's labels."""
    return [_FIELDS.get(re.sub(r"\s+", " ", name).casefold(), name) for name in header]


def _refuse_records_above(titles: Sequence[str], delimiter: str, width: int) -> None:
    """A title is no record: it has not as many values as the header with a number among them."""
    for number, line in enumerate(titles, 1):
        cells = line.split(delimiter)
        if len(cells) == width and any(cell.strip().isdigit() for cell in cells):
            raise FileUnreadable(
                "missing_column",
                f"line {number} looks like a record and stands above the header in line {len(titles) + 1}; have it exported with the header first",
                line=number,
            )


def _printed_list(text: str, at: int, header: Sequence[str]) -> Framed:
    """Records are the lines between pipes; the titles, rules and headers of every page count as blank."""
    lines = text.split("\n")
    source = [line + "\n" for line in lines]
    pipes = [place for place, sign in enumerate(lines[at]) if sign == "|"]
    titles = {_shape(line) for line in lines[:at]}
    printed = [cell.strip() for cell in lines[at].split("|")]
    first = 2 if len(header) > 2 and header[1] == "" else 1
    names = _bare_names(header[first:-1])
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    broken: dict[int, Broken] = {}
    for number, line in enumerate(lines[at + 1 :], at + 2):
        if number == len(lines) and not line.strip():
            break
        cells = _cells(line.rstrip("\r"), pipes)
        if _RULE.fullmatch(line) or _shape(line) in titles or [cell.strip() for cell in cells] == printed:
            rows.append([None] * len(names))
        elif delimited.NUL in line:
            broken[len(rows)] = Broken("nul", number, line.rstrip("\r"), delimited.HOLDS_NUL)
            rows.append([None] * len(names))
        elif len(cells) == len(header):
            rows.append([*cells[first:-1]])
        else:
            problem = f"has {max(len(cells) - first - 1, 0)} values where the header has {len(names)} columns"
            broken[len(rows)] = Broken("columns", number, line.rstrip("\r"), problem)
            rows.append([None] * len(names))
        numbers.append(number)
    cells_frame = pl.DataFrame(rows, schema=dict.fromkeys(column_names(len(names)), pl.String), orient="row")
    return Framed(
        header=names,
        entries=len(rows),
        first_line=at + 2,
        cells=cells_frame,
        lines=numbers,
        broken=broken,
        source=source,
    )


def _cells(line: str, pipes: Sequence[int]) -> list[str]:
    """The cells of a line: cut where the header has its pipes, so that a pipe in a text does no harm; else at every pipe."""
    if len(line) > pipes[-1] and all(line[place] == "|" for place in pipes):
        starts = [-1, *pipes]
        return [line[start + 1 : end] for start, end in zip(starts, [*pipes, len(line)], strict=True)]
    return line.split("|")


def _shape(line: str) -> str:
    """A title without what differs from page to page."""
    return re.sub(r"\d+", "0", re.sub(r"\s+", " ", line.strip()))


def _bare(name: str) -> str:
    found = _TABLE.fullmatch(name)
    return found[2] if found else name


def _bare_names(header: Sequence[str]) -> tuple[str, ...]:
    names = [_bare(name) for name in header]
    last = {name: place for place, name in enumerate(names)}
    return tuple(
        bare if last[bare] == place or name == bare else name
        for place, (name, bare) in enumerate(zip(header, names, strict=True))
    )
