"""Taking in what has landed: counts, identity of files, nil days, restated days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
import xlsxwriter

import ingest
from ingest.bronze import write_snapshot

NAME = "csv_generic/D001/dms_invoice_line"


def test_a_line_arrives_typed_with_its_key_and_its_place(landing, invoice):
    landing.put(f"{NAME}_2026-03-01.csv", invoice(("INV|1", 2, "2026-03-01", "1.5", "10.00005")))

    report = landing.run()

    row = landing.rows().row(0, named=True)
    assert (report.exit_code, report.files, report.records, report.loaded, report.commits) == (0, 1, 1, 1, (1,))
    assert row["_key"] == r"D001|INVOICE|INV\|1|2"
    assert (row["_sender"], row["_file"], row["_record"], row["_pos"], row["_flags"]) == (
        "D001",
        f"{NAME}_2026-03-01.csv",
        1,
        1,
        0,
    )
    assert (row["distributor_code"], row["qty"], row["value_net"]) == ("D001", Decimal("1.500"), Decimal("10.0001"))


def test_every_line_below_the_header_is_accounted_for(landing, invoice):
    good, bad = ("A", 1, "2026-03-01", "1", "1"), ("B", 1, "2026-03-99", "x", "1")
    landing.put(f"{NAME}_2026-03-01.csv", invoice(good, bad, good) + ",,,,,,,,\n\n" + "INVOICE,C\n")

    report = landing.run()

    assert (report.records, report.loaded, report.rejected, report.left_out) == (6, 2, 2, 0)
    assert (report.blank, report.total_lines) == (2, 0)
    assert landing.rejects().select("_record", "_line", "rule", "column", "value").rows() == [
        (2, 3, "type", "business_date", "2026-03-99"),
        (2, 3, "type", "qty", "x"),
        (4, 7, "columns", None, None),
    ]
    assert landing.rows()["_record"].to_list() == [1, 3]


def test_running_again_commits_nothing(landing, invoice):
    landing.put(f"{NAME}_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()

    again = landing.run()

    assert (again.files, again.already, again.commits, again.exit_code) == (0, 1, (), 0)


def test_the_same_bytes_under_another_name_are_already_committed(landing, invoice):
    content = invoice(("A", 1, "2026-03-01", "1", "1"))
    landing.put(f"{NAME}_2026-03-01.csv", content)
    landing.put(f"{NAME}_2026-03-01_again.csv", content)

    report = landing.run()

    assert (report.files, report.already, report.loaded, report.exit_code) == (1, 1, 1, 0)


def test_the_same_bytes_of_another_sender_are_another_file(landing, invoice):
    content = invoice(("A", 1, "2026-03-01", "1", "1"))
    landing.put(f"{NAME}_2026-03-01.csv", content)
    landing.put("csv_generic/D002/dms_invoice_line_2026-03-01.csv", content)

    assert landing.run().files == 2


def test_two_days_without_sales_are_two_nil_files_though_their_bytes_are_the_same(landing, invoice):
    landing.put(f"{NAME}_2026-03-01.csv", invoice())
    landing.put(f"{NAME}_2026-03-02.csv", invoice())

    report = landing.run()

    assert (report.files, report.nil, report.already, report.exit_code) == (2, 2, 0, 0)
    assert [entry["date_from"] for entry in landing.commits()[0]["files"]] == ["2026-03-01", "2026-03-02"]
    assert landing.run().already == 2
    landing.put(f"{NAME}_2026-03-03.csv", invoice())
    assert (landing.run().nil, landing.run().already) == (1, 3)


def test_a_nil_file_in_replace_mode_empties_its_day(landing, semicolon):
    landing.put(
        "csv_semicolon/D002/dms_invoice_line_2026-03-01.csv", semicolon(("INV", "7", 1, "01/03/2026", "1", "2"))
    )
    landing.put("csv_semicolon/D002/dms_invoice_line_2026-03-01_r2.csv", semicolon())

    report = landing.run()

    first, second = landing.commits()
    assert (report.exit_code, report.nil) == (0, 1)
    assert (
        first["scopes"]
        == second["scopes"]
        == [{"sender": "D002", "date_from": "2026-03-01", "date_to": "2026-03-01", "closes": True}]
    )
    assert (second["rows"], second["files"][0]["status"]) == (None, "nil")


def test_files_that_restate_the_same_day_go_into_commits_of_their_own_in_the_order_of_their_names(landing, semicolon):
    month, day = ("INV", "7", 1, "05/03/2026", "1", "2"), ("INV", "7", 1, "05/03/2026", "3", "6")
    landing.put("csv_semicolon/D002/dms_invoice_line_2026-03-01_2026-03-31.csv", semicolon(month))
    landing.put("csv_semicolon/D002/dms_invoice_line_2026-03-05_r2.csv", semicolon(day))
    landing.put("csv_semicolon/D003/dms_invoice_line_2026-03-05.csv", semicolon(day))

    landing.run()

    assert [[file["name"].split("/", 1)[1] for file in commit["files"]] for commit in landing.commits()] == [
        ["D002/dms_invoice_line_2026-03-01_2026-03-31.csv", "D003/dms_invoice_line_2026-03-05.csv"],
        ["D002/dms_invoice_line_2026-03-05_r2.csv"],
    ]


def test_a_replace_file_without_dates_in_its_name_covers_the_dates_of_its_rows(landing, semicolon):
    lines = [("INV", "7", 1, "05/03/2026", "1", "2"), ("INV", "8", 1, "09/03/2026", "1", "2")]
    landing.put("csv_semicolon/D002/dms_invoice_line.csv", semicolon(*lines))

    landing.run()

    assert landing.commits()[0]["scopes"] == [
        {"sender": "D002", "date_from": "2026-03-05", "date_to": "2026-03-09", "closes": True}
    ]


def test_quantities_and_values_turn_negative_on_credit_notes(landing, semicolon):
    landing.put(
        "csv_semicolon/D002/dms_invoice_line_2026-03-01.csv",
        semicolon(("CRN", "7", 1, "01/03/2026", "1.200,5", "2,05")),
    )

    landing.run()

    row = landing.rows().row(0, named=True)
    assert (row["document_type"], row["qty"], row["value_net"]) == (
        "CREDIT_NOTE",
        Decimal("-1200.500"),
        Decimal("-2.0500"),
    )
    assert (row["business_date"], row["outlet_name"], row["unit"], row["cancelled"]) == (
        date(2026, 3, 1),
        "Café",
        "EA",
        False,
    )


def test_masters_are_committed_before_facts(landing, invoice):
    landing.put(f"{NAME}_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.put("csv_generic/HQ/sku_xref.csv", "distributor_code,sender_sku_code,sku_code\nD001,S1,SKU1\n")
    landing.put("csv_generic/HQ/sku.csv", "sku_code,sku_name\nSKU1,Soap\n")
    landing.put("csv_generic/HQ/territory.csv", "territory_code,territory_name,level\nN,Nation,NATION\n")

    landing.run()

    assert [commit["feed"] for commit in landing.commits()] == ["territory", "sku", "sku_xref", "dms_invoice_line"]


def test_a_workbook_reads_like_the_text_file_with_the_same_content(landing, semicolon):
    lines = [("INV", "7", 1, "05/03/2026", "12", "2,5"), ("CRN", "0008", 2, "05/03/2026", "1", "1,25")]
    landing.put("csv_semicolon/D002/dms_invoice_line_2026-03-05.csv", semicolon(*lines))
    path = landing.put("xlsx_generic/D002/dms_invoice_line_2026-03-05.xlsx", b"")
    _workbook(path, semicolon(*lines).decode("cp1252"))

    report = landing.run()

    text, workbook = (
        landing.rows().filter(pl.col("_file").str.contains(kind)).drop("_file", "_pos") for kind in ("csv", "xlsx")
    )
    assert report.total_lines == 1
    assert text.equals(workbook)


def test_an_undeclared_total_row_is_rejected(landing, invoice):
    landing.put(f"{NAME}_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1")) + "Total,,,,,,1,,1\n")

    report = landing.run()

    assert (report.loaded, report.rejected, report.total_lines, report.exit_code) == (1, 1, 0, 1)
    assert "record 2 (line 3)" in report.problems[0]


def test_an_unknown_unit_keeps_the_line_and_sets_a_flag(landing, invoice):
    landing.put(f"{NAME}_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "3", "7"), unit="Drum"))

    report = landing.run()

    row = landing.rows().row(0, named=True)
    assert (report.exit_code, report.rules) == (0, {"unknown_unit": 1})
    assert (row["unit"], row["value_net"], row["_flags"]) == ("Drum", Decimal("7.0000"), 1)


def test_the_default_condition_of_stock_is_saleable_and_what_is_damaged_is_not(landing):
    header = "business_date,sender_sku_code,condition,closing_qty,unit\n"
    landing.put(
        "csv_generic/D001/dms_stock_2026-03-01.csv", header + "2026-03-01,S1,,5,EA\n2026-03-01,S1,Damaged,1,EA\n"
    )

    landing.run()

    assert landing.rows("dms_stock")["condition"].to_list() == ["SALEABLE", "NON_SALEABLE"]


def test_filters_take_in_only_what_they_name(landing, invoice):
    landing.put(f"{NAME}_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.put("csv_generic/D002/dms_invoice_line_2026-03-01.csv", invoice(("B", 1, "2026-03-01", "1", "1")))
    landing.put("csv_generic/HQ/sku.csv", "sku_code,sku_name\nSKU1,Soap\n")

    assert landing.run(feed="sku").files == 1
    assert landing.run(sender="D002").files == 1
    assert [item.sender for item in ingest.landed(landing.home)] == ["D001"]
    with pytest.raises(ingest.UnknownProfile):
        landing.run(profile="nothing")
    with pytest.raises(ingest.UnknownFeed):
        landing.run(feed="nothing")


def test_records_after_as_of_are_counted_and_loaded(landing, invoice):
    landing.put(f"{NAME}.csv", invoice(("A", 1, "2026-03-01", "1", "1"), ("B", 1, "2026-03-09", "1", "1")))

    report = landing.run(as_of=date(2026, 3, 5))

    assert (report.loaded, report.rules, report.exit_code) == (2, {"after_as_of": 1}, 0)


def test_a_sender_may_stand_in_a_column(landing, invoice):
    landing.config(
        "profiles/hub.yaml",
        "sender: {from: column, column: Sold By}\ncontract_names: true\nfeeds:\n  dms_invoice_line: {files: 'dms_*.csv'}\n",
    )
    lines = invoice(("A", 1, "2026-03-01", "1", "1"), ("B", 1, "2026-03-01", "1", "1")).splitlines()
    text = "\n".join(f"{line},{sold}" for line, sold in zip(lines, ("Sold By", "D007", "D008"), strict=True))
    landing.put("hub/HUB/dms_lines.csv", text)

    assert landing.run().exit_code == 0
    assert landing.rows().select("_sender", "distributor_code").rows() == [("D007", "D007"), ("D008", "D008")]


def test_the_same_content_has_the_same_address_in_another_home(landing, invoice, tmp_path):
    other = type(landing)(tmp_path / "other")
    for place in (landing, other):
        place.put(f"{NAME}_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1"), ("B", 1, "x", "1", "1")))
        place.run()

    assert landing.commits()[0]["rows"] == other.commits()[0]["rows"]


def test_a_date_that_a_replay_has_mended_is_not_the_latest(landing, semicolon, tmp_path):
    landing.config("profiles/csv_semicolon.yaml", 'dates: ["%m/%d/%Y"]\n')
    name = "csv_semicolon/D002/dms_invoice_line_2026-03-02_2026-03-08.csv"
    landing.put(name, semicolon(("INV", "7", 1, "04/03/2026", "1", "2"), ("INV", "8", 1, "08/03/2026", "1", "2")))

    taken = landing.run()
    wrong = write_snapshot(landing.home, tmp_path / "out").latest_business_date
    landing.config("profiles/csv_semicolon.yaml", 'dates: ["%d/%m/%Y"]\n')
    mended = ingest.replay(landing.home)

    assert any("2 of 2 records that load have other dates, 2026-04-03 to 2026-08-03" in text for text in taken.problems)
    assert not mended.problems
    assert wrong == date(2026, 8, 3)
    assert write_snapshot(landing.home, tmp_path / "out").latest_business_date == date(2026, 3, 8)


def test_a_late_line_among_those_of_the_days_is_nothing_odd(landing, semicolon):
    lines = [("INV", str(day), 1, f"0{day}/03/2026", "1", "2") for day in (1, 2, 3)]
    landing.put("csv_semicolon/D002/dms_invoice_line_2026-03-02_2026-03-08.csv", semicolon(*lines))

    assert not landing.run().problems


def test_the_snapshot_shows_what_a_build_needs(landing, invoice, semicolon, tmp_path):
    landing.put(f"{NAME}_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1"), ("B", 1, "x", "1", "1")))
    landing.put(
        "csv_semicolon/D002/dms_invoice_line_2026-03-01_2026-03-31.csv",
        semicolon(("INV", "7", 1, "05/03/2026", "1", "2")),
    )
    landing.run()

    snapshot = write_snapshot(landing.home, tmp_path / "out")

    def table(name: str) -> pl.DataFrame:
        return pl.read_parquet(tmp_path / "out" / f"{name}.parquet")

    assert (snapshot.through_seq, snapshot.latest_business_date) == (2, date(2026, 3, 5))
    assert table("path").select("feed", "kind", "seq").rows() == [
        ("dms_invoice_line", "rows", 1),
        ("dms_invoice_line", "rejects", 1),
        ("dms_invoice_line", "rows", 2),
    ]
    (scope,) = table("scope").rows()
    assert scope[:-1] == (2, "dms_invoice_line", "D002", date(2026, 3, 1), date(2026, 3, 31), True)
    assert scope[-1] == landing.commits()[1]["files"][0]["name"]
    assert table("file").select("sender", "loaded", "rejected", "names_day", "first_seq").rows() == [
        ("D001", 1, 1, True, 1),
        ("D002", 1, 0, False, 2),
    ]
    assert table("rule").filter(pl.col("bit") == 0).filter(feed="dms_invoice_line")["rule"].to_list() == [
        "unknown_unit"
    ]
    assert table("empty/dms_invoice_line").schema == landing.rows().schema
    assert table("empty/_rejects").schema == landing.rejects().schema
    assert table("cut_off").filter(feed="dms_invoice_line", profile="csv_semicolon").rows() == [
        ("csv_semicolon", "dms_invoice_line", 1, "12:00", "UTC", "day")
    ]
    assert write_snapshot(landing.home, tmp_path / "out", through_seq=1).through_seq == 1
    assert table("scope").height == 0


def test_a_snapshot_says_who_owes_what_and_on_which_days_nothing_is_owed(landing, tmp_path):
    cadence = "{every: day, days_off: [SUN], holidays: [2026-01-26], senders: [D001, D002], since: 2026-03-01}"
    landing.config("profiles/csv_semicolon.yaml", f"feeds: {{dms_invoice_line: {{cadence: {cadence}}}}}")

    ingest.write_snapshot(landing.home, tmp_path)

    assert pl.read_parquet(tmp_path / "day_off.parquet").rows() == [
        ("csv_semicolon", "dms_invoice_line", 7, None),
        ("csv_semicolon", "dms_invoice_line", None, date(2026, 1, 26)),
    ]
    assert pl.read_parquet(tmp_path / "expected.parquet")["sender"].to_list() == ["D001", "D002"]


def test_progress_is_told_per_file(landing, invoice):
    landing.put(f"{NAME}_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.put(f"{NAME}_2026-03-02.csv", invoice(("A", 1, "2026-03-02", "1", "1")))
    seen: list[tuple[int, int]] = []

    landing.run(progress=lambda done, total, _: seen.append((done, total)))

    assert seen == [(1, 2), (2, 2)]


def _workbook(path, text: str) -> None:
    header, *lines = [line.split(";") for line in text.splitlines()]
    with xlsxwriter.Workbook(str(path)) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "dd/mm/yyyy"})
        for row, title in enumerate(("The company", "Sales", "March")):
            sheet.write_string(row, 0, title)
        sheet.write_row(3, 0, header)
        for row, line in enumerate(lines, start=4):
            for column, (name, cell) in enumerate(zip(header, line, strict=True)):
                if name == "Invoice Date":
                    sheet.write_datetime(row, column, date(*map(int, reversed(cell.split("/")))), day)
                elif name in ("Line", "Qty", "Free Qty", "Rate", "Gross", "Discount", "Taxable Value", "Tax"):
                    sheet.write_number(row, column, float(cell.replace(",", ".")))
                elif cell:
                    sheet.write_string(row, column, cell)
        sheet.write_string(len(lines) + 4, 0, "Total")
        sheet.write_number(len(lines) + 4, 9, 13)


def test_a_number_with_far_too_many_digits_rejects_its_record_alone(landing, invoice):
    landing.put(
        "csv_generic/D1/dms_invoice_line.csv",
        invoice(("A", 1, "2026-03-01", "2", "9.50"), ("A", 2, "2026-03-01", "9" * 28 + ".99999", "9.50")),
    )

    report = landing.run()

    assert (report.loaded, report.rejected) == (1, 1)
    assert landing.rejects().select("column", "rule").rows() == [("qty", "type")]
