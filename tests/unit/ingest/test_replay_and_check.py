"""Reading again after a mend, exactly once; and the dry run of one file."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import ingest
from ingest import bronze
from ingest.bronze import write_snapshot

INVOICE = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net\n"
NAME = "csv_generic/D001/dms_invoice_line_2026-03-01.csv"


def test_a_replay_without_a_change_commits_nothing(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()

    report = ingest.replay(landing.home)

    assert (report.files, report.already, report.commits) == (0, 1, ())


def test_a_replay_commits_what_reads_differently_once(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.put(NAME.replace("D001", "D002"), invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D001, set: {unit: CS}}]\n")

    first, second = ingest.replay(landing.home), ingest.replay(landing.home)

    assert (first.files, first.loaded, first.commits) == (1, 1, (2,))
    assert second.commits == ()
    assert landing.commits()[1]["replay"] is True
    assert landing.rows().select("_sender", "unit").rows() == [("D001", "EA"), ("D002", "EA"), ("D001", "CS")]


def test_a_changed_profile_that_reads_the_same_commits_nothing(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()
    landing.config("profiles/csv_generic.yaml", "units: {EA: [EA, PC, STK]}\n")

    assert ingest.replay(landing.home).commits == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mode: append", "mode: replace"),
        (
            "mode: replace, period: {pattern: '(?P<from>[-0-9]{10})', format: '%Y-%d-%m'}",
            "mode: replace, period: {pattern: '(?P<from>[-0-9]{10})', format: '%Y-%m-%d'}",
        ),
    ],
    ids=["mode", "period"],
)
def test_a_replay_commits_a_file_that_now_states_other_days_wholly(landing, invoice, before, after):
    landing.put("own/D001/sales_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
    profile = "contract_names: true\nfeeds:\n  dms_invoice_line: {files: ['*.csv'], %s}\n"
    landing.config("profiles/own.yaml", profile % before)
    landing.run()
    landing.config("profiles/own.yaml", profile % after)

    first, second = ingest.replay(landing.home), ingest.replay(landing.home)

    assert (first.commits, second.commits, landing.run().outdated) == ((2,), (), {})
    assert [(scope["date_from"], scope["date_to"]) for scope in landing.commits()[1]["scopes"]] == [("2026-03-01",) * 2]


def test_a_rejected_file_is_not_tried_again_until_it_is_replayed_with_a_mended_profile(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")).replace("qty", "menge"))
    assert (landing.run().rejected_files, landing.run().already) == (1, 1)
    landing.config("profiles/csv_generic.yaml", "feeds:\n  dms_invoice_line: {columns: {qty: menge}}\n")
    assert landing.run().files == 0

    report = ingest.replay(landing.home)

    assert (report.loaded, report.exit_code) == (1, 0)
    assert landing.run().already == 1


DAYBOOK = "".join(
    f'<VOUCHER VCHTYPE="{kind}"><GUID>g-{kind}</GUID><DATE>20260301</DATE><VOUCHERNUMBER>{kind}</VOUCHERNUMBER>'
    "<PARTYLEDGERNAME>Asha</PARTYLEDGERNAME><ALLINVENTORYENTRIES.LIST><STOCKITEMNAME>Soap</STOCKITEMNAME>"
    "<AMOUNT>40.00</AMOUNT><ACTUALQTY> 1 pcs</ACTUALQTY></ALLINVENTORYENTRIES.LIST></VOUCHER>"
    for kind in ("Sales", "Purchase", "Bill", "Inward")
)
BILL = (
    "ISA*00*{0:10}*00*{0:10}*ZZ*ACME           *ZZ*US             *260301*1200*U*00401*{1:09}*0*P*>~GS*IN*A*B*20260301*1200*1*X*004010~"
    "ST*810*1~BIG*20260301*INV{1}~N1*BY*Shop*92*D1~N1*SF*Plant*92*P1~IT1*1*2*EA*10**VP*S1~IT1*2*1*EA*5**VP*S2~SE*7*1~GE*1*1~IEA*1*{2:09}~"
)
MENDS = {
    "a date in another format": (
        "csv_generic/D001/dms_invoice_line.csv",
        INVOICE + "INVOICE,A,1,2026-03-01,O1,S1,1,EA,1\nINVOICE,B,1,02/03/2026,O1,S1,1,EA,1\n",
        'dates: ["%Y-%m-%d", "%d/%m/%Y"]\n',
        {"dms_invoice_line": 1},
    ),
    "voucher types of two feeds of one file": (
        "tally_daybook/D001/DayBook.xml",
        f"<ENVELOPE>{DAYBOOK}</ENVELOPE>",
        "voucher_types: {Bill: Sales, Inward: Purchase}\n",
        {"dms_invoice_line": 1, "goods_receipt": 1},
    ),
    "a bad interchange between good ones": (
        "x12_810/ERP/bills.edi",
        BILL.format("", 1, 1) + BILL.format("", 2, 9) + BILL.format("", 3, 3),
        "control_totals: lenient\n",
        {"erp_billing_line": 2},
    ),
}


@pytest.mark.parametrize("case", MENDS)
def test_a_replay_after_a_mend_loads_exactly_what_was_rejected_once(landing, case):
    name, content, mend, rejected = MENDS[case]
    landing.put(name, content)
    assert landing.run().rejected == sum(rejected.values())
    before = {feed: set(landing.rows(feed)["_key"]) for feed in rejected}
    landing.config(f"profiles/{name.partition('/')[0]}.yaml", mend)

    first, second = ingest.replay(landing.home), ingest.replay(landing.home)

    assert (first.rejected, second.commits) == (0, ())
    for feed, count in rejected.items():
        (commit,) = (commit for commit in landing.commits() if commit["replay"] and commit["feed"] == feed)
        again = pl.read_parquet(landing.home / "bronze" / commit["rows"])["_key"]
        assert set(again) > before[feed]
        assert len(again) == len(before[feed]) + count


def test_a_replay_of_an_archive_commits_the_members_that_read_differently(landing):
    line = INVOICE + "INVOICE,{0},1,{1},O1,S1,1,EA,1\n"
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("dms_invoice_line_a.csv", line.format("A", "2026-03-01"))
        archive.writestr("dms_invoice_line_b.csv", line.format("B", "02/03/2026"))
    landing.put("csv_generic/D001/march.zip", memory.getvalue())
    landing.run()
    landing.config("profiles/csv_generic.yaml", 'dates: ["%Y-%m-%d", "%d/%m/%Y"]\n')

    first, second = ingest.replay(landing.home), ingest.replay(landing.home)

    assert (first.files, first.loaded, second.commits) == (1, 1, ())
    assert landing.rows()["document_no"].to_list() == ["A", "B"]


def test_what_was_committed_under_other_settings_is_pointed_to_until_it_is_replayed(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.put(NAME.replace("csv_generic/D001", "csv_generic/D002"), invoice(("B", 1, "2026-03-01", "1", "1")))
    landing.run()
    assert landing.run().outdated == {}
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D001, set: {unit: CS}}]\n")

    assert (landing.run().already, landing.run().outdated) == (2, {"csv_generic": 1})

    ingest.replay(landing.home)
    assert landing.run().outdated == {}


def test_of_two_replays_at_once_one_commits(landing, invoice, monkeypatch):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.run()
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D001, set: {unit: CS}}]\n")
    commit_batch = bronze.commit_batch

    def overtaken(*arguments):
        monkeypatch.setattr(bronze, "commit_batch", commit_batch)
        assert ingest.replay(landing.home).commits == (2,)
        return commit_batch(*arguments)

    monkeypatch.setattr(bronze, "commit_batch", overtaken)
    second = ingest.replay(landing.home)

    assert (second.commits, second.already) == ((), 1)
    assert len(landing.commits()) == 2


def test_a_check_of_an_archive_goes_on_beside_a_member_that_fits_no_feed(landing, invoice, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("dms_invoice_line.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
        archive.writestr("holidays.csv", "a\n1\n")

    report = ingest.check(landing.home, tmp_path / "a.zip", profile="csv_generic")

    assert (report.loaded, report.exit_code) == (1, 1)
    assert ["holidays.csv: its name fits no feed" in warning for warning in report.warnings] == [True]


def test_a_replay_leaves_new_files_to_ingest(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))

    assert ingest.replay(landing.home).files == 0


def test_the_arrival_of_a_replayed_file_stays_its_first_commit(landing, invoice, tmp_path):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.put("csv_generic/HQ/sku.csv", "sku_code,sku_name\nS1,Soap\n")
    landing.run()
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D001, set: {unit: CS}}]\n")
    ingest.replay(landing.home)

    write_snapshot(landing.home, tmp_path)

    files = pl.read_parquet(tmp_path / "file.parquet").filter(sender="D001").select("seq", "replay", "first_seq")
    assert files.rows() == [(2, False, 2), (3, True, 2)]


def test_a_check_tells_what_would_happen_and_commits_nothing(landing, invoice, tmp_path):
    path = tmp_path / "D009" / "dms_invoice_line_2026-03-01.csv"
    path.parent.mkdir()
    path.write_text(
        invoice(
            ("A", 1, "2026-03-01", "1", "1"),
            ("B", 1, "2026-03-01", "x", "1"),
            ("C", 1, "2026-03-01", "1", "1"),
            unit="ea",
        )
    )

    report = ingest.check(landing.home, path, profile="csv_generic")

    assert (report.feed, report.sender, report.exit_code) == ("dms_invoice_line", "D009", 1)
    assert (report.records, report.loaded, report.rejected, report.blank, report.total_lines, report.left_out) == (
        3,
        2,
        1,
        0,
        0,
        0,
    )
    assert report.rules == {"type": 1}
    assert report.rows.column_names[-1] == "_record"
    assert report.rows["_record"].to_pylist() == [1, 3]
    assert report.rejects.column_names == ["_record", "_line", "rule", "column", "value", "raw", "message"]
    assert report.rejects.to_pylist()[0]["raw"] == "INVOICE,B,1,2026-03-01,O1,S1,x,ea,1"
    assert landing.commits() == []


def test_a_check_takes_the_sender_from_the_landing_folder_and_obeys_the_option(landing, invoice):
    path = landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))

    assert ingest.check(landing.home, path, profile="csv_generic").sender == "D001"
    assert ingest.check(landing.home, path, profile="csv_generic", sender="D5").rows[
        "distributor_code"
    ].to_pylist() == ["D5"]


def test_a_check_of_a_file_that_cannot_be_read_says_so(landing, tmp_path):
    path = tmp_path / "sku.csv"
    path.write_bytes(b"")

    report = ingest.check(landing.home, path, profile="csv_generic")

    assert (report.exit_code, report.rules, report.rejects.num_rows) == (1, {"empty_file": 1}, 1)


def test_a_check_tells_what_would_load_with_a_warning_and_what_it_sums_up_to(landing, invoice, tmp_path):
    lines = invoice(("A", 1, "2026-03-01", "2", "10"), ("B", 1, "2026-03-01", "3", "5.5"))
    path = tmp_path / "dms_invoice_line_2026-03-01.csv"
    path.write_text(lines + "INVOICE,C,1,2026-03-01,O1,S1,1,DRUM,7\nINVOICE,D,1,2026-03-01,O1,S1,x,EA,100\n")

    report = ingest.check(landing.home, path, profile="csv_generic")

    (flagged,) = report.flagged
    assert (flagged.rule, flagged.column, flagged.records, flagged.values) == ("unknown_unit", "unit", 1, {"DRUM": 1})
    assert report.sums == {"qty": Decimal("6"), "value_net": Decimal("22.5")}


STOCK = "business_date,sender_sku_code,closing_qty,unit\n2026-03-01,S1,5,{unit}\n"


def archive(path: Path, invoice) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("dms_invoice_line_2026-03-01.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
        packed.writestr("dms_stock_2026-03-01_a.csv", STOCK.format(unit="DRUM"))
        packed.writestr("dms_stock_2026-03-01_b.csv", STOCK.format(unit="DRUM").replace("S1", "S2"))
    return path


def test_a_check_adds_up_the_members_of_an_archive_by_feed(landing, invoice, tmp_path):
    report = ingest.check(landing.home, archive(tmp_path / "x.zip", invoice), profile="csv_generic")

    (stock,) = report.others
    assert (report.feed, report.sums["qty"]) == ("dms_invoice_line", 1)
    assert (stock.feed, stock.sums, stock.flagged[0].values) == ("dms_stock", {"closing_qty": 10}, {"DRUM": 2})


def test_a_check_of_one_feed_passes_over_the_members_of_others(landing, invoice, tmp_path):
    path = archive(tmp_path / "x.zip", invoice)

    report = ingest.check(landing.home, path, profile="csv_generic", feed="dms_stock")

    assert (report.feed, report.records, report.loaded, report.others) == ("dms_stock", 2, 2, ())
    with pytest.raises(ingest.UnknownFeed, match="other feeds than dms_claim"):
        ingest.check(landing.home, path, profile="csv_generic", feed="dms_claim")


def test_a_check_needs_a_known_profile_and_feed(landing, tmp_path):
    path = tmp_path / "strange.csv"
    path.write_text("a\n1\n")

    with pytest.raises(ingest.UnknownProfile):
        ingest.check(landing.home, path, profile="nothing")
    with pytest.raises(ingest.UnknownFeed, match="state the feed"):
        ingest.check(landing.home, path, profile="csv_generic")
    assert ingest.check(landing.home, path, profile="csv_generic", feed="sku").rules == {"missing_column": 1}


def test_nothing_is_landed_once_all_is_committed(landing, invoice):
    landing.put(NAME, invoice(("A", 1, "2026-03-01", "1", "1")))
    landing.put("strange/D001/x.csv", "a\n")

    assert ingest.landed(landing.home) == [
        ingest.LandedFile(profile="csv_generic", feed="dms_invoice_line", sender="D001", file=str(Path(NAME)))
    ]
    landing.run()
    assert ingest.landed(landing.home) == []


def test_a_member_that_ingest_would_not_take_is_no_record_of_a_check_either(landing, invoice):
    landing.config("profiles/own.yaml", "contract_names: true\nfeeds: {dms_invoice_line: {files: ['sales*.csv']}}\n")
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("sales.csv", invoice(("A", 1, "2026-03-01", "1", "1")))
        archive.writestr("other.csv", invoice(("B", 1, "2026-03-01", "1", "1")))
    path = landing.put("own/D001/all.zip", memory.getvalue())

    checked, taken = ingest.check(landing.home, path, profile="own"), landing.run()

    assert (checked.loaded, taken.loaded) == (1, 1)
    assert any("other.csv: its name fits no feed" in problem for problem in checked.problems)
    assert any("other.csv: its name fits no feed" in problem for problem in taken.problems)
