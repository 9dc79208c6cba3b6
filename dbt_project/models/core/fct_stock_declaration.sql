{{ config(materialized='view') }}

select
    line_key,
    business_date,
    distributor_code,
    sku_code,
    sender_sku_code,
    batch_no,
    condition,
    opening_qty_base,
    closing_qty_base,
    transfer_in_qty_base,
    transfer_out_qty_base,
    purchase_return_qty_base,
    adjustment_qty_base,
    damage_qty_base,
    expiry_qty_base,
    sample_qty_base,
    copies,
    sender,
    source_file,
    source_record,
    seq_from
from {{ ref('stock_declaration_version') }}
where {{ is_live() }}
