{{
    config(
        materialized='incremental',
        incremental_strategy='anew',
        anew='demand_panel_made_anew',
        on_schema_change='fail',
    )
}}

-- depends_on: {{ ref('int_touched_day') }}
with {{ demand_panel_parts() }},

{% if is_incremental() -%}
{{ demand_panel_anew(this) }},

{% endif -%}
series_week as (
    select
        series.sku_code,
        series.distributor_code,
        series.territory_code,
        {{ each_week('series.first_week', 'last_week.week_start') }} as week_start
    from series
    cross join last_week
    {%- if is_incremental() %}
    where exists (
        select 1 from anew_series
        where
            anew_series.sku_code = series.sku_code
            and anew_series.distributor_code = series.distributor_code
            and anew_series.territory_code = series.territory_code
    )
    union
    select
        series.sku_code,
        series.distributor_code,
        series.territory_code,
        anew_week.week_start
    from series
    cross join last_week
    inner join anew_week
        on series.first_week <= anew_week.week_start and last_week.week_start >= anew_week.week_start
    {%- endif %}
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
