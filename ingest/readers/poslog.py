"""ARTS/NRF POSLog: the items that tills sold and took back.

A record is a line item that sells, takes back or orders an item. Tenders, taxes, loyalty and other line items are no records. What the log itself
declares as not to be counted is left out: voided lines and transactions, cancelled, suspended and training ones, and orders.

A till voids a line in one of two ways, and both are in use. Either the line itself bears the flag. Or a further line bears it that repeats the
item with the sign turned round, or as it was with a link to the first line; then that line and the one that it takes back are left out together.
A flagged line with a turned sign that takes back no whole line counts as it stands, so that totals are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from lxml import etree

from ingest.limits import Limits
from ingest.readers import xml
from ingest.readers.framed import Broken, Entry

if TYPE_CHECKING:
    from ingest.profiles import Reading

_HEADER = (
    "RetailStoreID",
    "WorkstationID",
    "TillID",
    "SequenceNumber",
    "BusinessDayDate",
    "BeginDateTime",
    "EndDateTime",
    "OperatorID",
    "CurrencyCode",
)
_ITEM = (
    "ItemID",
    "MerchandiseHierarchy",
    "Description",
    "UnitListPrice",
    "RegularSalesUnitPrice",
    "ActualSalesUnitPrice",
    "ExtendedAmount",
    "DiscountAmount",
    "ExtendedDiscountAmount",
    "Quantity",
)
FIELDS: tuple[str, ...] = (
    *_HEADER,
    "TransactionID",
    "LineItemSequenceNumber",
    "LineItemType",
    "EntryMethod",
    "ItemType",
    "POSItemID",
    "POSIDType",
    *_ITEM,
    "NetAmount",
    "TaxAmount",
    "ReturnQuantity",
    "Units",
    "UnitOfMeasureCode",
)
"""Named as in the POSLog schema, but for these.

