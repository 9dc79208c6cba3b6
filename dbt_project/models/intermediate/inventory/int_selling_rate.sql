{{ config(materialized='table') }}

with cell as (
    select
        distributor_code,
        sku_code,
        business_date,
        secondary_gross_qty_base as gross_qty_base,
        secondary_qty_base as net_qty_base,
        secondary_value_net as value_net
    from {{ ref('sell_through_daily') }}
    where business_date <= {{ shown_until() }}
)

select
    distributor_code,
    sku_code,
    min(case when gross_qty_base > 0 then business_date end) as first_sale_date,
    max(case when gross_qty_base > 0 then business_date end) as last_sale_date,
    cast(
        coalesce(sum(case when {{ days_between('business_date', shown_until()) }} < 28 then net_qty_base end), 0) as bigint
    ) as qty_28d_base,
    cast(
        coalesce(sum(case when {{ days_between('business_date', shown_until()) }} < 56 then net_qty_base end), 0) as bigint
    ) as qty_56d_base,
    cast(
        coalesce(sum(case when {{ days_between('business_date', shown_until()) }} < 56 then value_net end), 0)
        as decimal(18, 4)
    ) as value_56d_net,
    cast(sum(net_qty_base) as bigint) as qty_base,
    cast(sum(value_net) as decimal(18, 4)) as value_net
from cell
group by distributor_code, sku_code
