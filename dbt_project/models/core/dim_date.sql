-- every day from the first year of business, at most fifteen back, to the end of next year
with build as (select max(as_of) as as_of from {{ ref('stg_build') }}),

first_day as (select min(date_from) as date_from from {{ ref('stg_file') }}),

bound as (
    select
        {{ period_start('year', "greatest(coalesce(first_day.date_from, build.as_of), " ~ add_days('build.as_of', -5479) ~ ")") }}
            as first_date,
        {{ add_days(period_start('year', add_days('build.as_of', 731)), -1) }} as last_date
    from build
    cross join first_day
),

day as (
    select {{ each_day('first_date', 'last_date') }} as date_day from bound
    where first_date is not null
),

final as (
    select
        cast(year(date_day) * 10000 + month(date_day) * 100 + day(date_day) as bigint) as date_key,
        date_day,
        {{ period_start('week', 'date_day') }} as week_start,
        {{ period_start('month', 'date_day') }} as month_start,
        {{ period_start('quarter', 'date_day') }} as quarter_start,
        {{ period_start('year', 'date_day') }} as year_start,
        cast(year(date_day) as bigint) as calendar_year,
        cast(month(date_day) as bigint) as calendar_month,
        cast({{ day_of_week('date_day') }} as bigint) as day_of_week,
        {{ day_of_week('date_day') }} >= 6 as is_weekend
    from day
)

select * from final
