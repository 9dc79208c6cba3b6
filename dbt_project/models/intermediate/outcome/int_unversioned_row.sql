-- loaded rows of the feeds that have no version table, each with all that it says beside its key
{%- for feed, is_dated, values in [
    ('sku', false, [
        'sku_name', 'gtin', 'gtin_inner', 'gtin_case', 'brand', 'sub_brand', 'category', 'pack', 'base_unit',
        'units_per_inner', 'units_per_case', 'mrp', 'ex_factory_price', 'standard_cost', 'launch_date', 'delist_date',
        'predecessor_sku_code'
    ]),
    ('distributor', false, [
        'distributor_name', 'distributor_type', 'parent_code', 'territory_code', 'dms_platform', 'lead_time_days',
        'transit_days', 'norm_days'
    ]),
    ('outlet', false, [
        'outlet_name', 'channel', 'outlet_class', 'address', 'city', 'latitude', 'longitude', 'territory_code',
        'distributor_code', 'status', 'retailer_code', 'phone', 'tax_no'
    ]),
    ('territory', false, [
        'territory_name', 'parent_code', 'level'
    ]),
    ('sku_xref', false, [
        'sku_code', 'sender_sku_name', 'gtin', 'pack', 'mrp', 'valid_to'
    ]),
    ('outlet_xref', false, [
        'outlet_code', 'sender_outlet_name', 'phone', 'tax_no', 'latitude', 'longitude', 'valid_to'
    ]),
    ('dms_serial', true, [
        'business_date', 'serial_kind', 'second_serial_no', 'sender_outlet_code', 'sender_sku_code', 'company_sku_code',
        'gtin', 'warranty_until_date', 'cancelled', 'modified_at'
    ]),
    ('dms_return', true, [
        'business_date', 'sender_outlet_code', 'outlet_name', 'sender_sku_code', 'sku_name', 'company_sku_code', 'gtin',
        'batch_no', 'mfg_date', 'expiry_date', 'mrp', 'qty', 'unit', 'free_qty', 'rate', 'value_net', 'tax_value',
        'condition', 'return_reason', 'original_document_no', 'original_document_date', 'original_line_no',
        'credit_note_no', 'claim_no', 'salesman_code', 'cancelled', 'branch_code', 'document_id', 'document_version',
        'modified_at'
    ]),
    ('dms_claim', true, [
        'business_date', 'claim_type', 'status', 'scheme_code', 'period_from', 'period_to', 'sender_sku_code',
        'sender_outlet_code', 'batch_no', 'qty', 'unit', 'claimed_value', 'validated_value', 'approved_value',
        'settled_value', 'submitted_at', 'settled_date', 'credit_note_no', 'rejected_reason', 'evidence_ref', 'document_no',
        'tax_treatment', 'currency', 'modified_at'
    ]),
    ('erp_billing_line', true, [
        'document_type', 'billing_type', 'business_date', 'distributor_code', 'sold_to_code', 'ship_to_code', 'payer_code',
        'plant_code', 'cancelled', 'cancelled_document_no', 'dispatch_no', 'dispatch_line_no', 'order_no', 'order_line_no',
        'original_document_no', 'item_category', 'higher_line_no', 'free_goods', 'sender_sku_code', 'sku_name',
        'customer_sku_code', 'gtin', 'batch_no', 'expiry_date', 'qty', 'free_qty', 'unit', 'qty_base_stated', 'base_unit',
        'conv_num', 'conv_den', 'rate', 'gross_value', 'discount_value', 'value_net', 'tax_rate', 'tax_value', 'currency',
        'price_list_code', 'document_id', 'modified_at'
    ]),
    ('pos_stock', true, [
        'on_hand_qty', 'unit', 'on_order_qty', 'in_transit_qty', 'damaged_qty', 'min_qty', 'max_qty', 'stock_value',
        'count_type', 'sku_name', 'company_sku_code', 'gtin', 'batch_no', 'expiry_date', 'fiscal_week', 'currency',
        'modified_at'
    ]),
    ('field_visit', true, [
        'business_date', 'rep_code', 'sender_outlet_code', 'outlet_name', 'distributor_code', 'beat_code', 'checkin_at',
        'checkout_at', 'server_at', 'time_zone', 'visit_type', 'planned', 'plan_sequence', 'latitude', 'longitude',
        'accuracy_m', 'distance_m', 'mock_location', 'no_order_reason', 'photo_ref', 'sync_attempt', 'device_id'
    ]),
    ('field_order_line', true, [
        'business_date', 'visit_id', 'rep_code', 'sender_outlet_code', 'distributor_code', 'beat_code', 'ordered_at',
        'server_at', 'sender_sku_code', 'sku_name', 'qty', 'unit', 'free_qty', 'price', 'value_net', 'scheme_code',
        'status', 'reject_reason', 'fulfilled_document_no', 'sync_attempt', 'currency'
    ]),
    ('beat_plan', false, [
        'valid_to', 'cycle', 'beat_code', 'distributor_code', 'visit_sequence', 'planned_time', 'deviation', 'approved_by'
    ]),
    ('scheme', false, [
        'scheme_name', 'level', 'circular_no', 'circular_date', 'valid_from', 'valid_to', 'claim_last_date',
        'territory_codes', 'channels', 'outlet_classes', 'distributor_codes', 'basis', 'counted_per', 'buy_sku_group',
        'buy_sku_codes', 'slab_from', 'slab_to', 'slab_inclusive', 'buy_qty', 'unit', 'benefit', 'benefit_amount',
        'free_qty', 'free_sku_code', 'cap_qty', 'cap_value', 'budget_value', 'combinable', 'company_funding_percent',
        'on_invoice', 'currency'
    ]),
    ('target', false, [
        'period_to', 'target_value', 'unit', 'phasing_code', 'owner_code', 'currency'
    ]),
    ('price_list', false, [
        'valid_to', 'mrp', 'ptr', 'pts', 'ptd', 'retailer_margin_percent', 'stockist_margin_percent', 'tax_included',
        'currency'
    ]),
    ('calendar', false, [
        'selling_day', 'holiday_name', 'festival_name', 'fiscal_year', 'fiscal_quarter', 'fiscal_month', 'fiscal_week',
        'journey_cycle', 'weekday_weight'
    ]),
    ('decision', false, [
        'decided_at', 'decided_by', 'kind', 'subject', 'distributor_code', 'sender_sku_code', 'sender_outlet_code', 'value',
        'reason', 'valid_from', 'valid_to'
    ]),
] %}
select
    '{{ feed }}' as feed,
    line_key,
    seq,
    pos,
    last_seq,
    arrival,
    sender,
    {{ 'business_date' if is_dated else since_ever() ~ ' as business_date' }},
    source_file,
    {{ content(values) }} as said
from {{ ref('stg_' ~ feed) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
