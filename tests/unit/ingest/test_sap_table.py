"""Exports of SAP tables: which line is the header, what separates, and the pages that SE16 prints."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT
from ingest.profiles import Reading
from ingest.readers import Framed, sap_table

READING = Reading.model_validate(
    {
        "files": "*.txt",
        "format": "sap_table",
        "delimiter": "|",
        "columns": {"document_no": "VBELN", "line_no": "POSNR", "qty": "LFIMG", "sku_name": "ARKTX"},
        "ignore_columns": ["*"],
    }
)
PAGE = "Table: LIPS      Page {}\n---------------\n|VBELN|POSNR|ARKTX |\n---------------\n"


def read(text: str) -> Framed:
    return sap_table.frame(text.encode(), READING, DEFAULT)


def rows(framed: Framed) -> list[tuple[str | None, ...]]:
    if framed.cells is not None:
        return [tuple(cell and cell.strip() for cell in row) for row in framed.cells.rows() if any(row)]
    assert framed.body is not None
    return [tuple(line.split(framed.delimiter)) for line in framed.body.decode().splitlines()]


def test_records_above_the_header_are_not_taken_for_titles():
    with pytest.raises(FileUnreadable, match="line 2 looks like a record and stands above the header in line 3"):
        read("Deliveries|of March\n80|10\nVBELN|POSNR\n81|10\n")


def test_descriptions_above_the_technical_names_are_titles():
    assert rows(read("Delivery|Item\nVBELN|POSNR\n80|10\n")) == [("80", "10")]


@pytest.mark.parametrize("delimiter", ["|", "\t", ";", ","])
def test_the_header_says_what_separates(delimiter):
    framed = read(f"VBELN{delimiter}POSNR\n80{delimiter}10\n")

    assert framed.header == ("VBELN", "POSNR")
    assert rows(framed) == [("80", "10")]


def test_a_separator_of_another_kind_in_a_value_is_only_a_sign():
    assert rows(read("VBELN\tARKTX\n80\tSoap; blue | soft, mild\n")) == [("80", "Soap; blue | soft, mild")]


def test_the_byte_order_mark_of_utf_16_is_believed():
    framed = sap_table.frame("VBELN\tARKTX\n80\tCafé\n".encode("utf-16"), READING, DEFAULT)

    assert rows(framed) == [("80", "Café")]


def test_titles_above_the_header_are_passed_over():
    framed = read("Deliveries of March; all plants\n\nVBELN;POSNR\n80;10\n")

    assert (framed.header, framed.line(0)) == (("VBELN", "POSNR"), 4)


def test_a_name_may_bear_its_table_and_the_item_keeps_the_bare_one():
    assert read("LIKP-VBELN;LIKP~NETWR;LIPS.POSNR;LIPS-NETWR\n80;1;10;2\n").header == (
        "VBELN",
        "LIKP~NETWR",
        "POSNR",
        "NETWR",
    )


@pytest.mark.parametrize("header", ["Delivery;Item;Delivery  Quantity", '"Lieferung";"Position";"Liefermenge"'])
def test_labels_of_the_dictionary_are_taken_for_technical_names(header):
    framed = read(f"Deliveries of March\n{header}\n80;10;2\n")

    assert framed.header == ("VBELN", "POSNR", "LFIMG")
    assert rows(framed) == [("80", "10", "2")]


@pytest.mark.parametrize(
    ("labels", "fields"),
    [
        ("Delivery;Item;Material;Batch;Plant;Storage Location", "VBELN;POSNR;MATNR;CHARG;WERKS;LGORT"),
        ("Lieferung;Position;Materialnummer;Charge;Werk;Lagerort", "VBELN;POSNR;MATNR;CHARG;WERKS;LGORT"),
        ("Billing Document;Item;Sold-to party;Ship-to party;Payer", "VBELN;POSNR;KUNAG;KUNNR;KUNRG"),
        ("Faktura;Position;Auftraggeber;Warenempfänger;Regulierer", "VBELN;POSNR;KUNAG;KUNNR;KUNRG"),
        ("Faktura;Position;Fakturierte Menge;Verkaufseinheit;Nettowert;Belegwährung", "VBELN;POSNR;FKIMG;VRKME;NETWR;WAERK"),
        ("Delivery;Item;Reference Document;Reference Item;Sales Document", "VBELN;POSNR;VGBEL;VGPOS;AUBEL"),
        ("Delivery;Item;Delivery Date;Actual GI date;Proof of delivery date", "VBELN;POSNR;LFDAT;WADAT_IST;PODAT"),
        ("Faktura;Position;Fakturadatum;Herstelldatum;Verfallsdatum", "VBELN;POSNR;FKDAT;HSDAT;VFDAT"),
    ],
)  # fmt: skip
def test_each_label_is_that_of_its_field(labels, fields):
    assert ";".join(read(f"{labels}\n80;10{';x' * (labels.count(';') - 1)}\n").header) == fields


def test_technical_names_below_labels_are_the_header():
    assert read("Delivery|Item\nVBELN|POSNR\n81|10\n").header == ("VBELN", "POSNR")


def test_printed_labels_are_no_records_on_later_pages():
    page = "Page {}\n|Delivery|Item|\n---------------\n|{}      |10  |\n"

    framed = read(page.format(1, 80) + page.format(2, 81))

    assert rows(framed) == [("80", "10"), ("81", "10")]
    assert not framed.broken


def test_no_label_means_two_fields():
    labels = [label.casefold() for known in sap_table.LABELS.values() for label in known]

    assert len(set(labels)) == len(labels)


def test_a_file_without_a_known_header_is_refused():
    with pytest.raises(FileUnreadable, match="none of its first 50 lines is a header"):
        read("Shipment;Line\n80;10\n")


def test_titles_rules_and_headers_of_every_page_count_as_blank():
    framed = read(f"{PAGE.format(1)}|80   |10   |Soap  |\n---------------\n\n{PAGE.format(2)}|81   |20   |Cream |\n")

    assert rows(framed) == [("80", "10", "Soap"), ("81", "20", "Cream")]
    assert (framed.entries, framed.broken, framed.raws([1])) == (9, {}, ["|80   |10   |Soap  |"])


def test_a_pipe_inside_a_text_does_not_move_the_columns():
    assert rows(read(f"{PAGE}|80   |10   |So|ap |\n")) == [("80", "10", "So|ap")]


def test_what_is_no_line_of_the_list_is_a_rejected_record():
    framed = read(f"{PAGE}|80   |10   |Soap  |\nremark of the user\n|81   |20   |\n")

    assert sorted(framed.broken) == [2, 3]
    assert framed.raws([2]) == ["remark of the user"]


def test_the_column_of_tick_boxes_is_none_of_the_data():
    framed = read("|  |VBELN|POSNR|\n|  |80   |10   |\n")

    assert (framed.header, rows(framed)) == (("VBELN", "POSNR"), [("80", "10")])


words = st.text("abcXYZ09 .;,", min_size=1, max_size=5).filter(str.strip)


@settings(deadline=None)
@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=6))
def test_what_was_printed_is_read_back(written):
    lines = "".join(f"|{a:<5}|{b:<5}|{c:<6}|\n" for a, b, c in written)

    framed = read(PAGE + lines)

    assert rows(framed) == [tuple(word.strip() for word in line) for line in written]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_mutated_list_loses_no_line(data):
    head = PAGE.format(1)
    body = bytearray("".join(f"|{n:<5}|{n:<5}|Soap  |\n" for n in range(80, 86)), "utf-8")
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(32, 126))

    framed = read(head + body.decode())

    rule_below_the_header = 1
    assert framed.entries == rule_below_the_header + len(body.rstrip(b"\n").split(b"\n"))
