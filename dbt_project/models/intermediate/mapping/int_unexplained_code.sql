{{ config(materialized='table') }}

-- every code and unit that live lines bear and nothing explains
with line as (
    select
        'dms_invoice_line' as feed,
        distributor_code as owner,
        business_date,
        sender_sku_code,
        sku_code,
        sender_outlet_code,
        outlet_code,
        territory_code,
        unit,
        factor,
        qty,
        value_net
    from {{ ref('sale_line_version') }}
    where {{ is_live() }}
    union all
    select
        'erp_dispatch_line' as feed,
        sender as owner,
        business_date,
        sender_sku_code,
        sku_code,
        null as sender_outlet_code,
        null as outlet_code,
        null as territory_code,
        unit,
        factor,
        qty_base as qty,
        value_net
    from {{ ref('dispatch_line_version') }}
    where {{ is_live() }}
    union all
    select
        'pos_sale' as feed,
        retailer_code as owner,
        business_date,
        sender_sku_code,
        sku_code,
        sender_outlet_code,
        outlet_code,
        territory_code,
        unit,
        factor,
        qty_base as qty,
        value_net
    from {{ ref('pos_sale_version') }}
    where {{ is_live() }}
    union all
    select
        'goods_receipt' as feed,
        distributor_code as owner,
        business_date,
        sender_sku_code,
        sku_code,
        null as sender_outlet_code,
        null as outlet_code,
        null as territory_code,
        unit,
        factor,
        qty_base as qty,
        null as value_net
    from {{ ref('receipt_line_version') }}
    where {{ is_live() }}
    union all
    select
        'dms_stock' as feed,
        distributor_code as owner,
        business_date,
        sender_sku_code,
        sku_code,
        null as sender_outlet_code,
        null as outlet_code,
        null as territory_code,
        unit,
        factor,
        closing_qty_base as qty,
        null as value_net
    from {{ ref('stock_declaration_version') }}
    where {{ is_live() }}
),

shown as (
    select * from line
    where
        business_date <= {{ shown_until() }}
        and (sku_code = 'UNKNOWN' or outlet_code = 'UNKNOWN' or territory_code = 'UNKNOWN' or factor is null)
),

unexplained as (
    select
        'SKU' as kind,
        sender_sku_code as code,
        shown.*
    from shown
    where sku_code = 'UNKNOWN'
    union all
    select
        'OUTLET' as kind,
        sender_outlet_code as code,
        shown.*
    from shown
    where outlet_code = 'UNKNOWN'
    union all
    select
        'OUTLET_TERRITORY' as kind,
        outlet_code as code,
        shown.*
    from shown
    where territory_code = 'UNKNOWN' and outlet_code <> 'UNKNOWN'
    union all
    -- a case of an unknown item has no size; that is the item's question, not the unit's
    select
        'UNIT' as kind,
        unit as code,
        shown.*
    from shown
    where factor is null and (unit not in ('CS', 'IN') or sku_code <> 'UNKNOWN')
),

final as (
    select
        kind,
        feed,
        owner,
        code,
        count(*) as lines,
        cast(coalesce(sum(qty), 0) as decimal(18, 3)) as qty,
        {{ sum_money('coalesce(value_net, 0)') }} as value_net,
        min(business_date) as first_date,
        max(business_date) as last_date
    from unexplained
    group by kind, feed, owner, code
)

select * from final
