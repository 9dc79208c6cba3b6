{{ config(materialized='view') }}

with stock as (
    select
        stock_now.*,
        cast(qty_28d_base as double) / 28 as daily_rate,
        case when qty_28d_base > 0 then cast(saleable_qty_base as double) * 28 / qty_28d_base end as cover_days,
        coalesce(greatest(last_sale_date, first_stock_date), first_stock_date) as idle_since
    from {{ ref('int_stock_now') }} as stock_now
    where saleable_qty_base >= {{ threshold('SLOW_MOVING', 'min_qty') }}
),

slow as (
    select
        stock.*,
        {{ days_between('idle_since', shown_until()) }} as idle_days,
        {{ days_between('idle_since', shown_until()) }} >= {{ threshold('SLOW_MOVING', 'no_sale_days') }} as is_idle,
        saleable_qty_base - daily_rate * {{ threshold('SLOW_MOVING', 'target_cover_days') }} as excess_qty_base
    from stock
    where
        {{ days_between('idle_since', shown_until()) }} >= {{ threshold('SLOW_MOVING', 'no_sale_days') }}
        or (
            cover_days > {{ threshold('SLOW_MOVING', 'cover_days') }}
            and {{ days_between('first_stock_date', shown_until()) }} >= 28
        )
),

above as (
    -- since when the stock has been above the limit at today's rate of sale
    select
        slow.distributor_code,
        slow.sku_code,
        coalesce(
            max(
                case
                    when level.saleable_qty_base <= slow.daily_rate * {{ threshold('SLOW_MOVING', 'cover_days') }}
                        then level.next_level_date
                end
            ),
            min(level.level_date)
        ) as since
    from slow
    inner join {{ ref('int_stock_level') }} as level
        on slow.distributor_code = level.distributor_code and slow.sku_code = level.sku_code
    group by slow.distributor_code, slow.sku_code
)

select
    'SLOW_MOVING' as kind,
    slow.sku_code,
    slow.distributor_code,
    case
        when slow.is_idle then {{ add_days('slow.idle_since', threshold('SLOW_MOVING', 'no_sale_days')) }}
        else above.since
    end as first_seen,
    coalesce(slow.excess_qty_base * slow.unit_value_net / nullif(slow.mean_daily_value_net, 0), 0) as weight,
    {{ in_words('slow.saleable_qty_base') }} || ' units of ' || slow.sku_code || ' at ' || slow.distributor_code
    || case
        when slow.is_idle and slow.last_sale_date is null then ' have never sold, in stock since ' || cast(slow.first_stock_date as varchar)
        when slow.is_idle then ' without a sale for ' || cast(slow.idle_days as varchar) || ' days'
        else
            ' last for ' || {{ in_words('slow.cover_days') }} || ' days at '
            || {{ in_words('slow.daily_rate', 2) }} || ' units a day, the mean of the last 28 days'
    end
    || '; ' || {{ in_words('slow.excess_qty_base') }} || ' units are more than '
    || {{ in_words(threshold('SLOW_MOVING', 'target_cover_days')) }} || ' days need.' as reason,
    {{ json_figures([
        ('stock_qty_base', 'slow.saleable_qty_base', 'number'),
        ('stock_date', 'slow.level_date', 'text'),
        ('stock_basis', 'slow.basis', 'text'),
        ('cover_days', 'round(slow.cover_days, 1)', 'number'),
        ('sold_28d_qty_base', 'slow.qty_28d_base', 'number'),
        ('last_sale_date', 'slow.last_sale_date', 'text'),
        ('idle_days', 'slow.idle_days', 'number'),
        ('excess_qty_base', 'cast(round(slow.excess_qty_base, 0) as bigint)', 'number'),
        ('excess_value_net', 'round(slow.excess_qty_base * slow.unit_value_net, 2)', 'number'),
    ]) }} as figures
from slow
inner join above
    on slow.distributor_code = above.distributor_code and slow.sku_code = above.sku_code
