"""One file that serves several feeds, and records that a sender's format or profile declares as not to be counted."""

import ingest

SHARED = """
format: csv
contract_names: true
files: ["daybook*.csv"]
leave_out: {kind: [Order]}
feeds:
  dms_invoice_line:
    where: {kind: [Sale]}
    constants: {document_type: INVOICE}
    columns: {sender_outlet_code: [party], value_net: [amount]}
  goods_receipt:
    where: {kind: [Purchase]}
"""
DAYBOOK = """kind,document_no,line_no,business_date,party,sender_sku_code,qty,unit,amount
Sale,S-1,1,2026-03-01,O1,A,2,EA,20.00
Purchase,P-1,1,2026-03-01,ACME,A,12,EA,90.00
order,SO-1,1,2026-03-01,O1,A,5,EA,50.00
Journal,J-1,1,2026-03-01,O1,A,1,EA,1.00
Sale,S-2,1,2026-03-01,O2,A,3,EA,30.00
"""


def test_each_record_goes_to_the_first_feed_that_wants_it(landing):
    landing.config("profiles/shared.yaml", SHARED)
    landing.put("shared/D1/daybook.csv", DAYBOOK)

    report = landing.run()

    assert landing.rows("dms_invoice_line")["document_no"].to_list() == ["S-1", "S-2"]
    assert landing.rows("dms_invoice_line")["_record"].to_list() == [1, 5]
    assert landing.rows("goods_receipt")["document_no"].to_list() == ["P-1"]
    assert landing.rejects("dms_invoice_line").select("_record", "rule", "value").rows() == [
        (4, "unrouted", "kind Journal")
    ]
    assert (report.records, report.loaded, report.rejected, report.left_out) == (5, 3, 1, 1)


def test_a_shared_file_is_taken_once_for_each_feed(landing):
    landing.config("profiles/shared.yaml", SHARED)
    landing.put("shared/D1/daybook.csv", DAYBOOK)

    landing.run(feed="goods_receipt")
    rest = landing.run()
    again = landing.run()

    assert (rest.loaded, again.loaded, len(landing.commits())) == (2, 0, 2)


def test_what_is_left_out_says_why(landing):
    landing.config("profiles/shared.yaml", SHARED)
    file = landing.put("shared/D1/daybook.csv", DAYBOOK)

    report = ingest.check(landing.home, file, profile="shared")

    assert (report.feed, report.records, report.left_out) == ("dms_invoice_line", 4, 1)
    assert report.left_out_reasons == {"kind order": 1}
    assert [(other.feed, other.records, other.loaded) for other in report.others] == [("goods_receipt", 1, 1)]
