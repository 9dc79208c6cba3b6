"""EDIFACT interchanges: framing, envelopes and the items of each message."""

from __future__ import annotations

import re

import pytest

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT, Limits
from ingest.profiles import Reading
from ingest.readers import edifact
from ingest.readers.framed import Retraction


def message(kind: str, *body: str, reference: str = "M1") -> list[str]:
    return [f"UNH+{reference}+{kind}:D:96A:UN:EAN004", *body, f"UNT+{len(body) + 2}+{reference}"]


def interchange(*messages: list[str], reference: str = "REF1", syntax: str = "UNOA:2") -> list[str]:
    unb = f"UNB+{syntax}+5412345000013:14+8798765432106:14+260301:1200+{reference}"
    return [unb, *(segment for one in messages for segment in one), f"UNZ+{len(messages)}+{reference}"]


def written(*interchanges: list[str], end: str = "'\n") -> bytes:
    return "".join(segment + end for one in interchanges for segment in one).encode()


def read(data: bytes, limits: Limits = DEFAULT, **settings: object) -> list:
    return list(edifact.entries(data, Reading(files=("*",), format="edifact", **settings), limits))


def column(entries: list, name: str) -> list[str | None]:
    return [entry.values.get(name) for entry in entries]


def rules(entries: list) -> list[str | None]:
    return [entry.broken and entry.broken.rule for entry in entries]


HEAD = ("BGM+73E::9+SDR1+9", "DTM+137:20260305:102", "DTM+356:2026030120260331:718", "NAD+SE+SELLER::9", "CUX+2:EUR:10")
BY_LOCATION = (
    *HEAD,
    "LOC+162+STORE1::9", "DTM+356:2026030120260307:718", "LIN+1++111:EN", "MOA+203:2100", "PRI+AAA:15:CA:RTP", "QTY+153:140",
    "LIN+2++222:EN", "QTY+153:5", "PRI+AAA:2",
    "LOC+162+STORE2::9", "LIN+3++111:EN", "QTY+153:7", "QTY+61:1",
)  # fmt: skip
SALES = interchange(message("SLSRPT", *BY_LOCATION))


def test_sales_by_location_and_item():
    entries = read(written(SALES))

    assert rules(entries) == [None] * 3
    assert column(entries, "ITEM") == ["111", "222", "111"]
    assert column(entries, "STORE") == ["STORE1", "STORE1", "STORE2"]
    assert column(entries, "QUANTITY") == ["140", "5", "7"]
    assert column(entries, "RETURNED") == [None, None, "1"]
    assert column(entries, "NET") == ["2100", "10", None]
    assert column(entries, "DATE") == ["20260307", "20260307", "20260331"]
    assert column(entries, "FROM") == ["20260301"] * 3


def test_sales_by_item_and_location():
    body = (
        *HEAD,
        "LIN+1++111:EN",
        "PIA+1+OURS:SA",
        "PRI+AAA:2",
        "LOC+162+S1::9",
        "QTY+153:4",
        "LOC+162+S2::9",
        "DTM+356:20260308:102",
        "QTY+153:5",
        "LIN+2++222:EN",
        "LOC+162+S1::9",
        "QTY+153:6",
    )
    entries = read(written(interchange(message("SLSRPT", *body))))

    assert column(entries, "ITEM") == ["111", "111", "222"]
    assert column(entries, "STORE") == ["S1", "S2", "S1"]
    assert column(entries, "QUANTITY") == ["4", "5", "6"]
    assert column(entries, "NET") == ["8", "10", None]
    assert column(entries, "DATE") == ["20260331", "20260308", "20260331"]
    assert column(entries, "PIA.7140[SA]") == ["OURS", "OURS", None]


def test_an_amount_of_a_line_that_several_places_share_is_not_theirs():
    body = (*HEAD, "LIN+1++111:EN", "MOA+203:90", "LOC+162+S1", "QTY+153:4", "LOC+162+S2", "QTY+153:5")

    assert column(read(written(interchange(message("SLSRPT", *body)))), "NET") == [None, None]


