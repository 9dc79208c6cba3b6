"""Days and tracking numbers of DayBooks of Tally, which tie together what comes in several files."""

import pytest

FEED = "dms_invoice_line"
PROFILE = "tally_daybook"


def voucher(number: str, day: str, *items: str, kind: str = "Sales", more: str = "") -> str:
    entries = "".join(
        f"<ALLINVENTORYENTRIES.LIST><STOCKITEMNAME>{item}</STOCKITEMNAME><AMOUNT>50</AMOUNT><ACTUALQTY>5 pcs</ACTUALQTY>"
        "<BILLEDQTY>5 pcs</BILLEDQTY></ALLINVENTORYENTRIES.LIST>"
        for item in items
    )
    return (
        f'<VOUCHER VCHTYPE="{kind}"><DATE>{day}</DATE><GUID>g{number}</GUID><VOUCHERTYPENAME>{kind}</VOUCHERTYPENAME>'
        f"<VOUCHERNUMBER>{number}</VOUCHERNUMBER><PARTYLEDGERNAME>Asha</PARTYLEDGERNAME>{more}{entries}</VOUCHER>"
    )


def day_book(*vouchers: str) -> str:
    return f"<ENVELOPE><BODY><TALLYMESSAGE>{''.join(vouchers)}</TALLYMESSAGE></BODY></ENVELOPE>"


CANCELLED = "<ISCANCELLED>Yes</ISCANCELLED>"


@pytest.mark.parametrize(
    "last",
    [
        voucher("2", "20260603", "Soap"),
        voucher("2", "20260603", "Soap", more=CANCELLED),
        voucher("2", "20260603", more=CANCELLED),
        voucher("2", "20260603", kind="Receipt"),
        voucher("2", "20260603", "Soap", kind="Purchase"),
    ],
    ids=["sale", "cancelled", "cancelled and empty", "payment", "purchase"],
)
def test_a_day_book_restates_the_days_of_all_its_vouchers(landing, last):
    landing.put("tally_daybook/D1/a.xml", day_book(voucher("1", "20260601", "Soap"), last))

    landing.run(profile=PROFILE)

    assert [commit["scopes"] for commit in landing.commits() if commit["feed"] == FEED] == [
        [{"sender": "D1", "date_from": "2026-06-01", "date_to": "2026-06-03", "closes": True}]
    ]


@pytest.mark.parametrize("items", [["Soap"], []], ids=["with its entries", "without entries"])
def test_a_day_of_cancelled_vouchers_alone_is_restated_as_empty(landing, items):
    landing.put("tally_daybook/D1/a.xml", day_book(voucher("1", "20260601", *items, more=CANCELLED)))

    report = landing.run(profile=PROFILE)

    assert (report.loaded, report.rejected, report.rejected_files) == (0, 0, 0)
    assert [commit["scopes"] for commit in landing.commits() if commit["feed"] == FEED] == [
        [{"sender": "D1", "date_from": "2026-06-01", "date_to": "2026-06-01", "closes": True}]
    ]


def test_a_cancelled_voucher_of_a_mistyped_year_suspends_the_closing(landing):
    cancelled = voucher("2", "20250602", more=CANCELLED)
    landing.put("tally_daybook/D1/a.xml", day_book(voucher("1", "20260601", "Soap"), cancelled))

    landing.run(profile=PROFILE)

    assert [commit["scopes"] for commit in landing.commits() if commit["feed"] == FEED] == [
        [{"sender": "D1", "date_from": "2025-06-02", "date_to": "2026-06-01", "closes": False}]
    ]


def test_a_note_and_its_invoice_in_two_files_bear_their_tracking_number(landing):
    tracking = (
        "<BATCHALLOCATIONS.LIST><TRACKINGNUMBER>DN1</TRACKINGNUMBER></BATCHALLOCATIONS.LIST></ALLINVENTORYENTRIES.LIST>"
    )
    for number, kind, day in (("1", "Delivery Note", "20260601"), ("2", "Sales", "20260602")):
        text = day_book(voucher(number, day, "Soap", kind=kind)).replace("</ALLINVENTORYENTRIES.LIST>", tracking)
        landing.put(f"tally_daybook/D1/{number}.xml", text)

    landing.run(profile=PROFILE)

    assert landing.rows(FEED).select("document_no", "tracking_no").rows() == [("1", "DN1"), ("2", "DN1")]
