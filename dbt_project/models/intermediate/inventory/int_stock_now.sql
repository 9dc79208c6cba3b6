{{ config(materialized='table') }}

with level as (select * from {{ ref('int_stock_level') }}),

now as (
    select
        distributor_code,
        sku_code,
        level_date,
        basis,
        saleable_qty_base
    from level
    where next_level_date is null
),

history as (
    select
        distributor_code,
        sku_code,
        min(case when saleable_qty_base > 0 then level_date end) as first_stock_date,
        max(case when basis = 'DECLARED' then level_date end) as declared_date,
        -- the stock has been empty since the level after the last one that was not
        coalesce(
            max(case when saleable_qty_base > 0 then next_level_date end), min(level_date)
        ) as empty_since
    from level
    group by distributor_code, sku_code
),

receipt_gap as (
    -- a day without the receipts that are due: stock rolled forward over it may be there after all
    select
        sender as distributor_code,
        max(business_date) as last_gap_date
    from {{ ref('int_feed_day') }}
    where feed = 'goods_receipt' and is_owed and arrived_at is null
    group by sender
),

in_transit as (
    select
        distributor_code,
        sku_code,
        sum(in_transit_qty_base) as in_transit_qty_base
    from {{ ref('int_in_transit') }}
    where in_transit_qty_base > 0
    group by distributor_code, sku_code
),

rate as (select * from {{ ref('int_selling_rate') }})

select
    now.distributor_code,
    now.sku_code,
    now.level_date,
    now.basis,
    now.saleable_qty_base,
    now.basis = 'DECLARED'
    or receipt_gap.last_gap_date is null
    or receipt_gap.last_gap_date <= coalesce(history.declared_date, date '0001-01-01') as is_level_sure,
    history.first_stock_date,
    case when now.saleable_qty_base <= 0 then history.empty_since end as empty_since,
    cast(coalesce(in_transit.in_transit_qty_base, 0) as bigint) as in_transit_qty_base,
    rate.first_sale_date,
    rate.last_sale_date,
    coalesce(rate.qty_28d_base, 0) as qty_28d_base,
    coalesce(rate.qty_56d_base, 0) as qty_56d_base,
    coalesce(rate.value_56d_net, 0) as value_56d_net,
    case
        when rate.qty_56d_base > 0 and rate.value_56d_net > 0 then {{ ratio('rate.value_56d_net', 'rate.qty_56d_base') }}
        when rate.qty_base > 0 then {{ ratio('rate.value_net', 'rate.qty_base') }}
    end as unit_value_net,
    -- what an average SKU at a distributor sells a day, so that alerts can be weighed alike in a small network and in a large one
    -- (sums of decimals, since a mean of doubles depends on their order)
    cast(sum(case when rate.value_56d_net > 0 then rate.value_56d_net end) over () as double)
    / nullif(56 * count(case when rate.value_56d_net > 0 then 1 end) over (), 0) as mean_daily_value_net
from now
inner join history
    on now.distributor_code = history.distributor_code and now.sku_code = history.sku_code
left join receipt_gap on now.distributor_code = receipt_gap.distributor_code
left join in_transit
    on now.distributor_code = in_transit.distributor_code and now.sku_code = in_transit.sku_code
left join rate
    on now.distributor_code = rate.distributor_code and now.sku_code = rate.sku_code