@pytest.mark.parametrize(
    ("quantities", "net"),
    [
        (("QTY+153:5", "QTY+61:2"), "6"),
        (("QTY+61:2",), "-4"),
        (("MOA+203:9", "QTY+153:5", "QTY+61:2"), "9"),
        (("MOA+124:1", "QTY+153:5"), "10"),
    ],
)
def test_the_value_of_sales_is_net_of_what_came_back(quantities, net):
    body = (*HEAD, "LOC+162+S1", "LIN+1++111:EN", "PRI+AAA:2", *quantities)

    assert column(read(written(interchange(message("SLSRPT", *body)))), "NET") == [net]


def test_the_price_of_sales_is_the_net_one_in_whatever_order_prices_stand():
    body = (*HEAD, "LOC+162+S1", "LIN+1++111:EN", "PRI+AAB:3", "PRI+AAA:4:::2", "QTY+153:5")
    (entry,) = read(written(interchange(message("SLSRPT", *body))))

    assert (entry.values["PRICE"], entry.values["NET"]) == ("2", "10")


@pytest.mark.parametrize(
    "body",
    [
        ("LOC+162+S1", "LIN+1++111:EN", "DTM+356:20260302:102", "QTY+153:4", "DTM+356:20260303:102", "QTY+153:5"),
        ("LIN+1++111:EN", "LOC+162+S1", "DTM+356:20260302:102", "QTY+153:4", "DTM+356:20260303:102", "QTY+153:5"),
        ("LIN+1++111:EN", "LOC+162+S1", "DTM+356:20260302:102", "QTY+153:4", "LOC+162+S1", "DTM+356:20260303:102", "QTY+153:5"),
    ],
)  # fmt: skip
def test_a_day_within_a_line_is_that_of_the_quantities_behind_it(body):
    entries = read(written(interchange(message("SLSRPT", *HEAD, *body, "QTY+61:1"))))

    assert column(entries, "QUANTITY") == ["4", "5"]
    assert column(entries, "DATE") == ["20260302", "20260303"]
    assert column(entries, "RETURNED") == [None, "1"]


def test_a_quantity_that_stands_twice_gives_two_records():
    body = (*HEAD, "LOC+162+S1", "LIN+1++111:EN", "QTY+153:4", "MKS+9+A", "QTY+153:5", "MKS+9+B")
    entries = read(written(interchange(message("SLSRPT", *body))))

    assert column(entries, "QUANTITY") == ["4", "5"]
    assert column(entries, "REPEAT") == [None, "2"]


@pytest.mark.parametrize("code", ["1", "25", "28", "29", "30", "46", "47", "55", "153", "212"])
def test_sales_are_known_by_their_qualifier(code):
    (entry,) = read(written(interchange(message("SLSRPT", *HEAD, "LIN+1++111:EN", f"QTY+{code}:5"))))

    assert (entry.values["KIND"], entry.values["QUANTITY"]) == ("SALE", "5")


def sold(quantity: str, reference: str, function: str = "9", begin: str = "20260301") -> list[str]:
    head = (f"BGM+73E+S{reference}+{function}", f"DTM+356:{begin}20260307:718", "LOC+162+S1")
    return message("SLSRPT", *head, "LIN+1++111:EN", f"QTY+153:{quantity}", reference=reference)


@pytest.mark.parametrize(
    ("second", "repeat"),
    [
        (sold("3", "M2"), "2"),
        (sold("3", "M2", begin="20260307"), "2"),
        (sold("3", "M2", function="5"), None),
    ],
)
def test_sales_of_two_messages_are_told_apart_unless_one_replaces_the_other(second, repeat):
    assert column(read(written(interchange(sold("5", "M1"), second))), "REPEAT") == [None, repeat]


def test_sales_of_an_interchange_that_was_sent_twice_keep_their_numbers():
    one = interchange(sold("5", "M1"), sold("3", "M2"))

    assert column(read(written(one, one)), "REPEAT") == [None, "2", None, "2"]


def retracted(entries: list) -> dict[int, str]:
    return {place: one.reason for one in entries if isinstance(one, Retraction) for place in one.entries}


