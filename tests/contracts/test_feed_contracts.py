"""The contracts that ship: valid ODCS v3.1, the promised columns, rules that mean what they say."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contracts import breaks, columns_of, is_strict, load_contracts, parse_contract
from ingest.contracts.lint import lint
from ingest.contracts.load import parse_contract as parse
from ingest.contracts.rules import compiled
from ingest.errors import ContractInvalid
from ingest.overlay import SHIPPED
from ingest.profiles import Catalogue

CONTRACTS = load_contracts()
PATHS = sorted((SHIPPED / "feeds").glob("*.yaml"))

COLUMNS = {
    "dms_invoice_line": "distributor_code* document_type* document_no* line_no* business_date* sender_outlet_code* outlet_name "
    "sender_sku_code* sku_name batch_no expiry_date qty* unit* free_qty rate gross_value discount_value "
    "value_net* tax_value cancelled return_kind condition original_document_no scheme_code modified_at "
    "branch_code document_id document_version invoiced_at original_document_date cancelled_at order_no "
    "order_source outlet_tax_no salesman_code beat_code company_sku_code gtin mfg_date mrp ptr pts "
    "discount_percent cash_discount_value trade_discount_value scheme_discount_value hsn tax_rate cgst_value "
    "sgst_value igst_value cess_value round_off_value document_total_value currency return_reason control_note "
    "tracking_no document_kind",
    "dms_serial": "distributor_code* document_type* document_no* line_no* serial_no* business_date* serial_kind "
    "second_serial_no sender_outlet_code sender_sku_code* company_sku_code gtin warranty_until_date cancelled "
    "modified_at",
    "dms_return": "distributor_code* document_no* line_no* business_date* sender_outlet_code* outlet_name sender_sku_code* "
    "sku_name company_sku_code gtin batch_no mfg_date expiry_date mrp qty* unit* free_qty rate value_net "
    "tax_value condition return_reason original_document_no original_document_date original_line_no "
    "credit_note_no claim_no salesman_code cancelled branch_code document_id document_version modified_at",
    "dms_claim": "distributor_code* claim_no* line_no* business_date* claim_type* status* scheme_code period_from period_to "
    "sender_sku_code sender_outlet_code batch_no qty unit claimed_value* validated_value approved_value "
    "settled_value submitted_at settled_date credit_note_no rejected_reason evidence_ref document_no "
    "tax_treatment currency modified_at",
    "dms_stock": "distributor_code* business_date* sender_sku_code* batch_no condition opening_qty closing_qty* unit* "
    "transfer_in_qty transfer_out_qty purchase_return_qty adjustment_qty damage_qty expiry_qty sample_qty "
    "stock_value count_type branch_code document_no period_from sku_name company_sku_code gtin mfg_date "
    "expiry_date mrp receipt_qty receipt_free_qty sales_qty sales_free_qty sales_return_qty in_transit_qty "
    "on_order_qty committed_qty min_qty max_qty value_basis stock_age_days last_count_date currency modified_at stock_category control_note",
    "goods_receipt": "distributor_code* document_no* line_no* business_date* dispatch_no dispatch_line_no sender_sku_code* "
    "batch_no expiry_date condition qty* free_qty unit* tracking_no cancelled branch_code document_id "
    "document_version sku_name company_sku_code gtin mfg_date mrp invoice_no order_no short_qty damaged_qty rate "
    "value_net remarks currency modified_at document_kind",
    "erp_dispatch_line": "document_no* line_no* plant_code distributor_code* business_date* planned_delivery_date sender_sku_code* "
    "batch_no qty* free_qty unit* value_net cancelled order_no document_id dispatch_type item_category free_goods "
    "higher_line_no storage_location_code ship_to_code sold_to_code order_line_no order_date sku_name "
    "customer_sku_code gtin mfg_date expiry_date supplier_batch_no mrp qty_base_stated base_unit conv_num "
    "conv_den pod_date pod_qty tracking_no sscc currency modified_at control_note",
    "erp_billing_line": "document_no* line_no* document_type billing_type business_date* distributor_code* sold_to_code ship_to_code "
    "payer_code plant_code cancelled cancelled_document_no dispatch_no dispatch_line_no order_no order_line_no "
    "original_document_no item_category higher_line_no free_goods sender_sku_code* sku_name customer_sku_code "
    "gtin batch_no expiry_date qty* free_qty unit* qty_base_stated base_unit conv_num conv_den rate gross_value "
    "discount_value value_net* tax_rate tax_value currency price_list_code document_id modified_at control_note",
    "pos_sale": "retailer_code* sender_outlet_code* sender_sku_code* business_date* qty* return_qty unit* value_net "
    "on_hand_qty document_no line_no register_code sold_at voided sku_name company_sku_code gtin batch_no price "
    "gross_value discount_value tax_value promo promo_code on_order_qty in_transit_qty fiscal_week currency "
    "modified_at control_note",
    "pos_stock": "retailer_code* sender_outlet_code* sender_sku_code* business_date* on_hand_qty* unit* on_order_qty "
    "in_transit_qty damaged_qty min_qty max_qty stock_value count_type sku_name company_sku_code gtin batch_no "
    "expiry_date fiscal_week currency modified_at control_note",
    "field_visit": "visit_id* business_date* rep_code* sender_outlet_code* outlet_name distributor_code beat_code checkin_at* "
    "checkout_at server_at* time_zone visit_type planned plan_sequence latitude longitude accuracy_m distance_m "
    "mock_location no_order_reason photo_ref sync_attempt device_id",
    "field_order_line": "order_id* line_no* business_date* visit_id rep_code* sender_outlet_code* distributor_code beat_code "
    "ordered_at* server_at* sender_sku_code* sku_name qty* unit* free_qty price value_net scheme_code status "
    "reject_reason fulfilled_document_no sync_attempt currency",
    "scheme": "scheme_code* version slab_no scheme_name level* circular_no circular_date valid_from* valid_to "
    "claim_last_date territory_codes channels outlet_classes distributor_codes basis* counted_per buy_sku_group "
    "buy_sku_codes slab_from slab_to slab_inclusive buy_qty unit benefit* benefit_amount free_qty free_sku_code "
    "cap_qty cap_value budget_value combinable company_funding_percent on_invoice currency",
    "target": "target_set* version level* node_code* sku_group metric* period_from* period_to* target_value* unit "
    "phasing_code owner_code currency",
    "beat_plan": "rep_code* sender_outlet_code* plan_date cycle_week cycle_day valid_from valid_to cycle beat_code "
    "distributor_code visit_sequence planned_time deviation approved_by",
    "price_list": "price_list_code* sku_code* batch_no unit valid_from* valid_to mrp ptr pts ptd retailer_margin_percent "
    "stockist_margin_percent tax_included currency",
    "calendar": "calendar_code territory_code calendar_date* selling_day* holiday_name festival_name fiscal_year "
    "fiscal_quarter fiscal_month fiscal_week journey_cycle weekday_weight",
    "sku": "sku_code* sku_name* gtin brand sub_brand category pack base_unit units_per_inner units_per_case mrp "
    "ex_factory_price standard_cost launch_date delist_date predecessor_sku_code valid_from gtin_inner gtin_case "
    "variant inners_per_case cases_per_pallet net_weight_g volume_ml successor_sku_code hsn tax_rate "
    "shelf_life_days min_remaining_life_percent abc_class focus must_stock drug_schedule cold_chain serialised "
    "warranty_months",
    "distributor": "distributor_code* distributor_name* distributor_type parent_code territory_code dms_platform lead_time_days "
    "transit_days norm_days valid_from phone contact_name tax_no income_tax_no gln drug_licence_no "
    "drug_licence_expiry_date address city postal_code town_class latitude longitude credit_limit_value "
    "credit_days appointed_date terminated_date time_zone",
    "outlet": "outlet_code* outlet_name channel outlet_class address city latitude longitude territory_code "
    "distributor_code status retailer_code valid_from company_outlet_code owner_name phone email tax_no gln "
    "postal_code beat_code duplicate_of_code universe_source turnover_band created_date created_by",
    "territory": "territory_code* territory_name* parent_code level* valid_from manager_code manager_name",
    "sku_xref": "distributor_code* sender_sku_code* sku_code valid_from valid_to sender_sku_name gtin pack mrp match_method confidence approved_by",
    "outlet_xref": "distributor_code* sender_outlet_code* outlet_code valid_from valid_to sender_outlet_name phone tax_no latitude "
    "longitude match_method confidence approved_by",
    "decision": "decision_id* decided_at* decided_by* kind* subject* distributor_code sender_sku_code sender_outlet_code "
    "sku_code outlet_code territory_code document_type document_no line_no batch_no condition month_start "
    "alert_id feed cause value qty_base value_net valid_from valid_to reason*",
}
KEYS = {
    "dms_invoice_line": "distributor_code document_type document_no line_no",
    "dms_serial": "distributor_code document_type document_no line_no serial_no",
    "dms_return": "distributor_code document_no line_no",
    "dms_claim": "distributor_code claim_no line_no",
    "dms_stock": "distributor_code sender_sku_code batch_no condition business_date",
    "goods_receipt": "distributor_code document_no line_no",
    "erp_dispatch_line": "document_no line_no",
    "erp_billing_line": "document_no line_no",
    "pos_sale": "retailer_code sender_outlet_code sender_sku_code business_date",
    "pos_stock": "retailer_code sender_outlet_code sender_sku_code business_date",
    "field_visit": "visit_id",
    "field_order_line": "order_id line_no",
    "scheme": "scheme_code version slab_no",
    "target": "target_set version level node_code sku_group metric period_from",
    "beat_plan": "rep_code sender_outlet_code plan_date cycle_week cycle_day valid_from",
    "price_list": "price_list_code sku_code batch_no unit valid_from",
    "calendar": "calendar_code territory_code calendar_date",
    "sku": "sku_code valid_from",
    "distributor": "distributor_code valid_from",
    "outlet": "outlet_code valid_from",
    "territory": "territory_code valid_from",
    "sku_xref": "distributor_code sender_sku_code valid_from",
    "outlet_xref": "distributor_code sender_outlet_code valid_from",
    "decision": "decision_id",
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
        if column.name.endswith("_qty") or column.name in ("qty", "qty_base", "qty_base_stated"):
            expected = "DECIMAL(18,3)"
        elif column.name.endswith("_value") or column.name in (
            "rate",
            "value_net",
            "mrp",
            "ptr",
            "pts",
            "ptd",
            "price",
            "tax_rate",
            "ex_factory_price",
            "standard_cost",
        ):
            expected = "DECIMAL(18,4)"
        elif column.name.endswith(("_code", "_no", "_name", "gtin", "unit")) and column.name not in (
            "slab_no",
            *(name for name in CONTRACTS[feed].names if name.endswith("line_no")),
        ):
            expected = "VARCHAR"
        elif column.name.endswith(("_date", "valid_from", "valid_to")):
            expected = "DATE"
        assert expected in (None, column.physical_type), column.name


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_contract_keeps_to_the_standard_and_to_our_ways(path):
    assert lint(document(path), path) == []


def test_flags_are_counted_through():
    for contract in CONTRACTS.values():
        assert [rule.bit for rule in contract.warnings] == list(range(len(contract.warnings)))


PARTS = dict.fromkeys(("cash_discount_value", "trade_discount_value", "scheme_discount_value"))
STATEMENT = dict.fromkeys(
    (
        *("receipt_free_qty", "sales_return_qty", "transfer_in_qty", "sales_free_qty", "transfer_out_qty"),
        *("purchase_return_qty", "damage_qty", "expiry_qty", "sample_qty"),
    )
)
CASES: list[tuple[str, str, str | None, dict, bool]] = [
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
        PARTS | {"gross_value": Decimal(10), "discount_value": Decimal(1), "value_net": Decimal(9)},
        False,
    ),
    (
        "dms_invoice_line",
        "net_is_gross_less_discount",
        None,
        PARTS | {"gross_value": Decimal(10), "discount_value": None, "value_net": Decimal("9.95")},
        False,
    ),
    (
        "dms_invoice_line",
        "net_is_gross_less_discount",
        None,
        PARTS | {"gross_value": Decimal(10), "discount_value": None, "value_net": Decimal("9.94")},
        True,
    ),
    (
        "dms_invoice_line",
        "net_is_gross_less_discount",
        None,
        PARTS | {"gross_value": None, "discount_value": None, "value_net": Decimal(9)},
        False,
    ),
    (
        "dms_invoice_line",
        "net_is_gross_less_discount",
        None,
        PARTS
        | {
            "gross_value": Decimal(10),
            "discount_value": None,
            "scheme_discount_value": Decimal(1),
            "value_net": Decimal(9),
        },
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

GOOD_GTIN, BAD_GTIN = "4006381333931", "4006381333932"
GOOD_IMEI, BAD_IMEI = "490154203237518", "490154203237519"
NOON = datetime(2026, 3, 1, 12)


def numbers(**values: str | None) -> dict[str, Decimal | None]:
    return {name: None if value is None else Decimal(value) for name, value in values.items()}


def days(**values: int | None) -> dict[str, date | None]:
    return {name: None if value is None else date(2026, 3, value) for name, value in values.items()}


CASES += [
    ("dms_invoice_line", "tax_is_rate_of_net", None, numbers(value_net="100", tax_rate="18", tax_value="19"), False),
    ("dms_invoice_line", "tax_is_rate_of_net", None, numbers(value_net="100", tax_rate="18", tax_value="19.01"), True),
    ("dms_invoice_line", "tax_is_rate_of_net", None, numbers(value_net="-100", tax_rate="18", tax_value="-18"), False),
    ("dms_invoice_line", "tax_is_rate_of_net", None, numbers(value_net="100", tax_rate=None, tax_value="5"), False),
    (
        "dms_invoice_line",
        "tax_is_sum_of_parts",
        None,
        numbers(cgst_value="9", sgst_value="9", igst_value=None, cess_value=None, tax_value="18"),
        False,
    ),
    (
        "dms_invoice_line",
        "tax_is_sum_of_parts",
        None,
        numbers(cgst_value="9", sgst_value="9", igst_value=None, cess_value="1", tax_value="18"),
        True,
    ),
    (
        "dms_invoice_line",
        "tax_is_sum_of_parts",
        None,
        numbers(cgst_value=None, sgst_value=None, igst_value=None, cess_value=None, tax_value="18"),
        False,
    ),
    ("erp_billing_line", "invoice_not_negative", "qty", {"document_type": "INVOICE", "qty": Decimal(-1)}, True),
    ("erp_billing_line", "credit_note_not_positive", "qty", {"document_type": "CREDIT_NOTE", "qty": Decimal(1)}, True),
    ("erp_billing_line", "tax_is_rate_of_net", None, numbers(value_net="100", tax_rate="18", tax_value="10"), True),
    ("erp_billing_line", "conversion_positive", None, numbers(conv_num="12", conv_den="0"), True),
    ("erp_dispatch_line", "conversion_positive", None, numbers(conv_num="12", conv_den="1"), False),
    ("erp_dispatch_line", "conversion_positive", None, numbers(conv_num="-12", conv_den=None), True),
    (
        "erp_dispatch_line",
        "base_is_converted_quantity",
        None,
        numbers(qty="5", free_qty="1", conv_num="24", conv_den="2", qty_base_stated="72"),
        False,
    ),
    (
        "erp_dispatch_line",
        "base_is_converted_quantity",
        None,
        numbers(qty="5", free_qty=None, conv_num="24", conv_den="2", qty_base_stated="61"),
        True,
    ),
    (
        "erp_dispatch_line",
        "base_is_converted_quantity",
        None,
        numbers(qty="5", free_qty=None, conv_num="24", conv_den="0", qty_base_stated="61"),
        False,
    ),
    ("erp_dispatch_line", "delivered_after_dispatch", None, days(business_date=2, pod_date=1), True),
    ("erp_dispatch_line", "delivered_after_dispatch", None, days(business_date=2, pod_date=2), False),
    ("erp_dispatch_line", "sscc_check_digit", None, {"sscc": "106141412345678908"}, False),
    ("erp_dispatch_line", "sscc_check_digit", None, {"sscc": "106141412345678909"}, True),
    (
        "dms_stock",
        "statement_adds_up",
        None,
        STATEMENT | numbers(opening_qty="10", receipt_qty="5", adjustment_qty="-1", sales_qty="4", closing_qty="10"),
        False,
    ),
    (
        "dms_stock",
        "statement_adds_up",
        None,
        STATEMENT | numbers(opening_qty="10", receipt_qty="5", adjustment_qty="-1", sales_qty="4", closing_qty="11"),
        True,
    ),
    (
        "dms_stock",
        "statement_adds_up",
        None,
        STATEMENT | numbers(opening_qty="10", receipt_qty="5", adjustment_qty="-1", sales_qty=None, closing_qty="11"),
        False,
    ),
    ("goods_receipt", "damaged_within_received", None, numbers(qty="2", free_qty="1", damaged_qty="4"), True),
    ("goods_receipt", "damaged_within_received", None, numbers(qty="2", free_qty=None, damaged_qty="2"), False),
    ("dms_serial", "imei_check_digit", None, {"serial_no": GOOD_IMEI}, False),
    ("dms_serial", "imei_check_digit", None, {"serial_no": BAD_IMEI}, True),
    ("dms_serial", "imei_check_digit", None, {"serial_no": "SN-1"}, False),
    ("dms_serial", "second_imei_check_digit", None, {"second_serial_no": BAD_IMEI}, True),
    ("dms_serial", "imei_has_15_digits", None, {"serial_kind": "IMEI", "serial_no": GOOD_IMEI[1:]}, True),
    ("dms_serial", "imei_has_15_digits", None, {"serial_kind": "IMEI", "serial_no": GOOD_IMEI}, False),
    ("dms_serial", "imei_has_15_digits", None, {"serial_kind": "MAKER", "serial_no": "SN-1"}, False),
    ("dms_return", "return_not_negative", "qty", numbers(qty="-1"), True),
    ("dms_return", "returned_after_sold", None, days(business_date=1, original_document_date=2), True),
    ("dms_claim", "claim_not_negative", "claimed_value", numbers(claimed_value="-1"), True),
    ("dms_claim", "claim_period_not_reversed", None, days(period_from=2, period_to=1), True),
    ("dms_claim", "approved_within_claimed", None, numbers(approved_value="11", claimed_value="10"), True),
    ("dms_claim", "settled_within_approved", None, numbers(settled_value="10", approved_value="10"), False),
    ("pos_stock", "stock_not_negative", "on_hand_qty", numbers(on_hand_qty="-1"), True),
    (
        "field_visit",
        "device_clock_not_ahead",
        "checkin_at",
        {"checkin_at": NOON, "server_at": NOON - timedelta(minutes=10)},
        False,
    ),
    (
        "field_visit",
        "device_clock_not_ahead",
        "checkin_at",
        {"checkin_at": NOON, "server_at": NOON - timedelta(minutes=10, seconds=1)},
        True,
    ),
    (
        "field_visit",
        "checkout_after_checkin",
        None,
        {"checkin_at": NOON, "checkout_at": NOON - timedelta(hours=1)},
        True,
    ),
    ("field_visit", "place_in_range", None, {"latitude": 91.0, "longitude": 0.0}, True),
    ("field_visit", "place_in_range", None, {"latitude": None, "longitude": -181.0}, True),
    (
        "field_order_line",
        "device_clock_not_ahead",
        "ordered_at",
        {"ordered_at": NOON, "server_at": NOON - timedelta(days=1)},
        True,
    ),
    ("field_order_line", "order_not_negative", "qty", numbers(qty="-1"), True),
    ("scheme", "period_not_reversed", None, days(valid_from=2, valid_to=1), True),
    ("scheme", "slab_not_reversed", None, numbers(slab_from="10", slab_to="9"), True),
    ("scheme", "claims_end_after_scheme", None, days(claim_last_date=1, valid_to=2), True),
    ("scheme", "funding_is_a_share", None, {"company_funding_percent": 101.0}, True),
    (
        "scheme",
        "free_goods_have_quantities",
        None,
        {"benefit": "FREE_QTY", "buy_qty": Decimal(12), "free_qty": Decimal(0)},
        True,
    ),
    (
        "scheme",
        "free_goods_have_quantities",
        None,
        {"benefit": "DISC_PCT", "buy_qty": Decimal(12), "free_qty": Decimal(0)},
        False,
    ),
    ("target", "target_not_negative", "target_value", numbers(target_value="-1"), True),
    ("target", "target_period_not_reversed", None, days(period_from=2, period_to=1), True),
    ("beat_plan", "plan_names_a_day", None, {"plan_date": None, "cycle_day": None}, True),
    ("beat_plan", "plan_names_a_day", None, {"plan_date": None, "cycle_day": 1}, False),
    ("beat_plan", "day_of_week", "cycle_day", {"cycle_day": 8}, True),
    ("beat_plan", "period_not_reversed", None, days(valid_from=2, valid_to=1), True),
    ("price_list", "period_not_reversed", None, days(valid_from=2, valid_to=1), True),
    ("price_list", "price_not_negative", "ptr", numbers(ptr="-1"), True),
    ("price_list", "prices_rise_along_the_chain", None, numbers(pts="8", ptr="9", mrp="10"), False),
    ("price_list", "prices_rise_along_the_chain", None, numbers(pts="8", ptr="11", mrp="10"), True),
    ("price_list", "prices_rise_along_the_chain", None, numbers(pts="11", ptr=None, mrp="10"), True),
    ("calendar", "fiscal_part_in_range", "fiscal_quarter", {"fiscal_quarter": 5}, True),
    ("calendar", "fiscal_part_in_range", "fiscal_week", {"fiscal_week": 53}, False),
    ("calendar", "weight_not_negative", "weekday_weight", {"weekday_weight": -0.1}, True),
    ("sku", "packs_have_own_gtins", None, {"gtin": "1", "gtin_inner": None, "gtin_case": "1"}, True),
    ("sku", "packs_have_own_gtins", None, {"gtin": "1", "gtin_inner": "2", "gtin_case": None}, False),
    ("sku", "case_is_inners_of_units", None, {"inners_per_case": 4, "units_per_inner": 6, "units_per_case": 20}, True),
    ("sku", "life_positive", None, {"shelf_life_days": 0}, True),
    ("distributor", "place_in_range", None, {"latitude": 12.9, "longitude": 77.6}, False),
    ("distributor", "place_in_range", None, {"latitude": 129.0, "longitude": 77.6}, True),
    ("distributor", "termination_after_appointment", None, days(appointed_date=2, terminated_date=1), True),
    ("outlet", "no_outlet_duplicates_itself", None, {"outlet_code": "O", "duplicate_of_code": "O"}, True),
    ("sku_xref", "confidence_is_a_share", None, {"confidence": 1.1}, True),
    ("outlet_xref", "confidence_is_a_share", None, {"confidence": 1.0}, False),
    *[
        (feed, "control_totals_agree", None, {"control_note": note}, note is not None)
        for feed in ("dms_invoice_line", "dms_stock", "erp_dispatch_line", "erp_billing_line", "pos_sale", "pos_stock")
        for note in ("SE01 says 12 segments, there are 11", None)
    ],
    ("decision", "period_not_reversed", None, days(valid_from=2, valid_to=1), True),
    (
        "decision",
        "sku_xref_is_complete",
        None,
        {"kind": "SKU_XREF", "distributor_code": "D", "sender_sku_code": None, "value": "K"},
        True,
    ),
    (
        "decision",
        "sku_xref_is_complete",
        None,
        {"kind": "COMMENT", "distributor_code": None, "sender_sku_code": None, "value": None},
        False,
    ),
    (
        "decision",
        "outlet_xref_is_complete",
        None,
        {"kind": "OUTLET_XREF", "distributor_code": "D", "sender_outlet_code": None, "value": "O"},
        True,
    ),
]
CASES += [
    (feed, rule.name, None, {column: digits}, digits == BAD_GTIN)
    for feed, contract in CONTRACTS.items()
    for rule in contract.rules
    for column in columns_of(rule.expression)
    if rule.expression.startswith("GS1_") and column.startswith(("gtin", "gln"))
    for digits in (GOOD_GTIN, BAD_GTIN)
]
CASES += [
    (feed, rule.name, None, days(mfg_date=1, expiry_date=day), day == 1)
    for feed, contract in CONTRACTS.items()
    for rule in contract.rules
    if rule.name == "expiry_after_mfg"
    for day in (1, 2)
]


@pytest.mark.parametrize(("feed", "name", "column", "row", "broken"), CASES)
def test_a_rule_means_what_it_says(feed, name, column, row, broken):
    contract = CONTRACTS[feed]
    rule = next(rule for rule in contract.rules if (rule.name, rule.column) == (name, column))
    frame = pl.DataFrame([row], schema={key: contract.column(key).dtype for key in row})

    assert frame.select(breaks(rule)).item() is broken


def test_a_default_that_is_written_as_a_number_is_text_like_any_other(tmp_path):
    path = tmp_path / "config" / "contracts" / "dms_invoice_line.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(
        "schema:\n- name: dms_invoice_line\n  properties:\n"
        "  - {name: line_no, customProperties: [{property: default, value: 2}]}\n"
    )

    contracts = load_contracts(tmp_path)

    assert contracts["dms_invoice_line"].column("line_no").default == "2"


STRICT = sorted(
    {
        (feed, rule.expression)
        for feed, contract in CONTRACTS.items()
        for rule in contract.rules
        if is_strict(rule.expression)
    }
)
VALUES = {
    pl.String: st.text(max_size=2),
    pl.Boolean: st.booleans(),
    pl.Date: st.dates(),
    pl.Datetime: st.datetimes(),
    pl.Float64: st.floats(-1000, 1000),
    pl.Int64: st.integers(-1000, 1000),
    pl.Decimal: st.decimals(-1000, 1000, places=2),
}


@settings(deadline=None)
@given(st.data())
def test_a_strict_rule_says_nothing_where_a_column_is_empty(data):
    feed, expression = data.draw(st.sampled_from(STRICT))
    names = columns_of(expression)
    dtypes = {name: CONTRACTS[feed].column(name).dtype for name in names}
    row = {name: data.draw(VALUES[dtype.base_type()]) for name, dtype in dtypes.items()}
    empty = data.draw(st.sets(st.sampled_from(names), min_size=1))

    frame = pl.DataFrame([row | dict.fromkeys(empty)], schema=dtypes)

    assert frame.select(compiled(expression)).item() is None


@pytest.mark.parametrize(
    ("expression", "strict"),
    [
        ("a >= b", True),
        ("ABS(CAST(a AS DOUBLE) * b / 100 - c) <= 1.5", True),
        ("a + b <> c", True),
        ("a <=> b", False),
        ("(a > b) & (c > b)", False),
        ("(a > b) | (c > b)", False),
        ("a IS NULL OR a > b", False),
        ("a is null or a > b", False),
        ("COALESCE(a, b) > 0", False),
        ("a IN (1, 2)", False),
        ("a > b AND c > b", False),
        ("NOT a > b", False),
        ("a = 'x'", False),
        ("CASE WHEN a > b THEN c > b ELSE TRUE END", False),
        ("GS1_CHECK_DIGIT(a)", False),
    ],
)
def test_only_arithmetic_and_comparisons_are_known_to_be_strict(expression, strict):
    assert is_strict(expression) is strict


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


PROFILES = [
    "csv_generic",
    "csv_semicolon",
    "xlsx_generic",
    "fixed_width",
    "iowa",
    "tally_daybook",
    "tally_loader",
    "sap_delvry07",
    "sap_invoic02",
    "sap_proact01",
    "sap_likp_lips",
    "sap_vbrk_vbrp",
    "oracle_ebs",
    "x12_867",
    "x12_852",
    "x12_856",
    "x12_810",
    "edifact_slsrpt",
    "edifact_invrpt",
    "edifact_desadv",
    "nrf_poslog",
    "crm_accounts",
    "sfa_visits",
    "decisions",
]


def test_the_profiles_that_ship_are_valid_and_promised():
    catalogue = Catalogue(None, CONTRACTS)

    assert all(catalogue.profile(name).feeds for name in catalogue.profile_ids)
    assert set(catalogue.profile_ids) <= set(PROFILES)
    assert set(catalogue.profile("csv_generic").feeds) == set(COLUMNS)
    assert all(catalogue.profile(name).description and catalogue.profile(name).owner for name in catalogue.profile_ids)


def test_a_contract_is_read_the_same_way_twice():
    path = SHIPPED / "feeds" / "sku.yaml"

    assert parse_contract(document(path), path) == CONTRACTS["sku"]
