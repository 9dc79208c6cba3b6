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
    lines = ["F2,,1,1", "F2,X,2,1", "S1,,3,1", "S1,N,4,1"]
    take_in(
        landing,
        settings,
        *(f"{line},2026-03-01,O1,A,2,EA,20" for line in lines),
        header=HEADER.replace("kind", "kind,stopped"),
    )

    assert landing.rows()["cancelled"].to_list() == [None, True, True, True]


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


def test_a_star_ignores_every_other_column_and_the_first_filled_of_several_counts(landing):
    settings = """
    ignore_columns: ["*"]
    nulls: ["00000000"]
    columns: {business_date: [issued, planned]}
"""
    take_in(
        landing,
        settings,
        "2026-03-02,2026-03-01,1,1,O1,A,2,EA,20,x",
        ",2026-03-01,1,2,O1,A,2,EA,20,x",
        "00000000,2026-03-03,1,3,O1,A,2,EA,20,x",
        header="issued,planned,document_no,line_no,sender_outlet_code,sender_sku_code,qty,unit,value_net,remark",
    )

    assert [str(day) for day in landing.rows()["business_date"]] == ["2026-03-02", "2026-03-01", "2026-03-03"]


def test_without_a_star_two_columns_of_one_meaning_reject_the_file(landing):
    take_in(
        landing,
        "    columns: {business_date: [issued, planned]}\n    ignore_columns: [kind]\n",
        "F2,1,1,2026-03-02,O1,A,2,EA,20,2026-03-01",
        header=f"{HEADER},planned".replace("business_date", "issued"),
    )

    assert landing.rejects()["rule"].to_list() == ["duplicate_column"]


def test_a_marked_record_counts_negative_however_its_sign_was_written(landing):
    settings = """
    negative: {kind: [R], absent: [X]}
    sign: as_sent
    derive_returns: true
    negatives: [leading, trailing]
"""
    take_in(
        landing,
        settings,
        "R,1,1,2026-03-01,O1,A,2,EA,20",
        "R,1,2,2026-03-01,O1,A,2-,EA,20-",
        "F,1,3,2026-03-01,O1,A,5,EA,50",
    )

    assert landing.rows().select("document_type", "qty", "value_net").cast(
        {"qty": float, "value_net": float}
    ).rows() == [
        ("CREDIT_NOTE", -2.0, -20.0),
        ("CREDIT_NOTE", -2.0, -20.0),
        ("INVOICE", 5.0, 50.0),
    ]


def test_the_quantity_of_free_goods_is_free(landing):
    landing.config(
        "profiles/own.yaml",
        "format: csv\ncontract_names: true\nfeeds: {erp_dispatch_line: {files: ['*.csv']}}\n",
    )
    landing.put(
        "own/ERP/a.csv",
        "document_no,line_no,business_date,distributor_code,sender_sku_code,qty,free_qty,free_goods,unit\n"
        "1,1,2026-03-01,D1,A,10,1,N,EA\n1,2,2026-03-01,D1,A,4,,Y,EA\n1,3,2026-03-01,D1,A,4,1,Y,EA\n",
    )

    landing.run()

    lines = landing.rows("erp_dispatch_line").select("qty", "free_qty").rows()
    assert [(int(qty), int(free)) for qty, free in lines] == [(10, 1), (0, 4), (0, 5)]