@pytest.mark.parametrize(
    ("function", "left_out"),
    [
        ("9", {}),
        ("5", {0: "replaced by message M2 of the file"}),
        ("7", {1: "a duplicate of message M1"}),
        ("1", {0: "cancelled by message M2 of the file"}),
        ("3", {0: "cancelled by message M2 of the file"}),
    ],
)
def test_the_function_of_a_message_says_what_becomes_of_earlier_ones_of_its_number(function, left_out):
    notices = [
        message(
            "DESADV",
            f"BGM+351+D1+{code}",
            "DTM+137:20260301:102",
            "CPS+1",
            "LIN+1++111:EN",
            "QTY+12:5",
            reference=reference,
        )
        for code, reference in (("9", "M1"), (function, "M2"))
    ]

    assert retracted(read(written(interchange(*notices)))) == left_out


@pytest.mark.parametrize("function", ["1", "3"])
def test_sales_that_a_message_takes_back_are_left_out_with_those_that_it_had_reported(function):
    def report(code: str, reference: str) -> list[str]:
        body = (f"BGM+73E::9+R1+{code}", *HEAD[1:], "LOC+162+S1", "LIN+1++111:EN", "QTY+153:5")
        return message("SLSRPT", *body, reference=reference)

    entries = read(written(interchange(report("9", "M1"), report(function, "M2"))))

    assert retracted(entries) == {0: "cancelled by message M2 of the file"}
    assert [one.left_out for one in entries[:2]] == [None, "taken back by its message"]


@pytest.mark.parametrize(
    ("begin", "end", "overlaps"),
    [
        ("20260301", "20260307", False),
        ("20260305", "20260307", True),
        ("20260307", "20260310", True),
        ("20260308", "20260310", False),
    ],
)
def test_periods_of_one_item_and_place_that_overlap_are_noted(begin, end, overlaps):
    def month(reference: str, begin: str, end: str) -> list[str]:
        days = f"DTM+356:{begin}{end}:718"
        return message(
            "SLSRPT", f"BGM+73E::9+{reference}+9", days, "LOC+162+S1", "LIN+1++111:EN", "QTY+153:5", reference=reference
        )

    entries = read(written(interchange(month("M1", "20260301", "20260307"), month("M2", begin, end))))

    first, second = column(entries, "CONTROL")
    assert first is None
    assert ("days in common with 20260301 to 20260307" in (second or "")) == overlaps


def test_a_line_without_a_quantity_is_still_a_record():
    entries = read(
        written(interchange(message("SLSRPT", *HEAD, "LOC+162+S1", "LIN+1++111:EN", "LIN+2++222:EN", "QTY+153:1")))
    )

    assert column(entries, "ITEM") == ["111", "222"]
    assert column(entries, "QUANTITY") == [None, "1"]


# framing


