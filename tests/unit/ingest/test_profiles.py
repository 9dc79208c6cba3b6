"""Profiles: validated settings, the user's own laid over ours, and what each setting does to a file."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

import ingest
from ingest.contracts import load_contracts
from ingest.profiles import Catalogue, parse_profile

CONTRACTS = load_contracts()
BASE = """
contract_names: true
feeds:
  dms_invoice_line: {files: "inv*.csv"}
"""
LINE = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"


def profile(**document):
    return parse_profile("p", {"feeds": {"sku": {"files": "sku*"}}, **document}, CONTRACTS)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"totals": ["Total"]}, "totals: must be one mapping of `key: value` (is ['Total'])"),
        ({"fill_down_group": "No"}, "`fill_down_group` needs `fill_down`"),
        ({"encodng": "utf-8"}, "unknown key `encodng`, did you mean `encoding`?"),
        ({"feeds": {"sku": {"files": "a", "colums": {}}}}, "feeds.sku.colums: unknown key, did you mean `columns`?"),
        (
            {"feeds": {"sku": {"files": "a", "columns": {"sku_cod": "x"}}}},
            "unknown key `sku_cod`, did you mean `sku_code`?",
        ),
        ({"feeds": {"skus": {"files": "a"}}}, "no such feed"),
        ({"feeds": {"sku": {}}}, "feeds.sku.files: Field required"),
        ({"encoding": "utf-99"}, "is no known encoding"),
        ({"decimal": ",", "thousands": ","}, "same sign"),
        ({"split": [{"column": "x", "pattern": "(?P<sku_code>["}]}, "no valid regular expression"),
        ({"split": [{"column": "x", "pattern": "abc"}]}, "needs named groups"),
        ({"split": [{"column": "x", "pattern": r"(?P<nothing>\d+)"}]}, "unknown key `nothing`"),
        ({"units": {"KG": ["kilo"]}}, "KG is none of EA, IN, CS"),
        ({"units": {"EA": ["box"], "CS": ["Box"]}}, "Box stands under EA and CS"),
        ({"key": ["sku_code", "colour"]}, "unknown key `colour`"),
        ({"mode": "replace"}, "needs a feed with a business date"),
        ({"sender": {"from": "constant"}}, "a constant sender needs `value`"),
        ({"period": {"pattern": r"\d+"}}, "named group `from`"),
        ({"sheet_column": "Store"}, "`sheet_column` needs `format: xlsx`"),
        ({"id": "other"}, "must equal the file's name"),
        ({"dates": ["dd/mm/yyyy"]}, "is no date format"),
        ({"overrides": [{"sender": "D", "set": {"units_per_case": "many"}}]}, "is no integer"),
        (
            {"overrides": [{"sender": "D", "feed": "sku", "from": "2026-01-01", "set": {"brand": "B"}}]},
            "no business date",
        ),
        ({"overrides": [{"sender": "D", "set": {"colour": "red"}}]}, "unknown key `colour`"),
        ({"constants": {"colour": "red"}}, "unknown key `colour`"),
        ({"seeds": {"sku": {"sender": "S", "rows": [{"sku": "1"}]}}}, "seeds.sku: unknown key `sku`"),
    ],
)
def test_a_wrong_setting_is_named(document, says):
    with pytest.raises(ingest.ProfileInvalid) as error:
        profile(**document)

    assert says in str(error.value)


def test_a_feeds_own_settings_win_over_the_profiles():
    made = profile(delimiter=";", feeds={"sku": {"files": "a", "delimiter": "|"}, "outlet": {"files": "b"}})

    assert (made.feeds["sku"].delimiter, made.feeds["outlet"].delimiter) == ("|", ";")


def test_the_longest_pattern_says_the_feed():
    shipped = Catalogue(None, CONTRACTS).profile("csv_generic")

    assert [
        shipped.feeds_of(name) for name in ("sku.csv", "sku_xref.csv", "SKU_2026.CSV.GZ", "outlet_xref_1.csv", "x.csv")
    ] == [
        ("sku",),
        ("sku_xref",),
        ("sku",),
        ("outlet_xref",),
        (),
    ]


def test_the_users_profile_is_laid_over_ours(landing):
    landing.config(
        "profiles/csv_generic.yaml", "feeds:\n  sku:\n    columns: {brand: Marke}\n    ignore_columns: [note]\n"
    )

    made = Catalogue(landing.home, CONTRACTS).profile("csv_generic").feeds["sku"]

    assert made.columns["brand"] == ("Marke",)
    assert made.columns["gtin"] == ("gtin_each",)
    assert made.ignore_columns == ("note",)


def test_the_users_contract_is_laid_over_ours(landing):
    landing.config(
        "contracts/sku.yaml",
        "schema:\n  - name: sku\n    properties:\n      - {name: brand, required: true}\n",
    )
    landing.put("csv_generic/HQ/sku.csv", "sku_code,sku_name,brand\nS1,Soap,\n")

    report = landing.run()

    assert report.rejected == 1
    assert "column brand: is empty, but required" in report.problems[0]


def test_a_broken_profile_stops_its_own_files_only(landing):
    landing.config("profiles/mine.yaml", "feeds:\n  sku: {file: x}\n")
    landing.put("mine/A/sku.csv", "sku_code,sku_name\nS1,Soap\n")
    landing.put("csv_generic/HQ/sku.csv", "sku_code,sku_name\nS1,Soap\n")

    report = landing.run()

    assert (report.files, report.exit_code) == (1, 1)
    assert report.problems[0].startswith("profile mine: feeds.sku.files: Field required")
    with pytest.raises(ingest.ProfileInvalid):
        landing.run(profile="mine")


def test_constants_defaults_and_spellings_fill_what_a_sender_leaves_out(landing):
    landing.config(
        "profiles/mine.yaml",
        """
