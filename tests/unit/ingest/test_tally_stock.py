"""Tally's stock summary: items, or their godowns and batches, on the day that the file's name says."""

from __future__ import annotations

import pytest

from ingest.limits import DEFAULT
from ingest.profiles import Reading
from ingest.readers import tally_stock
from ingest.readers.framed import Entry

READING = Reading(files="*.xml", format="tally_stock")


def read(text: str) -> list[Entry]:
    return list(tally_stock.entries(f"<ENVELOPE>{text}</ENVELOPE>".encode(), READING, DEFAULT))


def item(name: str, quantity: str, value: str) -> str:
    return f"<DSPACCNAME><DSPDISPNAME>{name}</DSPDISPNAME></DSPACCNAME>{figures(quantity, value)}"


def figures(quantity: str, value: str) -> str:
    return (
        f"<DSPSTKINFO><DSPSTKCL><DSPCLQTY>{quantity}</DSPCLQTY><DSPCLAMTA>{value}</DSPCLAMTA></DSPSTKCL></DSPSTKINFO>"
    )


def rows(found: list[Entry]) -> list[tuple[str | None, ...]]:
    names = ("STOCKITEMNAME", "GODOWNNAME", "CLOSINGQTY", "UNIT", "CLOSINGVALUE")
    return [tuple(one.values.get(name) for name in names) for one in found if one.left_out is None]


def test_names_and_figures_stand_beside_each_other():
    found = read(item("Soap", "1,000 pcs = 10 box", "-300.00") + item("Tea", "", ""))

    assert rows(found) == [("Soap", None, "1000", "pcs", "300.00"), ("Tea", None, "0", None, None)]


def test_the_usual_sign_of_a_value_is_plus_and_a_negative_stock_stays_negative():
    assert [
        row[4] for row in rows(read(item("A", "2 pcs", "-20") + item("B", "-1 pcs", "10") + item("C", "3 pcs", "-30")))
    ] == [
        "20",
        "-10",
        "30",
    ]
    assert [row[4] for row in rows(read(item("A", "2 pcs", "20")))] == ["20"]


def test_a_group_without_a_quantity_whose_value_its_items_add_up_to_is_left_out():
    goods, food = item("Goods", "", "-35"), item("Food", "", "-15")
    found = read(goods + item("Soap", "2 pcs", "-20") + food + item("Tea", "1 kg", "-5") + item("Salt", "4 pkt", "-10"))

    assert [row[0] for row in rows(found)] == ["Soap", "Tea", "Salt"]
    assert [one.left_out for one in found if one.left_out] == [
        "a stock group, the total of 3 items below it",
        "a stock group, the total of 2 items below it",
    ]


def test_a_group_of_one_item_is_left_out():
    found = read(item("Goods", "", "-20") + item("Soap", "2 pcs", "-20") + item("Tea", "1 kg", "-5"))

    assert [row[0] for row in rows(found)] == ["Soap", "Tea"]
    assert found[0].left_out == "a stock group, the total of the item below it"


def test_what_stands_behind_an_item_that_cannot_be_read_is_in_no_group_before_it():
    soap = item("Soap", "2 pcs", "-15").replace("</DSPCLQTY>", "</DSPCLQT>")
    found = read(item("Goods", "", "-20") + soap + item("Tea", "1 kg", "-20"))

    assert [one.left_out for one in found] == [None] * len(found)


def test_a_line_with_a_quantity_is_an_item_whatever_follows():
    found = read(item("A", "2 pcs", "-20") + item("B", "1 pcs", "-10") + item("C", "1 pcs", "-10"))

    assert [row[0] for row in rows(found)] == ["A", "B", "C"]


def test_a_value_without_a_quantity_that_no_items_add_up_to_stays_a_record():
    found = read(item("Odd", "", "-7") + item("B", "1 pcs", "-10") + item("C", "1 pcs", "-10"))

    assert [row[0] for row in rows(found)] == ["Odd", "B", "C"]