@pytest.mark.parametrize("end", ["'", "'\n", "'\r\n", "' \n"])
def test_line_ends_after_a_terminator_mean_nothing(end):
    assert column(read(written(SALES, end=end)), "QUANTITY") == ["140", "5", "7"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n"])
@pytest.mark.parametrize("una", ["", "UNA:+.? '"])
def test_lines_are_the_terminators_where_there_are_no_others(una, end):
    entries = read((una + end).encode() * bool(una) + written(SALES, SALES, end=end))

    assert rules(entries) == [None] * 6
    assert column(entries, "QUANTITY") == ["140", "5", "7"] * 2


@pytest.mark.parametrize("end", ["'", "'\n", "'\r\n", " '\n"])
def test_a_una_may_lack_its_blank(end):
    entries = read(f"UNA:+.?{end}".encode() + written(SALES, end=end))

    assert rules(entries) == [None] * 3
    assert column(entries, "QUANTITY") == ["140", "5", "7"]


def test_a_line_within_the_first_segment_ends_none():
    head, rest = written(SALES, end="'").split(b"+8798765432106")

    assert column(read(head + b"\n+8798765432106" + rest), "QUANTITY") == ["140", "5", "7"]


def test_the_signs_of_a_una_are_honoured():
    swap = str.maketrans({"+": "|", ":": "/", "'": "\n"})
    data = b"UNA/|,! \n" + written(SALES, end="'").decode().translate(swap).encode()

    assert column(read(data), "STORE") == ["STORE1", "STORE1", "STORE2"]


def test_interchanges_with_and_without_a_una_follow_each_other():
    data = (
        written(SALES)
        + b"UNA:*.? '"
        + written(interchange(message("SLSRPT", *BY_LOCATION), reference="REF2")).replace(b"+", b"*")
    )

    assert column(read(data), "UNB.0020") == ["REF1"] * 3 + ["REF2"] * 3
    assert rules(read(data)) == [None] * 6


def test_level_b_separators_are_known_without_a_una():
    data = written(SALES, end="\x1c").replace(b"+", b"\x1d").replace(b":", b"\x1f")

    assert column(read(data), "QUANTITY") == ["140", "5", "7"]


def test_a_released_sign_is_text():
    body = (*HEAD, "LOC+162+A?'B?+C?:D??", "LIN+1++111:EN", "QTY+153:1")

    assert column(read(written(interchange(message("SLSRPT", *body)))), "STORE") == ["A'B+C:D?"]


def test_a_decimal_comma_becomes_a_point():
    body = (*HEAD, "LOC+162+S", "LIN+1++111:EN", "QTY+153:1,5:KGM", "PRI+AAA:0,5")
    (entry,) = read(written(interchange(message("SLSRPT", *body))))

    assert (entry.values["QUANTITY"], entry.values["NET"], entry.values["UNIT"]) == ("1.5", "0.75", "KGM")


def test_the_repertoire_is_that_of_the_unb():
    data = written(
        interchange(message("SLSRPT", *HEAD, "NAD+BY+1+CAFE", "LIN+1++1:EN", "QTY+153:1"), syntax="UNOE:3")
    ).replace(b"CAFE", b"\xba\xd0\xe4\xd5")

    assert column(read(data), "NAD.3124[BY]") == ["Кафе"]


@pytest.mark.parametrize(
    ("dtm", "day"),
    [
        ("DTM+356:20260307:102", "20260307"),
        ("DTM+356:260307:101", "20260307"),
        ("DTM+356:202603071830:203", "20260307"),
        ("DTM+356:2603071830:201", "20260307"),
        ("DTM+356:202603071830EST:303", "20260307"),
        ("DTM+356:20260301-20260307:718", "20260307"),
        ("DTM+356:260301260307:717", "20260307"),
        ("DTM+356:202602:610", "20260228"),
        ("DTM+356:202610:616", "20260308"),
        ("DTM+356:07032026:4", "20260307"),
        ("DTM+356:soon:102", "soon"),
    ],
)
def test_dates_are_read_by_their_format_qualifier(dtm, day):
    entries = read(written(interchange(message("SLSRPT", "BGM+73E+X", dtm, "LIN+1++1:EN", "QTY+153:1"))))

    assert column(entries, "DATE") == [day]


# envelopes


@pytest.mark.parametrize(
    ("segment", "instead", "said"),
    [
        ("UNT+20+M1", "UNT+21+M1", "UNT 0074 says '21' segments, 20 were found"),
        ("UNT+20+M1", "UNT+20+M2", "UNH 0062 says control number 'M1', UNT 0062 says 'M2'"),
    ],
)
def test_a_message_that_does_not_add_up_costs_its_own_records(segment, instead, said):
    bad = [instead if s == segment else s for s in message("SLSRPT", *BY_LOCATION)]
    entries = read(written(interchange(bad, message("SLSRPT", *BY_LOCATION, reference="M2"))))

    assert rules(entries) == ["control_totals"] * 3 + [None] * 3
    assert said in entries[0].broken.problem


@pytest.mark.parametrize(
    ("total", "rule"),
    [("CNT+2:3", None), ("CNT+2:4", "control_totals"), ("CNT+1:152", None), ("CNT+1:99", "control_totals")],
)
def test_control_totals_of_a_message_are_checked(total, rule):
    assert rules(read(written(interchange(message("SLSRPT", *BY_LOCATION, total))))) == [rule] * 3


@pytest.mark.parametrize("trailer", ["UNZ+2+REF1", "UNZ+1+REF9"])
def test_an_interchange_that_does_not_add_up_costs_its_own_records(trailer):
    entries = read(written([*SALES[:-1], trailer], interchange(message("SLSRPT", *BY_LOCATION), reference="REF2")))

    assert rules(entries) == ["control_totals"] * 3 + [None] * 3


@pytest.mark.parametrize("gone", ["UNT", "UNZ"])
def test_an_envelope_without_its_trailer_is_refused(gone):
    assert rules(read(written([s for s in SALES if not s.startswith(gone)]))) == ["envelope_open"] * 3


def test_groups_are_checked_too():
    def grouped(count: int) -> list[str]:
        inner = message("SLSRPT", *BY_LOCATION)
        return [SALES[0], "UNG+SLSRPT+A+B+260301:1200+G1+UN+D:96A", *inner, f"UNE+{count}+G1", "UNZ+1+REF1"]

    assert rules(read(written(grouped(1)))) == [None] * 3
    assert rules(read(written(grouped(1), end="\n"))) == [None] * 3
    assert rules(read(written(grouped(2)))) == ["control_totals"] * 3


def test_lenient_totals_load_with_a_note():
    entries = read(written([*SALES[:-1], "UNZ+7+REF1"]), control_totals="lenient")

    assert rules(entries) == [None] * 3
    assert "UNZ 0036 says '7'" in entries[0].values["CONTROL"]


def test_rubbish_and_truncation_are_broken_records():
    whole = written(SALES)
    entries = read(b"junk\n" + whole + whole[:-20])

    assert rules(entries) == [
        "unframed",
        None,
        None,
        None,
        "envelope_open",
        "envelope_open",
        "envelope_open",
        "segment",
    ]
    assert "bytes 0 to 3" in entries[0].broken.problem


@pytest.mark.parametrize("code", ["UNB-WASH", "SUNB-WASH", "A?'UNB-WASH", "LUNA?+ABCD?'UNB-WASH"])
def test_a_code_that_looks_like_an_opening_is_a_code(code):
    entries = read(
        written(interchange(message("SLSRPT", *HEAD, "LOC+162+S1", f"LIN+1++{code}:SA", "QTY+153:5")), end="'")
    )

    assert rules(entries) == [None]
    assert column(entries, "ITEM") == [re.sub(r"\?(.)", r"\1", code)]


def test_an_interchange_behind_one_that_broke_off_within_a_segment_is_read():
    whole = written(SALES, end="'")
    entries = read(whole[:-20] + b"UNA:+.? '" + whole.replace(b"REF1", b"REF2"))

    assert rules(entries) == ["envelope_open"] * 3 + ["segment"] + [None] * 3


def test_a_file_without_an_interchange_is_unreadable():
    with pytest.raises(FileUnreadable) as refusal:
        read(b"UNH+1+SLSRPT:D:96A:UN'")

    assert refusal.value.rule == "interchange"


def test_other_messages_are_told_apart():
    entries = read(written(interchange(message("CONTRL", "UCI+1"), message("ORDERS", "BGM+220+1", reference="M2"))))

    assert entries[0].left_out == "message CONTRL holds nothing to be counted"
    assert rules(entries) == [None, "transaction_set"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("QTY.6060[153]", True),
        ("NAD.3039[BY]", True),
        ("LIN.7140", True),
        ("UNB.0020", True),
        ("STORE", True),
        ("QTY.6061", False),
        ("QTZ.6060", False),
        ("BGM.1004[9]", False),
        ("QTY[153]", False),
    ],
)
def test_fields_are_named_by_segment_element_and_qualifier(name, known):
    assert (name in edifact.FIELDS) is known


