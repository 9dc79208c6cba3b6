"""What the public tally-database-loader writes as CSV: inventory rows, joined with their vouchers.

The loader writes one file per table. `trn_inventory.csv` has neither date nor party, so it is read together with `trn_voucher.csv` beside it, and
with `mst_stock_item.csv` (units), `mst_vouchertype.csv` (Tally's own types) and `trn_batch.csv` where they are there. A single file that has the
columns of both, as a query over the loader's database gives it, is read alone. A record is an inventory row.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.archives import unbundled
from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.readers.framed import Broken, Entry
from ingest.readers.tally_rules import Line, base_type, named, not_counted, number, root_types, settled

if TYPE_CHECKING:
    from ingest.profiles import Reading

_INVENTORY = (
    "guid",
    "item",
    "quantity",
    "rate",
    "additional_amount",
    "discount_amount",
    "godown",
    "tracking_number",
    "order_number",
    "order_duedate",
)
_VOUCHER = (
    "alterid",
    "date",
    "voucher_type",
    "voucher_number",
    "reference_number",
    "reference_date",
    "narration",
    "party_name",
    "place_of_supply",
    "is_invoice",
    "is_accounting_voucher",
    "is_inventory_voucher",
    "is_order_voucher",
)
FIELDS: tuple[str, ...] = (
    *_INVENTORY,
    *_VOUCHER,
    "uom",
    "batch",
    "BASETYPE",
    "LINENUMBER",
    "BILLEDQTY",
    "AMOUNT",
    "INWARDQTY",
    "INWARDAMOUNT",
)
"""Columns of the loader in lower case; uom is that of the item, batch the name of the row's only batch. Those in capitals are as in `tally_xml`."""

_NULLS = ("", "ñ", "ø", "null", r"\n")


@dataclass(frozen=True)
class _Row:
    """A line of a table: its cells by column, or why it cannot be read."""

    line: int
    text: str
    cells: Mapping[str, str]
    broken: Broken | None = None


def entries(data: bytes, reading: Reading, limits: Limits) -> Iterable[Entry]:
    """The inventory rows in the order of the file.

    Args:
        data: a table, or a bundle of it (first) and the tables beside it.

    Raises:
        FileUnreadable: there is no table of inventory rows, or no vouchers to join them with.
    """
    tables = _tables(data, reading)
    columns, rows = next(iter(tables.values()))
    if not {"guid", "item", "quantity"} <= columns:
        raise FileUnreadable(
            "missing_column", "has no columns guid, item and quantity, as trn_inventory.csv of the loader has"
        )
    is_joined = {"date", "voucher_type"} <= columns
    if not is_joined and "trn_voucher" not in tables:
        raise FileUnreadable(
            "beside", "has neither date nor party, and no trn_voucher.csv lies beside it; have both files sent together"
        )
    vouchers = {} if is_joined else _by(tables, "trn_voucher", "guid")
    lines = list(_lines(rows, vouchers, is_joined, _Masters.of(tables), reading))
    yield from settled(lines)


@dataclass(frozen=True)
class _Masters:
    """What other tables say: units by item, Tally's own type by voucher type, batch by voucher and item where there is one."""

    units: Mapping[str, str]
    types: Mapping[str, str]
    batches: Mapping[tuple[str, str], str]

    @staticmethod
    def of(tables: Mapping[str, tuple[frozenset[str], list[_Row]]]) -> _Masters:
        parents = {name: cells.get("parent", "") for name, cells in _by(tables, "mst_vouchertype", "name").items()}
        found: dict[tuple[str, str], list[str]] = {}
        for row in tables.get("trn_batch", (frozenset(), []))[1]:
            found.setdefault((row.cells.get("guid", ""), row.cells.get("item", "")), []).append(
                row.cells.get("name", "")
            )
        return _Masters(
            units={
                name: cells["uom"] for name, cells in _by(tables, "mst_stock_item", "name").items() if "uom" in cells
            },
            types=root_types(parents),
            batches={goods: names[0] for goods, names in found.items() if len(names) == 1},
        )


