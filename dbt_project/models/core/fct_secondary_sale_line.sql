-- what is known now, of delivery notes what is not billed; every version stands in history.sale_line_version
select
    sale_line.line_key,
    sale_line.business_date,
    {{ key(['sale_line.distributor_code']) }} as distributor_key,
    {{ key(['sale_line.sku_code']) }} as sku_key,
    {{ key(['sale_line.outlet_code']) }} as outlet_key,
    {{ key(['sale_line.territory_code']) }} as territory_key,
    sale_line.document_type,
    sale_line.document_no,
    sale_line.line_no,
    sale_line.batch_no,
    sale_line.condition,
    sale_line.return_kind,
    sale_line.unit,
    cast(sale_line.qty - coalesce(billed.qty, 0) as decimal(18, 3)) as qty,
    sale_line.qty_base - coalesce(billed.qty_base, 0) as qty_base,
    sale_line.free_qty_base - coalesce(billed.free_qty_base, 0) as free_qty_base,
    cast(sale_line.value_net - coalesce(billed.value_net, 0) as decimal(18, 4)) as value_net,
    sale_line.copies,
    sale_line.source_file,
    sale_line.source_record,
    sale_line.seq_from
from {{ ref('sale_line_version') }} as sale_line
left join {{ ref('int_billed_note') }} as billed on sale_line.line_key = billed.line_key
where {{ is_live() }} and not sale_line.cancelled and not coalesce(billed.is_whole, false)
