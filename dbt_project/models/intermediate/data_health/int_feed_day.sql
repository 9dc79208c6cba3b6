{{ config(materialized='view', tags=['commit_log']) }}

with landed as (
    select
        feed,
        sender,
        profile,
        date_from,
        least(date_to, {{ shown_until() }}) as date_to,
        names_day,
        status,
        arrived_at,
        every,
        weekdays_off,
        holidays
    from {{ ref('int_file_coverage') }}
    where date_from is not null and date_from <= {{ shown_until() }}
),

owed_day as (
    {{ owed_day_sql('landed', shown_until()) | indent(4) }}
),

covered_day as (
    select
        feed,
        sender,
        {{ each_day('date_from', 'date_to') }} as business_date,
        names_day,
        status,
        arrived_at
    from landed
    where status <> 'expected'
),

arrival as (
    -- the first file that told of the day; nil only when no file of the day had rows
    select
        feed,
        sender,
        business_date,
        min(arrived_at) as arrived_at,
        min(case when status = 'nil' then 1 else 0 end) = 1 as is_nil
    from covered_day
    group by feed, sender, business_date
),

sent_by as (
    -- whose cut-off holds: the profile of the sender's files
    select
        feed,
        sender,
        min(profile) as profile
    from landed
    group by feed, sender
),

feed_day as (
    select
        coalesce(owed_day.feed, arrival.feed) as feed,
        coalesce(owed_day.sender, arrival.sender) as sender,
        coalesce(owed_day.business_date, arrival.business_date) as business_date,
        owed_day.business_date is not null as is_owed,
        arrival.arrived_at,
        coalesce(arrival.is_nil, false) as is_nil
    from owed_day
    full outer join arrival
        on
            owed_day.feed = arrival.feed
            and owed_day.sender = arrival.sender
            and owed_day.business_date = arrival.business_date
)

select
    feed_day.*,
    sent_by.profile
from feed_day
inner join sent_by on feed_day.feed = sent_by.feed and feed_day.sender = sent_by.sender
