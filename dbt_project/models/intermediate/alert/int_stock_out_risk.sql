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
    -- from tomorrow until what is ordered at the next review can be there
    select
        stock.distributor_code,
        stock.sku_code,
        stock.saleable_qty_base,
        cast(
            coalesce(lead_time.lead_time_days, {{ threshold('STOCK_OUT_PREDICTED', 'default_lead_time_days') }}) as integer
        ) as lead_time_days,
        {{ add_days(
            shown_until(),
            "(coalesce(lead_time.lead_time_days, " ~ threshold('STOCK_OUT_PREDICTED', 'default_lead_time_days')
            ~ ") + " ~ threshold('STOCK_OUT_PREDICTED', 'review_days') ~ ")"
        ) }} as last_day,
        {{ threshold('STOCK_OUT_PREDICTED', 'min_probability') }} as min_probability
    from stock
    left join lead_time on stock.distributor_code = lead_time.distributor_code
),

arrival as (
    select
        horizon.distributor_code,
        horizon.sku_code,
        greatest(
            coalesce(transit.planned_delivery_date, {{ add_days('transit.business_date', 'horizon.lead_time_days') }}),
            {{ add_days(shown_until(), 1) }}
        ) as arrival_date,
        sum(transit.in_transit_qty_base) as arriving_qty_base
    from horizon
    inner join {{ ref('int_in_transit') }} as transit
        on horizon.distributor_code = transit.distributor_code and horizon.sku_code = transit.sku_code
    where
        transit.in_transit_qty_base > 0
        and coalesce(
            transit.planned_delivery_date, {{ add_days('transit.business_date', 'horizon.lead_time_days') }}
        ) between {{ add_days(shown_until(), '-' ~ threshold('STOCK_OUT_PREDICTED', 'overdue_days')) }} and horizon.last_day
    group by horizon.distributor_code, horizon.sku_code, arrival_date
),

checkpoint as (
    -- stock is lowest before goods arrive and at the end
    select
        distributor_code,
        sku_code,
        last_day as until_day
    from horizon
    union
    select
        distributor_code,
        sku_code,
        {{ add_days('arrival_date', -1) }} as until_day
    from arrival
    where arrival_date > {{ add_days(shown_until(), 1) }}
),

arrived as (
    select
        checkpoint.distributor_code,
        checkpoint.sku_code,
        checkpoint.until_day,
        sum(coalesce(arrival.arriving_qty_base, 0)) as arriving_qty_base
    from checkpoint
    left join arrival
        on
            checkpoint.distributor_code = arrival.distributor_code
            and checkpoint.sku_code = arrival.sku_code
            and arrival.arrival_date <= checkpoint.until_day
    group by checkpoint.distributor_code, checkpoint.sku_code, checkpoint.until_day
),

day as (
    select
        distributor_code,
        sku_code,
        business_date,
        sum(mean) as mean
    from {{ ref('forecast_daily') }}
    where business_date > {{ shown_until() }}
    group by distributor_code, sku_code, business_date
),

expected as (
    select
        checkpoint.distributor_code,
        checkpoint.sku_code,
        checkpoint.until_day,
        sum(day.mean) as demand_qty_base
    from checkpoint
    inner join day
        on
            checkpoint.distributor_code = day.distributor_code
            and checkpoint.sku_code = day.sku_code
            and checkpoint.until_day >= day.business_date
    group by checkpoint.distributor_code, checkpoint.sku_code, checkpoint.until_day
),

week as (
    select
        *,
        {%- for quantile, _ in distribution_quantiles() %}
        lag({{ quantile }}, 1, 0) over series as before_{{ quantile }},
        {%- endfor %}
        lag(cumulative_mean, 1, 0) over series as mean_before
    from {{ ref('forecast_distribution') }}
    where level = 'SKU_DISTRIBUTOR'
    window series as (partition by distributor_code, sku_code order by week_start)
),

placed as (
    -- the distribution of a demand between those of whole weeks: quantiles by the share of the week's mean, never probabilities
    select
        expected.distributor_code,
        expected.sku_code,
        expected.until_day,
        cast(expected.demand_qty_base as double) as demand_qty_base,
        {%- for quantile, _ in distribution_quantiles() %}
        week.before_{{ quantile }} + (week.{{ quantile }} - week.before_{{ quantile }})
        * {{ ratio('expected.demand_qty_base - week.mean_before', 'week.cumulative_mean - week.mean_before') }} as {{ quantile }}{{ ',' if not loop.last }}
        {%- endfor %}
    from expected
    inner join week
        on
            expected.distributor_code = week.distributor_code
            and expected.sku_code = week.sku_code
            and expected.demand_qty_base > week.mean_before
            and expected.demand_qty_base <= week.cumulative_mean
),

covered as (
    select
        placed.*,
        horizon.saleable_qty_base,
        horizon.lead_time_days,
        horizon.min_probability,
        arrived.arriving_qty_base,
        horizon.saleable_qty_base + arrived.arriving_qty_base as covered_qty_base
    from placed
    inner join horizon
        on placed.distributor_code = horizon.distributor_code and placed.sku_code = horizon.sku_code
    inner join arrived
        on
            placed.distributor_code = arrived.distributor_code
            and placed.sku_code = arrived.sku_code
            and placed.until_day = arrived.until_day
)

select
    distributor_code,
    sku_code,
    until_day,
    lead_time_days,
    cast(saleable_qty_base as bigint) as saleable_qty_base,
    cast(arriving_qty_base as bigint) as arriving_qty_base,
    demand_qty_base,
    round({{ probability_above('covered_qty_base') }}, 3) as probability,
    round({{ expected_above('covered_qty_base') }}, 2) as short_qty_base,
    round({{ demand_exceeded_with('min_probability') }}, 2) as safe_qty_base
from covered
