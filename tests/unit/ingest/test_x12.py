"""X12 interchanges: framing, envelopes and the items of each transaction set."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT, Limits
from ingest.profiles import Reading
from ingest.readers import read as frame
from ingest.readers import x12
from ingest.readers.framed import Retraction

INVOICE = (
    "BIG*20260301*INV1**PO7",
    "N1*BY*Shop*92*D1",
    "IT1*1*2*EA*10.50**VP*S1",
    "IT1*2*1*CA*5**UP*12345",
    "TDS*2600",
    "CTT*2",
)


def a_set(kind: str, *body: str, number: str = "0001") -> list[str]:
    return [f"ST*{kind}*{number}", *body, f"SE*{len(body) + 2}*{number}"]


def interchange(*sets: list[str], number: str = "000000001", sender: str = "ACME", version: str = "00401") -> list[str]:
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{sender:15}*ZZ*{'US':15}*260301*1200*U*{version}*{number}*0*P*>"
    group = ["GS*IN*ACME*US*20260301*1200*7*X*004010", *(s for one in sets for s in one), f"GE*{len(sets)}*7"]
    return [isa, *group, f"IEA*1*{number}"]


def written(*interchanges: list[str], end: str = "~\n") -> bytes:
    return "".join(segment + end for one in interchanges for segment in one).encode()


def read(data: bytes, limits: Limits = DEFAULT, **settings: object) -> list:
    return list(x12.entries(data, Reading(files=("*",), format="x12", **settings), limits))


def column(entries: list, name: str) -> list[str | None]:
    return [entry.values.get(name) for entry in entries]


def rules(entries: list) -> list[str | None]:
    return [entry.broken and entry.broken.rule for entry in entries]


ONE = interchange(a_set("810", *INVOICE))


@pytest.mark.parametrize("end", ["~", "~\n", "~\r\n", "\n", "\r\n", "'", "~ \n", " ~\n", "\x85"])
def test_any_terminator_is_read_from_the_isa(end):
    entries = read("".join(segment + end for segment in ONE).encode("latin-1"))

    assert column(entries, "ITEM") == ["S1", "12345"]
    assert rules(entries) == [None, None]


@pytest.mark.parametrize("end", ["…", "¦\r\n"])
def test_a_terminator_may_be_a_character_of_several_bytes(end):
    entries = read("".join(segment + end for segment in [*ONE, *ONE]).encode())

    assert column(entries, "ITEM") == ["S1", "12345"] * 2
    assert rules(entries) == [None] * 4


def test_a_byte_order_mark_indented_segments_and_a_short_isa_are_read():
    short = "ISA*00* *00* *ZZ*ACME *ZZ*US*260301*1200*U*00401*000000001*0*T*>"
    data = b"\xef\xbb\xbf" + written([short, *("\t  " + segment for segment in ONE[1:])]) + b"\r\n\x1a"

    assert rules(read(data)) == [None, None]
    assert column(read(data), "ISA06") == ["ACME", "ACME"]


def test_an_isa_whose_component_separator_was_stripped_is_read():
    assert rules(read(written([ONE[0][:-1], *ONE[1:]]))) == [None, None]
    assert rules(read(written([ONE[0][:-1], *ONE[1:]], end="~"))) == [None, None]


def test_lines_that_wrap_a_segment_are_joined():
    data = written(ONE, end="~").decode()
    wrapped = "\r\n".join(data[at : at + 80] for at in range(0, len(data), 80))

    assert column(read(wrapped.encode()), "NET") == ["21.00", "5"]


def test_other_separators_count_for_their_interchange_alone():
    other = [segment.replace("*", "|") for segment in interchange(a_set("810", *INVOICE), number="000000002")]
    data = written(ONE) + written(other, end="!")

    assert column(read(data), "ISA13") == ["000000001"] * 2 + ["000000002"] * 2
    assert rules(read(data)) == [None] * 4


def test_control_characters_may_separate():
    data = written(ONE, end="\x1c").replace(b"*", b"\x1d").replace(b">", b"\x1f")

    assert column(read(data), "NET") == ["21.00", "5"]


def test_a_record_knows_its_line_and_its_text():
    entries = read(written(ONE))

    assert [entry.line for entry in entries] == [6, 7]
    assert entries[0].raw == "IT1*1*2*EA*10.50**VP*S1"


def test_a_file_without_lines_counts_segments():
    assert [entry.line for entry in read(written(ONE, end="~"))] == [6, 7]


def test_lower_case_tags_and_qualifiers_are_read():
    data = written([ONE[0], *(segment.lower() for segment in ONE[1:])])

    assert column(read(data), "N104[BY]") == ["d1", "d1"]


@pytest.mark.parametrize(
    ("segment", "instead", "message"),
    [
        ("SE*8*0001", "SE*9*0001", "SE01 says '9' segments, 8 were found"),
        ("SE*8*0001", "SE*8*0002", "ST02 says control number '0001', SE02 says '0002'"),
        ("CTT*2", "CTT*3", "CTT01 says '3' IT1 items, 2 were found"),
        ("CTT*2", "CTT*2*4", "CTT02 says '4' as the sum of the quantities in IT102, 3 were found"),
    ],
)
def test_a_set_that_does_not_add_up_costs_its_own_records(segment, instead, message):
    good = a_set("810", *INVOICE, number="0002")
    bad = [instead if s == segment else s for s in a_set("810", *INVOICE)]
    entries = read(written(interchange(bad, good)))

    assert rules(entries) == ["control_totals"] * 2 + [None] * 2
    assert message in entries[0].broken.problem


@pytest.mark.parametrize(
    ("segment", "instead", "message"),
    [
        ("GE*1*7", "GE*2*7", "GE01 says '2' transaction sets, 1 were found"),
        ("GE*1*7", "GE*1*8", "GS06 says control number '7', GE02 says '8'"),
        ("IEA*1*000000001", "IEA*2*000000001", "IEA01 says '2' functional groups, 1 were found"),
        ("IEA*1*000000001", "IEA*1*000000003", "ISA13 says control number '000000001', IEA02 says '000000003'"),
    ],
)
def test_a_group_or_interchange_that_does_not_add_up_costs_its_own_records(segment, instead, message):
    bad = [instead if s == segment else s for s in ONE]
    entries = read(written(bad, interchange(a_set("810", *INVOICE), number="000000002")))

    assert rules(entries) == ["control_totals"] * 2 + [None] * 2
    assert message in entries[0].broken.problem


@pytest.mark.parametrize("gone", ["SE", "GE", "IEA"])
def test_an_envelope_without_its_trailer_is_refused_and_the_next_is_read(gone):
    bad = [segment for segment in ONE if not segment.startswith(gone)]
    entries = read(written(bad, interchange(a_set("810", *INVOICE), number="000000002")))

    assert rules(entries) == ["envelope_open"] * 2 + [None] * 2


def test_a_truncated_file_keeps_what_was_framed_and_the_rest_as_refused():
    whole = written(ONE)
    entries = read(whole[: whole.index(b"TDS") + 5])

    assert rules(entries) == ["envelope_open", "envelope_open", "segment"]
    assert entries[2].raw == "TDS*2"


def test_lenient_totals_load_with_a_note():
    entries = read(written([*ONE[:-1], "IEA*1*000000009"]), control_totals="lenient")

    assert rules(entries) == [None, None]
    assert "IEA02 says '000000009'" in entries[0].values["CONTROL"]


def test_a_control_number_that_stands_twice_is_noted():
    entries = read(written(ONE, ONE))

    assert rules(entries) == [None] * 4
    assert [bool(note) for note in column(entries, "CONTROL")] == [False, False, True, True]


def of_number(first: str, *purposes: str) -> list:
    """Invoices of one number, each of one item and another quantity: that of the first, then one for each purpose (BIG08)."""
    sets = [
        a_set(
            "810",
            f"BIG*20260301*{first}******{purpose}",
            "N1*BY*Shop*92*D1",
            f"IT1*1*{n}*EA*1**VP*S1",
            number=f"{n:04}",
        )
        for n, purpose in enumerate(("00", *purposes), 1)
    ]
    return list(x12.entries(written(interchange(*sets)), Reading(files=("*",), format="x12"), DEFAULT))


@pytest.mark.parametrize(
    ("purposes", "retracted"),
    [
        (("00",), {}),
        (("04",), {}),
        (("05",), {0: "replaced by transaction set 0002 of the file"}),
        (("07",), {1: "a duplicate of transaction set 0001"}),
        (("01",), {0: "cancelled by transaction set 0002 of the file"}),
        (
            ("05", "05"),
            {0: "replaced by transaction set 0002 of the file", 1: "replaced by transaction set 0003 of the file"},
        ),
        (("05", "07"), {0: "replaced by transaction set 0002 of the file", 2: "a duplicate of transaction set 0002"}),
    ],
)
def test_the_purpose_of_an_invoice_says_what_becomes_of_earlier_ones_of_its_number(purposes, retracted):
    said = [one for one in of_number("INV1", *purposes) if isinstance(one, Retraction)]

    assert {place: one.reason for one in said for place in one.entries} == retracted


def test_invoices_of_other_numbers_stay():
    other = a_set("810", *INVOICE, number="0002")
    replaced = a_set("810", "BIG*20260301*INV9******05", "IT1*1*2*EA*1**VP*S1", number="0003")

    entries = read(written(interchange(a_set("810", *INVOICE), other, replaced)))

    assert not any(isinstance(one, Retraction) for one in entries)


def test_a_replacement_that_cannot_be_read_replaces_nothing():
    broken = a_set("810", "BIG*20260301*INV1******05", "IT1*1*2*EA*1**VP*S1", "CTT*9", number="0002")

    entries = read(written(interchange(a_set("810", *INVOICE), broken)))

    assert rules(entries) == [None, None, "control_totals"]


def test_a_cancellation_without_items_cancels_what_stands_before_it():
    cancelled = a_set("810", "BIG*20260301*INV1******01", number="0002")

    entries = read(written(interchange(a_set("810", *INVOICE), cancelled)))

    assert entries[2].left_out == "transaction set 810 0002 cancels what stands before it, and has no items of its own"
    assert entries[3] == Retraction([0, 1], "cancelled by transaction set 0002 of the file")


def test_a_cancellation_without_items_of_what_came_in_no_earlier_set_is_refused():
    assert rules(read(written(interchange(a_set("810", "BIG*20260301*INV1******01"))))) == ["no_items"]


def test_what_is_replaced_is_left_out_of_what_is_read():
    replacement = a_set("810", "BIG*20260301*INV1******05", "IT1*1*2*EA*1**VP*S1", number="0002")
    data = written(interchange(a_set("810", *INVOICE), replacement))

    framed = frame(data, "a.edi", Reading(files=("*",), format="x12"), DEFAULT, ["LINE"])

    assert framed.left_out == dict.fromkeys([0, 1], "replaced by transaction set 0002 of the file")


def test_rubbish_between_interchanges_is_one_broken_record_with_its_bytes():
    first, second = written(ONE), written(interchange(a_set("810", *INVOICE), number="000000002"))
    entries = read(first + b"\xff\x00junk\n" + second)

    assert rules(entries) == [None, None, "unframed", None, None]
    assert f"bytes {len(first)} to {len(first) + 5}" in entries[2].broken.problem


def test_an_isa_that_lost_elements_is_rubbish():
    first = written(ONE, end="~")
    lost = written([ONE[0].replace("*ZZ*ACME ", ""), *ONE[1:]], end="~")
    entries = read(first + lost + written(interchange(a_set("810", *INVOICE), number="000000002")))

    assert rules(entries) == [None, None, "unframed", None, None]
    assert entries[2].raw == lost.decode()


@pytest.mark.parametrize("name", ["CASA ELISA", "ISA", "X\nISA"])
def test_a_name_that_ends_like_an_interchange_begins_is_a_name(name):
    body = ("BIG*20260301*I", f"N1*ST*{name}*92*S01", *(f"IT1*{at}*1*EA*1**VP*S" for at in range(1, 9)))
    entries = read(written(interchange(a_set("810", *body)), end="~"))

    assert rules(entries) == [None] * 8
    assert column(entries, "N104[ST]") == ["S01"] * 8


def test_an_interchange_behind_one_that_broke_off_within_a_segment_is_read():
    first, second = written(ONE, end="~"), written(interchange(a_set("810", *INVOICE), number="000000002"), end="~")
    entries = read(first[: first.index(b"TDS") + 5] + second)

    assert rules(entries) == ["envelope_open", "envelope_open", "segment", None, None]


def test_segments_outside_of_any_set_are_refused():
    lost = [*ONE[:2], "IT1*1*2*EA*1**VP*X", *ONE[2:]]

    assert rules(read(written(lost))) == ["unframed", None, None]


def test_a_file_without_an_interchange_is_unreadable():
    with pytest.raises(FileUnreadable) as refusal:
        read(b"ST*810*0001~SE*2*0001~")

    assert refusal.value.rule == "interchange"


def test_a_segment_beyond_the_limit_ends_its_interchange():
    long = [*ONE[:6], "NTE**" + "x" * 500, *ONE[6:]]
    data = written(long, interchange(a_set("810", *INVOICE), number="000000002"))
    entries = read(data, Limits(line_bytes=300))

    assert rules(entries) == ["envelope_open", "segment", None, None]


def test_acknowledgements_are_left_out_and_orders_refused():
    entries = read(written(interchange(a_set("997", "AK1*IN*1"), a_set("850", "BEG*00", number="0002"))))

    assert entries[0].left_out == "transaction set 997 holds nothing to be counted"
    assert rules(entries) == [None, "transaction_set"]


def test_text_that_is_no_utf8_is_in_the_profile_s_encoding():
    data = written(ONE).replace(b"Shop", b"Caf\xe9")

    assert column(read(data, encoding="cp1252"), "N102[BY]")[0] == "Café"
    assert rules(read(data, encoding="ascii")) == ["encoding", "encoding"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("SN102", True),
        ("REF02[CN]", True),
        ("N104[ST]", True),
        ("LIN[UP]", True),
        ("QTY03-1", True),
        ("ITEM", True),
        ("SN199", False),
        ("SNI02", False),
        ("SN102[EA]", False),
        ("LIN[UPC]", False),
        ("item", False),
    ],
)
def test_fields_are_named_as_the_standard_prints_them(name, known):
    assert (name in x12.FIELDS) is known


# 810


def test_an_invoice_line_knows_its_head_and_its_own_party():
    body = (
        "BIG*20260301*INV1",
        "N1*ST*Main*92*M",
        "REF*DP*9",
        "DTM*011*20260302",
        "IT1**1*EA*1**VP*S1",
        "REF*LT*B7",
        "N1*ST*Branch*92*B",
        "REF*LT*NOT",
        "IT1**1*EA*1**VP*S2",
    )
    entries = read(written(interchange(a_set("810", *body))))

    assert column(entries, "N104[ST]") == ["B", "M"]
    assert column(entries, "REF02[LT]") == ["B7", None]
    assert column(entries, "DTM02[011]") == ["20260302"] * 2


def test_product_ids_stand_in_any_order_and_the_best_one_is_the_item():
    body = (
        "BIG*20260301*I",
        "IT1**1*EA*1**IN*77*UP*123456789012*VP*OURS",
        "IT1**1*EA*1**LT*B1*SK*88",
        "IT1**1*EA*1**PO*4711",
    )
    entries = read(written(interchange(a_set("810", *body))))

    assert column(entries, "ITEM") == ["OURS", "88", "4711"]
    assert column(entries, "IT1[UP]") == ["123456789012", None, None]


def test_allowances_come_off_the_net_value_and_charges_do_not():
    body = (
        "BIG*20260301*I",
        "IT1**10*EA*2**VP*S",
        "SAC*A*C310***150",
        "SAC*C*D240***300",
        "SAC*C*H850***99",
        "TXI*ST*0.99",
        "SAC*A*F800***500*******01",
    )
    (entry,) = read(written(interchange(a_set("810", *body))))

    assert [entry.values[name] for name in ("GROSS", "ALLOWANCE", "NET", "CHARGE", "TAX")] == [
        "20",
        "1.5",
        "18.5",
        "3",
        "0.99",
    ]


def test_a_price_per_hundred_is_divided():
    (entry,) = read(written(interchange(a_set("810", "BIG*20260301*I", "IT1**250*EA*4*HP*VP*S"))))

    assert entry.values["NET"] == "10"


@pytest.mark.parametrize(
    ("total", "agrees"), [("2000", True), ("2300", True), ("20.00", True), ("2301", True), ("2500", False)]
)
def test_an_invoice_total_that_no_sum_gives_is_noted(total, agrees):
    body = ("BIG*20260301*I", "IT1**10*EA*2**VP*S", f"TDS*{total}", "SAC*C*D240***300")
    (entry,) = read(written(interchange(a_set("810", *body))))

    assert entry.broken is None
    assert (entry.values.get("CONTROL") is None) is agrees


def test_a_credit_memo_that_is_negative_as_well_says_it_once():
    (entry,) = read(written(interchange(a_set("810", "BIG*20260301*I*****CR", "IT1**-3*EA*2**VP*S"))))

    assert (entry.values["QUANTITY"], entry.values["NET"]) == ("3", "6")


@pytest.mark.parametrize(("quantity", "allowance"), [("-10", "1000"), ("-10", "-1000"), ("10", "1000")])
def test_an_allowance_comes_off_a_credit_memo_whatever_its_signs(quantity, allowance):
    body = ("BIG*20260301*I*****CR", f"IT1**{quantity}*EA*10**VP*S", f"SAC*A*C310***{allowance}", "TDS*-9000")
    (entry,) = read(written(interchange(a_set("810", *body))))

    assert [entry.values.get(name) for name in ("GROSS", "ALLOWANCE", "NET", "CONTROL")] == ["100", "10", "90", None]


def test_numbers_of_lines_are_their_places_where_one_is_missing_or_stands_twice():
    def lines(*numbers: str) -> list[str | None]:
        body = ("BIG*20260301*I", *(f"IT1*{number}*1*EA*1**VP*S" for number in numbers))
        return column(read(written(interchange(a_set("810", *body)))), "LINE")

    assert lines("10", "020") == ["10", "20"]
    assert lines("10", "") == ["1", "2"]
    assert lines("7", "07") == ["1", "2"]


# 856

NOTICE = (
    "BSN*00*SHIP1*20260301*1200*0001", "HL*1**S", "TD5*B*2*XX", "REF*CN*TRK", "DTM*011*20260302", "N1*ST**92*D1",
    "HL*2*1*O", "PRF*PO1***20260220", "HL*3*2*P", "MAN*GM*00123", "HL*4*3*I", "LIN*1*VP*S1*LT*B1", "SN1*1*24*EA",
    "HL*5*1*O", "PRF*PO2", "HL*6*5*I", "LIN*1*VP*S2", "SN1*1*6*CA", "DTM*036*20270101", "CTT*6*30",
)  # fmt: skip


def test_an_item_inherits_from_its_own_branch_of_the_hierarchy():
    entries = read(written(interchange(a_set("856", *NOTICE))))

    assert rules(entries) == [None, None]
    assert column(entries, "PRF01") == ["PO1", "PO2"]
    assert column(entries, "MAN02[GM]") == ["00123", None]
    assert column(entries, "DTM02[036]") == [None, "20270101"]
    assert column(entries, "DTM02[011]") == ["20260302"] * 2
    assert column(entries, "SN102") == ["24", "6"]
    assert column(entries, "LIN[LT]") == ["B1", None]


def test_packs_below_an_item_are_no_items():
    body = (
        "BSN*00*S*20260301*1200*0002",
        "HL*1**S",
        "HL*2*1*I",
        "LIN**VP*S1",
        "SN1**24*EA",
        "HL*3*2*P",
        "SN1**12*EA",
        "HL*4*2*P",
        "SN1**12*EA",
    )
    entries = read(written(interchange(a_set("856", *body))))

    assert column(entries, "SN102") == ["24"]


def test_an_item_below_a_shipment_that_has_a_quantity_is_an_item():
    body = ("BSN*00*S*20260301*1200", "HL*1**S", "LIN**VP*S1", "SN1**4*EA", "HL*2*1*I", "LIN**VP*S2", "SN1**6*EA")
    entries = read(written(interchange(a_set("856", *body))))

    assert list(zip(column(entries, "ITEM"), column(entries, "SN102"), strict=True)) == [("S1", "4"), ("S2", "6")]


def test_packs_below_an_item_that_states_no_quantity_are_the_items():
    body = (
        "BSN*00*S*20260301*1200*0002",
        "HL*1**S",
        "HL*2*1*I",
        "LIN**VP*S1",
        "HL*3*2*P",
        "SN1**12*EA",
        "HL*4*2*P",
        "SN1**10*EA",
    )
    entries = read(written(interchange(a_set("856", *body))))

    assert column(entries, "SN102") == ["12", "10"]
    assert column(entries, "ITEM") == ["S1", "S1"]


@pytest.mark.parametrize("total", ["10", "12"])
def test_a_quantity_of_a_pack_whose_items_are_below_it_is_no_item(total):
    body = (
        "BSN*00*S*20260301*1200*0001",
        "HL*1**S",
        "HL*2*1*O",
        "HL*3*2*P",
        "SN1**2*CA",
        "HL*4*3*I",
        "LIN**VP*S1",
        "SN1**10*EA",
        f"CTT*1*{total}",
    )
    entries = read(written(interchange(a_set("856", *body))))

    assert rules(entries) == [None]
    assert column(entries, "SN102") == ["10"]


def test_an_item_level_without_a_quantity_is_still_a_record():
    entries = read(written(interchange(a_set("856", "BSN*00*S*20260301*1200", "HL*1**S", "HL*2*1*I", "LIN**VP*S1"))))

    assert (column(entries, "ITEM"), column(entries, "SN102")) == (["S1"], [None])


def test_several_items_at_one_level_are_told_apart():
    body = ("BSN*00*S*20260301*1200", "HL*1**S", "HL*2*1*I", "LIN**VP*S1", "SN1**1*EA", "LIN**VP*S2", "SN1**2*EA")
    entries = read(written(interchange(a_set("856", *body))))

    assert list(zip(column(entries, "ITEM"), column(entries, "SN102"), strict=True)) == [("S1", "1"), ("S2", "2")]


def test_a_ship_notice_without_items_is_refused():
    assert rules(read(written(interchange(a_set("856", "BSN*00*S*20260301*1200", "HL*1**S"))))) == ["no_items"]


# 867

RESALE = (
    "BPT*00*REP1*20260331*02", "DTM*090*20260301", "DTM*091*20260331", "N1*DB*Dist*92*D7", "N1*SU*Us*92*US",
    "PTD*SS", "DTM*003*20260305", "REF*IV*INV9", "N1*ST*Outlet*92*O1", "QTY*32*10*EA", "LIN*1*VP*S1*LT*B1", "UIT*EA*2.50",
    "QTY*76*2*EA", "LIN*2*VP*S1", "UIT*EA*2.50",
    "PTD*SS", "N1*ST*Other*92*O2", "QTY*32*-1", "LIN*3*UP*123", "AMT*1*4.00", "CTT*3",
)  # fmt: skip


def test_each_quantity_of_a_resale_report_is_an_item():
    entries = read(written(interchange(a_set("867", *RESALE))))

    assert rules(entries) == [None] * 3
    assert column(entries, "KIND") == ["SALE", "RETURN", "RETURN"]
    assert column(entries, "QUANTITY") == ["10", "2", "1"]
    assert column(entries, "NET") == ["25.00", "5.00", "4.00"]
    assert column(entries, "STORE") == ["O1", "O1", "O2"]
    assert column(entries, "DATE") == ["20260305", "20260305", "20260331"]
    assert column(entries, "REF02[IV]") == ["INV9", "INV9", None]
    assert column(entries, "N104[DB]") == ["D7"] * 3


def test_a_reference_of_a_transfer_is_named_by_its_qualifier():
    body = (
        "BPT*00*R*20260331",
        "PTD*SS***CT*DEAL",
        "QTY*32*1",
        "LIN**VP*S",
        "PTD*SS***IV*INV1",
        "QTY*32*1",
        "LIN**VP*S",
    )
    entries = read(written(interchange(a_set("867", *body))))

    assert column(entries, "PTD05[CT]") == ["DEAL", None]
    assert column(entries, "PTD05[IV]") == [None, "INV1"]


def test_a_buyer_at_the_head_of_a_resale_report_is_not_the_outlet():
    body = ("BPT*00*R*20260331", "N1*BY*Dist*92*D7", "PTD*SS", "QTY*32*1", "LIN**VP*S")

    assert column(read(written(interchange(a_set("867", *body)))), "STORE") == [None]


@pytest.mark.parametrize(
    ("body", "stores"),
    [
        (("N1*ST**92*O1", "QTY*32*1", "LIN**VP*S", "N1*ST**92*O2", "QTY*32*2", "LIN**VP*S"), ["O1", "O2"]),
        (("N1*ST**92*O1", "LIN**VP*S", "QTY*32*1", "N1*ST**92*O2", "LIN**VP*S", "QTY*32*2"), ["O1", "O2"]),
        (("N1*BY**92*B1", "N1*ST**92*O1", "QTY*32*1", "N1*BY**92*B2", "N1*ST**92*O2", "QTY*32*2"), ["O1", "O2"]),
        (("N1*ST**92*O1", "QTY*32*1", "QTY*32*3", "N1*ST**92*O2", "QTY*32*2"), ["O1", "O1", "O2"]),
        (
            ("N1*ST**92*O1", "N1*ST**92*X", "QTY*32*1", "N1*ST**92*O2", "N1*ST**92*X", "QTY*32*2"),
            ["O1", "O2"],
        ),
        (
            ("N1*ST**92*O1", "QTY*32*1", "N1*ST**92*O2", "QTY*32*2", "N1*ST**92*O3", "QTY*32*3"),
            ["O1", "O2", "O3"],
        ),
        (("N1*ST**92*O1", "QTY*32*1", "N1*ST**92*O2", "QTY*32*2", "CTT*2", "N1*ST**92*O3"), ["O1", "O2"]),
        (("N1*ST**92*O1", "QTY*32*1", "N1*ST**92*O2", "QTY*32*2", "N1*ST**92*O3"), ["O2", "O3"]),
        (("N1*ST**92*O1", "QTY*32*1", "N1*EU**92*O2", "QTY*32*2"), ["O2", "O1"]),
    ],
)
def test_a_buyer_before_the_items_of_a_transfer_is_theirs_until_the_next(body, stores):
    head = ("BPT*00*R*20260331", "PTD*SS***IV*INV1", "DTM*003*20260302")
    entries = read(written(interchange(a_set("867", *head, *body))))

    assert column(entries, "STORE") == stores
    assert column(entries, "PTD05[IV]") == ["INV1"] * len(stores)
    assert column(entries, "DATE") == ["20260302"] * len(stores)


def test_a_resale_without_a_price_says_so():
    (entry,) = read(written(interchange(a_set("867", "BPT*00*R*20260331", "PTD*SS", "QTY*32*1", "LIN**VP*S"))))

    assert entry.values["CONTROL"] == "the item states neither price nor amount"


def test_a_resale_is_worth_its_quantity_at_its_price_else_its_amount():
    body = (
        "BPT*00*R*20260331",
        "PTD*SS",
        "QTY*32*3",
        "LIN**VP*S",
        "UIT*EA*2",
        "AMT*EX*99",
        "QTY*32*3",
        "LIN**VP*S",
        "AMT*1*7",
    )

    assert column(read(written(interchange(a_set("867", *body)))), "NET") == ["6", "7"]


@pytest.mark.parametrize(
    ("amounts", "net"),
    [
        (("AMT*T*1", "AMT*1*50"), "50"),
        (("AMT*5*60", "AMT*TT*55", "AMT*1*50"), "50"),
        (("AMT**7",), "7"),
        (("AMT*T*1",), None),
    ],
)
def test_an_amount_is_a_value_by_its_qualifier(amounts, net):
    body = ("BPT*00*R*20260331", "PTD*SS", "QTY*32*5", "LIN**VP*S", *amounts)

    assert column(read(written(interchange(a_set("867", *body)))), "NET") == [net]


def test_a_product_before_its_quantity_is_understood():
    body = ("BPT*00*R*20260331", "PTD*SS", "LIN**VP*S1", "QTY*32*1", "LIN**VP*S2", "QTY*32*2")
    entries = read(written(interchange(a_set("867", *body))))

    assert list(zip(column(entries, "ITEM"), column(entries, "QUANTITY"), strict=True)) == [("S1", "1"), ("S2", "2")]


def resale(*lines: tuple[str, str], number: str = "0001", purpose: str = "00") -> list[str]:
    items = [part for line, quantity in lines for part in (f"QTY*32*{quantity}", f"LIN*{line}*VP*S")]
    return a_set("867", f"BPT*{purpose}*R1*20260331", "PTD*SS", "N1*ST**92*O1", *items, number=number)


def test_lines_of_two_reports_of_one_number_are_told_apart():
    entries = read(written(interchange(resale(("1", "5"), ("2", "4")), resale(("1", "3"), number="0002"))))

    assert column(entries, "LINE") == ["1", "2", "3"]


def test_lines_of_an_invoice_that_two_reports_tell_of_are_told_apart():
    items = ("PTD*SS***IV*INV1", "N1*ST**92*O1", "QTY*32*5", "LIN*1*VP*S")
    one, two = (a_set("867", f"BPT*00*R{number}*20260331", *items, number=f"000{number}") for number in (1, 2))

    assert column(read(written(interchange(one, two))), "LINE") == ["1", "2"]


@pytest.mark.parametrize(
    ("second", "lines"),
    [
        (resale(("2", "3"), number="0002"), ["1", "2"]),
        (resale(("1", "5"), number="0002", purpose="01"), ["1", "1"]),
    ],
)
def test_lines_keep_their_numbers_where_these_differ_or_a_report_takes_them_back(second, lines):
    assert column(read(written(interchange(resale(("1", "5")), second))), "LINE") == lines


def test_reports_of_an_interchange_that_was_sent_twice_keep_their_numbers():
    one = interchange(resale(("1", "5")), resale(("1", "3"), number="0002"))

    assert column(read(written(one, one)), "LINE") == ["1", "2", "1", "2"]


def test_sales_item_information_is_an_item():
    entries = read(
        written(interchange(a_set("867", "BPT*00*R*20260331", "PTD*SS", "N1*ST**92*O1", "SII*UP*123*4*EA*2.5")))
    )

    assert [entries[0].values[name] for name in ("ITEM", "QUANTITY", "NET", "STORE")] == ["123", "4", "10.0", "O1"]


@pytest.mark.parametrize(
    ("quantity", "product", "quantities"),
    [
        ("QTY*39*4", ("LIN**UP*123", "UIT*EA*3"), ["4"]),
        ("QTY*39*4.0", (), ["4.0"]),
        ("QTY*39*4", ("LIN**UP*999",), ["4", "4"]),
        ("QTY*39*5", ("LIN**UP*123",), ["4", "5"]),
        ("QTY*76*4", ("LIN**UP*123",), ["4", "4"]),
    ],
)
def test_a_quantity_that_says_the_sales_item_information_again_counts_once(quantity, product, quantities):
    body = ("BPT*00*R*20260331", "PTD*SS", "N1*ST**92*O1", "SII*UP*123*4*EA*2.5", "N9*PO*P1", quantity, *product)
    entries = read(written(interchange(a_set("867", *body, "SII*UP*777*1*EA*9"))))

    assert column(entries, "QUANTITY") == [*quantities, "1"]


def test_a_transfer_without_a_quantity_is_still_a_record():
    entries = read(written(interchange(a_set("867", "BPT*00*R*20260331", "PTD*SS", "N1*ST**92*O1"))))

    assert column(entries, "QUANTITY") == [None]


# 852

ACTIVITY = (
    "XQ*H*20260301*20260307", "N1*RE*Chain*92*CH",
    "LIN**UP*111*IN*9", "CTP**RTL*2", "ZA*QS*9*EA", "SDQ*EA*92*S1*4*S2*5", "ZA*QU*1*EA", "SDQ*EA*92*S2*1",
    "ZA*QA*30*EA", "SDQ*EA*92*S1*10*S2*20", "ZA*QP*6*EA", "SDQ*EA*92*S1*6", "ZA*LS*2*EA",
    "LIN**UP*222", "ZA*Q1*3*EA", "CTT*2",
)  # fmt: skip


def test_an_sdq_gives_a_record_for_each_of_its_places():
    entries = read(written(interchange(a_set("852", *ACTIVITY))))
    found = [
        [entry.values.get(name) for name in ("ITEM", "ACTIVITY", "STORE", "QUANTITY", "RETURNED", "NET")]
        for entry in entries
    ]

    assert rules(entries) == [None] * 6
    assert sorted(found, key=str) == sorted(
        [
            ["111", "SALE", "S1", "4", None, "8"],
            ["111", "SALE", "S2", "5", "1", "8"],
            ["111", "STOCK", "S1", "10", None, "20"],
            ["111", "STOCK", "S2", "20", None, "40"],
            ["111", "OTHER", "CH", None, None, None],
            ["222", "SALE", "CH", "3", None, None],
        ],
        key=str,
    )
    assert column(entries, "DATE") == ["20260307"] * 6


def places(*body: str) -> list[tuple[str | None, ...]]:
    entries = read(written(interchange(a_set("852", "XQ*H*20260301", *body))))
    return [(entry.values.get("STORE"), entry.values.get("ITEM"), entry.values.get("QUANTITY")) for entry in entries]


@pytest.mark.parametrize("other", ["BY", "ST"])
def test_the_place_of_a_report_is_the_reporting_location_before_any_other(other):
    assert places(f"N1*{other}*Chain*92*CH", "N1*RL*Shop*92*S1", "LIN**UP*1", "ZA*QS*5") == [("S1", "1", "5")]


def test_a_party_behind_a_line_opens_the_place_of_the_lines_that_follow():
    one = ("N1*RL**92*S1", "N4*Town", "LIN**UP*1", "ZA*QS*5", "LIN**UP*2", "ZA*QS*6", "ZA*QU*1")
    other = ("N1*RL**92*S2", "N1*VN*Us*92*US", "N4*Town", "LIN**UP*1", "ZA*QS*7", "CTT*3")

    assert places(*one, *other) == [("S1", "1", "5"), ("S1", "2", "6"), ("S2", "1", "7")]


def test_a_party_behind_an_activity_is_its_place_where_the_head_names_none():
    body = ("LIN**UP*1", "ZA*QS*5", "N1*ST**92*S1", "LIN**UP*2", "ZA*QS*6", "N1*ST**92*S2", "CTT*2")

    assert places(*body) == [("S1", "1", "5"), ("S2", "2", "6")]


def test_a_party_before_an_activity_is_its_place_until_the_next():
    one = ("LIN**UP*1", "N1*ST**92*S1", "N4*Town", "ZA*QS*5", "ZA*QU*1")
    other = ("N1*ST**92*S2", "N4*Town", "ZA*QS*6", "ZA*QU*2", "LIN**UP*2", "N1*ST**92*S1", "ZA*QS*7", "CTT*2")

    assert places(*one, *other) == [("S1", "1", "5"), ("S2", "1", "6"), ("S1", "2", "7")]


def test_of_several_places_before_each_activity_the_first_counts():
    body = [part for store in ("S1", "S2", "S3") for part in (f"N1*ST**92*{store}", "N1*ST**92*HUB", "ZA*QS*5")]

    assert places("LIN**UP*1", *body) == [("S1", "1", "5"), ("S2", "1", "5"), ("S3", "1", "5")]


def test_activities_of_one_item_at_two_places_are_two_records():
    body = ("LIN**UP*1", "ZA*QS*5", "N1*ST**92*S1", "ZA*QU*1", "N1*ST**92*S2", "CTT*1")

    assert places(*body) == [("S1", "1", "5"), ("S2", "1", "0")]


def test_an_activity_of_which_nobody_knows_what_it_tells_is_named_by_its_code():
    body = ("XQ*H*20260301", "N1*ST**92*S1", "LIN**UP*1", "ZA*QW*4", "ZA*YY*2", "ZA*QR*1")

    assert column(read(written(interchange(a_set("852", *body)))), "ACTIVITY") == ["OTHER", "YY", "OTHER"]


def test_a_code_that_stands_twice_gives_two_records():
    body = (
        "XQ*H*20260301",
        "N1*ST**92*S1",
        "LIN**UP*1",
        "ZA*QS*1*EA*009*20260301",
        "ZA*QS*2*EA*009*20260302",
        "ZA*QS*3*EA*009*20260302",
    )
    entries = read(written(interchange(a_set("852", *body))))

    assert column(entries, "QUANTITY") == ["1", "2", "3"]
    assert column(entries, "DATE") == ["20260301", "20260302", "20260302"]
    assert column(entries, "REPEAT") == [None, None, "2"]


@pytest.mark.parametrize(
    ("activities", "net"),
    [
        (("ZA*QS*5", "ZA*QU*2"), "6"),
        (("ZA*QU*2",), "-4"),
        (("ZA*QS*5", "AMT*T*1", "AMT*1*9"), "9"),
        (("ZA*QS*5", "AMT*1*9", "ZA*QU*2"), "9"),
        (("ZA*QU*2", "AMT*1*3", "ZA*QS*5", "AMT*1*9"), "6"),
        (("ZA*QS*5", "ZA*QU*2", "AMT*1*3"), "7"),
        (("ZA*QU*2", "AMT*1*3"), "-3"),
        (("ZA*QS*5", "SDQ*EA*92*S1*2*S2*3", "AMT*1*9"), "4"),
    ],
)
def test_the_value_of_sales_is_net_of_what_came_back(activities, net):
    body = ("XQ*H*20260301", "N1*ST**92*S1", "LIN**UP*1", "CTP**RTL*2", *activities)

    assert column(read(written(interchange(a_set("852", *body)))), "NET")[0] == net


def test_a_date_without_century_gets_one():
    body = ("XQ*H*980301", "N1*ST**92*S1", "LIN**UP*1", "ZA*QS*1")

    assert column(read(written(interchange(a_set("852", *body)))), "DATE") == ["19980301"]


def sold(quantity: str, number: str = "0001") -> list[str]:
    return a_set("852", "XQ*H*20260301", "N1*ST**92*S1", "LIN**VP*A1", f"ZA*QS*{quantity}", number=number)


def test_activities_of_two_sets_are_told_apart():
    both = interchange(sold("5"), sold("3", "0002"))
    other = interchange(sold("2"), number="000000002")

    assert column(read(written(both, other)), "REPEAT") == [None, "2", "3"]


def test_activities_of_an_interchange_that_was_sent_twice_keep_their_numbers():
    both = interchange(sold("5"), sold("5", "0002"))

    assert column(read(written(both, both)), "REPEAT") == [None, "2", None, "2"]


def test_activities_under_a_control_number_used_twice_are_told_apart():
    assert column(read(written(interchange(sold("5")), interchange(sold("3")))), "REPEAT") == [None, "2"]


# real files


@pytest.mark.parametrize(
    ("name", "net", "items"),
    [
        ("EDI.Net_x12.810a.edi", ["199.98", "159.98"], ["ID001", "ID002"]),
        ("EDI.Net_x12.810b.edi", ["199.98", "159.98"], ["ID001", "ID002"]),
        ("EDI.Net_x12.810c.edi", ["318.77"], ["DO091003"]),
        ("EDI.Net_x12.810d.edi", ["318.77", "188.25"], ["DO091003", "DO091004"]),
    ],
)
def test_real_invoices(real_data: Path, name, net, items):
    entries = read((real_data / "formats" / name).read_bytes())

    assert rules(entries) == [None] * len(items)
    assert column(entries, "NET") == net
    assert column(entries, "ITEM") == items
    assert column(entries, "CONTROL") == [None] * len(items)


def test_a_real_ship_notice_whose_control_numbers_differ(real_data: Path):
    entries = read((real_data / "formats" / "gozer_asn856_Apache-2.0.edi").read_bytes())

    assert rules(entries) == ["control_totals"] * 2
    assert "'000003438'" in entries[0].broken.problem
    assert "'000000049'" in entries[0].broken.problem
    assert column(entries, "SN102") == ["24", "6"]
