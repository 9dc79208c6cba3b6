"""The CSV layout of the public Tally loader: inventory rows and their vouchers, from one file or several."""

from __future__ import annotations

import io
import zipfile

import pytest

import ingest
from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT
from ingest.profiles import Reading
from ingest.readers import tally_loader

READING = Reading(files="*.csv", format="tally_loader")
INVENTORY = """guid,item,quantity,rate,amount,additional_amount,discount_amount,godown,tracking_number,order_number,order_duedate
"g1","Soap",-12.0000,40.00,480.00,0.00,0.00,"Main","","",""
"g1","Tea",-1.0000,5.00,5.00,0.00,0.00,"Main","","",""
"g2","Soap",-5.0000,40.00,200.00,0.00,0.00,"Main","","",""
"""
VOUCHER = """guid,date,voucher_type,voucher_number,party_name,is_invoice,is_accounting_voucher,is_inventory_voucher,is_order_voucher
"g1","2026-03-01","Counter","S-1","Asha, Stores",1,1,0,0
"g2","2026-03-01","Sales Order","SO-1","Asha, Stores",1,0,0,1
"""
OTHERS = {
    "mst_vouchertype.csv": 'guid,name,parent\n"a","Sales",""\n"b","Retail","Sales"\n"c","Counter","Retail"\n',
    "mst_stock_item.csv": 'guid,name,uom\n"x","Soap","box"\n',
    "trn_batch.csv": 'guid,item,name,quantity,amount\n"g1","Soap","B24",-12,480\n"g1","Tea","B1",-1,5\n"g1","Tea","B2",0,0\n',
}
FOLDER = {
    "trn_inventory.csv": INVENTORY,
    "trn_voucher.csv": VOUCHER,
    **OTHERS,
    "trn_accounting.csv": "guid,ledger,amount\n",
}


def test_a_folder_of_tables_is_joined(landing):
    for name, text in FOLDER.items():
        landing.put(f"tally_loader/D1/csv/{name}", text)

    report = landing.run()

    assert (report.records, report.loaded, report.left_out, report.rejected) == (3, 2, 1, 0)
    columns = (
        "document_no",
        "line_no",
        "sender_outlet_code",
        "sender_sku_code",
        "qty",
        "unit",
        "batch_no",
        "value_net",
    )
    assert [tuple(map(str, row)) for row in landing.rows().select(columns).rows()] == [
        ("S-1", "1", "Asha, Stores", "Soap", "12.000", "CS", "B24", "480.0000"),
        ("S-1", "2", "Asha, Stores", "Tea", "1.000", "EA", "None", "5.0000"),
    ]


@pytest.mark.parametrize("folder", ["", "csv/"])
def test_an_archive_of_tables_is_joined(landing, folder):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in FOLDER.items():
            archive.writestr(folder + name, text)
    file = landing.put("tally_loader/D1/books.zip", packed.getvalue())

    report = ingest.check(landing.home, file, profile="tally_loader")

    assert (report.records, report.loaded, report.left_out) == (3, 2, 1)


def test_a_corrected_voucher_table_is_a_new_file(landing):
    for name, text in FOLDER.items():
        landing.put(f"tally_loader/D1/{name}", text)
    landing.run()

    landing.put("tally_loader/D1/trn_voucher.csv", VOUCHER.replace("2026-03-01", "2026-03-02"))

    assert (landing.run().loaded, landing.run().loaded) == (2, 0)


def test_rows_without_a_voucher_table_are_refused_as_a_whole(landing):
    landing.put("tally_loader/D1/trn_inventory.csv", INVENTORY)

    landing.run()

    assert landing.rejects().select("rule", "_record").rows() == [("beside", None)]


def test_a_row_without_its_voucher_is_refused_alone(landing):
    landing.put("tally_loader/D1/trn_inventory.csv", INVENTORY)
    landing.put("tally_loader/D1/trn_voucher.csv", VOUCHER.replace('"g2"', '"g9"'))

    landing.run()

    assert landing.rejects().select("rule", "_line").rows() == [("unrouted", 2), ("unrouted", 3), ("beside", 4)]


def test_a_damaged_line_costs_only_itself():
    rows = [
        "guid,date,voucher_type,item,quantity,amount",
        "g1,2026-03-01,Sales,Soap,-1,5",
        'g1,2026-03-01,Sales,"So',
        "g1,x",
        "",
        "g2,2026-03-01,Sales,Tea,-1,5",
    ]

    found = list(tally_loader.entries("\r\n".join(rows).encode("utf-8-sig"), READING, DEFAULT))

    assert [one.broken.rule if one.broken else one.values.get("item") for one in found] == [
        "Soap",
        "quote",
        "columns",
        None,
        "Tea",
    ]


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"PK\x03\x04 no archive"])
def test_other_files_are_refused(data):
    with pytest.raises(FileUnreadable):
        list(tally_loader.entries(data, READING, DEFAULT))