# INVRPT

STOCK_HEAD = ("BGM+35+INV1+9", "DTM+137:20260305:102", "DTM+366:20260228:102", "NAD+GY+DEPOT::9", "RFF+VA:77")


def stock(*body: str) -> list:
    return read(written(interchange(message("INVRPT", *STOCK_HEAD, *body))))


def test_quantities_of_one_place_are_one_record():
    (entry,) = stock(
        "LIN+1++111:EN", "QTY+145:100", "LOC+18+W1::9", "QTY+157:80", "LOC+18+W1::9", "QTY+198:5", "LOC+18+W1::9"
    )

    assert [entry.values[name] for name in ("QUANTITY", "QTY.6060[157]", "QTY.6060[198]", "STORE", "DATE")] == [
        "100",
        "80",
        "5",
        "W1",
        "20260228",
    ]


@pytest.mark.parametrize(
    ("planned", "in_transit", "records"),
    [
        (("QTY+198:5", "DTM+44:20260401:102"), "5", 1),
        (("QTY+198:5", "DTM+44:20260401:102", "QTY+198:6", "DTM+44:20260501:102"), None, 3),
        (("QTY+198:5", "DTM+361:20270401:102"), None, 2),
    ],
)
def test_what_is_planned_may_have_its_own_date(planned, in_transit, records):
    entries = stock("LIN+1++111:EN", "QTY+145:100", *planned)

    assert len(entries) == records
    assert column(entries, "KIND") == ["STOCK", *["OTHER"] * (records - 1)]
    assert column(entries, "QTY.6060[198]")[0] == in_transit


