"""Settings of a profile that say what a cell means: nothing, a padded code, one cell for two columns, a mark that outweighs a cell."""

PROFILE = """
format: csv
contract_names: true
feeds:
  dms_invoice_line:
    files: ["*.csv"]
    defaults: {document_type: INVOICE}
"""
HEADER = "kind,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net"


def take_in(landing, settings: str, *lines: str, header: str = HEADER):
    landing.config("profiles/own.yaml", PROFILE + settings)
    landing.put("own/D1/a.csv", "\n".join([header, *lines]) + "\n")
    return landing.run()


def test_a_spelling_of_nothing_is_no_value(landing):
    take_in(
        landing,
        "    ignore_columns: [kind]\n    nulls: ['00000000', '#']\n",
        "F2,1,1,2026-03-01,#,A,2,EA,20",
        "F2,1,2,00000000,O1,A,2,EA,20",
    )

    assert landing.rejects().select("_record", "rule", "column").rows() == [
        (1, "required", "sender_outlet_code"),
        (2, "required", "business_date"),
    ]


def test_leading_zeros_are_stripped_from_codes_of_digits_alone(landing):
    take_in(
        landing,
        "    ignore_columns: [kind]\n    strip_leading_zeros: [sender_sku_code]\n",
        *(f"F2,1,{n},2026-03-01,007,{code},2,EA,20" for n, code in enumerate(["000123", "00A12", "0000", "12"])),
    )

    assert landing.rows()["sender_sku_code"].to_list() == ["123", "00A12", "0", "12"]
    assert landing.rows()["sender_outlet_code"].unique().to_list() == ["007"]


def test_a_column_of_the_file_may_feed_several_of_ours(landing):
    take_in(
        landing,
        "    columns: {document_type: kind, scheme_code: kind}\n    values: {document_type: {F2: INVOICE}}\n",
        "F2,1,1,2026-03-01,O1,A,2,EA,20",
    )

    assert landing.rows().select("document_type", "scheme_code").rows() == [("INVOICE", "F2")]


def test_what_is_derived_outweighs_the_column_itself(landing):
    settings = """
    columns: {cancelled: stopped}
    true_values: [X]
    derive: {cancelled: {column: kind, prefixes: {S1: X}}}
"""
    lines = ["F2,,1,1", "F2,X,2,1", "S1,,3,1"]
    take_in(
        landing,
        settings,
        *(f"{line},2026-03-01,O1,A,2,EA,20" for line in lines),
        header=HEADER.replace("kind", "kind,stopped"),
    )

    assert landing.rows()["cancelled"].to_list() == [None, True, True]


def test_a_derived_column_does_without_its_mark_where_it_has_a_cell(landing):
    settings = """
    columns: {document_type: kind}
    derive: {document_type: {column: returned, prefixes: {X: CREDIT_NOTE}}}
"""
    take_in(landing, settings, "INVOICE,1,1,2026-03-01,O1,A,2,EA,20")

    assert landing.rows()["document_type"].to_list() == ["INVOICE"]


def test_records_may_be_left_out_for_an_empty_cell(landing):
    report = take_in(
        landing,
        "    leave_out: {kind: ['', '0']}\n    ignore_columns: [kind]\n",
        *(f"{kind},1,{n},2026-03-01,O1,A,2,EA,20" for n, kind in enumerate(["", "0", "  ", "F2"])),
    )

    assert (report.loaded, report.left_out) == (1, 3)
    assert landing.commits()[0]["files"][0]["left_out_reasons"] == {"kind is empty": 2, "kind 0": 1}
