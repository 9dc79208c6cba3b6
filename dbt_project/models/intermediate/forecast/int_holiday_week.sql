{{ config(materialized='table') }}

with territory as (
    select distinct
        territory_code,
        area_code,
        region_code,
        zone_code,
        nation_code
    from {{ ref('int_panel_series') }}
),

named as (
    select
        territory_code,
        calendar_date,
        not selling_day as is_closed,
        nullif(holiday_name, '') is not null as is_holiday,
        nullif(festival_name, '') is not null as is_festival
    from {{ ref('stg_calendar') }}
    qualify row_number() over (partition by calendar_code, territory_code, calendar_date order by seq desc, pos desc) = 1
),

-- 1 for a Monday, 2, 4 up to 64 for a Sunday
day as (
    select
        territory_code,
        {{ period_start('week', 'calendar_date') }} as week_start,
        {{ days_of_week_in('calendar_date', 'calendar_date', period_start('week', 'calendar_date')) }} as days,
        is_closed,
        is_holiday,
        is_festival
    from named
    where is_closed or is_holiday or is_festival
)

select
    territory.territory_code,
    day.week_start,
    cast(bit_or(case when day.is_closed then day.days else 0 end) as smallint) as closed_days,
    cast(bit_or(case when day.is_holiday then day.days else 0 end) as smallint) as holiday_days,
    cast(bit_or(case when day.is_festival then day.days else 0 end) as smallint) as festival_days
from territory
inner join day on {{ lies_in('territory', 'day.territory_code') }}
group by territory.territory_code, day.week_start
