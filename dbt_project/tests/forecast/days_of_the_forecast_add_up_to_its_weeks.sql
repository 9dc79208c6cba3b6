-- at every level, to the last digit; nothing to say before there are cells
{%- set levels = {
    'SKU_DISTRIBUTOR': ['sku_code', 'distributor_code'],
    'SKU_TERRITORY': ['sku_code', 'territory_code'],
    'SKU': ['sku_code'],
    'DISTRIBUTOR': ['distributor_code'],
    'TERRITORY': ['territory_code'],
    'TOTAL': [],
} %}

with day as (select * from {{ ref('forecast_daily') }}),

summed as (
    {%- for level, keys in levels.items() %}
    select
        '{{ level }}' as level,
        {%- for key in ['sku_code', 'distributor_code', 'territory_code'] %}
        {{ "coalesce(" ~ key ~ ", '')" if key in keys else "''" }} as {{ key }},
        {%- endfor %}
        week_start,
        sum(mean) as mean
    from day
    group by {{ (keys + ['week_start']) | join(', ') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

week as (
    select
        level,
        coalesce(sku_code, '') as sku_code,
        coalesce(distributor_code, '') as distributor_code,
        coalesce(territory_code, '') as territory_code,
        week_start,
        mean
    from {{ ref('forecast_weekly') }}
    where exists (select 1 from {{ ref('stg_forecast_cell') }})
)

select
    level,
    sku_code,
    distributor_code,
    territory_code,
    week_start,
    week.mean as mean_of_the_week,
    summed.mean as mean_of_its_days
from week
full outer join summed using (level, sku_code, distributor_code, territory_code, week_start)
where coalesce(week.mean, 0) <> coalesce(summed.mean, 0)
