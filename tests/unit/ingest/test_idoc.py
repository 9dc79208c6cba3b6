"""SAP IDocs: what is one record, what it is called, what does not count and what is refused."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT
from ingest.profiles import Reading
from ingest.readers import Entry, idoc

FORMATS = Path(__file__).parents[2] / "fixtures" / "formats"
READING = Reading.model_validate({"files": "*.xml", "format": "sap_idoc_xml"})


def segment(name: str, *parts: str, **fields: str) -> str:
    inside = "".join(f"<{field}>{escape(text)}</{field}>" for field, text in fields.items())
    return f'<{name} SEGMENT="1">{inside}{"".join(parts)}</{name}>'


def one_idoc(*segments: str, kind: str = "DELVRY07", number: str = "0000000000004711", **control: str) -> str:
    record = segment("EDI_DC40", DOCNUM=number, IDOCTYP=kind, **control)
    return f'<IDOC BEGIN="1">{record}{"".join(segments)}</IDOC>\n'


def delivery(*items: str, **control: str) -> str:
    head = segment("E1ADRM1", PARTNER_Q="WE", PARTNER_ID="D001") + segment("E1ADRM1", PARTNER_Q="AG", PARTNER_ID="D000")
    return one_idoc(segment("E1EDL20", head, *items, VBELN="0080000001"), **control)


def item(number: int, quantity: str, *parts: str, **fields: str) -> str:
    return segment("E1EDL24", *parts, POSNR=f"{number:06}", **{"MATNR": "A", "LFIMG": quantity} | fields)


def read(*idocs: str, root: str = "DELVRY07") -> list[Entry]:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n{"".join(idocs)}</{root}>'
    return list(idoc.entries(text.encode(), READING, DEFAULT))


def counted(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.broken is None and entry.left_out is None]


def quantities(entries: list[Entry]) -> list[str | None]:
    return [entry.values["E1EDL24.LFIMG"] for entry in counted(entries)]


def test_each_item_is_a_record_with_what_stands_above_it():
    first, second = read(delivery(item(10, "5.000"), item(20, "7.000", segment("E1EDL26", PSTYV="TANN"))))

    assert (first.values["E1EDL24.POSNR"], first.values["E1EDL24.LFIMG"]) == ("000010", "5.000")
    assert (second.values["E1EDL24.POSNR"], second.values["E1EDL26.PSTYV"]) == ("000020", "TANN")
    for record in (first, second):
        assert record.values["E1EDL20.VBELN"] == "0080000001"
        assert record.values["EDI_DC40.DOCNUM"] == "0000000000004711"
        assert (record.values["E1ADRM1[WE].PARTNER_ID"], record.values["E1ADRM1[AG].PARTNER_ID"]) == ("D001", "D000")
    assert "E1EDL26.PSTYV" not in first.values


def test_a_date_of_zeros_is_none():
    [record] = read(delivery(segment("E1EDT13", QUALF="006", NTANF="20260302", ISDD="00000000"), item(10, "1")))

    assert record.values["E1EDT13[006].ISDD"] is None
    assert record.values["E1EDT13[006].NTANF"] == "20260302"


def test_a_minus_behind_a_number_goes_before_it():
    [record] = read(delivery(item(10, "5.000-", CHARG="12-")))

    assert (record.values["E1EDL24.LFIMG"], record.values["E1EDL24.CHARG"]) == ("-5.000", "12-")


def test_a_record_says_where_it_stands_and_what_it_is_in_the_file():
    second = read(delivery(item(10, "1")), delivery("\n", item(20, "2")))[1]

    assert second.line == 5
    assert second.raw == item(20, "2")


def test_several_deliveries_in_one_idoc_keep_their_own_header():
    text = one_idoc(
        segment("E1EDL20", item(10, "1"), VBELN="81"),
        segment("E1EDL20", item(10, "2"), VBELN="82"),
    )

    assert [record.values["E1EDL20.VBELN"] for record in read(text)] == ["81", "82"]


def test_a_delivery_says_nothing_of_the_next_one():
    text = one_idoc(
        segment("E1EDL20", segment("E1EDL21", LFART="LR"), item(10, "1"), VBELN="81"),
        segment("E1EDL20", item(10, "2"), VBELN="82"),
    )

    assert [record.values.get("E1EDL21.LFART") for record in read(text)] == ["LR", None]


def test_taxes_of_an_item_are_added_up():
    text = one_idoc(
        segment("E1EDP01", segment("E1EDP04", MWSBT="9.00", MSATZ="9"), segment("E1EDP04", MWSBT="9.50", MSATZ="9")),
        kind="INVOIC02",
    )

    [record] = read(text)

    assert (record.values["E1EDP04.MWSBT"], record.values["E1EDP04.MSATZ"]) == ("18.50", "18")


@pytest.mark.parametrize(
    ("total", "note"), [("30.00", None), ("30.50", "the IDoc says a net total of 30.50, its items add up to 30.00")]
)
def test_an_invoice_whose_items_do_not_add_up_says_so(total, note):
    items = [segment("E1EDP01", segment("E1EDP26", QUALF="003", BETRG=net)) for net in ("10.00", "20.00")]

    records = read(one_idoc(*items, segment("E1EDS01", SUMID="010", SUMME=total), kind="INVOIC02"))

    assert [record.values["CONTROL"] for record in records] == [note, note]


def test_a_stock_report_gives_one_record_for_each_stock_category():
    stocks = [segment("E1EDP32", QUALF="020", MENGE="5"), segment("E1EDP32", QUALF="022", MENGE="1")]
    text = one_idoc(segment("E1EDP10", segment("E1EDP19", QUALF="002", IDTNR="A"), *stocks), kind="PROACT01")

    records = read(text)

    assert [
        (r.values["E1EDP19[002].IDTNR"], r.values["E1EDP32.QUALF"], r.values["E1EDP32.MENGE"]) for r in records
    ] == [
        ("A", "020", "5"),
        ("A", "022", "1"),
    ]


@pytest.mark.parametrize("left", ["0.000", "12.000"])
def test_a_quantity_that_stands_in_batches_counts_once(left):
    main = item(10, left)
    batches = [
        item(900001, "5.000", HIPOS="000010", CHARG="B1"),
        item(900002, "7.000", HIPOS="000010", CHARG="B2"),
    ]

    entries = read(delivery(main, *batches))

    assert entries[0].left_out == "item whose quantity stands in its batches"
    assert quantities(entries) == ["5.000", "7.000"]


def test_a_rest_that_is_in_no_batch_counts():
    entries = read(delivery(item(10, "3.000"), item(900001, "5.000", HIPOS="000010", CHARG="B1")))

    assert quantities(entries) == ["3.000", "5.000"]


def test_free_goods_of_the_same_material_are_no_batch():
    entries = read(delivery(item(10, "12", CHARG="B1"), item(20, "12", HIPOS="000010", CHARG="B1")))

    assert quantities(entries) == ["12", "12"]


def test_a_batch_has_the_category_of_its_item():
    main = item(20, "0", segment("E1EDL26", PSTYV="TANN"))
    batch = item(900001, "2", segment("E1EDL26", PSTYV="YB99"), HIPOS="000020", CHARG="B1")

    [record] = counted(read(delivery(main, batch)))

    assert record.values[idoc.BATCH_OF] == "TANN"


def test_a_test_idoc_is_left_out():
    assert [entry.left_out for entry in read(delivery(item(10, "1"), TEST="X"))] == ["test IDoc"]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (delivery(item(10, "1")).replace("EDI_DC40", "E1EDL21"), "has no control record EDI_DC40"),
        (
            delivery(item(10, "1"), kind="ORDERS05"),
            "IDoc 0000000000004711 is of ORDERS05, read are DELVRY, INVOIC, PROACT",
        ),
        (delivery(item(10, "1"), kind=""), "is of no type"),
        (delivery(), "IDoc 0000000000004711 has no item segment E1EDL24"),
        (delivery(item(10, "1")).replace("</E1EDL20>", ""), "DOCNUM 0000000000004711 "),
        (
            one_idoc(segment("E1EDP01", POSEX="1"), segment("E1EDS01", SUMID="001", SUMME="2"), kind="INVOIC02"),
            "IDoc 0000000000004711 says that it has 2 items and has 1",
        ),
    ],
    ids=["no control record", "other type", "no type", "no items", "malformed", "item count"],
)
def test_a_bad_idoc_is_refused_alone(bad, problem):
    entries = read(delivery(item(10, "1")), bad, delivery(item(20, "2")))

    assert [entry.broken is None for entry in entries] == [True, False, True]
    assert problem in entries[1].broken.problem


def test_every_item_of_a_bad_idoc_is_a_rejected_record():
    entries = read(delivery(item(10, "1"), item(20, "2"), kind="ORDERS05"))

    assert [entry.broken.raw for entry in entries] == [item(10, "1"), item(20, "2")]


def test_a_file_without_idocs_is_refused():
    with pytest.raises(FileUnreadable):
        list(idoc.entries(b"VBELN;POSNR\n1;10\n", READING, DEFAULT))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("E1EDL24.MATNR", True),
        ("E1EDP19[002].IDTNR", True),
        ("Z1EDL24X.ZZCODE", True),
        ("E1EDP19.IDTNR", False),
        ("E1EDL24[002].MATNR", False),
        ("MATNR", False),
    ],
)
def test_a_field_bears_a_qualifier_where_its_segment_repeats_under_one(name, known):
    assert (name in idoc.FIELDS) == known


texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12).filter(
    lambda text: text != "00000000"
)
amounts = st.decimals("0.001", "99999.999", places=3)


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(texts, amounts), min_size=1, max_size=4), min_size=1, max_size=4), st.booleans())
def test_what_was_written_is_read_back(idocs, indented):
    written = [delivery(*(item(i, str(q), MATNR=code) for i, (code, q) in enumerate(items))) for items in idocs]
    if indented:
        written = [text.replace("><", ">\r\n  <") for text in written]

    entries = read(*written)

    assert [(e.values["E1EDL24.MATNR"], Decimal(e.values["E1EDL24.LFIMG"] or "")) for e in entries] == [
        line for items in idocs for line in items
    ]


def test_stock_of_two_categories_and_one_condition_is_two_lines(landing):
    name = "dms_stock__stock_categories.xml"
    landing.put(f"sap_proact01/D001/{name}", (FORMATS / "sap_proact01" / name).read_bytes())
    landing.run()

    assert landing.rows("dms_stock")["_key"].n_unique() == 4


def test_a_material_number_of_40_characters_stands_in_a_field_of_its_own(landing):
    date = segment("E1EDT13", QUALF="006", ISDD="20260302")
    long = item(10, "5", MATNR="", MATNR_LONG="FG-" + "0" * 36 + "1", VRKME="EA")
    landing.put("sap_delvry07/S1/long.xml", f"<DELVRY07>{delivery(date, long)}</DELVRY07>")
    landing.run()

    assert landing.rows("erp_dispatch_line")["sender_sku_code"].to_list() == ["FG-" + "0" * 36 + "1"]


@pytest.mark.parametrize(
    ("own", "material"),
    [
        ({"MATNR": "A"}, ""),
        ({"MATNR_LONG": "A"}, ""),
        ({}, segment("E1EDP19", QUALF="002", IDTNR_LONG="A")),
        ({"MATNR": "B"}, segment("E1EDP19", QUALF="002", IDTNR="A")),
    ],
)
def test_an_invoice_item_names_its_material_itself_or_in_a_segment_below(landing, own, material):
    head = segment("E1EDK02", QUALF="009", BELNR="90") + segment("E1EDK03", IDDAT="026", DATUM="20260302")
    party = segment("E1EDKA1", PARVW="AG", PARTN="D001") + segment("E1EDK01", CURCY="EUR", BSART="INVO")
    theirs = segment("E1EDP19", QUALF="001", IDTNR="CUST-7")
    line = segment("E1EDP01", theirs, material, POSEX="10", MENGE="2", MENEE="EA", NETWR="8.00", **own)
    text = one_idoc(head, party, line, kind="INVOIC02")
    landing.put("sap_invoic02/S1/own.xml", f"<INVOIC02>{text}</INVOIC02>")
    landing.run()

    assert landing.rows("erp_billing_line")["sender_sku_code"].to_list() == ["A"]


THREE = [delivery(item(10, "1"), item(20, "2"), number=str(number)) for number in (1, 2, 3)]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mutated_file_costs_at_most_the_idocs_that_it_touches(data):
    text = bytearray("".join(THREE).encode())
    start, end = len(THREE[0]), len(THREE[0]) + len(THREE[1])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(start, end - 1))
        text[place] = data.draw(st.integers(0, 255))

    entries = list(idoc.entries(b"<DELVRY07>" + bytes(text) + b"</DELVRY07>", READING, DEFAULT))

    numbers = [entry.values.get("EDI_DC40.DOCNUM") for entry in entries]
    assert len(entries) >= 5
    assert numbers[:2] == ["1", "1"] or any(entry.broken for entry in entries)
    assert numbers[-2:] == ["3", "3"] or any(entry.broken for entry in entries)
