"""How senders write numbers, dates and codes: read as declared, or rejected; never guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.casting import Formats, Numbers, plain_number, typed
from ingest.contracts import Column
from ingest.profiles import Reading

FORMATS = Path(__file__).parents[2] / "fixtures" / "formats"
AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=2)
INDIA = Numbers(thousands=",", grouping="indian", negatives=("cr",), currency=("₹", "Rs.", "/-"))


def number(text: str, numbers: Numbers, implied_decimals: int = 0) -> str | None:
    return pl.DataFrame({"x": [text]}).select(plain_number(pl.col("x"), numbers, implied_decimals)).item()


def cast(text: str, kind: str, **settings):
    column = Column("x", kind, 0, False, "", "")
    return pl.DataFrame({"x": [text]}).select(typed(column, pl.col("x"), Formats(**settings))).item()


def grouped(whole: str, style: str, sign: str) -> str:
    """Digits with separators: threes, or, in India, three and then twos."""
    if style == "western":
        return f"{int(whole):,}".replace(",", sign)
    head, tail = whole[:-3], whole[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return sign.join([*reversed(pairs), tail])


FORMS = {
    "leading": ("-{}", "{}"),
    "trailing": ("{}-", "{}"),
    "brackets": ("({})", "{}"),
    "cr": ("{} Cr", "{} Dr"),
    "dr": ("{}DR.", "{}CR"),
}


@given(
    AMOUNTS,
    st.sampled_from(["western", "indian"]),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'")]),
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(["{}", "₹{}", "₹ {}", "{} €"]),
    st.booleans(),
)
def test_what_is_written_in_a_declared_form_reads_back(value, grouping, signs, negative, money, any_grouping):
    point, thousands = signs
    whole, _, decimals = f"{abs(value):.2f}".partition(".")
    form = FORMS[negative][0 if value < 0 else 1]
    text = form.format(money.format(grouped(whole, grouping, thousands) + point + decimals))
    style = Numbers(point, thousands, "any" if any_grouping else grouping, (negative,), ("₹", "€"))

    assert Decimal(number(text, style)) == value


@pytest.mark.parametrize(
    ("text", "numbers", "plain"),
    [
        ("1,23,456.00", INDIA, "123456.00"),
        ("12,34,56,789", INDIA, "123456789"),
        ("123,456.00", INDIA, None),
        ("1,23,45", INDIA, None),
        ("12,34", Numbers(thousands=","), None),
        ("1,23,456.00", Numbers(thousands=","), None),
        ("1,23,456", Numbers(thousands=",", grouping="any"), "123456"),
        ("123,456", Numbers(thousands=",", grouping="any"), "123456"),
        ("1,2,3", Numbers(thousands=",", grouping="any"), None),
        ("Rs. 500/-", INDIA, "500"),
        ("rs.500", INDIA, "500"),
        ("₹ 1,234.00 Cr", INDIA, "-1234.00"),
        ("1,234.00 Dr.", INDIA, "1234.00"),
        ("$500", INDIA, None),
        ("-500", INDIA, None),
        ("+500", INDIA, "+500"),
        ("(1,234.00)", Numbers(thousands=",", negatives=("brackets",)), "-1234.00"),
        ("( 5 )", Numbers(negatives=("brackets",)), "-5"),
        ("(₹5)", Numbers(negatives=("brackets",), currency=("₹",)), "-5"),
        ("₹(5)", Numbers(negatives=("brackets",), currency=("₹",)), "-5"),
        ("(-5)", Numbers(negatives=("brackets", "leading")), None),
        ("(5", Numbers(negatives=("brackets",)), None),
        ("(5)", Numbers(), None),
        ("1234.00-", Numbers(negatives=("trailing",)), "-1234.00"),
        ("-5-", Numbers(negatives=("trailing", "leading")), None),
        ("(5)-", Numbers(negatives=("trailing", "brackets")), None),
        ("5 €-", Numbers(negatives=("trailing",), currency=("€",)), "-5"),
        ("-₹5", Numbers(currency=("₹",)), "-5"),
        ("₹-5", Numbers(currency=("₹",)), "-5"),
        ("₹", Numbers(currency=("₹",)), None),
        ("5 Cr", Numbers(negatives=("dr",)), "5"),
        ("5", Numbers(negatives=("dr",)), "5"),
        ("-5 Cr", Numbers(negatives=("dr", "leading")), None),
        ("Cr", Numbers(negatives=("cr",)), None),
        ("1\u00a0234,5", Numbers(",", " "), "1234.5"),
        ("1\u202f234,5", Numbers(",", " "), "1234.5"),
        ("0012C", Numbers(negatives=("overpunch",)), "00123"),
        ("0012}", Numbers(negatives=("overpunch",)), "-00120"),
        ("0012", Numbers(negatives=("overpunch",)), "0012"),
        ("0012C", Numbers(), None),
    ],
)
def test_a_number_is_read_as_declared_and_not_otherwise(text, numbers, plain):
    assert number(text, numbers) == plain


@pytest.mark.parametrize(
    ("text", "plain"), [("0000012345", "0000123.45"), ("5", "0.05"), ("-5", "-0.05"), ("123.45", None), ("x", None)]
)
def test_decimals_may_be_implied(text, plain):
    found = number(text, Numbers(), 2)

    assert (found and Decimal(found)) == (plain and Decimal(plain))


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("01/03/2026", "%d/%m/%Y", date(2026, 3, 1)),
        ("1/3/2026", "%d/%m/%Y", date(2026, 3, 1)),
        ("03/01/2026", "%m/%d/%Y", date(2026, 3, 1)),
        ("13/01/2026", "%m/%d/%Y", None),
        ("01.03.2026", "%d.%m.%Y", date(2026, 3, 1)),
        ("01-Mar-26", "%d-%b-%y", date(2026, 3, 1)),
        ("1-MAR-26", "%d-%b-%y", date(2026, 3, 1)),
        ("01-mär-26", "%d-%b-%y", None),
        ("01-March-26", "%d-%b-%y", None),
        ("1 March 2026", "%d %B %Y", date(2026, 3, 1)),
        ("31-12-69", "%d-%m-%y", date(2069, 12, 31)),
        ("01-01-70", "%d-%m-%y", date(1970, 1, 1)),
        ("20260301", "%Y%m%d", date(2026, 3, 1)),
        ("2026031", "%Y%m%d", None),
        ("202603011", "%Y%m%d", None),
        ("1032026", "%d%m%Y", None),
        ("260301", "%y%m%d", date(2026, 3, 1)),
        ("01/03/26", "%d/%m/%Y", None),
        ("01/03/2026 00:00", "%d/%m/%Y", None),
        ("2026-03-01T23:30:00.000-05:00", "%Y-%m-%dT%H:%M:%S%.f%:z", date(2026, 3, 1)),
        ("2026-03-01T23:30:00.000", "%Y-%m-%dT%H:%M:%S%.f%:z", None),
        ("46082", "excel", date(2026, 3, 1)),
        ("46082.75", "excel", date(2026, 3, 1)),
        ("1", "excel", date(1900, 1, 1)),
        ("59", "excel", date(1900, 2, 28)),
        ("60", "excel", None),
        ("60.5", "excel", None),
        ("61", "excel", date(1900, 3, 1)),
        ("0", "excel", None),
        ("44620", "excel1904", date(2026, 3, 1)),
        ("20260301", "excel", None),
        ("-1", "excel", None),
    ],
)
def test_a_date_is_read_as_declared_and_not_otherwise(text, form, expected):
    assert cast(text, "date", dates=(form,)) == expected


@given(st.dates(min_value=date(1900, 3, 1), max_value=date(2199, 12, 31)))
def test_a_day_written_in_a_declared_form_reads_back(day):
    assert cast(str((day - date(1899, 12, 30)).days), "date", dates=("excel",)) == day
    assert cast(str((day - date(1904, 1, 1)).days), "date", dates=("excel1904",)) == (
        day if day >= date(1904, 1, 1) else None
    )
    for form in ("%d/%m/%Y", "%Y%m%d", "%d-%b-%Y", "%d%m%Y"):
        assert cast(day.strftime(form), "date", dates=(form,)) == day


@pytest.mark.parametrize(
    ("text", "form", "zone", "expected"),
    [
        ("2026-03-01T10:00:00+05:30", "%Y-%m-%dT%H:%M:%S%z", "UTC", datetime(2026, 3, 1, 4, 30)),
        ("2026-03-01T10:00:00Z", "%Y-%m-%dT%H:%M:%S%z", "Asia/Kolkata", datetime(2026, 3, 1, 10)),
        ("2026-03-01T10:00:00Z", "%Y-%m-%dT%H:%M:%SZ", "Asia/Kolkata", datetime(2026, 3, 1, 10)),
        ("01/03/2026 01:15 PM", "%d/%m/%Y %I:%M %p", "UTC", datetime(2026, 3, 1, 13, 15)),
        ("2026-03-01 10:00", "%Y-%m-%d %H:%M", "Asia/Kolkata", datetime(2026, 3, 1, 4, 30)),
        ("2026-10-25 01:30", "%Y-%m-%d %H:%M", "Europe/London", datetime(2026, 10, 25, 0, 30)),
        ("2026-03-29 01:30", "%Y-%m-%d %H:%M", "Europe/London", None),
        ("20260301101500", "%Y%m%d%H%M%S", "UTC", datetime(2026, 3, 1, 10, 15)),
        ("46082.5", "excel", "UTC", datetime(2026, 3, 1, 12)),
        ("46082.5", "excel", "Asia/Kolkata", datetime(2026, 3, 1, 6, 30)),
    ],
)
def test_a_timestamp_is_kept_in_utc(text, form, zone, expected):
    assert cast(text, "timestamp", timestamps=(form,), zone=zone) == expected


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2199, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_the_same_with_any_offset(moment, minutes):
    moment = moment.replace(microsecond=0)
    offset = timedelta(minutes=minutes)
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    local = (moment.replace(tzinfo=UTC) + offset).strftime("%Y-%m-%dT%H:%M:%S")

    text = f"{local}{sign}{size // 60:02}:{size % 60:02}"

    assert cast(text, "timestamp", timestamps=("%Y-%m-%dT%H:%M:%S%z",)) == moment


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"digit_grouping": "indian"}, "needs `thousands`"),
        ({"negatives": ["cr", "dr"]}, "of cr and dr one is negative"),
        ({"negatives": ["minus"]}, "Input should be"),
        ({"zone": "Mars/Olympus"}, "no known time zone"),
        ({"dates": ["excel2010"]}, "write for example %d/%m/%Y, or excel or excel1904"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        Reading(files=("*",), **settings)


PROFILE = """
contract_names: true
delimiter: ";"
thousands: ","
digit_grouping: indian
negatives: [cr]
currency: ["₹"]
dates: ["%d-%b-%y", excel]
pad: {sender_sku_code: 6}
implied_decimals: {qty: 2}
feeds:
  dms_invoice_line: {files: "*.csv"}
