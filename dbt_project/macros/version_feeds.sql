{# How each feed is folded into versions; the views in intermediate/version and the tables in history call the same macro. #}

{% macro sale_line_versions(existing=none, watermark=0) -%}
{{ fold_versions(
    feed='dms_invoice_line',
    source=ref('stg_dms_invoice_line'),
    columns=[
        'distributor_code', 'document_type', 'document_no', 'line_no', 'sender_outlet_code', 'batch_no', 'condition',
        'return_kind', 'cancelled', 'document_kind', 'tracking_no', 'qty', 'free_qty', 'value_net',
    ],
    select_columns=[
        'distributor_code', 'document_type', 'document_no', 'line_no', 'sender_outlet_code', 'outlet_code', 'territory_code',
        'batch_no', 'condition', 'return_kind', 'cancelled', 'document_kind', 'tracking_no', 'qty',
        whole_units('qty * factor') ~ ' as qty_base',
        whole_units('free_qty * factor') ~ ' as free_qty_base',
        'value_net',
    ],
    sku_owner='distributor_code',
    outlet_owner='distributor_code',
    version_order='sender_version',
    existing=existing,
    watermark=watermark
) }}
{%- endmacro %}

{% macro dispatch_line_versions(existing=none, watermark=0) -%}
{{ fold_versions(
    feed='erp_dispatch_line',
    source=ref('stg_erp_dispatch_line'),
    columns=[
        'distributor_code', 'document_no', 'line_no', 'batch_no', 'planned_delivery_date', 'cancelled', 'qty', 'free_qty',
        'value_net', 'base_unit', 'conv_num', 'conv_den',
    ],
    select_columns=[
        'distributor_code', 'territory_code', 'document_no', 'line_no', 'batch_no', 'planned_delivery_date', 'cancelled',
        whole_units(by_own_conversion('qty')) ~ ' as qty_base',
        whole_units(by_own_conversion('free_qty')) ~ ' as free_qty_base',
        'value_net',
    ],
    sku_owner='sender',
    home_of='distributor_code',
    existing=existing,
    watermark=watermark
) }}
{%- endmacro %}

{# A quantity by the conversion to pieces that the document itself states (SAP's UMVKZ over UMVKN), else by the pack factor of the item. #}
{% macro by_own_conversion(quantity) -%}
    case
        when coalesce(base_unit, 'EA') = 'EA' and conv_num > 0 and conv_den > 0 then {{ quantity }} * conv_num / conv_den
        else {{ quantity }} * factor
    end
{%- endmacro %}

{% macro receipt_line_versions(existing=none, watermark=0) -%}
{{ fold_versions(
    feed='goods_receipt',
    source=ref('stg_goods_receipt'),
    columns=[
        'distributor_code', 'document_no', 'line_no', 'dispatch_no', 'dispatch_line_no', 'batch_no', 'condition', 'tracking_no',
        'document_kind', 'cancelled', 'qty', 'free_qty',
    ],
    select_columns=[
        'distributor_code', 'document_no', 'line_no', 'dispatch_no', 'dispatch_line_no', 'batch_no', 'condition', 'tracking_no',
        'document_kind', 'cancelled',
        whole_units('qty * factor') ~ ' as qty_base',
        whole_units('free_qty * factor') ~ ' as free_qty_base',
    ],
    sku_owner='distributor_code',
    version_order='sender_version',
    existing=existing,
    watermark=watermark
) }}
{%- endmacro %}

{% macro stock_declaration_versions(existing=none, watermark=0) -%}
{%- set quantities = [
    'opening', 'closing', 'transfer_in', 'transfer_out', 'purchase_return', 'adjustment', 'damage', 'expiry', 'sample'
] -%}
{%- set in_base = [] -%}
{%- set as_sent = [] -%}
{%- for quantity in quantities -%}
    {%- do as_sent.append(quantity ~ '_qty') -%}
    {%- do in_base.append(whole_units(quantity ~ '_qty * factor') ~ ' as ' ~ quantity ~ '_qty_base') -%}
{%- endfor -%}
{{ fold_versions(
    feed='dms_stock',
    source=ref('stg_dms_stock'),
    columns=['distributor_code', 'batch_no', 'condition'] + as_sent,
    select_columns=['distributor_code', 'batch_no', 'condition'] + in_base,
    sku_owner='distributor_code',
    existing=existing,
    watermark=watermark
) }}
{%- endmacro %}

{% macro pos_sale_versions(existing=none, watermark=0) -%}
{{ fold_versions(
    feed='pos_sale',
    source=ref('stg_pos_sale'),
    columns=['retailer_code', 'sender_outlet_code', 'qty', 'return_qty', 'value_net'],
    select_columns=[
        'retailer_code', 'sender_outlet_code', 'outlet_code', 'home_distributor_code as distributor_code', 'territory_code',
        whole_units('qty * factor') ~ ' as qty_base',
        whole_units('return_qty * factor') ~ ' as return_qty_base',
        'value_net',
    ],
    sku_owner='retailer_code',
    outlet_owner='retailer_code',
    existing=existing,
    watermark=watermark
) }}
{%- endmacro %}

{# The last commit that a version table (or an aggregate of one) has seen. #}
{% macro watermark_of(relation) -%}
    {%- if execute -%}
        {{ return(run_query('select coalesce(max(max_seq), 0) from ' ~ relation).columns[0].values()[0]) }}
    {%- endif -%}
    {{ return(0) }}
{%- endmacro %}
