"""The contracts that ship: valid ODCS v3.1, the promised columns, rules that mean what they say."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml

from ingest.contracts import FRAMING_RULES, breaks, load_contracts, parse_contract
from ingest.contracts.load import parse_contract as parse
from ingest.errors import ContractInvalid
from ingest.overlay import SHIPPED
from ingest.profiles import Catalogue

CONTRACTS = load_contracts()
PATHS = sorted((SHIPPED / "feeds").glob("*.yaml"))

COLUMNS = {
    "dms_invoice_line": "distributor_code* document_type* document_no* line_no* business_date* sender_outlet_code* outlet_name sender_sku_code* sku_name "
    "batch_no expiry_date qty* unit* free_qty rate gross_value discount_value value_net* tax_value cancelled return_kind condition "
    "original_document_no scheme_code modified_at",
    "dms_stock": "distributor_code* business_date* sender_sku_code* batch_no condition opening_qty closing_qty* unit* transfer_in_qty transfer_out_qty "
    "purchase_return_qty adjustment_qty damage_qty expiry_qty sample_qty stock_value count_type",
    "goods_receipt": "distributor_code* document_no* line_no* business_date* dispatch_no dispatch_line_no sender_sku_code* batch_no expiry_date condition "
    "qty* free_qty unit* tracking_no cancelled",
    "erp_dispatch_line": "document_no* line_no* plant_code distributor_code* business_date* planned_delivery_date sender_sku_code* batch_no qty* free_qty "
    "unit* value_net* cancelled order_no",
    "pos_sale": "retailer_code* sender_outlet_code* sender_sku_code* business_date* qty* return_qty unit* value_net* on_hand_qty",
    "sku": "sku_code* sku_name* gtin brand sub_brand category pack base_unit units_per_inner units_per_case mrp ex_factory_price standard_cost launch_date "
    "delist_date predecessor_sku_code valid_from",
    "distributor": "distributor_code* distributor_name* distributor_type parent_code territory_code dms_platform lead_time_days transit_days norm_days "
    "valid_from",
    "outlet": "outlet_code* outlet_name channel outlet_class address city latitude longitude territory_code distributor_code status retailer_code valid_from",
    "territory": "territory_code* territory_name* parent_code level* valid_from",
    "sku_xref": "distributor_code* sender_sku_code* sku_code* valid_from valid_to",
    "outlet_xref": "distributor_code* sender_outlet_code* outlet_code* valid_from valid_to",
}
KEYS = {
    "dms_invoice_line": "distributor_code document_type document_no line_no",
    "dms_stock": "distributor_code sender_sku_code batch_no condition business_date",
    "goods_receipt": "distributor_code document_no line_no",
    "erp_dispatch_line": "document_no line_no",
    "pos_sale": "retailer_code sender_outlet_code sender_sku_code business_date",
    "sku": "sku_code valid_from",
    "distributor": "distributor_code valid_from",
    "outlet": "outlet_code valid_from",
    "territory": "territory_code valid_from",
    "sku_xref": "distributor_code sender_sku_code valid_from",
    "outlet_xref": "distributor_code sender_outlet_code valid_from",
}
TOP = {
    "apiVersion",
    "kind",
    "id",
    "name",
    "version",
    "status",
    "domain",
    "dataProduct",
    "description",
    "team",
    "schema",
    "slaProperties",
}
PROPERTY = {
    "name", "description", "logicalType", "physicalType", "required", "primaryKey", "primaryKeyPosition", "customProperties", "quality",
}  # fmt: skip
QUALITY = {
    "name", "description", "type", "metric", "arguments", "mustBe", "mustBeGreaterThan", "unit", "engine", "implementation", "dimension", "severity",
}  # fmt: skip
LOGICAL = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "BOOLEAN": "boolean",
    "DOUBLE": "number",
}


def document(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_there_is_a_contract_for_each_feed():
    assert set(CONTRACTS) == set(COLUMNS)


@pytest.mark.parametrize("feed", COLUMNS)
def test_a_feed_has_exactly_the_promised_columns_and_key(feed):
    contract = CONTRACTS[feed]

    assert [f"{c.name}*" if c.required else c.name for c in contract.columns] == COLUMNS[feed].split()
    assert contract.key == tuple(KEYS[feed].split())
    assert list(contract.schema)[len(contract.columns) :] == ["_key", "_sender", "_file", "_record", "_pos", "_flags"]


@pytest.mark.parametrize("feed", COLUMNS)
def test_types_follow_the_house(feed):
    for column in CONTRACTS[feed].columns:
        expected = None
        if column.name.endswith("_qty") or column.name == "qty":
            expected = "DECIMAL(18,3)"
        elif column.name.endswith("_value") or column.name in (
            "rate",
            "value_net",
            "mrp",
            "ex_factory_price",
            "standard_cost",
        ):
            expected = "DECIMAL(18,4)"
        elif column.name.endswith(("_code", "_no", "_name", "gtin", "unit")) and column.name not in (
            "line_no",
            "dispatch_line_no",
        ):
            expected = "VARCHAR"
        elif column.name.endswith(("_date", "valid_from", "valid_to")):
            expected = "DATE"
        assert expected in (None, column.physical_type), column.name


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_contract_keeps_to_the_standard(path):
    contract = document(path)

    assert set(contract) == TOP
    assert (contract["apiVersion"], contract["kind"], contract["status"], contract["id"]) == (
        "v3.1.0",
        "DataContract",
        "active",
        path.stem,
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+", contract["version"])
    assert contract["description"]["purpose"]
    assert contract["team"]["name"]
    assert next(entry["property"] for entry in contract["slaProperties"]) == "frequency"
    (table,) = contract["schema"]
    assert set(table) == {
        "name",
        "logicalType",
        "physicalType",
        "description",
        "dataGranularityDescription",
        "properties",
        "quality",
    }
    assert table["logicalType"] == "object"
    for item in table["properties"]:
        assert set(item) <= PROPERTY, item["name"]
        assert item["description"].endswith(".")
        assert item["logicalType"] == LOGICAL.get(item["physicalType"], "number")
        assert all(set(entry) == {"property", "value"} for entry in item.get("customProperties", []))
    for rule in [*table["quality"], *(rule for item in table["properties"] for rule in item.get("quality", []))]:
        assert set(rule) <= QUALITY, rule["name"]
        assert rule["severity"] in ("error", "warning")
        assert rule["type"] in ("library", "custom")
        assert ("metric" in rule) == (rule["type"] == "library")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_quantities_and_money_say_their_unit(path):
    for item in document(path)["schema"][0]["properties"]:
        if item["physicalType"].startswith("DECIMAL"):
            assert "unit" in {entry["property"] for entry in item.get("customProperties", [])}, item["name"]


def test_no_rule_of_a_contract_bears_the_name_of_a_framing_rule_or_of_another_kind():
    for contract in CONTRACTS.values():
        assert not {rule.name for rule in contract.rules} & set(FRAMING_RULES)
        warnings = [rule.name for rule in contract.warnings]
        assert len(warnings) == len(set(warnings))
        assert not set(warnings) & {rule.name for rule in contract.rules if rule.severity == "error"}
        assert [rule.bit for rule in contract.warnings] == list(range(len(warnings)))


CASES = [
    ("dms_invoice_line", "invoice_not_negative", "qty", {"document_type": "INVOICE", "qty": Decimal(-1)}, True),
    ("dms_invoice_line", "invoice_not_negative", "qty", {"document_type": "INVOICE", "qty": Decimal(0)}, False),
    ("dms_invoice_line", "invoice_not_negative", "qty", {"document_type": "DEBIT_NOTE", "qty": Decimal(-1)}, False),
    (
        "dms_invoice_line",
        "invoice_not_negative",
        "value_net",
        {"document_type": "INVOICE", "value_net": Decimal("-0.01")},
        True,
    ),
    ("dms_invoice_line", "credit_note_not_positive", "qty", {"document_type": "CREDIT_NOTE", "qty": Decimal(1)}, True),
    (
        "dms_invoice_line",
        "credit_note_not_positive",
        "qty",
        {"document_type": "CREDIT_NOTE", "qty": Decimal(-1)},
        False,
    ),
    (
        "dms_invoice_line",
        "credit_note_not_positive",
        "free_qty",
        {"document_type": "CREDIT_NOTE", "free_qty": None},
        False,
    ),
    ("dms_invoice_line", "unknown_unit", "unit", {"unit": "KG"}, True),
    ("dms_invoice_line", "unknown_unit", "unit", {"unit": "CS"}, False),
    (
        "dms_invoice_line",
        "net_is_gross_less_discount",
        None,
        {"gross_value": Decimal(10), "discount_value": Decimal(1), "value_net": Decimal(9)},
        False,
    ),
    (
        "dms_invoice_line",
        "net_is_gross_less_discount",
        None,
        {"gross_value": Decimal(10), "discount_value": None, "value_net": Decimal("9.95")},
        False,
    ),
    (
        "dms_invoice_line",
        "net_is_gross_less_discount",
        None,
        {"gross_value": Decimal(10), "discount_value": None, "value_net": Decimal("9.94")},
        True,
    ),
    (
        "dms_invoice_line",
        "net_is_gross_less_discount",
        None,
        {"gross_value": None, "discount_value": None, "value_net": Decimal(9)},
        False,
    ),
    ("dms_stock", "closing_not_negative", "closing_qty", {"closing_qty": Decimal(-1)}, True),
    ("goods_receipt", "receipt_not_negative", "qty", {"qty": Decimal(-1)}, True),
    ("pos_sale", "return_not_negative", "return_qty", {"return_qty": Decimal(-1)}, True),
    ("sku", "pack_factor_positive", "units_per_case", {"units_per_case": 0}, True),
    ("sku", "case_is_whole_inners", None, {"units_per_case": 24, "units_per_inner": 7}, True),
    ("sku", "cost_not_negative", "standard_cost", {"standard_cost": Decimal(-1)}, True),
    ("distributor", "days_not_negative", "transit_days", {"transit_days": -1}, True),
    ("outlet", "latitude_in_range", "latitude", {"latitude": 91.0}, True),
    ("outlet", "longitude_in_range", "longitude", {"longitude": 181.0}, True),
    ("territory", "valid_values", "level", {"level": "STREET"}, True),
    ("territory", "no_node_is_its_own_parent", None, {"territory_code": "N", "parent_code": "N"}, True),
    ("sku_xref", "period_not_reversed", None, {"valid_from": date(2026, 2, 1), "valid_to": date(2026, 1, 1)}, True),
    ("outlet_xref", "period_not_reversed", None, {"valid_from": None, "valid_to": date(2026, 1, 1)}, False),
]


@pytest.mark.parametrize(("feed", "name", "column", "row", "broken"), CASES)
def test_a_rule_means_what_it_says(feed, name, column, row, broken):
    contract = CONTRACTS[feed]
    rule = next(rule for rule in contract.rules if (rule.name, rule.column) == (name, column))
    frame = pl.DataFrame([row], schema={key: contract.column(key).dtype for key in row})

    assert frame.select(breaks(rule)).item() is broken


def test_every_rule_of_a_contract_has_a_case():
    covered = (
        {(feed, name) for feed, name, *_ in CASES}
        | {(feed, "unknown_unit") for feed in COLUMNS}
        | {(feed, "valid_values") for feed in COLUMNS}
    )

    assert {(contract.feed, rule.name) for contract in CONTRACTS.values() for rule in contract.rules} <= covered


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.update(apiVersion="v2.0"), "apiVersion must be v3.1.0"),
        (lambda c: c.pop("version"), "version is missing"),
        (lambda c: c.update(id="other"), "must equal the file's name"),
        (lambda c: c["schema"][0]["properties"][0].update(physicalType="TEXT"), "physicalType 'TEXT' is none of"),
        (
            lambda c: [p.pop("primaryKey", None) for p in c["schema"][0]["properties"]],
            "no property is marked primaryKey",
        ),
        (lambda c: c["schema"][0]["quality"][0].update(severity="fatal"), "neither error nor warning"),
        (
            lambda c: c["schema"][0]["quality"][0].update(implementation="colour = 1"),
            "names colour, which the feed does not have",
        ),
        (lambda c: c["schema"][0]["quality"][0].update(implementation="qty >"), "cannot be compiled"),
        (lambda c: c["schema"][0]["quality"][0].update(engine="other"), "a row rule is"),
    ],
)
def test_a_wrong_contract_is_refused_with_a_reason(change, says):
    path = SHIPPED / "feeds" / "dms_invoice_line.yaml"
    contract = document(path)
    change(contract)

    with pytest.raises(ContractInvalid) as error:
        parse(contract, path)

    assert says in str(error.value)


def test_the_profiles_that_ship_are_valid_and_name_their_feeds():
    catalogue = Catalogue(None, CONTRACTS)

    assert {name: set(catalogue.profile(name).feeds) for name in catalogue.profile_ids} == {
        "csv_generic": set(COLUMNS),
        "csv_semicolon": {"dms_invoice_line", "dms_stock", "goods_receipt"},
        "xlsx_generic": {"dms_invoice_line", "dms_stock", "goods_receipt"},
        "iowa": {"dms_invoice_line", "sku", "outlet"},
    }
    assert all(catalogue.profile(name).description and catalogue.profile(name).owner for name in catalogue.profile_ids)


def test_a_contract_is_read_the_same_way_twice():
    path = SHIPPED / "feeds" / "sku.yaml"

    assert parse_contract(document(path), path) == CONTRACTS["sku"]
