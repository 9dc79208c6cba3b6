{#-
    The cadence rule: a sender x feed that has sent files naming a single day owes one for every calendar day from its first such day on, up to
    `until`. Whoever sends ranges only owes nothing.

    `coverage`: feed, sender, date_from, date_to, names_day; one row per file taken in.
-#}
{% macro owed_day_sql(coverage, until) -%}
with first_named_day as (
    select
        feed,
        sender,
        min(date_from) as first_date
    from {{ coverage }} as named
    where names_day
    group by feed, sender
),

owing as (
    select
        feed,
        sender,
        first_date,
        {{ until }} as until_date
    from first_named_day
)

select
    feed,
    sender,
    {{ each_day('first_date', 'until_date') }} as business_date
from owing
where first_date <= until_date
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
