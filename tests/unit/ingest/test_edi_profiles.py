"""The shipped profiles of X12 and EDIFACT: which field feeds which column, and which feed gets which record."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import ingest

FIXTURES = Path(__file__).parents[2] / "fixtures" / "formats"


def columns(landing, feed: str, *names: str) -> list[tuple[object, ...]]:
    return landing.rows(feed).select(*names).rows()


def a_set(kind: str, *body: str) -> bytes:
    """An X12 file with one set."""
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'R':15}*ZZ*{'US':15}*260301*1200*U*00401*000000001*0*P*>"
    one = (f"ST*{kind}*0001", *body, f"SE*{len(body) + 2}*0001")
    return "~\n".join([isa, "GS*PD*R*US*20260301*1200*1*X*004010", *one, "GE*1*1", "IEA*1*000000001", ""]).encode()


def a_message(kind: str, *body: str) -> bytes:
    """An EDIFACT file with one message."""
    message = (f"UNH+1+{kind}:D:96A:UN", *body, f"UNT+{len(body) + 2}+1")
    return "'\n".join(["UNB+UNOA:2+A:14+B:14+260301:1200+1", *message, "UNZ+1+1", ""]).encode()


def test_the_first_field_that_is_filled_counts_and_one_field_may_feed_two_columns(landing):
    landing.put(
        "x12_810/ERP/a.edi", (FIXTURES / "x12_810" / "erp_billing_line__invoice_and_credit_memo.edi").read_bytes()
    )

    landing.run()

    assert columns(landing, "erp_billing_line", "distributor_code", "sold_to_code", "ship_to_code") == [
        ("D1", "D1", "D1N"),
        ("D1", "D1", "D1N"),
        ("D1", "D1", None),
    ]


def test_a_resale_report_feeds_invoice_lines_and_stock(landing):
    landing.put(
        "x12_867/D1/a.edi", (FIXTURES / "x12_867" / "dms_invoice_line__sales_returns_and_stock.edi").read_bytes()
    )

    report = landing.run()

    assert (report.records, report.loaded, report.left_out) == (5, 4, 1)
    assert columns(landing, "dms_invoice_line", "document_type", "return_kind", "distributor_code", "branch_code") == [
        ("INVOICE", None, "D1", "D7"),
        ("CREDIT_NOTE", "GOODS", "D1", "D7"),
        ("CREDIT_NOTE", "GOODS", "D1", "D7"),
    ]
    assert landing.rows("dms_stock")["closing_qty"].to_list() == [40]


def test_sales_and_stock_of_one_report_go_to_their_feeds(landing):
    landing.put("x12_852/R1/a.edi", (FIXTURES / "x12_852" / "pos_sale__weekly_by_store.edi").read_bytes())

    landing.run()

    assert landing.rows("pos_sale")["return_qty"].to_list() == [None, 1, None]
    assert columns(landing, "pos_stock", "sender_outlet_code", "on_hand_qty", "on_order_qty") == [
        ("S1", 10, 6),
        ("S2", 20, None),
    ]


@pytest.mark.parametrize(
    ("profile", "kind", "body", "said"),
    [
        ("x12_852", "852", ("XQ*H*20260301", "N1*ST**92*S1", "LIN**VP*A1", "ZA*YY*5*EA"), "ACTIVITY YY"),
        ("x12_867", "867", ("BPT*00*R1*20260301", "PTD*SS", "N1*ST**92*O1", "QTY*61*5", "LIN**VP*A1"), "KIND 61"),
    ],
)
def test_a_quantity_of_which_nobody_knows_what_it_tells_is_refused_by_its_code(landing, profile, kind, body, said):
    file = landing.put(f"{profile}/R1/a.edi", a_set(kind, *body))

    report = ingest.check(landing.home, file, profile=profile)

    assert (report.records, report.rules) == (1, {"unrouted": 1})
    assert said in report.rejects["message"][0].as_py()


def test_stock_of_an_unknown_qualifier_is_refused_and_what_stands_beside_it_loads(landing):
    body = ("BGM+35+R1+9", "DTM+137:20260301:102", "NAD+GY+D1", "LIN+1++1:EN", "QTY+33:4", "LIN+2++2:EN", "QTY+152:5")
    file = landing.put("edifact_invrpt/D1/a.edi", a_message("INVRPT", *body))

    report = ingest.check(landing.home, file, profile="edifact_invrpt")

    assert (report.records, report.loaded, report.rules["unrouted"]) == (2, 1, 1)
    assert "KIND 33" in report.rejects["message"][0].as_py()


@pytest.mark.parametrize("code", ["57", "198"])
def test_stock_on_its_way_is_known_by_its_qualifier(landing, code):
    body = ("BGM+35+R1+9", "DTM+137:20260301:102", "NAD+GY+D1", "LIN+1++1:EN", "QTY+145:4", f"QTY+{code}:3")
    landing.put("edifact_invrpt/D1/a.edi", a_message("INVRPT", *body))

    landing.run()

    assert columns(landing, "dms_stock", "closing_qty", "in_transit_qty") == [(4, 3)]


@pytest.mark.parametrize("code", ["2", "17", "64", "132"])
def test_the_day_on_which_a_despatch_is_expected_is_known_by_its_qualifier(landing, code):
    days = ("DTM+137:20260301:102", f"DTM+{code}:20260305:102")
    body = ("BGM+351+D1+9", *days, "NAD+DP+D1", "CPS+1", "LIN+1++1:EN", "QTY+12:4")
    landing.put("edifact_desadv/ERP/a.edi", a_message("DESADV", *body))

    landing.run()

    assert columns(landing, "erp_dispatch_line", "planned_delivery_date") == [(date(2026, 3, 5),)]


def test_the_contract_of_a_resale_is_its_scheme_and_not_its_invoice(landing):
    body = ("BPT*00*R1*20260301", "PTD*SS***CT*DEAL", "N1*ST**92*O1", "QTY*32*5", "LIN**VP*A1", "UIT*EA*2")
    landing.put("x12_867/D1/a.edi", a_set("867", *body))

    landing.run()

    assert columns(landing, "dms_invoice_line", "document_no", "scheme_code") == [("R1", "DEAL")]


def test_a_note_on_the_envelope_is_a_warning(landing):
    landing.config("profiles/x12_856.yaml", "control_totals: lenient\n")
    data = (FIXTURES / "x12_856" / "erp_dispatch_line__two_orders_in_packs.edi").read_bytes()
    file = landing.put("x12_856/ERP/a.edi", data.replace(b"IEA*1*", b"IEA*2*"))

    report = ingest.check(landing.home, file, profile="x12_856")

    assert (report.loaded, report.rules["control_totals_agree"]) == (2, 2)


@pytest.mark.parametrize("profile", ["x12_810", "x12_852", "x12_856", "x12_867"])
def test_a_set_of_another_kind_is_refused(landing, profile):
    other = (
        "x12_856/erp_dispatch_line__two_orders_in_packs.edi"
        if profile != "x12_856"
        else "x12_810/erp_billing_line__invoice_and_credit_memo.edi"
    )
    file = landing.put(f"{profile}/S/a.edi", (FIXTURES / other).read_bytes())

    report = ingest.check(landing.home, file, profile=profile)

    assert report.loaded == 0
    assert report.rules == {"unrouted": report.records}


def test_a_resent_report_replaces_its_rows(landing):
    data = (FIXTURES / "edifact_slsrpt" / "pos_sale__by_location.edi").read_bytes()
    landing.put("edifact_slsrpt/R1/a.edi", data)
    landing.put("edifact_slsrpt/R1/b.edi", data.replace(b"QTY+153:140", b"QTY+153:141"))

    landing.run()

    assert landing.rows("pos_sale")["_key"].n_unique() == 3


def test_sales_of_two_sets_both_count_and_a_resent_file_does_not(landing):
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'R':15}*ZZ*{'US':15}*260301*1200*U*00401*000000001*0*P*>~"
    sets = [
        f"ST*852*000{at}~XQ*H*20260301~N1*ST**92*S1~LIN**VP*A1~ZA*QS*{quantity}*EA~SE*6*000{at}~"
        for at, quantity in ((1, 5), (2, 3))
    ]
    data = f"{isa}GS*PD*R*US*20260301*1200*1*X*004010~{''.join(sets)}GE*2*1~IEA*1*000000001~".encode()
    landing.put("x12_852/R1/a.edi", data)
    landing.put("x12_852/R1/b.edi", data + b"\n")

    landing.run()

    latest = landing.rows("pos_sale").unique("_key", keep="last")
    assert latest["qty"].sum() == 8
