{{ config(materialized='table') }}

{%- set levels = {
    'SKU_DISTRIBUTOR': ['sku_code', 'distributor_code'],
    'SKU_TERRITORY': ['sku_code', 'territory_code'],
    'SKU': ['sku_code'],
    'DISTRIBUTOR': ['distributor_code'],
    'TERRITORY': ['territory_code'],
    'TOTAL': [],
} %}
{%- set scope = ['level', 'demand_class', 'sku_code', 'distributor_code', 'territory_code'] %}

with stored as (
    -- what earlier forecasts said of weeks that are over since
    select * from {{ ref('stg_forecast_archive') }}
    where week_start > cutoff_date and week_start <= (select max(week_start) from {{ ref('int_demand_panel_weekly') }})
),

sold as (
    {%- for level, keys in levels.items() %}
    select
        '{{ level }}' as level,
        {%- for key in ['sku_code', 'distributor_code', 'territory_code'] %}
        {{ key if key in keys else 'null' }} as {{ key }},
        {%- endfor %}
        week_start,
        sum(qty_base) as qty_base
    from {{ ref('int_demand_panel_weekly') }}
    where week_start >= (select min(stored.week_start) from stored)
    group by {{ (keys + ['week_start']) | join(', ') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

compared as (
    -- the fine levels by demand class, the others by member
    select
        stored.level,
        case when stored.level in ('SKU_DISTRIBUTOR', 'SKU_TERRITORY') then stored.demand_class else 'ALL' end as demand_class,
        {%- for key in ['sku_code', 'distributor_code', 'territory_code'] %}
        case when stored.level not in ('SKU_DISTRIBUTOR', 'SKU_TERRITORY') then stored.{{ key }} end as {{ key }},
        {%- endfor %}
        stored.week_start,
        coalesce(sold.qty_base, 0) as actual,
        cast(stored.mean as double) - coalesce(sold.qty_base, 0) as error,
        case when coalesce(sold.qty_base, 0) between stored.lo80 and stored.hi80 then 1 else 0 end as inside
    from stored
    left join sold
        on
            stored.level = sold.level
            and coalesce(stored.sku_code, '') = coalesce(sold.sku_code, '')
            and coalesce(stored.distributor_code, '') = coalesce(sold.distributor_code, '')
            and coalesce(stored.territory_code, '') = coalesce(sold.territory_code, '')
            and stored.week_start = sold.week_start
),

weekly as (
    select
        {{ scope | join(', ') }},
        week_start,
        count(*) as forecasts,
        sum(abs(actual)) as size,
        sum(abs(error)) as wrong,
        sum(error) as error,
        sum(inside) as inside
    from compared
    group by {{ scope | join(', ') }}, week_start
),

recent as (
    -- each week with the ones before it
    select
        {{ prefixed(scope, 'week.') | join(', ') }},
        week.week_start,
        {%- for name in ['forecasts', 'size', 'wrong', 'error', 'inside'] %}
        sum(earlier.{{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from weekly as week
    inner join weekly as earlier
        on
            {%- for name in scope %}
            coalesce(week.{{ name }}, '') = coalesce(earlier.{{ name }}, '') and
            {%- endfor %}
            earlier.week_start <= week.week_start
            and earlier.week_start > {{ add_days(
                'week.week_start', '-7 * cast(' ~ threshold('FORECAST_MONITOR', 'window_weeks') ~ ' as integer)'
            ) }}
    group by {{ prefixed(scope, 'week.') | join(', ') }}, week.week_start
),

promised as (
    -- of the forecast as it is made: each class by its champion
    select
        level,
        demand_class,
        avg(wape) as wape
    from {{ ref('stg_forecast_accuracy') }}
    where model = 'champion'
    group by level, demand_class
),

judged as (
    select
        recent.level,
        recent.demand_class,
        recent.sku_code,
        recent.distributor_code,
        recent.territory_code,
        recent.week_start,
        cast(recent.forecasts as bigint) as forecasts,
        {{ ratio('recent.wrong', 'recent.size') }} as wape,
        {{ ratio('recent.error', 'recent.size') }} as bias,
        {{ ratio('recent.inside', 'recent.forecasts') }} as coverage80,
        promised.wape as backtest_wape
    from recent
    left join promised
        on recent.level = promised.level and recent.demand_class = promised.demand_class
)

select
    *,
    case
        when forecasts < {{ threshold('FORECAST_MONITOR', 'min_forecasts') }} then 'TOO_FEW'
        when wape > backtest_wape * (1 + {{ threshold('FORECAST_MONITOR', 'wape_tolerance') }}) then 'LESS_ACCURATE'
        when abs(bias) > {{ threshold('FORECAST_MONITOR', 'max_bias') }} then 'BIASED'
        when coverage80 < {{ threshold('FORECAST_MONITOR', 'min_coverage80') }} then 'TOO_NARROW'
        else 'OK'
    end as signal
from judged
