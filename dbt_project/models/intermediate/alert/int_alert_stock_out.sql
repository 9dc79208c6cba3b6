{{ config(materialized='view') }}

with empty_cell as (
    select * from {{ ref('int_stock_now') }}
    where saleable_qty_base <= 0 and is_level_sure
),

sold_before as (
    -- what it sold before it ran out, the day it ran out included
    select
        sale.distributor_code,
        sale.sku_code,
        sum(sale.secondary_gross_qty_base) as ranged_qty_base,
        sum(
            case
                when {{ days_between('sale.business_date', 'empty_cell.empty_since') }} < 28
                    then sale.secondary_gross_qty_base
                else 0
            end
        ) as month_qty_base,
        sum(sale.secondary_value_net) as ranged_value_net
    from {{ ref('sell_through_daily') }} as sale
    inner join empty_cell
        on sale.distributor_code = empty_cell.distributor_code and sale.sku_code = empty_cell.sku_code
    where
        sale.business_date <= empty_cell.empty_since
        and {{ days_between('sale.business_date', 'empty_cell.empty_since') }}
        < {{ threshold('STOCK_OUT', 'ranged_days') }}
    group by sale.distributor_code, sale.sku_code
),

expected as (
    select
        distributor_code,
        sku_code,
        {{ ratio('sum(mean)', 'count(mean)') }} as weekly_mean
    from {{ ref('forecast_weekly') }}
    where
        level = 'SKU_DISTRIBUTOR'
        and week_start > {{ add_days(shown_until(), -7) }}
        and week_start <= {{ add_days(shown_until(), 28) }}
    group by distributor_code, sku_code
),

ranged as (
    select
        empty_cell.*,
        coalesce(sold_before.month_qty_base, 0) as month_qty_base,
        coalesce(expected.weekly_mean, 0) as weekly_mean,
        greatest(
            coalesce(expected.weekly_mean, 0) / 7,
            cast(coalesce(sold_before.month_qty_base, 0) as double) / 28
        ) as daily_rate
    from empty_cell
    left join sold_before
        on
            empty_cell.distributor_code = sold_before.distributor_code
            and empty_cell.sku_code = sold_before.sku_code
    left join expected
        on
            empty_cell.distributor_code = expected.distributor_code
            and empty_cell.sku_code = expected.sku_code
    where
        sold_before.ranged_qty_base > 0
        or expected.weekly_mean >= {{ threshold('STOCK_OUT', 'min_weekly_forecast') }}
)

select
    'STOCK_OUT' as kind,
    sku_code,
    distributor_code,
    empty_since as first_seen,
    coalesce(daily_rate * unit_value_net / nullif(mean_daily_value_net, 0), 0)
    * case when in_transit_qty_base > 0 then {{ threshold('STOCK_OUT', 'in_transit_share') }} else 1 end as weight,
    'No saleable stock of ' || sku_code || ' at ' || distributor_code || ' since ' || cast(empty_since as varchar)
    || ' (' || case when basis = 'DECLARED' then 'declared ' else 'by the book ' end
    || {{ in_words('saleable_qty_base') }} || ' units on ' || cast(level_date as varchar) || '). It sold '
    || {{ in_words('month_qty_base') }} || ' units in the 28 days before; '
    || case
        when in_transit_qty_base > 0 then {{ in_words('in_transit_qty_base') }} || ' units are on the way.'
        else 'nothing is on the way.'
    end as reason,
    {{ json_figures([
        ('stock_qty_base', 'saleable_qty_base', 'number'),
        ('stock_date', 'level_date', 'text'),
        ('stock_basis', 'basis', 'text'),
        ('empty_since', 'empty_since', 'text'),
        ('sold_28d_before_qty_base', 'month_qty_base', 'number'),
        ('forecast_weekly_qty_base', 'round(weekly_mean, 2)', 'number'),
        ('in_transit_qty_base', 'in_transit_qty_base', 'number'),
        ('lost_value_net_per_day', 'round(daily_rate * unit_value_net, 2)', 'number'),
    ]) }} as figures
from ranged