RetailStoreID: since version 3 that of the BusinessUnit which is the store, else the first one.
TransactionID: workstation and sequence number, which together are unique within a store's business day; of a transaction without a sequence
number its own TransactionID, else its ReceiptNumber.
CurrencyCode: of a transaction that names none that of the line's amount.
LineItemSequenceNumber, LineItemType: of the line; the type is the element that makes it an item line: Sale, Return, SaleForPickup, …
Quantity, ReturnQuantity: a sale has its quantity in the first, a return in the second, as a positive number.
ExtendedAmount, NetAmount: negative on returns. NetAmount is ExtendedAmount less the line's taxes that are declared as included in it, by the tax or
by the item.
BeginDateTime, EndDateTime: as the store's clock showed them, without a zone.
UnitOfMeasureCode: attribute of Quantity; `WEIGHT` for a line that is flagged as weighed and names no unit.
"""

_ORDERS = {
    "CUSTOMERORDERFORDELIVERY": "CustomerOrderForDelivery",
    "CUSTOMERORDERFORPICKUP": "CustomerOrderForPickup",
    "LAYAWAY": "Layaway",
}
_ITEMS = {
    "SALE": "Sale",
    "SALEFORDELIVERY": "SaleForDelivery",
    "SALEFORPICKUP": "SaleForPickup",
    "RETURN": "Return",
    **_ORDERS,
}
_TRUE = ("TRUE", "1")
_TRANSACTION_FLAGS = {
    "CANCELFLAG": "cancelled transaction",
    "TRAININGMODEFLAG": "training transaction",
    "SUSPENDFLAG": "suspended transaction",
    "VOIDFLAG": "voided transaction",
}
_STATUSES = {
    "VOIDED": "voided transaction",
    "POSTVOIDED": "transaction voided afterwards",
    "SUSPENDED": "suspended transaction",
    "SUSPENDEDRETRIEVED": "suspended transaction",
    "SUSPENDEDDELETED": "suspended transaction",
    "SUSPENDEDCANCELED": "suspended transaction",
    "CANCELED": "cancelled transaction",
    "CANCELLED": "cancelled transaction",
    "FAILED": "failed transaction",
    "TRAINING": "training transaction",
}
_LINE_FLAGS = {"CANCELFLAG": "cancelled line", "DELETEFLAG": "deleted line"}
_POST_VOIDS = ("POSTVOID", "POSTVOIDED", "VOID", "VOIDED")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:$|[TZ+ -])")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)\d*(?:Z|[+-]\d{2}:?\d{2})?")


_Identity = tuple[str | None, ...]
"""Store, workstation, sequence number and business day of a transaction."""


@dataclass(frozen=True)
class _Line:
    """An item line before it is known which lines and transactions take each other back.

    Attributes:
        voids: the transaction that the line's own transaction voids as a whole.
        is_flagged: the line bears the void flag.
        linked: numbers of the lines that it links to.
    """

    entry: Entry
    transaction: _Identity
    voids: _Identity | None
    quantity: Decimal | None
    amount: Decimal | None
    is_flagged: bool
    linked: frozenset[str]


@dataclass(frozen=True)
class _Transaction:
    """A transaction with its item lines, of which there may be none.

    Attributes:
        voids: the transaction that it voids as a whole.
    """

    identity: _Identity
    voids: _Identity | None
    lines: list[_Line]


def entries(data: bytes, reading: Reading, limits: Limits) -> Iterable[Entry]:
    """The item lines of a log in the order of the file.

    Raises:
        FileUnreadable: the file is no POSLog.
    """
    lines: list[_Line | Broken] = []
    there: set[_Identity] = set()
    voided: set[_Identity] = set()
    for piece in xml.pieces(
        data,
        ("Transaction",),
        tuple(_ITEMS.values()),
        roots=("POSLog",),
        numbers=("RetailStoreID", "UnitID", "WorkstationID", "SequenceNumber", "BusinessDayDate"),
        encoding=reading.encoding,
        limits=limits,
    ):
        if isinstance(piece, Broken):
            lines.append(piece)
            continue
        transaction = _transaction(piece)
        there.add(transaction.identity)
        lines += transaction.lines
        if transaction.voids is not None:
            voided.add(transaction.voids)
    for line in lines:
        if isinstance(line, Broken):
            yield xml.refused(line)
        elif line.transaction in voided:
            yield _without(line, "transaction voided afterwards").entry
        elif line.voids in there:
            yield _without(line, "transaction that voids another one").entry
        else:
            yield line.entry if line.voids is None else _turned(line.entry)


def _transaction(piece: xml.Piece) -> _Transaction:
    transaction = piece.element
    header = {name: _text(transaction, name) for name in _HEADER}
    header |= {name: _local_time(header[name]) for name in ("BeginDateTime", "EndDateTime")}
    header["RetailStoreID"] = header["RetailStoreID"] or _store(transaction)
    day = _day(header["BusinessDayDate"]) or _day(
        header["EndDateTime"] or header["BeginDateTime"] or _logged_at(transaction)
    )
    identity = (header["RetailStoreID"], header["WorkstationID"], header["SequenceNumber"], day)
    number = _text(transaction, "TransactionID") or _text(transaction, "ReceiptNumber")
    if header["SequenceNumber"]:
        number = "-".join(part for part in identity[1:3] if part)
    header |= {"BusinessDayDate": day, "TransactionID": number}
    reason = _not_counted(transaction)
    voids = _voids(transaction, identity)
    items = [item for item in piece.items if _is_line(item.element)]
    lines = _netted([_line(item, header, place, identity, voids) for place, item in enumerate(items, 1)])
    return _Transaction(identity, voids, lines if reason is None else [_without(line, reason) for line in lines])


def _store(element: etree._Element) -> str | None:
    """The unit of the BusinessUnit that is a store, else of the first one."""
    units = [xml.child(unit, "UNITID") for unit in xml.children(element, "BUSINESSUNIT")]
    known = [unit for unit in units if unit is not None]
    stores = [unit for unit in known if _attributes(unit).get("TYPECODE") == "RETAILSTORE"]
    return next((xml.text_of(unit) for unit in stores or known), None)


def _logged_at(transaction: etree._Element) -> str | None:
    """When the transaction took place, not when the message about it was written."""
    times = {_attributes(time).get("TYPECODE"): time for time in xml.children(transaction, "POSLOGDATETIME")}
    return xml.text_of(times.get("TRANSACTION", times.get(None)))


def _not_counted(transaction: etree._Element) -> str | None:
    """Why a whole transaction is not to be counted."""
    for element in (transaction, *(inner for inner in transaction if xml.local_name(inner).endswith("TRANSACTION"))):
        if xml.local_name(element).startswith("CUSTOMERORDER"):
            return "order, not a sale"
        attributes = _attributes(element)
        for flag, reason in _TRANSACTION_FLAGS.items():
            if attributes.get(flag) in _TRUE:
                return reason
        for name in ("TransactionStatus", "Status", "TypeCode"):
            status = attributes.get(name.upper()) or (_text(element, name) or "").upper()
            if status in _STATUSES:
                return _STATUSES[status]
    return None


def _voids(transaction: etree._Element, own: _Identity) -> _Identity | None:
    """The transaction that this one voids as a whole, where it links to one for that reason or says itself that it is a post-void."""
    is_post_void = any(xml.local_name(inner) == "POSTVOID" for inner in transaction.iter())
    for link in transaction.iter():
        if xml.local_name(link) != "TRANSACTIONLINK":
            continue
        reason = _attributes(link).get("REASONCODE") or (_text(link, "ReasonCode") or "").upper()
        number = _text(link, "SequenceNumber")
        if (reason.replace(" ", "") in _POST_VOIDS or (is_post_void and not reason)) and number is not None:
            return (
                _text(link, "RetailStoreID") or _store(link) or own[0],
                _text(link, "WorkstationID") or own[1],
                number,
                _day(_text(link, "BusinessDayDate")) or own[3],
            )
    return None


def _line(
    item: xml.Item, header: dict[str, str | None], place: int, transaction: _Identity, voids: _Identity | None
) -> _Line:
    element = item.element
    line_item = element.getparent()
    assert line_item is not None
    kind = _ITEMS[xml.local_name(element)]
    flags = _attributes(line_item)
    own = {xml.local_name(inner): inner for inner in reversed(element) if _is_own(inner, element)}
    pos_identity, quantity_element = own.get("POSIDENTITY"), own.get("QUANTITY")
    quantity, amount = (_number(xml.text_of(own.get(name))) for name in ("QUANTITY", "EXTENDEDAMOUNT"))
    signed = -abs(amount) if kind == "Return" and amount is not None else amount
    tax, included = _taxes(element, is_included=_is_true(own.get("TAXINCLUDEDINPRICEFLAG")))
    net = signed if signed is None else signed - included if signed >= 0 else signed + included
    values = (
        header
        | {name: xml.text_of(own.get(name.upper())) for name in _ITEM}
        | {
            "LineItemSequenceNumber": _text(line_item, "SequenceNumber") or str(place),
            "LineItemType": kind,
            "EntryMethod": _attribute(line_item, "EntryMethod"),
            "ItemType": _attribute(element, "ItemType"),
            "POSItemID": _text(pos_identity, "POSItemID"),
            "POSIDType": _attribute(pos_identity, "POSIDType"),
            "TaxAmount": None if tax is None else format(tax, "f"),
            "Units": _attribute(quantity_element, "Units"),
            "UnitOfMeasureCode": _attribute(quantity_element, "UnitOfMeasureCode")
            or ("WEIGHT" if flags.get("WEIGHTITEM") in _TRUE else None),
        }
    )
    values["ItemID"] = values["ItemID"] or values["POSItemID"]
    values["CurrencyCode"] = values["CurrencyCode"] or _attribute(own.get("EXTENDEDAMOUNT"), "Currency")
    values["NetAmount"] = values["ExtendedAmount"]
    if signed is not None and net is not None:
        values |= {"ExtendedAmount": format(signed, "f"), "NetAmount": format(net, "f")}
    if kind == "Return":
        values["ReturnQuantity"] = values["Quantity"] if quantity is None else format(abs(quantity), "f")
        values["Quantity"] = "0"
    reason = next((why for flag, why in _LINE_FLAGS.items() if flags.get(flag) in _TRUE), None)
    if kind in _ORDERS.values():
        reason = reason or "order, not a sale"
    entry = Entry(values, item.line, item.text, left_out=reason)
    links = (_text(line_item, "CreateRefNumber"), xml.text_of(own.get("ITEMLINK")))
    linked = frozenset(link for link in links if link is not None)
    return _Line(entry, transaction, voids, quantity, amount, flags.get("VOIDFLAG") in _TRUE, linked)


def _netted(lines: Sequence[_Line]) -> list[_Line]:
    """Leave out lines that are voided, and the pairs of a line and the one that takes it back."""
    result = list(lines)
    taken: set[int] = set()
    for index, line in enumerate(lines):
        if not line.is_flagged:
            continue
        before = [other for other in range(index) if other not in taken and _takes_back(line, lines[other])]
        before = before or [other for other in range(index) if other not in taken and _repeats(line, lines[other])]
        if before:
            match = max(before, key=lambda other: (lines[other].is_flagged, other))
            taken.add(match)
            result[match] = _without(result[match], "voided line")
            result[index] = _without(line, "line that voids another one")
        elif line.entry.values["LineItemType"] == "Return" or (line.quantity or line.amount or 0) >= 0:
            result[index] = _without(line, "voided line")
    return result


def _takes_back(line: _Line, other: _Line) -> bool:
    """True where a line repeats another one with the sign turned round."""
    if line.quantity is None or other.quantity is None:
        return False
    amounts = (line.amount or Decimal(0)) + (other.amount or Decimal(0))
    same = all(line.entry.values[name] == other.entry.values[name] for name in ("ItemID", "LineItemType"))
    return same and line.quantity == -other.quantity and amounts == 0


def _repeats(line: _Line, other: _Line) -> bool:
    """True where a line repeats one that counts as it was, and says which one it means."""
    names = ("ItemID", "LineItemType", "Quantity", "ReturnQuantity")
    same = all(line.entry.values.get(name) == other.entry.values.get(name) for name in names)
    is_meant = other.entry.values["LineItemSequenceNumber"] in line.linked
    return is_meant and same and line.amount == other.amount and not other.is_flagged


def _without(line: _Line, reason: str) -> _Line:
    return replace(line, entry=replace(line.entry, left_out=line.entry.left_out or reason))


def _turned(entry: Entry) -> Entry:
    """A line of a transaction that voids one of an earlier file: what had been counted is taken back."""
    turned = {
        name: _number(entry.values.get(name)) for name in ("Quantity", "ReturnQuantity", "ExtendedAmount", "NetAmount")
    }
    return replace(
        entry,
        values={**entry.values} | {name: format(-value, "f") for name, value in turned.items() if value is not None},
    )


def _taxes(element: etree._Element, *, is_included: bool) -> tuple[Decimal | None, Decimal]:
    """All taxes of a line, and the size of those that its amount is declared to include."""
    total: Decimal | None = None
    included = Decimal(0)
    for tax in xml.children(element, "TAX"):
        amount = _number(_text(tax, "Amount"))
        if amount is None:
            continue
        total = (total or Decimal(0)) + amount
        taxable = xml.child(tax, "TAXABLEAMOUNT")
        flags = _attributes(tax) | ({} if taxable is None else _attributes(taxable))
        if is_included or any(
            flags.get(name) in _TRUE for name in ("TAXINCLUDEDINTAXABLEAMOUNTFLAG", "TAXINCLUDEDINPRICESFLAG")
        ):
            included += amount
    return total, abs(included)


def _is_line(element: etree._Element) -> bool:
    parent = element.getparent()
    return parent is not None and xml.local_name(parent) == "LINEITEM" and _is_own(element, parent)


def _is_own(inner: etree._Element, outer: etree._Element) -> bool:
    """True for an element in the namespace of the one around it, not for a vendor's extension of the same name."""
    return str(inner.tag).rpartition("}")[0] == str(outer.tag).rpartition("}")[0]


def _is_true(element: etree._Element | None) -> bool:
    return (xml.text_of(element) or "").upper() in _TRUE


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name).rpartition("}")[2].upper(): str(value).strip().upper() for name, value in element.attrib.items()}


def _attribute(element: etree._Element | None, name: str) -> str | None:
    return None if element is None else (element.get(name) or None)


def _text(element: etree._Element | None, name: str) -> str | None:
    return xml.text_of(xml.child(element, name.upper()))


def _day(text: str | None) -> str | None:
    """The date of an xs:date or xs:dateTime; other texts as they are."""
    found = _DAY.match(text) if text else None
    return found.group(1) if found else text


def _local_time(text: str | None) -> str | None:
    """An xs:dateTime as the store's clock showed it; other texts as they are."""
    found = _TIME.fullmatch(text) if text else None
    return found.group(1) if found else text


def _number(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