def test_stock_with_a_date_of_its_own_is_a_record_of_its_own():
    entries = stock("LIN+1++111:EN", "QTY+145:100", "QTY+17:90", "DTM+44:20260401:102")

    assert column(entries, "QUANTITY") == ["100", "90"]


def test_damaged_stock_is_a_record_of_its_own_and_movements_are_told():
    entries = stock("LIN+1++111:EN", "QTY+145:100", "QTY+124:3", "QTY+199:7", "INV+1")

    assert column(entries, "KIND") == ["STOCK", "UNSALEABLE", "MOVEMENT"]
    assert column(entries, "CONDITION")[:2] == ["SALEABLE", "NON_SALEABLE"]
    assert column(entries, "QUANTITY")[:2] == ["100", "3"]


@pytest.mark.parametrize("code", ["17", "60", "145", "152", "158", "257"])
def test_stock_is_on_hand_by_its_qualifier(code):
    (entry,) = stock("LIN+1++111:EN", "QTY+157:80", f"QTY+{code}:100", "QTY+57:5")

    names = ("KIND", "QUANTITY", "QTY.6060[157]", "QTY.6060[57]")
    assert [entry.values.get(name) for name in names] == ["STOCK", "100", "80", "5"]


@pytest.mark.parametrize(
    ("code", "kind"), [("17", "STOCK"), ("152", "STOCK"), ("158", "STOCK"), ("145", "MOVEMENT"), ("156", "MOVEMENT")]
)
def test_a_balance_is_stock_whatever_direction_its_movement_has(code, kind):
    assert column(stock("LIN+1++111:EN", "INV+2", f"QTY+{code}:4"), "KIND") == [kind]


@pytest.mark.parametrize(
    ("quantities", "kind"),
    [(("QTY+97:5", "QTY+21:3"), "OTHER"), (("QTY+33:5",), "33"), (("QTY+97:5", "QTY+33:3"), "33")],
)
def test_a_quantity_of_which_nobody_knows_whether_it_is_on_hand_is_named_by_its_code(quantities, kind):
    assert column(stock("LIN+1++111:EN", *quantities), "KIND") == [kind]


def test_an_inventory_segment_may_stand_before_its_quantity():
    entries = stock("LIN+1++111:EN", "INV+++++1", "QTY+145:10", "LOC+18+A", "INV+2", "QTY+145:4", "LOC+18+B")

    assert column(entries, "STORE") == ["A", "B"]
    assert column(entries, "KIND") == ["STOCK", "MOVEMENT"]