"""


def test_the_settings_of_a_profile_reach_the_rows_and_the_messages(landing):
    landing.config("profiles/p.yaml", PROFILE)
    header = "document_type;document_no;line_no;business_date;sender_outlet_code;sender_sku_code;qty;unit;value_net\n"
    landing.put(
        "p/D1/x.csv",
        header
        + "INVOICE;A;1;01-Mar-26;O1;123;1250;EA;₹ 1,23,456.50 Dr\n"
        + "INVOICE;B;1;46082;O1;X7;0000000100;EA;5\n"
        + "INVOICE;C;1;46082;O1;1234567;100;EA;-5\n",
    )

    report = landing.run()

    rows = landing.rows()
    assert rows["sender_sku_code"].to_list() == ["000123", "X7"]
    assert rows["business_date"].to_list() == [date(2026, 3, 1)] * 2
    assert rows["qty"].to_list() == [Decimal("12.5"), Decimal("1")]
    assert rows["value_net"].to_list() == [Decimal("123456.5"), Decimal("5")]
    assert "thousands sign ',' (indian) and negatives cr and currency ₹" in report.problems[0]


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("DOZ", "DZN"),
        ("dz", "DZN"),
        ("Dozens", "DZN"),
        ("gro", "GRO"),
        ("Pair", "PR"),
        ("DOZ-DOZENS", "DZN"),
        ("DRUM", "DRUM"),
    ],
)
def test_counts_of_pieces_are_known_by_themselves_and_other_units_keep_their_spelling(landing, invoice, written, unit):
    landing.put(
        "csv_generic/D1/dms_invoice_line_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "9"), unit=written)
    )

    report = landing.run()

    assert landing.rows()["unit"].to_list() == [unit]
    assert report.rules == ({} if unit != "DRUM" else {"unknown_unit": 1})


def test_dates_of_oracle_ebs_may_be_those_of_bi_publisher(landing):
    name = "erp_billing_line__memos_and_tax_lines.csv"
    data = (FORMATS / "oracle_ebs" / name).read_bytes()
    landing.put(f"oracle_ebs/ERP/{name}", data.replace(b"02-MAR-2026", b"2026-03-02T23:30:00.000-05:00"))
    landing.run()

    assert landing.rows("erp_billing_line")["business_date"][0] == date(2026, 3, 2)


def test_the_profile_s_own_spelling_of_a_unit_goes_before(landing, invoice):
    landing.config("profiles/csv_generic.yaml", "units: {IN: [DOZ]}\n")
    landing.put("csv_generic/D1/dms_invoice_line_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "9"), unit="DOZ"))
    landing.run()

    assert landing.rows()["unit"].to_list() == ["IN"]
