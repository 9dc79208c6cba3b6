{{ config(materialized='table') }}

{%- set levels = [
    ('distributor', ['distributor_code']),
    ('place', ['distributor_code', 'territory_code']),
    ('cell', ['sku_code', 'distributor_code', 'territory_code']),
] %}

with sold as (
    select
        sku_code,
        distributor_code,
        territory_code,
        {{ period_start('week', 'business_date') }} as week_start,
        {{ day_of_week('business_date') }} as day_of_week,
        secondary_gross_qty_base as qty_base
    from {{ ref('sell_through_daily') }}
    where
        secondary_gross_qty_base > 0
        and business_date > {{ add_days(shown_until(), '-7 * cast(' ~ threshold('FORECAST_DAILY', 'history_weeks') ~ ' as integer)') }}
        and business_date <= {{ shown_until() }}
),

wider as (select {{ threshold('FORECAST_DAILY', 'prior_weeks') }} as weeks),

weekday as (select distinct {{ day_of_week('date_day') }} as day_of_week from {{ ref('dim_date') }}),

network as (
    select
        weekday.day_of_week,
        coalesce({{ ratio('sum(sold.qty_base)', 'sum(sum(sold.qty_base)) over ()') }}, 0) as share
    from weekday
    left join sold on weekday.day_of_week = sold.day_of_week
    group by weekday.day_of_week
),
{% for level, keys in levels %}
{%- set above = 'network' if loop.first else levels[loop.index0 - 1][0] %}
{{ level }}_total as (
    select
        {{ keys | join(', ') }},
        sum(qty_base) as qty_base,
        count(distinct week_start) as weeks
    from sold
    group by {{ keys | join(', ') }}
),

{{ level }}_day as (
    select
        {{ keys | join(', ') }},
        day_of_week,
        sum(qty_base) as qty_base
    from sold
    group by {{ keys | join(', ') }}, day_of_week
),

-- the weeks in which it sold, beside a few of the pattern above it
{{ level }} as (
    select
        {%- for key in keys %}
        total.{{ key }},
        {%- endfor %}
        above.day_of_week,
        (
            total.weeks * coalesce({{ ratio('sold_day.qty_base', 'total.qty_base') }}, 0) + wider.weeks * above.share
        ) / (total.weeks + wider.weeks) as share
    from {{ level }}_total as total
    inner join {{ above }} as above
        on {% if loop.first %}true{% else %}
        {%- for key in levels[loop.index0 - 1][1] %}total.{{ key }} = above.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}{% endif %}
    cross join wider
    left join {{ level }}_day as sold_day
        on {% for key in keys %}total.{{ key }} = sold_day.{{ key }} and {% endfor %}above.day_of_week = sold_day.day_of_week
),
{% endfor %}
forecast as (
    select distinct
        sku_code,
        distributor_code,
        territory_code
    from {{ ref('stg_forecast_cell') }}
),

-- a cell that has not sold of late has the pattern of its place, else its distributor's, else the network's
patterned as (
    select
        forecast.sku_code,
        forecast.distributor_code,
        forecast.territory_code,
        network.day_of_week,
        coalesce(cell.share, place.share, distributor.share, network.share) as share
    from forecast
    cross join network
    left join distributor
        on forecast.distributor_code = distributor.distributor_code and network.day_of_week = distributor.day_of_week
    left join place
        on
            forecast.distributor_code = place.distributor_code
            and forecast.territory_code = place.territory_code
            and network.day_of_week = place.day_of_week
    left join cell
        on
            forecast.sku_code = cell.sku_code
            and forecast.distributor_code = cell.distributor_code
            and forecast.territory_code = cell.territory_code
            and network.day_of_week = cell.day_of_week
)

select
    sku_code,
    distributor_code,
    territory_code,
    {%- for day in range(1, 8) %}
    coalesce(sum(case when day_of_week = {{ day }} then share end), 0) as share_{{ day }}{{ ',' if not loop.last }}
    {%- endfor %}
from patterned
group by sku_code, distributor_code, territory_code
