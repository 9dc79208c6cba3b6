-- what is known now; every version stands in history.dispatch_line_version
select
    line_key,
    business_date as goods_issue_date,
    {{ key(['distributor_code']) }} as distributor_key,
    {{ key(['sku_code']) }} as sku_key,
    {{ key(['territory_code']) }} as territory_key,
    document_no,
    line_no,
    batch_no,
    planned_delivery_date,
    unit,
    qty_base,
    free_qty_base,
    value_net,
    copies,
    source_file,
    source_record,
    seq_from
from {{ ref('dispatch_line_version') }}
where {{ is_live() }} and not cancelled
