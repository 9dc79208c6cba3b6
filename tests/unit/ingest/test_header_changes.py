"""What happens when a sender changes its header: an added column warns, a lost or renamed key column rejects."""

from __future__ import annotations

import json

import pytest

import ingest

NAME = "csv_generic/D001/dms_invoice_line_2026-03-{:02}.csv"
HEADER = "document_type,document_no,line_no,business_date,sender_outlet_code,sender_sku_code,qty,unit,value_net"
STOCK = "csv_generic/D001/dms_stock_2026-03-{:02}.csv"


def line(day: int) -> str:
    return f"INVOICE,A{day},1,2026-03-{day:02},O1,S1,2,EA,9.50"


def file(day: int, more: str = "", value: str = "") -> str:
    return f"{HEADER}{',' + more if more else ''}\n{line(day)}{',' + value if more else ''}\n"


def stock(day: int, more: str = "", value: str = "") -> str:
    columns = f"business_date,sender_sku_code,closing_qty,unit{',' + more if more else ''}"
    return f"{columns}\n2026-03-{day:02},S1,4,EA{',' + value if more else ''}\n"


def test_an_added_column_is_a_warning_and_the_file_is_loaded(landing):
    landing.put(NAME.format(1), file(1, "sku_nam", "Soap"))

    report = landing.run()

    assert (report.exit_code, report.loaded, report.rejected, report.rejected_files) == (1, 1, 0, 0)
    assert report.rules == {"unknown_column": 1}
    assert report.problems == (
        f'{NAME.format(1)}: column "sku_nam" is not known to the profile (near: sku_name) and was not loaded; add it to `columns` or to '
        "`ignore_columns`, then `sellthrough replay`",
    )
    (entry,) = landing.commits()[0]["files"]
    assert [(warning["rule"], warning["column"]) for warning in entry["warnings"]] == [("unknown_column", "sku_nam")]
    assert landing.rejects().is_empty()


def test_a_check_tells_of_an_added_column(landing):
    path = landing.put(NAME.format(1), file(1, "colour", "red"))

    report = ingest.check(landing.home, path, profile="csv_generic")

    assert (report.exit_code, report.loaded, report.rules) == (1, 1, {"unknown_column": 1})


def test_an_added_column_that_the_profile_learns_is_loaded_by_a_replay(landing):
    landing.put(NAME.format(1), file(1, "artikel", "Soap"))
    landing.run()
    landing.config("profiles/csv_generic.yaml", "feeds: {dms_invoice_line: {columns: {sku_name: [artikel]}}}\n")

    report = ingest.replay(landing.home)

    assert (report.exit_code, report.rules) == (0, {})
    assert landing.rows()["sku_name"].to_list() == [None, "Soap"]


def test_an_unknown_column_beside_a_missing_one_is_taken_for_it_and_the_file_rejected(landing):
    landing.put(NAME.format(1), file(1).replace("document_no", "document_number"))

    report = landing.run()

    assert (report.loaded, report.rejected, report.rejected_files) == (0, 1, 1)
    assert report.rules == {"missing_column": 1}
    assert '"document_number" may be it: add it to `columns` as document_no in the profile' in report.problems[0]


def test_a_renamed_column_of_the_key_rejects_the_file_though_it_need_not_be_there(landing):
    landing.put(STOCK.format(1), stock(1))
    landing.put(STOCK.format(2), stock(2, "batch_nr", "B1"))

    report = landing.run()

    assert (report.loaded, report.rejected, report.rules) == (1, 1, {"missing_column": 1})
    assert 'column batch_no of the natural key is missing; "batch_nr" may be it' in report.problems[0]


def test_a_column_of_the_key_that_vanishes_rejects_the_file_until_it_is_ignored(landing):
    landing.put(STOCK.format(1), stock(1, "batch_no", "B1"))
    landing.run()
    landing.put(STOCK.format(2), stock(2))

    assert landing.run().rules == {"missing_column": 1}
    landing.config("profiles/csv_generic.yaml", "feeds: {dms_stock: {ignore_columns: [batch_no]}}\n")
    assert ingest.replay(landing.home, feed="dms_stock").exit_code == 0


