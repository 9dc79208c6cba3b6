{#-
    The cadence rule. A sender x feed that owes files by the day owes one for every calendar day from the first day on that a file named alone,
    up to `until`; whoever sends ranges only owes nothing. One that owes by the week or month owes all days of every week or month that has
    ended, from the first day on that a file told of. Weekdays off and holidays are never owed.

    `coverage`: feed, sender, date_from, date_to, names_day, every (day, week, month), weekdays_off and holidays (lists as text); one row per
    file taken in, or per sender who is expected from `date_from` on.
-#}
{% macro owed_day_sql(coverage, until) -%}
with obligation as (
    select
        feed,
        sender,
        max(every) as every,
        max(weekdays_off) as weekdays_off,
        max(holidays) as holidays,
        case when max(every) = 'day' then min(case when names_day then date_from end) else min(date_from) end as first_date
    from {{ coverage }} as told
    group by feed, sender
),

owing as (
    select
        *,
        case
            when every = 'day' then {{ until }}
            else {{ add_days("case when every = 'week' then " ~ period_start('week', add_days(until, 1)) ~ " else " ~ period_start('month', add_days(until, 1)) ~ " end", -1) }}
        end as until_date
    from obligation
),

calendar_day as (
    select
        feed,
        sender,
        weekdays_off,
        holidays,
        {{ each_day('first_date', 'until_date') }} as business_date
    from owing
    where first_date <= until_date
)

select
    feed,
    sender,
    business_date
from calendar_day
where
    position(cast({{ day_of_week('business_date') }} as varchar) in weekdays_off) = 0
    and position(cast(business_date as varchar) in holidays) = 0
{%- endmacro %}

{#- Owed days that no file covers. -#}
{% macro missing_day_sql(coverage, until) -%}
with owed_day as ({{ owed_day_sql(coverage, until) }}),

covered_day as (
    select distinct
        owed_day.feed,
        owed_day.sender,
        owed_day.business_date
    from owed_day
    inner join {{ coverage }} as covering
        on
            owed_day.feed = covering.feed
            and owed_day.sender = covering.sender
            and owed_day.business_date between covering.date_from and covering.date_to
)

select
    owed_day.feed,
    owed_day.sender,
    owed_day.business_date
from owed_day
left join covered_day
    on
        owed_day.feed = covered_day.feed
        and owed_day.sender = covered_day.sender
        and owed_day.business_date = covered_day.business_date
where covered_day.business_date is null
{%- endmacro %}
