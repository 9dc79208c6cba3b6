-- what is known now; every version stands in history.pos_sale_version
select
    line_key,
    business_date,
    {{ key(['distributor_code']) }} as distributor_key,
    {{ key(['sku_code']) }} as sku_key,
    {{ key(['outlet_code']) }} as outlet_key,
    {{ key(['territory_code']) }} as territory_key,
    retailer_code,
    unit,
    qty_base,
    return_qty_base,
    value_net,
    copies,
    source_file,
    source_record,
    seq_from
from {{ ref('pos_sale_version') }}
where {{ is_live() }}