def _lines(
    rows: Iterable[_Row],
    vouchers: Mapping[str, Mapping[str, str]],
    is_joined: bool,
    masters: _Masters,
    reading: Reading,
) -> Iterator[Line | Broken]:
    places: Counter[str] = Counter()
    own_types = {**masters.types, **reading.voucher_types}
    bases: dict[str | None, str] = {}
    for row in rows:
        if row.broken is not None:
            yield row.broken
            continue
        if not row.cells:
            yield Line(Entry({}, row.line, row.text), day="", base_type="")
            continue
        guid = row.cells.get("guid", "")
        places[guid] += 1
        header = row.cells if is_joined else vouchers.get(guid)
        if header is None:
            problem = f"its voucher {guid or '(no guid)'} is not in trn_voucher.csv"
            yield Broken("beside", row.line, row.text, problem)
            continue
        cells = {name: header.get(name) for name in _VOUCHER} | {name: row.cells.get(name) for name in _INVENTORY}
        item, kind = cells["item"] or "", cells["voucher_type"]
        if kind not in bases:
            bases[kind] = base_type(kind, own_types)
        base = bases[kind]
        quantity, amount = number(cells["quantity"]), number(row.cells.get("amount"))
        batch = named(row.cells.get("batch") or masters.batches.get((guid, item)))
        values = cells | {
            "uom": row.cells.get("uom") or masters.units.get(item),
            "batch": None if batch is None or batch.casefold() == "primary batch" else batch,
            "BASETYPE": base,
            "LINENUMBER": str(places[guid]),
            "BILLEDQTY": cells["quantity"],
            "AMOUNT": row.cells.get("amount"),
        }
        reason = "order voucher" if cells["is_order_voucher"] in ("1", "true") else not_counted(base)
        yield Line(
            entry=Entry(values, row.line, row.text, left_out=reason),
            day=cells["date"] or "",
            base_type=base,
            document=cells["voucher_number"],
            item=cells["item"],
            tracking=named(cells["tracking_number"]),
            unit=values["uom"],
            batch=values["batch"],
            actual=quantity,
            billed=quantity,
            amount=amount,
        )


def _tables(data: bytes, reading: Reading) -> dict[str, tuple[frozenset[str], list[_Row]]]:
    """Columns and rows of each table by its name; the table itself first."""
    if not data.startswith(b"PK"):
        return {"": _table(data, reading)}
    return {name.casefold().removesuffix(".csv"): _table(content, reading) for name, content in unbundled(data).items()}


def _table(data: bytes, reading: Reading) -> tuple[frozenset[str], list[_Row]]:
    """The loader puts every row on one line of its own, so a quote that is never closed costs no other row."""
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else reading.encoding)
    except UnicodeDecodeError as error:
        raise FileUnreadable(
            "encoding", f"is not written in {reading.encoding} ({error.reason}); state the right `encoding`"
        ) from error
    head, *lines = text.removeprefix("\ufeff").split("\n")
    delimiter = "\t" if "\t" in head else reading.delimiter
    header = [name.strip().strip('"').casefold() for name in head.split(delimiter)]
    while lines and not lines[-1].strip():
        lines.pop()
    return frozenset(header), [_row(line.rstrip("\r"), place, header, delimiter) for place, line in enumerate(lines, 2)]


def _row(text: str, line: int, header: list[str], delimiter: str) -> _Row:
    if not text.strip():
        return _Row(line, text, {})
    try:
        cells = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return _Row(line, text, {}, Broken("quote", line, text, f"cannot be taken apart ({error})"))
    if len(cells) != len(header):
        problem = f"has {len(cells)} values, where the header has {len(header)} columns"
        return _Row(line, text, {}, Broken("columns", line, text, problem))
    known = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    return _Row(line, text, {name: cell for name, cell in known.items() if cell.casefold() not in _NULLS})


def _by(
    tables: Mapping[str, tuple[frozenset[str], list[_Row]]], table: str, column: str
) -> dict[str, Mapping[str, str]]:
    rows = tables.get(table, (frozenset(), []))[1]
    return {row.cells[column]: row.cells for row in rows if column in row.cells}
