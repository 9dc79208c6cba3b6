"""Personal data is tagged in the contracts, and is shown in no message."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml

import ingest
from ingest.bronze import CommitLog
from ingest.contracts import Column, Contract, load_contracts
from ingest.errors import ProfileInvalid
from ingest.overlay import SHIPPED
from ingest.profiles import parse_profile
from ingest.validate import masked

CONTRACTS = load_contracts()
PERSONAL = [
    (feed, column.name) for feed, contract in CONTRACTS.items() for column in contract.columns if column.personal
]
KINDS = {"phone", "email", "tax_number", "person_name", "device_location", "device_id"}
TELLING = (
    "phone",
    "email",
    "tax_no",
    "owner_name",
    "manager_name",
    "contact_name",
    "device_id",
    "approved_by",
    "decided_by",
)
SECRET = "Zyx-98765"


def valid(column: Column, contract: Contract) -> str:
    listed = [value for rule in contract.rules if rule.column == column.name for value in rule.valid_values]
    if listed:
        return listed[0]
    return {"date": "2026-03-01", "timestamp": "2026-03-01T12:00:00", "boolean": "true", "string": "A"}.get(
        column.kind, "1"
    )


def land(home: Path, feed: str, name: str, value: str) -> str:
    """A file with one record that is refused for what the personal column holds."""
    contract = CONTRACTS[feed]
    columns = [column for column in contract.columns if column.required or column.name == name]
    cells = [value if column.name == name else valid(column, contract) for column in columns]
    file = f"csv_generic/S1/{feed}_2026-03-01.csv"
    path = home / "landing" / file
    path.parent.mkdir(parents=True)
    path.write_text(",".join(column.name for column in columns) + "\n" + ",".join(cells) + "\n", encoding="utf-8")
    rule = {
        "name": "refused",
        "description": "Nothing is good enough.",
        "type": "custom",
        "engine": "sellthrough",
        "implementation": f"{name} IS NULL",
        "severity": "error",
    }
    over = home / "config" / "contracts" / f"{feed}.yaml"
    over.parent.mkdir(parents=True)
    over.write_text(yaml.safe_dump({"schema": [{"name": feed, "properties": [{"name": name, "quality": [rule]}]}]}))
    return file


@pytest.mark.parametrize(("feed", "name"), PERSONAL)
def test_a_tagged_value_stands_in_no_message_and_is_kept_in_the_raw_text_of_its_record(tmp_path, feed, name):
    file = land(tmp_path, feed, name, SECRET)

    report = ingest.run(tmp_path)
    checked = ingest.check(tmp_path, tmp_path / "landing" / file, profile="csv_generic", sender="S1")

    (commit,) = CommitLog(tmp_path).commits
    rejects = pl.read_parquet(tmp_path / "bronze" / commit["rejects"])
    assert rejects.filter(column=name)["value"].to_list() == ["***-*****"]
    assert SECRET in rejects["raw"][0]
    told = "\n".join(
        [*report.problems, *checked.problems, *rejects["message"], *checked.rejects["message"].to_pylist()]
    )
    assert '"***-*****"' in told
    assert SECRET not in told
    assert SECRET not in str(commit)


def test_a_value_of_several_columns_hides_the_tagged_ones_alone(tmp_path):
    path = tmp_path / "landing/csv_generic/S1/decision_2026-03-01.csv"
    path.parent.mkdir(parents=True)
    path.write_text(
        "decision_id,decided_at,decided_by,kind,subject,reason\n1,2026-03-01T12:00:00,Zyx,COMMENT,D|S,why\n"
    )
    over = tmp_path / "config/contracts/decision.yaml"
    over.parent.mkdir(parents=True)
    rule = {
        "name": "refused",
        "type": "custom",
        "engine": "sellthrough",
        "implementation": "decided_by = subject",
        "severity": "error",
    }
    over.write_text(yaml.safe_dump({"schema": [{"name": "decision", "quality": [rule]}]}))

    (problem,) = ingest.run(tmp_path).problems

    assert '"***, D|S"' in problem


def test_a_cell_that_is_to_be_taken_apart_into_tagged_columns_is_hidden(tmp_path):
    path = tmp_path / "landing/csv_generic/S1/outlet_2026-03-01.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"outlet_code,who\nO1,{SECRET}\n", encoding="utf-8")
    profile = tmp_path / "config/profiles/csv_generic.yaml"
    profile.parent.mkdir(parents=True)
    split = [{"column": "who", "pattern": r"(?P<owner_name>\w+) (?P<phone>\d+)"}]
    profile.write_text(yaml.safe_dump({"feeds": {"outlet": {"split": split}}}), encoding="utf-8")

    (problem,) = ingest.run(tmp_path).problems

    assert '"***-*****" does not have the form' in problem


def test_a_tax_number_that_a_spreadsheet_rounded_is_hidden(tmp_path):
    path = tmp_path / "landing/csv_generic/S1/outlet.csv"
    path.parent.mkdir(parents=True)
    path.write_text("outlet_code,outlet_name,tax_no\nO1,Asha,2.70123E+13\n")

    (problem,) = ingest.run(tmp_path).problems

    assert 'column tax_no: "*.******+**" is what a spreadsheet made of a longer code' in problem


def test_a_mask_shows_how_a_value_is_written_and_not_what():
    shown = pl.Series(["+91 98765-43210", "Ünal Şen", "o.k@x.in", None]).to_frame("x").select(masked(pl.col("x")))

    assert shown["x"].to_list() == ["+** *****-*****", "**** ***", "*.*@*.**", None]


def test_tags_are_of_known_kinds_and_go_with_a_classification():
    for feed in CONTRACTS:
        document = yaml.safe_load((SHIPPED / "feeds" / f"{feed}.yaml").read_text(encoding="utf-8"))
        for item in document["schema"][0]["properties"]:
            tags = [entry["value"] for entry in item.get("customProperties", []) if entry["property"] == "personalData"]
            assert set(tags) <= KINDS, item["name"]
            assert item.get("classification") == ("confidential" if tags else None), item["name"]


def test_columns_whose_names_tell_of_persons_are_tagged():
    for contract in CONTRACTS.values():
        for column in contract.columns:
            if column.name in TELLING or column.name.endswith("_tax_no"):
                assert column.personal, (contract.feed, column.name)


def test_no_natural_key_holds_personal_data():
    for contract in CONTRACTS.values():
        assert not [name for name in contract.key if contract.column(name).personal]


def test_a_profile_does_not_choose_records_by_personal_data():
    document = {
        "feeds": {"outlet": {"files": ["o*.csv"], "columns": {"phone": ["Mobile"]}, "leave_out": {"Mobile": ["0"]}}}
    }

    with pytest.raises(ProfileInvalid, match="records are not chosen by Mobile, which is personal data"):
        parse_profile("p", document, CONTRACTS)
