{{ config(tags=['commit_log']) }}

-- the dates that files cover, beside what the profile says that their senders owe; a sender who is expected covers nothing by that
with files as (
    select * from {{ ref('stg_file') }}
    where status in ('loaded', 'nil')
),

day_off as (
    select
        profile,
        feed,
        {{ ordered_list('weekday') }} as weekdays_off,
        {{ ordered_list('holiday') }} as own_holidays
    from {{ ref('stg_day_off') }}
    group by profile, feed
),

calendar_day as (
    -- the last word on each day of the whole land
    select * from {{ ref('stg_calendar') }}
    where territory_code is null
    qualify row_number() over (partition by calendar_code, calendar_date order by seq desc, pos desc) = 1
),

common as (
    select {{ ordered_list('calendar_date') }} as holidays
    from calendar_day
    where not selling_day
),

told as (
    select
        seq,
        profile,
        feed,
        sender,
        status,
        date_from,
        date_to,
        names_day,
        arrived_at
    from files
    union all
    select
        0 as seq,
        profile,
        feed,
        sender,
        'expected' as status,
        since as date_from,
        cast(null as date) as date_to,
        true as names_day,
        cast(null as timestamp) as arrived_at
    from {{ ref('stg_expected') }}
)

select
    told.*,
    coalesce(cut_off.every, 'day') as every,
    coalesce(day_off.weekdays_off, '') as weekdays_off,
    concat(coalesce(day_off.own_holidays, ''), ' ', coalesce(common.holidays, '')) as holidays
from told
left join {{ ref('stg_cut_off') }} as cut_off on told.profile = cut_off.profile and told.feed = cut_off.feed
left join day_off on told.profile = day_off.profile and told.feed = day_off.feed
cross join common
