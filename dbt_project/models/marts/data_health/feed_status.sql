{{ config(materialized='table') }}

with feed_day as (select * from {{ ref('int_feed_day') }}),

cut_off as (select * from {{ ref('stg_cut_off') }}),

due as (
    select
        feed_day.*,
        case
            when feed_day.is_owed
                then {{ utc_time(
                    add_days(period_end('cut_off.every', 'feed_day.business_date'), 'coalesce(cut_off.days, 1)'),
                    "coalesce(cut_off.time_of_day, '12:00')",
                    "coalesce(cut_off.zone, 'UTC')"
                ) }}
        end as expected_by
    from feed_day
    left join cut_off on feed_day.feed = cut_off.feed and feed_day.profile = cut_off.profile
)

select
    feed,
    sender,
    business_date,
    cast(expected_by as timestamp) as expected_by,
    cast(arrived_at as timestamp) as arrived_at,
    cast(
        case
            when arrived_at is null then 'MISSING'
            when is_nil then 'NIL'
            when arrived_at > expected_by then 'LATE'
            else 'ON_TIME'
        end
        as varchar
    ) as state
from due
