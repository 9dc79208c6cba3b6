{#
    What the demand panel is made from, as CTEs: weekly sales of complete weeks, when each series begins, the last complete week, and the weeks in
    which a distributor had none of a SKU.
#}
{% macro demand_panel_parts() -%}
complete_week as (
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
    select {{ last_complete_week('as_of') }} as week_start from {{ ref('stg_build') }}
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
{%- endmacro %}

{#
    What of `panel` (int_demand_panel_weekly as it stands) an increment makes anew, as further CTEs: `anew_week`, the weeks with a touched day and those
    that the as-of date completes or opens again, and everything if nothing is known of the last build; and `anew_series`, those that begin
    elsewhere now, or of whose other weeks the stock reads otherwise, for a late statement rolls back its chain.
#}
{% macro demand_panel_anew(panel) -%}
anew_week as (
    select week_start from {{ ref('int_touched_day') }}
    union
    select {{ each_week('since.week_start', 'until.week_start') }} as week_start
    from (
        select
            case when since_seq = 0 then (select min(week_start) from {{ panel }})
                else {{ last_complete_week('least(since_as_of, as_of)') }} end as week_start
        from {{ ref('stg_build') }}
    ) as since
    cross join (
        select {{ last_complete_week('greatest(since_as_of, as_of)') }} as week_start from {{ ref('stg_build') }}
    ) as until
),

anew_series as (
    select
        coalesce(series.sku_code, began.sku_code) as sku_code,
        coalesce(series.distributor_code, began.distributor_code) as distributor_code,
        coalesce(series.territory_code, began.territory_code) as territory_code
    from series
    full outer join (
        select
            sku_code,
            distributor_code,
            territory_code,
            min(week_start) as first_week
        from {{ panel }}
        group by sku_code, distributor_code, territory_code
    ) as began
        on
            series.sku_code = began.sku_code
            and series.distributor_code = began.distributor_code
            and series.territory_code = began.territory_code
    where series.first_week is distinct from began.first_week
    union
    select
        standing.sku_code,
        standing.distributor_code,
        standing.territory_code
    from {{ panel }} as standing
    left join empty_week
        on
            standing.sku_code = empty_week.sku_code
            and standing.distributor_code = empty_week.distributor_code
            and standing.week_start = empty_week.week_start
    where
        standing.stocked_out <> (empty_week.week_start is not null)
        and standing.week_start not in (select week_start from anew_week)
)
{%- endmacro %}

{# Of the panel as it stands, the rows made anew. #}
{% macro demand_panel_made_anew(panel) -%}
{%- set parts = 'with ' ~ demand_panel_parts() ~ ', ' ~ demand_panel_anew(panel) -%}
standing.week_start in (select found.week_start from ({{ parts }} select week_start from anew_week) as found)
or exists (
    select 1 from ({{ parts }} select * from anew_series) as found
    where
        found.sku_code = standing.sku_code
        and found.distributor_code = standing.distributor_code
        and found.territory_code = standing.territory_code
)
{%- endmacro %}

{# The last week that ends on a day or before it. #}
{% macro last_complete_week(day) -%}
    {{ period_start('week', add_days(day, -6)) }}
{%- endmacro %}
