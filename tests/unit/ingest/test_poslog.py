"""POSLog: what tills sold and took back, without what the log itself takes back."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

import ingest
from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT
from ingest.profiles import Reading
from ingest.readers import poslog
from ingest.readers.framed import Entry

READING = Reading(files="*.xml", format="nrf_poslog")


def line(number: int, quantity: str, amount: str, *, kind: str = "Sale", item: str = "A", flags: str = "") -> str:
    return (
        f"<LineItem {flags}><SequenceNumber>{number}</SequenceNumber><{kind}><ItemID>{item}</ItemID>"
        f"<ExtendedAmount>{amount}</ExtendedAmount><Quantity>{quantity}</Quantity></{kind}></LineItem>"
    )


def transaction(*lines: str, number: int = 1, flags: str = "", status: str = "", more: str = "") -> str:
    return (
        f"<Transaction {flags}><RetailStoreID>9</RetailStoreID><WorkstationID>3</WorkstationID>"
        f"<SequenceNumber>{number}</SequenceNumber><BusinessDayDate>2026-03-01</BusinessDayDate>{more}"
        f"<RetailTransaction {status}>{''.join(lines)}</RetailTransaction></Transaction>"
    )


def read(*transactions: str) -> list[Entry]:
    return list(poslog.entries(f"<POSLog>{''.join(transactions)}</POSLog>".encode(), READING, DEFAULT))


def counted(found: Iterable[Entry]) -> list[tuple[str | None, str | None, str | None]]:
    names = ("Quantity", "ReturnQuantity", "ExtendedAmount")
    return [tuple(entry.values.get(name) for name in names) for entry in found if entry.left_out is None]


def reasons(found: Iterable[Entry]) -> list[str | None]:
    return [entry.left_out for entry in found]


def test_a_line_that_voids_another_one_takes_both_out():
    found = read(
        transaction(line(1, "2", "9.00"), line(2, "1", "5.00"), line(3, "-1", "-5.00", flags='VoidFlag="true"'))
    )

    assert counted(found) == [("2", None, "9.00")]
    assert reasons(found) == [None, "voided line", "line that voids another one"]


def test_of_equal_lines_the_last_one_is_voided():
    void = line(3, "-1", "-5.00", flags='VoidFlag="true"')

    found = read(transaction(line(1, "1", "5.00"), line(2, "1", "5.00"), void))

    assert reasons(found) == [None, "voided line", "line that voids another one"]


def test_a_line_voided_twice_needs_two_lines():
    void = 'VoidFlag="true"'

    found = read(transaction(line(1, "1", "5"), line(2, "-1", "-5", flags=void), line(3, "-1", "-5", flags=void)))

    assert counted(found) == [("-1", None, "-5")]


def test_a_line_that_bears_the_flag_itself_is_voided_alone():
    found = read(transaction(line(1, "1", "5.00", flags='VoidFlag="true"'), line(2, "1", "5.00")))

    assert reasons(found) == ["voided line", None]


def linked(void: str, link: str) -> str:
    return void.replace("</SequenceNumber>", f"</SequenceNumber><CreateRefNumber>{link}</CreateRefNumber>")


@pytest.mark.parametrize("link", ["<CreateRefNumber>1</CreateRefNumber>", "", "<CreateRefNumber>2</CreateRefNumber>"])
def test_a_line_that_repeats_the_one_it_links_to_takes_both_out(link):
    void = line(2, "1", "5.00", flags='VoidFlag="true"').replace("<Sale>", f"{link}<Sale>")

    found = read(transaction(line(1, "1", "5.00"), void))

    assert reasons(found) == (["voided line", "line that voids another one"] if "1" in link else [None, "voided line"])


def test_a_line_may_link_to_another_within_its_item():
    void = line(2, "1", "5.00", flags='VoidFlag="true"').replace("</Sale>", "<ItemLink>1</ItemLink></Sale>")

    found = read(transaction(line(1, "1", "5.00"), void))

    assert reasons(found) == ["voided line", "line that voids another one"]


@pytest.mark.parametrize(
    "other",
    [
        line(1, "1", "0.00", flags='VoidFlag="true"'),
        line(1, "1", "5.00", flags='VoidFlag="true"', item="B"),
        line(1, "2", "5.00", flags='VoidFlag="true"'),
        line(1, "1", "5.00", flags='VoidFlag="true"', kind="Return"),
    ],
)
def test_a_linked_line_that_is_not_the_same_is_voided_alone(other):
    assert reasons(read(transaction(line(1, "1", "5.00"), linked(other, "1")))) == [None, "voided line"]


def test_a_linked_return_of_another_quantity_is_voided_alone():
    void = linked(line(2, "2", "5.00", flags='VoidFlag="true"', kind="Return"), "1")

    assert reasons(read(transaction(line(1, "1", "5.00", kind="Return"), void))) == [None, "voided line"]


@pytest.mark.parametrize("link", ["1", "2"])
def test_a_line_is_taken_out_with_one_other_only(link):
    first = linked(line(2, "1", "5.00", flags='VoidFlag="true"'), "1")
    second = linked(line(3, "1", "5.00", flags='VoidFlag="true"'), link)

    found = read(transaction(line(1, "1", "5.00"), first, second))

    assert reasons(found) == ["voided line", "line that voids another one", "voided line"]


def test_a_part_of_a_line_that_is_taken_back_counts_against_it():
    found = read(transaction(line(1, "3", "15.00"), line(2, "-1", "-5.00", flags='VoidFlag="true"')))

    assert counted(found) == [("3", None, "15.00"), ("-1", None, "-5.00")]


@pytest.mark.parametrize(("quantity", "amount"), [("1", "5.00"), ("-1", "-5.00"), ("1", "-5.00")])
def test_a_return_is_positive_units_and_negative_value_however_it_is_written(quantity, amount):
    assert counted(read(transaction(line(1, quantity, amount, kind="Return")))) == [("0", "1", "-5.00")]


@pytest.mark.parametrize(
    ("flags", "status", "reason"),
    [
        ('CancelFlag="true"', "", "cancelled transaction"),
        ('TrainingModeFlag="1"', "", "training transaction"),
        ("", 'TransactionStatus="Voided"', "voided transaction"),
        ("", 'TransactionStatus="Suspended"', "suspended transaction"),
        ("", 'TransactionStatus="SuspendedRetrieved"', "suspended transaction"),
        ("", 'TransactionStatus="SuspendedDeleted"', "suspended transaction"),
        ("", 'TransactionStatus="SuspendedCanceled"', "suspended transaction"),
        ("", 'TransactionStatus="PostVoided"', "transaction voided afterwards"),
    ],
)
def test_a_transaction_that_does_not_count_is_left_out(flags, status, reason):
    assert reasons(read(transaction(line(1, "1", "5"), flags=flags, status=status))) == [reason]


def test_a_transaction_may_be_voided_as_a_whole_by_a_later_one():
    link = '<TransactionLink ReasonCode="PostVoid"><SequenceNumber>1</SequenceNumber></TransactionLink>'
    void = transaction(line(1, "2", "9"), number=2, more=link)

    assert reasons(read(transaction(line(1, "2", "9")), void)) == [
        "transaction voided afterwards",
        "transaction that voids another one",
    ]
    assert counted(read(void)) == [("-2", None, "-9")]


@pytest.mark.parametrize(
    ("control", "reason"), [("", 'ReasonCode="Void"'), ("<ControlTransaction><PostVoid/></ControlTransaction>", "")]
)
def test_a_transaction_is_voided_by_one_that_has_no_items(control, reason):
    link = f"<TransactionLink {reason}><SequenceNumber>1</SequenceNumber></TransactionLink>"

    found = read(transaction(line(1, "2", "9")), transaction(number=2, more=control + link))

    assert reasons(found) == ["transaction voided afterwards"]


def test_a_transaction_of_another_store_may_be_voided():
    store = "<BusinessUnit><UnitID>8</UnitID></BusinessUnit>"
    link = f'<TransactionLink ReasonCode="PostVoid">{store}<SequenceNumber>1</SequenceNumber></TransactionLink>'
    sales = [transaction(line(1, "2", "9")).replace("StoreID>9", f"StoreID>{number}") for number in (8, 9)]

    found = read(*sales, transaction(number=2, more=link))

    assert reasons(found) == ["transaction voided afterwards", None]


def test_an_order_is_no_sale():
    assert reasons(read(transaction(line(1, "1", "5", kind="CustomerOrderForPickup")))) == ["order, not a sale"]


def test_only_items_are_records():
    tender = (
        "<LineItem><SequenceNumber>2</SequenceNumber><Tender TypeCode='Sale'><Amount>5</Amount></Tender></LineItem>"
    )
    loyalty = "<LineItem><LoyaltyReward><Sale><Quantity>1</Quantity></Sale></LoyaltyReward></LineItem>"

    assert len(read(transaction(line(1, "1", "5"), tender, loyalty))) == 1


def test_an_extension_of_the_same_name_is_not_taken_for_the_item_s_own():
    sale = "<LineItem><x:Sale xmlns:x='urn:x'/><Sale xmlns:x='urn:x'><x:Quantity>9</x:Quantity><Quantity>1</Quantity></Sale></LineItem>"

    assert [entry.values["Quantity"] for entry in read(transaction(sale))] == ["1"]


@pytest.mark.parametrize("day", ["2026-03-01", "2026-03-01Z", "2026-03-01T00:00:00+05:30"])
def test_the_business_day_has_no_time(day):
    found = read(transaction(line(1, "1", "5")).replace("2026-03-01<", f"{day}<"))

    assert found[0].values["BusinessDayDate"] == "2026-03-01"


def version_6(*lines: str, units: str, number: str = "<SequenceNumber>4</SequenceNumber>", times: str = "") -> Entry:
    text = f"<Transaction>{units}<WorkstationID>3</WorkstationID>{number}{times}<RetailTransaction>{''.join(lines)}"
    return read(f"{text}</RetailTransaction></Transaction>")[0]


def unit(number: str, kind: str) -> str:
    return f'<BusinessUnit><UnitID TypeCode="{kind}">{number}</UnitID></BusinessUnit>'


@pytest.mark.parametrize(
    ("units", "store"),
    [
        ("<BusinessUnit><UnitID Name='North'>0610</UnitID></BusinessUnit>", "0610"),
        (unit("DE", "Country") + unit("240", "RetailStore"), "240"),
        ("<BusinessUnit><Website>a.example</Website></BusinessUnit>", None),
    ],
)
def test_the_store_may_be_a_business_unit(units, store):
    assert version_6(line(1, "1", "5"), units=units).values["RetailStoreID"] == store


def test_a_transaction_without_a_sequence_number_has_its_own_number():
    found = version_6(line(1, "1", "5"), units="", number="<TransactionID>T-9</TransactionID>")

    assert found.values["TransactionID"] == "T-9"
    assert version_6(line(1, "1", "5"), units="", number="").values["TransactionID"] is None


@pytest.mark.parametrize(
    ("number", "known"),
    [
        ("<ReceiptNumber>R-9</ReceiptNumber>", "R-9"),
        ("<ReceiptNumber>R-9</ReceiptNumber><TransactionID>T-9</TransactionID>", "T-9"),
        ("<SequenceNumber>4</SequenceNumber><TransactionID>T-9</TransactionID>", "3-4"),
    ],
)
def test_a_transaction_is_known_by_its_sequence_number_before_others(number, known):
    assert version_6(line(1, "1", "5"), units="", number=number).values["TransactionID"] == known


def test_the_day_of_a_message_is_not_that_of_its_transaction():
    written = '<POSLogDateTime TypeCode="Message">2026-03-09T01:00:00</POSLogDateTime>'
    took_place = '<POSLogDateTime TypeCode="Transaction">2026-03-01T23:00:00+08:00</POSLogDateTime>'

    found = version_6(line(1, "1", "5"), units="", times=written + took_place)

    assert found.values["BusinessDayDate"] == "2026-03-01"
    assert version_6(line(1, "1", "5"), units="", times=written).values["BusinessDayDate"] is None


def test_a_time_that_does_not_say_of_what_is_that_of_the_transaction():
    written = "<POSLogDateTime>2026-03-01T23:00:00</POSLogDateTime>"

    assert version_6(line(1, "1", "5"), units="", times=written).values["BusinessDayDate"] == "2026-03-01"


def test_an_item_may_say_that_its_price_includes_the_taxes():
    tax = "<Tax><TaxableAmount>100</TaxableAmount><Amount>20</Amount></Tax>"
    taxed = line(1, "1", "120").replace("</Sale>", f"{tax}<TaxIncludedInPriceFlag>true</TaxIncludedInPriceFlag></Sale>")

    found = read(transaction(taxed, taxed.replace("true", "false")))

    assert [entry.values["NetAmount"] for entry in found] == ["100", "120"]


def test_an_amount_may_name_its_currency():
    priced = line(1, "1", "5").replace("<ExtendedAmount>", '<ExtendedAmount Currency="GBP">')

    assert read(transaction(priced))[0].values["CurrencyCode"] == "GBP"
    assert read(transaction(priced, more="<CurrencyCode>EUR</CurrencyCode>"))[0].values["CurrencyCode"] == "EUR"


def test_lines_directly_below_the_transaction_are_read():
    old = transaction(line(1, "1", "5")).replace("<RetailTransaction >", "").replace("</RetailTransaction>", "")

    assert counted(read(old)) == [("1", None, "5")]


def test_a_malformed_transaction_is_refused_with_its_numbers():
    bad = transaction(line(1, "1", "5"), line(2, "1", "5"), number=7).replace("</Quantity>", "</Quantit>", 1)

    found = read(transaction(line(1, "1", "5")), bad, transaction(line(1, "2", "9"), number=8))

    assert [entry.broken is not None for entry in found] == [False, True, True, False]
    assert found[1].broken is not None
    assert "SequenceNumber 7" in found[1].broken.problem


def test_a_malformed_transaction_of_a_business_unit_names_it():
    bad = transaction(line(1, "1", "5")).replace("</Quantity>", "</Quantit>")
    (found,) = read(bad.replace("<RetailStoreID>9</RetailStoreID>", unit("8", "RetailStore")))

    assert found.broken is not None
    assert "UnitID 8" in found.broken.problem


def test_another_kind_of_file_is_refused():
    with pytest.raises(FileUnreadable):
        list(poslog.entries(b"<html><body/></html>", READING, DEFAULT))


def test_each_transaction_of_a_real_log_adds_up_to_its_total(tmp_path, real_data):
    """Item lines that count + taxes + rewards on the whole transaction = the total that the till printed."""
    for name, lines, loaded in (("small", 1, 1), ("poslog", 552, 544)):
        file = real_data / f"formats/poslog_{name}.xml.gz"
        report = ingest.check(tmp_path, file, profile="nrf_poslog", sender="R")
        assert (report.records, report.loaded, report.rejected) == (lines, loaded, 0)
        rows = pl.from_arrow(report.rows)
        assert isinstance(rows, pl.DataFrame)
        sums = dict(rows.group_by("document_no").agg(pl.col("value_net").sum()).iter_rows())
        for transaction_id, expected in _goods_by_till(file).items():
            assert sums[transaction_id] == expected


def _goods_by_till(file: Path) -> dict[str, Decimal]:
    """Printed total less taxes and rewards, by workstation and sequence number, read without our reader."""
    root = etree.fromstring(gzip.decompress(file.read_bytes()))
    goods = {}
    for found in root.iterfind("{*}Transaction"):
        total = found.find(".//{*}Total[@TotalType='TransactionGrandAmount']")
        if total is None:
            continue
        value = Decimal(str(total.text))
        value -= sum(Decimal(tax.findtext("{*}Amount")) for tax in found.iterfind(".//{*}LineItem/{*}Tax"))
        for reward in found.iterfind(".//{*}LineItem/{*}LoyaltyReward"):
            summarized = any(name.endswith("summarizedActivity") for name in reward.attrib)
            if summarized and reward.findtext("{*}RewardCategory") == "Monetary":
                value -= Decimal(reward.findtext("{*}ExtendedRewardAmount"))
        goods[f"{found.findtext('{*}WorkstationID')}-{found.findtext('{*}SequenceNumber')}"] = value
    return goods


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 999), st.booleans()), max_size=6))
def test_what_is_voided_in_full_leaves_the_sum_of_what_is_not(sales):
    lines, expected, number = [], Decimal(0), 0
    for quantity, cents, is_voided in sales:
        amount = Decimal(cents) / 100
        lines.append(line(number := number + 1, str(quantity), str(amount)))
        if is_voided:
            lines.append(line(number := number + 1, str(-quantity), str(-amount), flags='VoidFlag="true"'))
        else:
            expected += amount

    found = read(transaction(*lines))

    assert len(found) == len(lines)
    assert sum(Decimal(str(amount)) for _, _, amount in counted(found)) == expected


@given(st.data())
def test_a_damaged_log_is_accounted_for(data):
    whole = (
        f"<POSLog>{transaction(line(1, '1', '5'), line(2, '2', '9'))}{transaction(line(1, '1', '5'))}</POSLog>".encode()
    )
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 30)))

    try:
        found = list(poslog.entries(whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:], READING, DEFAULT))
    except FileUnreadable:
        return

    assert all(entry.broken is not None or entry.values for entry in found)
