{{ config(materialized='view') }}

with stock as (
    select * from {{ ref('int_stock_now') }}
    where saleable_qty_base > 0
),

lead_time as (
    select
        distributor_code,
        lead_time_days
    from {{ ref('distributor') }}
),

horizon as (
    select
        stock.*,
        cast(
            coalesce(lead_time.lead_time_days, {{ threshold('STOCK_OUT_PREDICTED', 'default_lead_time_days') }}) as integer
        ) as lead_time_days,
        {{ add_days(shown_until(), 1) }} as first_day,
        {{ add_days(
            shown_until(),
            "(coalesce(lead_time.lead_time_days, " ~ threshold('STOCK_OUT_PREDICTED', 'default_lead_time_days')
            ~ ") + " ~ threshold('STOCK_OUT_PREDICTED', 'review_days') ~ ")"
        ) }} as last_day
    from stock
    left join lead_time on stock.distributor_code = lead_time.distributor_code
),

demand as (
    -- weekly means spread evenly over the days of the week that fall into the time to cover
    select
        horizon.distributor_code,
        horizon.sku_code,
        cast(
            sum(
                forecast.mean * greatest(
                    {{ days_between(
                        'greatest(forecast.week_start, horizon.first_day)',
                        'least(' ~ add_days('forecast.week_start', 6) ~ ', horizon.last_day)'
                    ) }} + 1,
                    0
                )
            )
            as double
        ) / 7 as demand_qty_base
    from horizon
    inner join {{ ref('forecast_weekly') }} as forecast
        on
            horizon.distributor_code = forecast.distributor_code
            and horizon.sku_code = forecast.sku_code
    where
        forecast.level = 'SKU_DISTRIBUTOR'
        and forecast.week_start <= horizon.last_day
        and {{ add_days('forecast.week_start', 6) }} >= horizon.first_day
    group by horizon.distributor_code, horizon.sku_code
),

arrival as (
    select
        horizon.distributor_code,
        horizon.sku_code,
        sum(transit.in_transit_qty_base) as arriving_qty_base
    from horizon
    inner join {{ ref('int_in_transit') }} as transit
        on
            horizon.distributor_code = transit.distributor_code
            and horizon.sku_code = transit.sku_code
    where
        transit.in_transit_qty_base > 0
        and coalesce(
            transit.planned_delivery_date, {{ add_days('transit.business_date', 'horizon.lead_time_days') }}
        ) between {{ add_days(shown_until(), '-' ~ threshold('STOCK_OUT_PREDICTED', 'overdue_days')) }} and horizon.last_day
    group by horizon.distributor_code, horizon.sku_code
),

judged as (
    select
        horizon.*,
        {{ days_between(shown_until(), 'horizon.last_day') }} as days,
        demand.demand_qty_base,
        coalesce(arrival.arriving_qty_base, 0) as arriving_qty_base,
        horizon.saleable_qty_base + coalesce(arrival.arriving_qty_base, 0) as covered_qty_base
    from horizon
    inner join demand
        on horizon.distributor_code = demand.distributor_code and horizon.sku_code = demand.sku_code
    left join arrival
        on horizon.distributor_code = arrival.distributor_code and horizon.sku_code = arrival.sku_code
),

short as (
    select
        judged.*,
        demand_qty_base - covered_qty_base as short_qty_base,
        cast(ceil(covered_qty_base * days / demand_qty_base) as integer) as covered_days
    from judged
    where
        demand_qty_base >= {{ threshold('STOCK_OUT_PREDICTED', 'min_demand') }}
        and covered_qty_base < demand_qty_base * {{ threshold('STOCK_OUT_PREDICTED', 'max_covered_share') }}
),

below as (
    -- since when the stock has been below what is expected now
    select
        short.distributor_code,
        short.sku_code,
        coalesce(
            max(case when level.saleable_qty_base >= short.demand_qty_base then level.next_level_date end),
            min(level.level_date)
        ) as first_seen
    from short
    inner join {{ ref('int_stock_level') }} as level
        on short.distributor_code = level.distributor_code and short.sku_code = level.sku_code
    group by short.distributor_code, short.sku_code
)

select
    'STOCK_OUT_PREDICTED' as kind,
    short.sku_code,
    short.distributor_code,
    below.first_seen,
    coalesce(short.short_qty_base * short.unit_value_net / nullif(short.mean_daily_value_net, 0), 0) as weight,
    'Stock of ' || short.sku_code || ' at ' || short.distributor_code || ' runs out about '
    || cast({{ add_days(shown_until(), 'short.covered_days') }} as varchar) || ': '
    || {{ in_words('short.saleable_qty_base') }} || ' units in stock and '
    || {{ in_words('short.arriving_qty_base') }} || ' arriving in time against '
    || {{ in_words('short.demand_qty_base') }} || ' units expected in the next '
    || cast(short.days as varchar) || ' days (lead time ' || cast(short.lead_time_days as varchar) || ' days).' as reason,
    {{ json_figures([
        ('stock_qty_base', 'short.saleable_qty_base', 'number'),
        ('stock_date', 'short.level_date', 'text'),
        ('stock_basis', 'short.basis', 'text'),
        ('arriving_qty_base', 'short.arriving_qty_base', 'number'),
        ('demand_qty_base', 'round(short.demand_qty_base, 2)', 'number'),
        ('days', 'short.days', 'number'),
        ('lead_time_days', 'short.lead_time_days', 'number'),
        ('runs_out_on', add_days(shown_until(), 'short.covered_days'), 'text'),
        ('short_value_net', 'round(short.short_qty_base * short.unit_value_net, 2)', 'number'),
    ]) }} as figures
from short
inner join below
    on short.distributor_code = below.distributor_code and short.sku_code = below.sku_code
