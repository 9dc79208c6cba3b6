{{ config(materialized='table') }}

-- what senders tell of a code that nothing explains: of several words the last one; a sender's own list of codes before its documents
with unexplained as (
    select
        kind,
        owner,
        code,
        cast(sum(value_net) as decimal(38, 4)) as value_net
    from {{ ref('int_unexplained_code') }}
    where kind in ('SKU', 'OUTLET')
    group by kind, owner, code
),

told as (
    select
        'SKU' as kind,
        distributor_code as owner,
        sender_sku_code as code,
        1 as source_rank,
        seq,
        pos,
        sender_sku_name as name,
        gtin,
        pack,
        cast(mrp as double) as price,
        cast(null as varchar) as phone,
        cast(null as varchar) as tax_no,
        cast(null as double) as latitude,
        cast(null as double) as longitude
    from {{ ref('stg_sku_xref') }}
    union all
    select
        'OUTLET' as kind,
        distributor_code as owner,
        sender_outlet_code as code,
        1 as source_rank,
        seq,
        pos,
        sender_outlet_name as name,
        null as gtin,
        null as pack,
        null as price,
        phone,
        tax_no,
        latitude,
        longitude
    from {{ ref('stg_outlet_xref') }}
    union all
    select
        'SKU' as kind,
        distributor_code as owner,
        sender_sku_code as code,
        2 as source_rank,
        seq,
        pos,
        sku_name as name,
        gtin,
        null as pack,
        case when unit = 'EA' and qty > 0 then cast(value_net as double) / cast(qty as double) end as price,
        null as phone,
        null as tax_no,
        null as latitude,
        null as longitude
    from {{ ref('stg_dms_invoice_line') }}
    union all
    select
        'OUTLET' as kind,
        distributor_code as owner,
        sender_outlet_code as code,
        2 as source_rank,
        seq,
        pos,
        outlet_name as name,
        null as gtin,
        null as pack,
        null as price,
        null as phone,
        outlet_tax_no as tax_no,
        null as latitude,
        null as longitude
    from {{ ref('stg_dms_invoice_line') }}
),

final as (
    select
        unexplained.kind,
        unexplained.owner,
        unexplained.code,
        unexplained.value_net,
        {%- for column in ['name', 'gtin', 'pack', 'price', 'phone', 'tax_no', 'latitude', 'longitude'] %}
        max_by(told.{{ column }}, case when told.{{ column }} is not null then (3 - told.source_rank) * 1e15 + told.seq * 1e6 + least(told.pos, 999999) end) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from unexplained
    left join told
        on unexplained.kind = told.kind
        and unexplained.owner = told.owner
        and unexplained.code = told.code
    group by unexplained.kind, unexplained.owner, unexplained.code, unexplained.value_net
)

select * from final