@pytest.mark.parametrize("nested", [True, False])
def test_the_line_above_godowns_is_their_total(nested):
    place = "<SSGODOWN>{}</SSGODOWN>"
    part = "<SSBATCHNAME>{0}{1}</SSBATCHNAME>" if nested else "<SSBATCHNAME>{0}</SSBATCHNAME>{1}"
    parts = [
        part.format(place.format(name), figures(qty, "-10")) for name, qty in (("Main", "3 pcs"), ("Cold", "2 pcs"))
    ]

    found = read(item("Soap", "5 pcs", "-20") + "".join(parts) + item("Tea", "1 pcs", "-5"))

    assert [one.left_out for one in found] == ["total of the godowns or batches below it", None, None, None]
    assert [row[:3] for row in rows(found)] == [("Soap", "Main", "3"), ("Soap", "Cold", "2"), ("Tea", None, "1")]


def test_stock_items_with_a_closing_balance_are_read():
    tea = "<STOCKITEM NAME='Tea'><BASEUNITS>kg</BASEUNITS><CLOSINGBALANCE></CLOSINGBALANCE></STOCKITEM>"
    soap = "<STOCKITEM NAME='Soap'><CLOSINGBALANCE> 12 pcs</CLOSINGBALANCE><CLOSINGVALUE>-360.00</CLOSINGVALUE></STOCKITEM>"

    found = read(f"<CMPINFO><STOCKITEM>0</STOCKITEM></CMPINFO>{soap}{tea}")

    assert rows(found) == [("Soap", None, "12", "pcs", "360.00"), ("Tea", None, "0", "kg", None)]


def test_the_business_date_is_that_of_the_file_name(landing):
    summary = f"<ENVELOPE>{item('Soap', '5 pcs', '-20')}</ENVELOPE>"
    landing.put("tally_daybook/D1/StkSum_2026-03-31.xml", summary)
    landing.put("tally_daybook/D1/StkSum.xml", summary)

    landing.run()

    assert landing.rows("dms_stock")["business_date"].cast(str).to_list() == ["2026-03-31"]
    assert landing.rejects("dms_stock").select("rule", "column").rows() == [("required", "business_date")]


def test_equal_stock_on_two_days_is_two_statements(landing):
    for day in ("30", "31"):
        landing.put(
            f"tally_daybook/D1/StkSum_2026-03-{day}.xml", f"<ENVELOPE>{item('Soap', '5 pcs', '-20')}</ENVELOPE>"
        )

    landing.run()
    again = landing.run()

    assert landing.rows("dms_stock")["business_date"].cast(str).to_list() == ["2026-03-30", "2026-03-31"]
    assert again.loaded == 0


def broken(found: list[Entry]) -> list[str | None]:
    return [one.broken and one.broken.rule for one in found]


def test_a_name_without_figures_is_a_record():
    found = read("<DSPACCNAME><DSPDISPNAME>Soap</DSPDISPNAME></DSPACCNAME>" + item("Tea", "1 pcs", "-5"))

    assert rows(found) == [("Soap", None, None, None, None), ("Tea", None, "1", "pcs", "5")]


def test_figures_behind_a_name_that_cannot_be_read_are_not_those_of_the_item_before():
    found = read(item("Soap", "5 pcs", "-20") + item("Tea", "1 pcs", "-5").replace("</DSPDISPNAME>", "</WRONG>"))

    assert broken(found) == [None, "xml", None]
    assert [row[0] for row in rows(found)[::2]] == ["Soap", None]


def test_a_total_is_not_counted_beside_its_batches_where_one_of_them_cannot_be_read():
    part = "<SSBATCHNAME><SSBATCH>{}</SSBATCH>{}</SSBATCHNAME>"
    first, second = (part.format(name, figures(qty, "-10")) for name, qty in (("B1", "3 pcs"), ("B2", "2 pcs")))

    found = read(item("Soap", "5 pcs", "-20") + first.replace("</SSBATCH>", "</WRONG>") + second)

    assert broken(found) == [None, "xml", None]
    assert found[0].left_out == "total of the godowns or batches below it"
    assert (found[2].values["STOCKITEMNAME"], found[2].values["BATCHNAME"]) == ("Soap", "B2")