@pytest.mark.parametrize(
    ("body", "stores", "batches", "quantities"),
    [
        (("LOC+18+A", "QTY+145:4", "LOC+18+B", "QTY+145:5"), ["A", "B"], [None, None], ["4", "5"]),
        (("LOC+18+A", "QTY+145:4", "QTY+198:1", "LOC+18+B", "QTY+145:5"), ["A", "B"], [None, None], ["4", "5"]),
        (("LOC+18+A", "INV+++++1", "QTY+145:4", "LOC+18+B", "INV+++++1", "QTY+145:5"), ["A", "B"], [None] * 2, ["4", "5"]),
        (("LOC+18+A", "GIN+BX+X", "QTY+145:4", "GIN+BX+Y", "QTY+145:5"), ["A", "A"], ["X", "Y"], ["4", "5"]),
        (("LOC+18+A", "QTY+145:4", "LOC+18+B", "QTY+145:5", "LOC+18+C"), ["B", "C"], [None, None], ["4", "5"]),
        (("LOC+18+A", "QTY+145:4", "LOC+14+B", "QTY+145:5"), ["B", "A"], [None, None], ["4", "5"]),
    ],
)  # fmt: skip
def test_a_place_or_batch_may_stand_before_its_quantities(body, stores, batches, quantities):
    entries = stock("LIN+1++111:EN", *body, "LIN+2++222:EN", "QTY+145:9", "LOC+18+Z")

    assert column(entries, "STORE") == [*stores, "Z"]
    assert column(entries, "BATCH") == [*batches, None]
    assert column(entries, "QUANTITY") == [*quantities, "9"]
    assert [entry.left_out for entry in entries] == [None] * 3


def test_a_status_before_its_quantities_is_theirs():
    entries = stock("LIN+1++111:EN", "STS+1+BLOCKED", "QTY+145:4", "STS+1+FREE", "QTY+145:5")

    assert column(entries, "STS.9011") == ["BLOCKED", "FREE"]


def test_what_stands_before_a_quantity_is_part_of_its_raw_text():
    entries = stock("LIN+1++111:EN", "LOC+18+A", "QTY+145:4", "LOC+18+B", "QTY+145:5")

    assert ["LOC+18+B" in entry.raw for entry in entries] == [False, True]


def test_a_total_before_its_batches_is_left_out():
    entries = stock(
        "LIN+1++111:EN", "QTY+145:300", "QTY+145:200", "GIN+BX+B1", "DTM+36:20270101:102", "QTY+145:100", "GIN+BX+B2"
    )

    assert [entry.left_out for entry in entries] == ["the total of the quantities that follow", None, None]
    assert column(entries, "BATCH") == [None, "B1", "B2"]
    assert column(entries, "DTM.2380[36]") == [None, "20270101", None]
    assert column(entries, "DATE") == ["20260228"] * 3


def test_quantities_of_which_the_first_is_no_total_all_count():
    entries = stock("LIN+1++111:EN", "QTY+145:300", "QTY+145:200", "GIN+BX+B1", "QTY+145:50", "GIN+BX+B2")

    assert [entry.left_out for entry in entries] == [None] * 3


# DESADV

ADVICE = (
    "BGM+351+DES1+9", "DTM+137:20260301:102", "DTM+11:202603021000:203", "RFF+ON:PO1", "NAD+BY+BUYER::9", "NAD+DP+DEPOT::9", "LOC+7+DOCK",
    "CPS+1", "PAC+2", "CPS+2+1", "PAC+1", "PCI+33E", "GIN+BJ+354123450000001011",
    "LIN+1++111:EN", "PIA+1+OURS:SA", "IMD+F++:::Soap", "QTY+12:48", "QTY+192:4", "DTM+361:20270101:102", "PCI+36E", "GIN+BX+B1",
    "CPS+3+1", "LIN+2++222:EN", "RFF+ON:PO2:10", "QTY+12:10:CT", "CNT+2:2",
)  # fmt: skip


def test_a_despatch_line_inherits_from_its_packs_and_its_head():
    entries = read(written(interchange(message("DESADV", *ADVICE))))

    assert rules(entries) == [None, None]
    assert column(entries, "QUANTITY") == ["48", "10"]
    assert column(entries, "FREE") == ["4", None]
    assert column(entries, "UNIT") == [None, "CT"]
    assert column(entries, "BATCH") == ["B1", None]
    assert column(entries, "RFF.1154[ON]") == ["PO1", "PO2"]
    assert column(entries, "RFF.1156[ON]") == [None, "10"]
    assert column(entries, "GIN.7402[BJ]") == ["354123450000001011", None]
    assert column(entries, "DTM.2380[11]") == ["20260302"] * 2
    assert column(entries, "NAD.3039[DP]") == ["DEPOT"] * 2
    assert column(entries, "IMD.7008") == ["Soap", None]


