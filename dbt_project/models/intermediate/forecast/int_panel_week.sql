{{ config(materialized='table') }}

with bound as (
    select
        (select min(week_start) from {{ ref('int_demand_panel_weekly') }}) as first_week,
        {{ last_complete_week('as_of') }} as last_week,
        {{ add_days(last_complete_week('as_of'), '7 * cast(horizon_weeks as integer)') }} as last_week_ahead
    from {{ ref('stg_build') }}
),

week as (
    select
        {{ each_week('first_week', 'last_week_ahead') }} as week_start,
        last_week
    from bound
    where first_week is not null
)

select
    week_start,
    week_start > last_week as is_ahead
from week