columns: {document_no: Bill, line_no: Pos, business_date: Day, sender_outlet_code: Shop, sender_sku_code: Item, qty: Pieces,
          value_net: Amount, condition: State}
dates: ["%d-%b-%y"]
constants: {document_type: INVOICE, unit: EA}
defaults: {condition: ok}
values: {condition: {ok: SALEABLE, broken: NON_SALEABLE}}
ignore_columns: [Remark]
feeds:
  dms_invoice_line: {files: "*.csv"}
""",
    )
    landing.put(
        "mine/D001/x.csv",
        "Bill,Pos,Day,Shop,Item,Pieces,Amount,State,Remark\n7,1,05-Mar-26,O,S,2,9,,hi\n7,2,05-Mar-26,O,S,2,9,BROKEN,\n",
    )

    assert landing.run().exit_code == 0
    rows = landing.rows()
    assert rows["condition"].to_list() == ["SALEABLE", "NON_SALEABLE"]
    assert set(rows.select("document_type", "unit", "business_date").rows()) == {("INVOICE", "EA", date(2026, 3, 5))}


def test_a_profile_may_derive_returns_from_negative_quantities(landing):
    landing.config("profiles/mine.yaml", "derive_returns: true" + BASE)
    landing.put("mine/D001/inv.csv", LINE + "INVOICE,A,1,2026-03-01,O,S,-2,EA,-9\nINVOICE,B,1,2026-03-01,O,S,2,EA,9\n")

    assert landing.run().exit_code == 0
    assert landing.rows().select("document_type", "qty").rows() == [
        ("CREDIT_NOTE", Decimal(-2)),
        ("INVOICE", Decimal(2)),
    ]


def test_as_sent_credit_notes_are_negative_in_the_file_already(landing):
    landing.config("profiles/mine.yaml", "sign: as_sent" + BASE)
    landing.put(
        "mine/D001/inv.csv", LINE + "CREDIT_NOTE,A,1,2026-03-01,O,S,-2,EA,-9\nCREDIT_NOTE,B,1,2026-03-01,O,S,2,EA,9\n"
    )

    report = landing.run()

    assert landing.rows().select("document_no", "qty").rows() == [("A", Decimal(-2))]
    assert report.rules == {"credit_note_not_positive": 1}


OVERRIDE = """
overrides:
  - {sender: D001, feed: dms_invoice_line, from: 2026-03-02, until: 2026-03-03, where: {sender_sku_code: [S1, S2], unit: EA}, set: {unit: CS}}