@pytest.mark.parametrize(
    ("quantities", "shipped"),
    [
        (("LOC+7+A", "QTY+11:5:PCE", "LOC+7+B", "QTY+11:7:PCE"), "12"),
        (("QTY+12:15:PCE", "LOC+7+A", "QTY+11:5:PCE", "LOC+7+B", "QTY+11:7:PCE"), "15"),
        (("QTY+11:5,5:PCE",), "5.5"),
        (("LOC+7+A", "QTY+11:5:PCE", "LOC+7+B", "QTY+11:7:CT"), None),
        (("LOC+7+A", "QTY+11:5:PCE", "LOC+7+B", "QTY+11:x:PCE"), None),
    ],
)
def test_quantities_of_the_places_of_a_line_are_together_what_was_shipped(quantities, shipped):
    body = ("BGM+351+D1+9", "DTM+11:20260305:102", "CPS+1", "LIN+1++111:EN", *quantities)
    (entry,) = read(written(interchange(message("DESADV", *body))))

    assert [entry.values.get(name) for name in ("QUANTITY", "UNIT")] == [shipped, "PCE"]


@pytest.mark.parametrize("qualifier", ["BX", "bx"])
def test_a_batch_may_be_a_related_identification_number(qualifier):
    body = ("BGM+351+D1+9", "CPS+1", "LIN+1++111:EN", "QTY+12:5", f"GIR+3+SERIAL:BN+LOT1:{qualifier}")
    (entry,) = read(written(interchange(message("DESADV", *body))))

    assert (entry.values["BATCH"], entry.values["GIR.7402[BN]"]) == ("LOT1", "SERIAL")


def test_markings_that_divide_a_line_are_its_records():
    body = (
        *ADVICE[:7],
        "CPS+1",
        "LIN+1++111:EN",
        "QTY+12:30",
        "QTY+192:2",
        "PCI+36E",
        "DTM+36:20270101:102",
        "QTY+12:20",
        "GIN+BX+B1",
        "PCI+36E",
        "QTY+12:10",
        "GIN+BX+B2",
    )
    entries = read(written(interchange(message("DESADV", *body))))

    assert column(entries, "QUANTITY") == ["20", "10"]
    assert column(entries, "BATCH") == ["B1", "B2"]
    assert column(entries, "DTM.2380[36]") == ["20270101", None]
    assert column(entries, "FREE") == ["2", None]
    assert column(entries, "LINE") == ["1", "2"]


@pytest.mark.parametrize(("total", "rule"), [("35", None), ("65", None), ("30", "control_totals")])
def test_a_total_of_quantities_counts_what_markings_divide_once_or_with_its_parts(total, rule):
    line = ("LIN+1++111:EN", "QTY+12:30", "PCI+36E", "QTY+12:20", "GIN+BX+B1", "PCI+36E", "QTY+12:10", "GIN+BX+B2")
    body = (*ADVICE[:7], "CPS+1", *line, "LIN+2++222:EN", "QTY+12:5", f"CNT+1:{total}")

    assert rules(read(written(interchange(message("DESADV", *body))))) == [rule] * 3


def test_a_sub_line_is_left_out():
    entries = read(
        written(
            interchange(message("DESADV", *ADVICE[:7], "LIN+1++111:EN", "QTY+12:1", "LIN+2++222:EN+1:1", "QTY+12:6"))
        )
    )

    assert [entry.left_out for entry in entries] == [None, "a sub-line of line 1"]


def test_an_advice_that_takes_back_another_is_cancelled():
    body = ("BGM+351+DES1+1", *ADVICE[1:])

    assert column(read(written(interchange(message("DESADV", *body)))), "CANCELLED") == ["true"] * 2


def test_an_advice_without_items_takes_back_the_one_before_it():
    again = message("DESADV", ADVICE[0].replace("+9", "+1"), reference="M2")

    *records, retraction = read(written(interchange(message("DESADV", *ADVICE), again)))

    assert [record.left_out is None for record in records] == [True, True, False]
    assert isinstance(retraction, Retraction)
    assert list(retraction.entries) == [0, 1]
