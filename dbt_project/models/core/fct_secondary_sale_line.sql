-- what is known now; every version stands in history.sale_line_version
select
    line_key,
    business_date,
    {{ key(['distributor_code']) }} as distributor_key,
    {{ key(['sku_code']) }} as sku_key,
    {{ key(['outlet_code']) }} as outlet_key,
    {{ key(['territory_code']) }} as territory_key,
    document_type,
    document_no,
    line_no,
    batch_no,
    condition,
    return_kind,
    unit,
    qty,
    qty_base,
    free_qty_base,
    value_net,
    copies,
    source_file,
    source_record,
    seq_from
from {{ ref('sale_line_version') }}
where {{ is_live() }} and not cancelled
