{{ config(materialized='table') }}

with complete_week as (
    select
        sku_code,
        distributor_code,
        territory_code,
        week_start,
        secondary_qty_base as qty_base,
        secondary_gross_qty_base + secondary_return_qty_base as moved_qty_base
    from {{ ref('sell_through_weekly') }}
    where week_start <= {{ add_days(shown_until(), -6) }}
),

series as (
    select
        sku_code,
        distributor_code,
        territory_code,
        min(week_start) as first_week
    from complete_week
    where moved_qty_base <> 0
    group by sku_code, distributor_code, territory_code
),

last_week as (
    select {{ period_start('week', add_days(shown_until(), -6)) }} as week_start
),

series_week as (
    select
        series.sku_code,
        series.distributor_code,
        series.territory_code,
        {{ each_week('series.first_week', 'last_week.week_start') }} as week_start
    from series
    cross join last_week
),

empty_spell as (
    -- from the day on which the stock was found empty to the eve of the next level, as far as is known
    select
        distributor_code,
        sku_code,
        {{ period_start('week', 'level_date') }} as first_week,
        {{ period_start('week', add_days(
            'coalesce(next_level_date, ' ~ add_days(shown_until(), 1) ~ ')', -1
        )) }} as last_week
    from {{ ref('int_stock_level') }}
    where saleable_qty_base <= 0
),

empty_week as (
    select distinct
        distributor_code,
        sku_code,
        week_start
    from (
        select
            distributor_code,
            sku_code,
            {{ each_week('first_week', 'last_week') }} as week_start
        from empty_spell
    ) as spelled
)

select
    series_week.sku_code,
    series_week.distributor_code,
    series_week.territory_code,
    series_week.week_start,
    cast(coalesce(complete_week.qty_base, 0) as bigint) as qty_base,
    empty_week.week_start is not null as stocked_out
from series_week
left join complete_week
    on
        series_week.sku_code = complete_week.sku_code
        and series_week.distributor_code = complete_week.distributor_code
        and series_week.territory_code = complete_week.territory_code
        and series_week.week_start = complete_week.week_start
left join empty_week
    on
        series_week.sku_code = empty_week.sku_code
        and series_week.distributor_code = empty_week.distributor_code
        and series_week.week_start = empty_week.week_start
