{{ config(materialized='table') }}

{%- set days = range(1, 8) %}

with cell as (
    select * from {{ ref('stg_forecast_cell') }}
    where mean > 0
),

weighted as (
    -- no demand on a day without trade
    select
        cell.*,
        {%- for day in days %}
        case when {{ is_day_in('calendar.closed_days', day) }} then 0 else weekday.share_{{ day }} end as weight_{{ day }}{{ ',' if not loop.last }}
        {%- endfor %}
    from cell
    inner join {{ ref('int_weekday_share') }} as weekday
        on
            cell.sku_code = weekday.sku_code
            and cell.distributor_code = weekday.distributor_code
            and cell.territory_code = weekday.territory_code
    left join {{ ref('int_holiday_week') }} as calendar
        on cell.territory_code = calendar.territory_code and cell.week_start = calendar.week_start
),

summed as (
    select
        *,
        {%- for day in days %}
        {% for earlier in range(1, day + 1) %}weight_{{ earlier }}{{ ' + ' if not loop.last }}{% endfor %} as until_{{ day }}{{ ',' if not loop.last }}
        {%- endfor %}
    from weighted
),

rounded as (
    -- what is due by the end of a day is rounded, and a day has the difference: so the days are the week to the last digit; in a week without any
    -- day of trade all days are alike
    select
        sku_code,
        distributor_code,
        territory_code,
        week_start,
        cutoff_date,
        cast(0 as decimal(18, 4)) as mean_0,
        {%- for day in days %}
        case
            when {{ 'true' if day == 7 else 'until_' ~ day ~ ' >= until_7 and until_7 > 0' }} then mean
            else
                {{ round_half_away(
                    'cast(mean as double) * case when until_7 > 0 then until_' ~ day ~ ' / until_7 else ' ~ day ~ ' / 7.0 end'
                ) }}
        end as mean_{{ day }}{{ ',' if not loop.last }}
        {%- endfor %}
    from summed
),

final as (
    {%- for day in days %}
    select
        sku_code,
        distributor_code,
        territory_code,
        {{ add_days('week_start', day - 1) }} as business_date,
        week_start,
        cast(mean_{{ day }} - mean_{{ day - 1 }} as decimal(18, 4)) as mean,
        cutoff_date
    from rounded
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from final
where mean > 0