units: {EA: [PC]}"""


def test_an_override_holds_for_its_sender_dates_and_rows(landing):
    landing.config("profiles/mine.yaml", OVERRIDE + BASE)
    days = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")
    content = LINE + "".join(f"INVOICE,A,{line},{day},O,S1,2,PC,9\n" for line, day in enumerate(days))
    landing.put("mine/D001/inv.csv", content + "INVOICE,A,9,2026-03-02,O,S9,2,PC,9\n")
    landing.put("mine/D002/inv.csv", content)

    landing.run()

    units = {sender: frame["unit"].to_list() for (sender,), frame in landing.rows().group_by("_sender")}
    assert units == {"D001": ["EA", "CS", "CS", "EA", "EA"], "D002": ["EA"] * 4}


def test_an_override_may_set_dates_truth_and_nothing(landing):
    rule = "overrides: [{sender: D001, where: {line_no: 1}, set: {cancelled: true, expiry_date: 2026-05-01, sender_outlet_code: null}}]"
    landing.config("profiles/mine.yaml", rule + BASE)
    landing.put("mine/D001/inv.csv", LINE + "INVOICE,A,1,2026-03-01,O,S,2,EA,9\nINVOICE,A,2,2026-03-01,O,S,2,EA,9\n")

    landing.run()

    assert landing.rejects().select("_record", "rule", "column").rows() == [(1, "required", "sender_outlet_code")]
    landing.config("profiles/mine.yaml", rule.replace(", sender_outlet_code: null", "") + BASE)
    assert ingest.replay(landing.home).loaded == 2
    assert landing.rows().filter(line_no=1).select("cancelled", "expiry_date").rows() == [(True, date(2026, 5, 1))]


def test_a_split_gives_several_columns_and_rejects_what_has_not_the_form(landing):
    landing.config(
        "profiles/mine.yaml",
        r"""
columns: {business_date: d, sender_outlet_code: o, sender_sku_code: s, qty: q, value_net: v}
constants: {unit: EA}
split: [{column: id, pattern: '(?P<document_no>R?INV-\d+)(?P<line_no>\d{2})'}]
derive: {document_type: {column: id, prefixes: {INV-: INVOICE, RINV-: CREDIT_NOTE}}}
key: [document_no, line_no, sender_outlet_code]
feeds:
  dms_invoice_line: {files: "*.csv"}