@pytest.mark.parametrize("runs", ["one run", "a run each"])
def test_another_column_that_vanishes_is_a_warning_once(landing, runs):
    for day, text in ((1, file(1, "batch_no", "B1")), (2, file(2)), (3, file(3))):
        landing.put(NAME.format(day), text)
        rules = landing.run().rules if runs == "a run each" or day == 3 else {}
        if runs == "a run each":
            assert rules == ({"vanished_column": 1} if day == 2 else {})

    if runs == "one run":
        assert rules == {"vanished_column": 1}
    assert landing.rows().height == 3


def test_a_sender_with_two_kinds_of_files_is_not_warned_of_each(landing):
    rules = []
    for day in range(1, 6):
        landing.put(NAME.format(day), file(day, "batch_no", "B1") if day % 2 else file(day))
        rules.append(landing.run().rules)

    assert rules == [{}, {"vanished_column": 1}, {}, {}, {}]


def test_columns_of_one_sender_are_not_expected_of_another(landing):
    landing.put(STOCK.format(1), stock(1, "batch_no", "B1"))
    landing.put(STOCK.format(1).replace("D001", "D002"), stock(1))

    assert landing.run().exit_code == 0


def test_a_replay_refuses_no_file_that_was_loaded(landing):
    landing.put(STOCK.format(2), stock(2))
    landing.run()
    landing.put(STOCK.format(1), stock(1, "batch_no", "B1"))
    landing.run()
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D001, set: {count_type: SYSTEM}}]\n")

    report = ingest.replay(landing.home)

    assert (report.exit_code, report.files, report.loaded) == (0, 2, 2)


def test_a_replay_for_another_reason_does_not_let_in_a_file_that_lost_a_key_column(landing):
    landing.put(STOCK.format(1), stock(1, "batch_no", "B1"))
    landing.run()
    landing.put(STOCK.format(2), stock(2))
    landing.run()
    landing.config("profiles/csv_generic.yaml", "overrides: [{sender: D001, set: {count_type: SYSTEM}}]\n")

    ingest.replay(landing.home)

    assert landing.rows("dms_stock")["business_date"].dt.day().unique().to_list() == [1]


def test_an_empty_column_without_a_name_is_ignored(landing):
    landing.put(NAME.format(1), f"{HEADER},\n{line(1)},\n{line(2)}, \n")

    report = landing.run()

    assert (report.exit_code, report.loaded) == (0, 2)


def test_a_column_without_a_name_that_holds_a_value_rejects_the_file(landing):
    landing.put(NAME.format(1), f"{HEADER},\n{line(1)},\n{line(2)},x\n")

    report = landing.run()

    assert (report.rejected, report.rules) == (2, {"unknown_column": 1})
    assert "column 10 has no name in the header and values below it" in report.problems[0]


def test_many_unknown_columns_are_not_all_written_out(landing):
    more = [f"extra_{number}" for number in range(1000)]
    landing.put(NAME.format(1), file(1, ",".join(more), ",".join("1" for _ in more)))
    landing.put(NAME.format(2), file(2, ",".join(more), ",".join("1" for _ in more)).replace("unit,", "u,"))

    report = landing.run()

    assert (report.loaded, report.rules) == (1, {"missing_column": 1, "unknown_column": 21})
    assert "980 more columns are not known" in report.problems[20]
    assert len(report.problems[21]) < 1000


def test_an_object_that_omits_an_empty_key_lacks_no_column(landing):
    first = {
        "decision_id": "1",
        "decided_at": "2026-03-01T00:00:00Z",
        "decided_by": "asha",
        "kind": "COMMENT",
        "subject": "x",
        "value": "a",
        "reason": "why",
    }
    landing.put("decisions/1.jsonl", json.dumps(first) + "\n")
    second = {name: value for name, value in first.items() if name != "value"} | {"decision_id": "2"}
    landing.put("decisions/2.jsonl", json.dumps(second) + "\n")

    assert landing.run().problems == ()
