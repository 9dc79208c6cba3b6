"""Tally vouchers: what is sold, received and given free, counted once."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT
from ingest.profiles import Reading
from ingest.readers import tally
from ingest.readers.framed import Entry
from ingest.readers.tally_rules import base_type, number, quantities

READING = Reading(files="*.xml", format="tally_xml")


def entry(
    item: str = "Soap",
    actual: str | None = "10 pcs",
    billed: str | None = "10 pcs",
    amount: str | None = "100.00",
    *,
    positive: str = "No",
    more: str = "",
    tag: str = "ALLINVENTORYENTRIES.LIST",
) -> str:
    cells = {
        "STOCKITEMNAME": item,
        "ISDEEMEDPOSITIVE": positive,
        "ACTUALQTY": actual,
        "BILLEDQTY": billed,
        "AMOUNT": amount,
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in cells.items() if value is not None)
    return f"<{tag}>{inner}{more}</{tag}>"


def batch(
    name: str = "B1", actual: str = "10 pcs", billed: str = "10 pcs", amount: str = "100.00", more: str = ""
) -> str:
    return (
        f"<BATCHALLOCATIONS.LIST><BATCHNAME>{name}</BATCHNAME><AMOUNT>{amount}</AMOUNT><ACTUALQTY>{actual}</ACTUALQTY>"
        f"<BILLEDQTY>{billed}</BILLEDQTY>{more}</BATCHALLOCATIONS.LIST>"
    )


def tracked(number: str) -> str:
    return f"<BATCHALLOCATIONS.LIST><TRACKINGNUMBER>{number}</TRACKINGNUMBER></BATCHALLOCATIONS.LIST>"


def voucher(
    *entries: str, kind: str = "Sales", number: str = "1", day: str = "20260301", more: str = "", flags: str = ""
) -> str:
    return (
        f'<VOUCHER VCHTYPE="{kind}" {flags}><DATE>{day}</DATE><GUID>g-{kind}-{number}</GUID><VOUCHERTYPENAME>{kind}</VOUCHERTYPENAME>'
        f"<VOUCHERNUMBER>{number}</VOUCHERNUMBER><PARTYLEDGERNAME>Asha</PARTYLEDGERNAME>{more}{''.join(entries)}</VOUCHER>"
    )


def read(*vouchers: str, reading: Reading = READING) -> list[Entry]:
    text = f"<ENVELOPE><BODY><TALLYMESSAGE>{''.join(vouchers)}</TALLYMESSAGE></BODY></ENVELOPE>"
    return list(tally.entries(text.encode(), reading, DEFAULT))


def values(found: Iterable[Entry], *names: str) -> list[tuple[str | None, ...]]:
    return [
        tuple(one.values.get(name) for name in names) for one in found if one.left_out is None and one.broken is None
    ]


def reasons(found: Iterable[Entry]) -> list[str | None]:
    return [one.left_out for one in found]


def test_what_is_delivered_and_not_billed_is_free():
    found = read(voucher(entry(actual=" 12 pcs", billed=" 10 pcs")))

    assert values(found, "BILLEDQTY", "FREEQTY", "UNIT", "AMOUNT") == [("10", "2", "pcs", "100.00")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 200 box = 20000 pcs", {"box": 200, "pcs": 20000}),
        ("1,25,000.500 Kg.", {"Kg.": "125000.500"}),
        ("(-)5 nos", {"nos": -5}),
        ("-5 nos", {"nos": -5}),
        ("7", {"": 7}),
        ("1-6 Doz of 12 Nos", {"Nos": 18}),
        ("-1-6 Doz of 12 Nos", {"Nos": -18}),
        ("1,200.0000 Box of 10 Nos", {"Nos": "12000"}),
        ("1 Box of 10 Nos 5 pcs", {"Box of 10 Nos 5 pcs": 1}),
        ("1-6 Doz", {"Nos": 18}),
        ("-2-1 Dzn.", {"Nos": -25}),
        ("1-6 Box = 16 Nos", {"Nos": 16, "-6 Box": 1}),
        ("1-6 Box", {"-6 Box": 1}),
        (" 10 box 5 pcs = 125 pcs", {"pcs": 125, "box 5 pcs": 10}),
        (" 10 box 5 pcs", {"box 5 pcs": 10}),
        ("", {}),
        ("box", {}),
    ],
)
def test_quantities_are_read_in_each_unit(text, expected):
    assert list(quantities(text).items()) == [(unit, Decimal(value)) for unit, value in expected.items()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64.01/gms", "64.01"),
        ("-1,23,456.00", "-123456.00"),
        ("-$1609.71 @ ? 82.58/$ = -? 132929.85", "-132929.85"),
        ("₹ 12.50", "12.50"),
        ("abc", None),
        (None, None),
    ],
)
def test_numbers_are_read_as_tally_writes_them(text, expected):
    assert number(text) == (None if expected is None else Decimal(expected))


def test_free_goods_are_found_in_the_unit_that_both_quantities_have():
    found = read(voucher(entry(actual="2 box = 48 pcs", billed="40 pcs = 1.667 box")))

    assert values(found, "BILLEDQTY", "FREEQTY", "UNIT") == [("40", "8", "pcs")]


def test_quantities_without_a_common_unit_stay_as_they_are_written():
    assert values(read(voucher(entry(actual="2 box", billed="40 pcs"))), "ACTUALQTY", "BILLEDQTY", "UNIT") == [
        ("2 box", "40 pcs", None)
    ]


def test_goods_without_a_billed_quantity_are_billed_unless_the_voucher_says_that_quantities_differ():
    free = voucher(entry(billed=None, amount=None), more="<DIFFACTUALQTY>Yes</DIFFACTUALQTY>")

    assert values(read(voucher(entry(billed=None))), "BILLEDQTY", "FREEQTY") == [("10", "0")]
    assert values(read(free), "BILLEDQTY", "FREEQTY", "AMOUNT") == [("0", "10", "0")]


@pytest.mark.parametrize(
    ("kind", "amount", "positive"),
    [("Sales", "100", "No"), ("Credit Note", "-100", "Yes"), ("Purchase", "-100", "Yes")],
)
def test_the_usual_sign_of_a_voucher_is_plus(kind, amount, positive):
    found = read(voucher(entry(amount=amount, positive=positive), kind=kind))

    assert values(found, "BILLEDQTY", "AMOUNT") == [("10", "100")]


def test_an_export_that_writes_what_goes_out_as_negative_is_turned():
    found = read(
        voucher(
            entry(actual="-10 pcs", billed="-10 pcs", amount="-100"),
            entry(actual="-5 pcs", billed="-4 pcs", amount="-40"),
        )
    )

    assert values(found, "BILLEDQTY", "FREEQTY", "AMOUNT") == [("10", "0", "100"), ("4", "1", "40")]


def test_an_item_that_goes_against_its_voucher_stays_negative():
    found = read(voucher(entry(), entry(actual="-2 pcs", billed="-2 pcs", amount="-20")))

    assert values(found, "BILLEDQTY", "AMOUNT") == [("10", "100.00"), ("-2", "-20")]


def test_an_entry_that_says_itself_that_goods_come_in_is_negative_on_a_sale():
    found = read(voucher(entry(), entry(actual="2 pcs", billed="2 pcs", amount="-20", positive="Yes")))

    assert values(found, "BILLEDQTY", "AMOUNT") == [("10", "100.00"), ("-2", "-20")]


def test_entries_that_say_that_goods_come_back_are_negative_however_many_they_are():
    oil = entry("Oil", "1 pcs", "1 pcs", "-10.00", positive="Yes")
    tea = entry("Tea", "2 pcs", "2 pcs", "-20.00", positive="Yes")

    assert values(read(voucher(entry(), oil, tea)), "BILLEDQTY", "AMOUNT") == [
        ("10", "100.00"),
        ("-1", "-10.00"),
        ("-2", "-20.00"),
    ]
    assert values(read(voucher(oil)), "BILLEDQTY", "AMOUNT") == [("-1", "-10.00")]


def test_goods_sent_back_to_the_supplier_leave_the_stock():
    found = read(voucher(entry(actual="3 pcs", billed="2 pcs"), kind="Debit Note"))

    assert values(found, "INWARDQTY", "INWARDFREEQTY", "INWARDAMOUNT") == [("-2", "-1", "-100.00")]


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Sales", "Sales"),
        ("GST SALES", "Sales"),
        ("Sales - Retail", "Sales"),
        ("Sales Return", "Credit Note"),
        ("Purchase Return GST", "Debit Note"),
        ("Sales Order", "Sales Order"),
        ("Mail Order Sales", "Sales"),
        ("Delivery Challan", "Delivery Note"),
        ("Tax Invoice", "Tax Invoice"),
    ],
)
def test_a_senders_voucher_type_is_known_by_its_words(name, base):
    assert base_type(name, {}) == base


def voucher_type(name: str, parent: str | None, reserved: str = "") -> str:
    inner = f"<PARENT>{parent}</PARENT>" if parent else ""
    return f'<VOUCHERTYPE NAME="{name}" RESERVEDNAME="{reserved}">{inner}</VOUCHERTYPE>'


@pytest.mark.parametrize(
    ("kind", "masters", "base"),
    [
        ("Counter", [voucher_type("Counter", "Retail"), voucher_type("Retail", "Sales")], "Sales"),
        ("Tax Bill", [voucher_type("Tax Bill", "Tax Bill", "Sales")], "Sales"),
        ("Sales Adjustment", [voucher_type("Sales Adjustment", "Journal")], "Journal"),
        ("GST Sales", [voucher_type("GST Sales", None)], "Sales"),
        ("Counter", [], "Counter"),
    ],
)
def test_voucher_types_among_the_masters_say_what_a_type_is(kind, masters, base):
    found = read(*masters, voucher(entry(), kind=kind))

    assert values(found, "BASETYPE") == [(base,)]
    assert values(read(voucher(entry(), kind=kind), *masters), "BASETYPE") == [(base,)]


@pytest.mark.parametrize(
    ("attribute", "base"),
    [("Sales", "Sales"), ("Tax Bill", "Tax Bill"), ("Counter", "Tax Bill"), ("", "Tax Bill")],
)
def test_the_type_that_a_voucher_names_itself_counts_where_its_name_says_nothing(attribute, base):
    sale = voucher(entry(), kind="Tax Bill").replace('VCHTYPE="Tax Bill"', f'VCHTYPE="{attribute}"')

    assert values(read(sale), "BASETYPE", "VOUCHERTYPENAME") == [(base, "Tax Bill")]


def test_the_name_of_a_voucher_type_counts_before_the_one_that_a_voucher_names_itself():
    sale = voucher(entry(), kind="GST Sales").replace('VCHTYPE="GST Sales"', 'VCHTYPE="Purchase"')

    assert values(read(sale), "BASETYPE") == [("Sales",)]


def test_voucher_types_among_the_masters_are_found_in_utf_16():
    text = f"<ENVELOPE>{voucher_type('Counter', 'Sales')}{voucher(entry(), kind='Counter')}</ENVELOPE>"

    assert values(list(tally.entries(text.encode("utf-16"), READING, DEFAULT)), "BASETYPE") == [("Sales",)]


def test_the_profile_has_the_last_word_on_a_voucher_type():
    reading = READING.model_copy(update={"voucher_types": {"Counter": "Purchase"}})

    found = read(voucher_type("Counter", "Sales"), voucher(entry(), kind="Counter"), reading=reading)

    assert values(found, "BASETYPE") == [("Purchase",)]


def test_the_profile_says_what_a_voucher_type_is():
    reading = Reading(files="*.xml", format="tally_xml", voucher_types={"Tax Invoice": "Sales"})

    assert values(read(voucher(entry(), kind="TAX INVOICE"), reading=reading), "BASETYPE", "VOUCHERTYPENAME") == [
        ("Sales", "TAX INVOICE")
    ]


@pytest.mark.parametrize(
    ("sale", "reason"),
    [
        (voucher(entry(), more="<ISCANCELLED>Yes</ISCANCELLED>"), "cancelled voucher"),
        (voucher(entry(), more="<ISOPTIONAL> Yes</ISOPTIONAL>"), "optional voucher"),
        (voucher(entry(), more="<ISDELETED>Yes</ISDELETED>"), "deleted voucher"),
        (voucher(entry(), flags='ACTION="Delete"'), "deleted voucher"),
        (voucher(entry(), more="<ISORDERVOUCHER>Yes</ISORDERVOUCHER>"), "order voucher"),
        (voucher(entry(), kind="Sales Order"), "order voucher (Sales Order)"),
        (voucher(entry(), kind="Memorandum"), "memorandum voucher"),
    ],
)
def test_vouchers_that_do_not_count_are_left_out_with_the_reason(sale, reason):
    assert reasons(read(sale)) == [reason]


def test_a_receipt_note_and_its_purchase_count_once():
    note = voucher(entry(more=tracked("T1")), kind="Receipt Note", number="R1")
    purchase = voucher(
        entry(more=tracked("T1")), entry("Tea", more=tracked("T1")), kind="Purchase", number="P1", day="20260305"
    )

    assert reasons(read(note, purchase)) == [None, "counted with tracking number T1: Receipt Note R1", None]


def test_the_first_by_date_counts_wherever_it_stands():
    note = voucher(entry(more=tracked("T1")), kind="Receipt Note", number="R1", day="20260303")
    purchase = voucher(entry(more=tracked("T1")), kind="Purchase", number="P1", day="20260302")

    assert reasons(read(note, purchase)) == ["counted with tracking number T1: Purchase P1", None]


def note_and_bills(note: str, *bills: str, kinds: tuple[str, str] = ("Delivery Note", "Sales")) -> list[str | None]:
    """Why a note of the first quantity, and then bills of the others, dated a day later each, do not count."""
    note_kind, bill_kind = kinds
    vouchers = [voucher(entry(actual=note, billed=note, more=tracked("T1")), kind=note_kind, number="N1")]
    for place, qty in enumerate(bills, 1):
        billed = entry(actual=qty, billed=qty, amount="130.00", more=tracked("T1"))
        vouchers.append(voucher(billed, kind=bill_kind, number=f"B{place}", day=f"2026030{place + 1}"))
    return reasons(read(*vouchers))


def test_two_invoices_of_one_receipt_are_left_to_the_warehouse_with_its_note():
    assert note_and_bills("10 pcs", "10 pcs", "10 pcs", kinds=("Receipt Note", "Purchase")) == [None, None, None]


def test_receipts_of_other_quantities_than_their_invoices_are_left_to_the_warehouse():
    assert note_and_bills("10 pcs", "6 pcs", kinds=("Receipt Note", "Purchase")) == [None, None]


def test_receipts_of_which_one_kind_alone_tells_batches_are_settled_by_date():
    note = voucher(entry(more=batch(more="<TRACKINGNUMBER>T1</TRACKINGNUMBER>")), kind="Receipt Note", number="R1")
    purchase = voucher(
        entry(actual="6 pcs", billed="6 pcs", more=tracked("T1")), kind="Purchase", number="P1", day="20260305"
    )

    assert reasons(read(note, purchase)) == [None, "counted with tracking number T1: Receipt Note R1"]


@pytest.mark.parametrize("amount", [None, "90.00"])
def test_a_delivery_note_gives_way_to_the_invoice_of_the_same_quantity(amount):
    note = voucher(entry(amount=amount, more=tracked("T1")), kind="Delivery Note", number="D1")
    sale = voucher(entry(more=tracked("T1")), number="S1", day="20260305")

    assert reasons(read(note, sale)) == ["counted with tracking number T1: Sales S1", None]


def test_a_delivery_note_without_an_amount_is_worth_nothing():
    assert values(read(voucher(entry(amount=None), kind="Delivery Note")), "AMOUNT") == [("0",)]


def test_a_rejection_note_gives_way_to_the_credit_note_of_the_same_quantity():
    found = note_and_bills("10 pcs", "10 pcs", kinds=("Rejections In", "Credit Note"))

    assert found == ["counted with tracking number T1: Credit Note B1", None]


def test_a_delivery_note_gives_way_to_invoices_that_bill_it_together():
    assert note_and_bills("10 pcs", "6 pcs", "4 pcs") == ["counted with tracking number T1: Sales B1", None, None]


@pytest.mark.parametrize("billed", ["6 pcs", "12 pcs", "10 box"])
def test_a_delivery_note_of_another_quantity_than_its_invoice_is_left_to_the_warehouse(billed):
    assert note_and_bills("10 pcs", billed) == [None, None]


def test_free_goods_count_as_delivered():
    note = voucher(entry(actual="12 pcs", billed="12 pcs", more=tracked("T1")), kind="Delivery Note", number="D1")
    sale = voucher(entry(actual="12 pcs", billed="10 pcs", more=tracked("T1")), number="S1")

    assert reasons(read(note, sale)) == ["counted with tracking number T1: Sales S1", None]


def test_two_notes_of_which_one_is_billed_are_left_to_the_warehouse():
    notes = [voucher(entry(more=tracked("T1")), kind="Delivery Note", number=number) for number in ("D1", "D2")]

    assert reasons(read(*notes, voucher(entry(more=tracked("T1"))))) == [None, None, None]


def test_what_is_taken_back_on_an_invoice_does_not_make_it_the_quantity_of_its_note():
    note = voucher(entry(more=tracked("T1")), kind="Delivery Note")
    taken_back = entry(actual="-2 pcs", billed="-2 pcs", amount="-20.00", more=tracked("T1"))
    sale = voucher(entry(actual="12 pcs", billed="12 pcs", amount="120.00", more=tracked("T1")), taken_back)

    assert reasons(read(note, sale)) == [None, None, None]


def test_an_invoice_whose_amount_cannot_be_read_keeps_no_note_out():
    note = voucher(entry(more=tracked("T1")), kind="Delivery Note")

    assert reasons(read(note, voucher(entry(amount=None, more=tracked("T1"))))) == [None, None]


@pytest.mark.parametrize("none", ["&#4; Not Applicable", "Not Applicable", "&#4; Any", ""])
def test_reserved_names_are_no_tracking_numbers(none):
    note = voucher(entry(more=tracked(none)), kind="Receipt Note")
    purchase = voucher(entry(more=tracked(none)), kind="Purchase")

    assert reasons(read(note, purchase)) == [None, None]


def test_an_optional_note_does_not_keep_its_invoice_out():
    note = voucher(entry(more=tracked("T1")), kind="Receipt Note", more="<ISOPTIONAL>Yes</ISOPTIONAL>")

    assert reasons(read(note, voucher(entry(more=tracked("T1")), kind="Purchase"))) == ["optional voucher", None]


def test_several_batches_are_a_record_each():
    two = entry(more=batch("B1", "7 pcs", "6 pcs", "60.00") + batch("B2", "3 pcs", "4 pcs", "40.00"))

    assert values(read(voucher(two)), "LINENUMBER", "BATCHNAME", "BILLEDQTY", "FREEQTY", "AMOUNT") == [
        ("1", "B1", "6", "1", "60.00"),
        ("2", "B2", "4", "-1", "40.00"),
    ]


def test_batches_that_do_not_add_up_leave_the_entry_one_record_without_a_batch():
    two = entry(more=batch("B1", "7 pcs", "7 pcs", "70.00") + batch("B2", "2 pcs", "2 pcs", "20.00"))

    assert values(read(voucher(two)), "BATCHNAME", "BILLEDQTY", "AMOUNT") == [(None, "10", "100.00")]


@pytest.mark.parametrize(
    ("expiry", "expected"),
    [
        ("31-Mar-2027", "20270331"),
        ("31-Mar-27", "20270331"),
        ("20270331", "20270331"),
        ("18 Months", "20270715"),
        ("1 Year", "20270115"),
    ],
)
def test_an_expiry_is_a_day_or_a_time_after_manufacture(expiry, expected):
    made = f"<MFDON>20260115</MFDON><EXPIRYPERIOD>{expiry}</EXPIRYPERIOD><GODOWNNAME>Main</GODOWNNAME>"
    found = read(voucher(entry(more=batch("B1", more=made))))

    assert values(found, "BATCHNAME", "EXPIRYPERIOD", "MFDON", "GODOWNNAME") == [("B1", expected, "20260115", "Main")]


def test_a_voucher_without_a_number_has_its_reference():
    unnumbered = voucher(entry(), number="", more="<REFERENCE>M/88</REFERENCE>")

    assert values(read(unnumbered), "VOUCHERNUMBER") == [("M/88",)]


def test_the_batch_of_items_without_batches_is_none():
    assert values(read(voucher(entry(more=batch("Primary Batch")))), "BATCHNAME") == [(None,)]


def test_empty_lists_are_no_records():
    blank = "<ALLINVENTORYENTRIES.LIST>      </ALLINVENTORYENTRIES.LIST>"

    assert read(voucher(blank)) == []
    assert read("<CMPINFO><VOUCHER>0</VOUCHER></CMPINFO>") == []


def test_entries_that_stand_in_two_lists_count_once():
    assert len(read(voucher(entry(), entry(tag="INVENTORYENTRIES.LIST")))) == 1


@pytest.mark.parametrize("tag", ["INVENTORYENTRIES.LIST", "INVENTORYENTRIESOUT.LIST"])
def test_other_lists_of_entries_are_read_where_there_is_no_list_of_all(tag):
    assert len(read(voucher(entry(tag=tag)))) == 1


def test_items_inside_ledger_entries_are_read_where_there_is_no_list_of_items():
    inside = f"<LEDGERENTRIES.LIST><LEDGERNAME>Goods</LEDGERNAME>{entry(tag='INVENTORYALLOCATIONS.LIST')}</LEDGERENTRIES.LIST>"

    assert values(read(voucher(inside)), "STOCKITEMNAME", "BILLEDQTY") == [("Soap", "10")]


def test_a_voucher_without_items_gives_no_record():
    money = "<LEDGERENTRIES.LIST><LEDGERNAME>Asha</LEDGERNAME><AMOUNT>5</AMOUNT></LEDGERENTRIES.LIST>"

    assert read(voucher(money, kind="Credit Note")) == []


def test_a_malformed_voucher_costs_only_itself_and_names_itself():
    bad = voucher(entry(), entry("Tea"), number="2").replace("</STOCKITEMNAME>", "</STOCKITEM>", 1)

    found = read(voucher(entry()), bad, voucher(entry(), number="3"))

    assert [one.broken is not None for one in found] == [False, True, True, False]
    assert found[1].broken is not None
    assert "VOUCHERTYPENAME Sales, VOUCHERNUMBER 2, GUID g-Sales-2" in found[1].broken.problem


@pytest.mark.parametrize(
    "answer",
    [
        "<RESPONSE>Unknown Request, cannot be processed</RESPONSE>",
        "<ENVELOPE><HEADER><STATUS>0</STATUS></HEADER><BODY><DATA><LINEERROR>No company</LINEERROR></DATA></BODY></ENVELOPE>",
        "<ENVELOPE><DSPVCHDATE>1-Mar-26</DSPVCHDATE><DSPVCHTYPE>Sales</DSPVCHTYPE></ENVELOPE>",
        "<ENVELOPE><DBCFIXED><DBCDATE>1-3-2026</DBCDATE></DBCFIXED></ENVELOPE>",
        '<ENVELOPE><BODY><TALLYMESSAGE><LEDGER NAME="Asha" RESERVEDNAME=""/></TALLYMESSAGE></BODY></ENVELOPE>',
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_an_answer_that_is_no_export_is_refused(answer, codec):
    with pytest.raises(FileUnreadable):
        list(tally.entries(answer.encode(codec), READING, DEFAULT))


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


@given(
    st.lists(
        st.tuples(NAMES, st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 10**9)), min_size=1, max_size=5
    ),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
def test_written_vouchers_are_read_back(items, codec):
    lines = [
        entry(name, f" {free + billed} pcs", f" {billed} pcs", f"{Decimal(cents) / 100:,}")
        for name, free, billed, cents in items
    ]
    text = f"<ENVELOPE>{voucher(*lines)}</ENVELOPE>"

    found = list(tally.entries(text.encode(codec), READING, DEFAULT))

    assert [
        (one.values["STOCKITEMNAME"], *(Decimal(str(one.values[name])) for name in ("FREEQTY", "BILLEDQTY", "AMOUNT")))
        for one in found
    ] == [(name, free, billed, Decimal(cents) / 100) for name, free, billed, cents in items]


@given(st.data())
def test_a_damaged_export_is_accounted_for(data):
    whole = (
        f"<ENVELOPE>{voucher(entry(more=batch() + batch()), entry())}{voucher(entry(), number='2')}</ENVELOPE>".encode()
    )
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 30)))

    try:
        found = list(tally.entries(whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:], READING, DEFAULT))
    except FileUnreadable:
        return

    assert all(one.broken is not None or one.values for one in found)