""",
    )
    landing.put(
        "mine/D001/x.csv",
        "id,d,o,s,q,v\nINV-701,2026-03-01,O,S,1,2\nRINV-802,2026-03-01,O,S,1,2\nBILL-1,2026-03-01,O,S,1,2\n",
    )

    report = landing.run()

    assert landing.rows().select("document_type", "_key", "qty").rows() == [
        ("INVOICE", "INV-7|1|O", Decimal(1)),
        ("CREDIT_NOTE", "RINV-8|2|O", Decimal(-1)),
    ]
    assert landing.rejects().select("_record", "rule", "column", "value").rows()[0] == (3, "split", "id", "BILL-1")
    assert report.exit_code == 1


def test_a_record_whose_type_no_prefix_tells_is_rejected_with_what_it_has(landing):
    landing.config(
        "profiles/p.yaml",
        "contract_names: true\n"
        "derive: {document_type: {column: document_no, prefixes: {INV/: INVOICE, SRN/: CREDIT_NOTE}}}\n"
        "feeds: {dms_invoice_line: {files: '*'}}\n",
    )
    header = "document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
    landing.put("p/D1/a.csv", header + "INV/1,1,2026-03-01,O,S,1,EA,1\nXX/2,1,2026-03-01,O,S,1,EA,1\n")

    report = landing.run()

    assert report.loaded == 1
    assert report.problems[0].endswith(
        'column document_type: is empty, but required, and in document_no, which tells it, "XX/2" begins with none of INV/, SRN/; '
        "have the sender mend the value, or list its prefix under `derive` in the profile"
    )


def test_a_name_that_tells_no_day_is_the_reason_why_records_have_none(landing):
    landing.config(
        "profiles/p.yaml",
        "contract_names: true\nperiod: {gives_business_date: true}\nfeeds: {dms_stock: {files: '*'}}\n",
    )
    landing.put("p/D1/stock_20260331.csv", "sender_sku_code,closing_qty,unit\nS,1,EA\n")

    assert (
        landing.run()
        .problems[0]
        .endswith(
            "column business_date: is empty, but required, and the file's name tells no day as `period` in the profile writes it; "
            "state there the `pattern` and the `format` of the dates in the name"
        )
    )


def test_columns_that_bear_our_names_unasked_are_pointed_out(landing):
    landing.config("profiles/p.yaml", "feeds: {dms_stock: {files: '*'}}\n")
    landing.put("p/D1/stock_2026-03-31.csv", "business_date,sender_sku_code,closing_qty,unit\n2026-03-31,S,1,EA\n")

    assert "under that very name: set `contract_names: true` in the profile" in landing.run().problems[0]


def test_a_declared_total_row_may_be_marked_in_any_column(landing):
    landing.config("profiles/mine.yaml", "totals: {column: document_no, values: [SUM, Grand Total]}" + BASE)
    landing.put("mine/D001/inv.csv", LINE + "INVOICE,A,1,2026-03-01,O,S,2,EA,9\n,Grand Total,,,,,2,,9\n,SUM\n")

    report = landing.run()

    assert (report.exit_code, report.records, report.loaded, report.total_lines) == (0, 3, 1, 2)


@pytest.mark.parametrize(
    ("name", "setting", "covers"),
    [
        ("inv_2026-03-01.csv", "", ("2026-03-01", "2026-03-01", True)),
        ("inv_2026-03-01_2026-03-31_late.csv", "", ("2026-03-01", "2026-03-31", False)),
        (
            "inv_20260305.csv",
            "period: {pattern: '(?P<from>\\d{8})', format: '%Y%m%d'}",
            ("2026-03-05", "2026-03-05", True),
        ),
        ("inv.csv", "period: {pattern: null, arrival_offset_days: -1}", ("2026-03-31", "2026-03-31", True)),
    ],
)
def test_the_day_of_a_nil_file_is_named_by_its_name_or_by_the_profile(landing, name, setting, covers):
    landing.config("profiles/mine.yaml", setting + BASE)
    landing.put(f"mine/D001/{name}", LINE)

    report = landing.run()

    entry = landing.commits()[0]["files"][0]
    assert (report.exit_code, entry["status"]) == (0, "nil")
    assert (entry["date_from"], entry["date_to"], entry["names_day"]) == covers


def test_the_digest_of_a_sender_changes_with_its_own_overrides_only(landing):
    landing.config("profiles/mine.yaml", BASE)
    before = Catalogue(landing.home, CONTRACTS).profile("mine")
    landing.config("profiles/mine.yaml", OVERRIDE.replace("units: {EA: [PC]}", "") + BASE)
    after = Catalogue(landing.home, CONTRACTS).profile("mine")
    contract = CONTRACTS["dms_invoice_line"]

    assert before.digest("dms_invoice_line", "D002", contract) == after.digest("dms_invoice_line", "D002", contract)
    assert before.digest("dms_invoice_line", "D001", contract) != after.digest("dms_invoice_line", "D001", contract)
