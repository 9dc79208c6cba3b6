{{ config(materialized='view') }}

with sale_week as (
    select
        sku_code,
        distributor_code,
        week_start,
        sum(qty_base) as qty_base,
        max(case when stocked_out then 1 else 0 end) = 1 as stocked_out
    from {{ ref('int_demand_panel_weekly') }}
    where sku_code <> 'UNKNOWN'
    group by sku_code, distributor_code, week_start
),

last_week as (select max(week_start) as week_start from sale_week),

gate as (
    -- on intermittent demand a week above the mean says nothing
    select distinct
        sku_code,
        distributor_code,
        demand_class
    from {{ ref('forecast_weekly') }}
    where level = 'SKU_DISTRIBUTOR' and demand_class in ('SMOOTH', 'ERRATIC')
),

baseline_week as (
    select
        sale_week.sku_code,
        sale_week.distributor_code,
        cast(sale_week.qty_base as double) as qty_base,
        row_number() over (
            partition by sale_week.sku_code, sale_week.distributor_code order by sale_week.qty_base, sale_week.week_start
        ) as nth,
        count(*) over (partition by sale_week.sku_code, sale_week.distributor_code) as weeks
    from sale_week
    cross join last_week
    where
        sale_week.week_start < last_week.week_start
        and sale_week.week_start
        >= {{ add_days('last_week.week_start', '-7 * ' ~ threshold('DEMAND_SURGE', 'baseline_weeks')) }}
        and not sale_week.stocked_out
),

bounded as (
    select
        baseline_week.*,
        max(case when nth = ceil(weeks * {{ threshold('DEMAND_SURGE', 'winsor_share') }}) + 1 then qty_base end) over cell
            as low,
        max(case when nth = weeks - ceil(weeks * {{ threshold('DEMAND_SURGE', 'winsor_share') }}) then qty_base end) over cell
            as high
    from baseline_week
    window cell as (partition by sku_code, distributor_code)
),

baseline as (
    select
        sku_code,
        distributor_code,
        sum(least(greatest(qty_base, low), high)) / count(*) as mean_qty_base,
        -- the sample's standard deviation out of whole-number sums, which do not depend on the order of the weeks
        sqrt(
            greatest(sum(qty_base * qty_base) - sum(qty_base) * sum(qty_base) / count(*), 0) / nullif(count(*) - 1, 0)
        ) as spread_qty_base
    from bounded
    where weeks >= {{ threshold('DEMAND_SURGE', 'min_baseline_weeks') }}
    group by sku_code, distributor_code
),

season as (
    -- how the same week of last year stood to the weeks before it, over all distributors
    select
        sale_week.sku_code,
        sum(
            case when {{ days_between('sale_week.week_start', 'last_week.week_start') }} = 364 then sale_week.qty_base end
        ) as week_qty_base,
        cast(
            sum(case when {{ days_between('sale_week.week_start', 'last_week.week_start') }} > 364 then sale_week.qty_base end)
            as double
        )
        / nullif(
            count(
                distinct
                case when {{ days_between('sale_week.week_start', 'last_week.week_start') }} > 364 then sale_week.week_start end
            ),
            0
        ) as before_qty_base
    from sale_week
    cross join last_week
    where
        {{ days_between('sale_week.week_start', 'last_week.week_start') }}
        between 364 and 364 + 7 * {{ threshold('DEMAND_SURGE', 'baseline_weeks') }}
    group by sale_week.sku_code
),

compared as (
    select
        sale_week.sku_code,
        sale_week.distributor_code,
        sale_week.week_start,
        gate.demand_class,
        sale_week.qty_base,
        baseline.mean_qty_base,
        baseline.spread_qty_base,
        case
            when season.before_qty_base > 0 and season.week_qty_base > 0
                then
                    least(
                        greatest(
                            season.week_qty_base / season.before_qty_base, {{ threshold('DEMAND_SURGE', 'season_floor') }}
                        ),
                        {{ threshold('DEMAND_SURGE', 'season_cap') }}
                    )
            else 1.0
        end as season_index
    from sale_week
    inner join last_week on sale_week.week_start = last_week.week_start
    inner join gate
        on sale_week.sku_code = gate.sku_code and sale_week.distributor_code = gate.distributor_code
    inner join baseline
        on sale_week.sku_code = baseline.sku_code and sale_week.distributor_code = baseline.distributor_code
    left join season on sale_week.sku_code = season.sku_code
),

scored as (
    select
        compared.*,
        mean_qty_base * season_index as expected_qty_base,
        (qty_base - mean_qty_base * season_index)
        / greatest(spread_qty_base, sqrt(greatest(mean_qty_base * season_index, 1))) as z
    from compared
),

surge as (
    select
        scored.*,
        stock.saleable_qty_base,
        stock.unit_value_net,
        stock.mean_daily_value_net
    from scored
    left join {{ ref('int_stock_now') }} as stock
        on scored.sku_code = stock.sku_code and scored.distributor_code = stock.distributor_code
    where
        scored.qty_base >= scored.expected_qty_base * {{ threshold('DEMAND_SURGE', 'min_ratio') }}
        and scored.qty_base - scored.expected_qty_base >= {{ threshold('DEMAND_SURGE', 'min_extra') }}
        and scored.z >= {{ threshold('DEMAND_SURGE', 'min_z') }}
)

select
    'DEMAND_SURGE' as kind,
    sku_code,
    distributor_code,
    week_start as first_seen,
    coalesce((qty_base - expected_qty_base) * unit_value_net / nullif(mean_daily_value_net, 0), 0) as weight,
    sku_code || ' sold ' || {{ in_words('qty_base') }} || ' units at ' || distributor_code || ' in the week of '
    || cast(week_start as varchar) || ', ' || {{ in_words('qty_base / nullif(expected_qty_base, 0)', 1) }} || ' times the '
    || {{ in_words('expected_qty_base') }} || ' expected from the weeks before and the season'
    || case
        when saleable_qty_base is null then '.'
        else '; ' || {{ in_words('saleable_qty_base') }} || ' units are in stock.'
    end as reason,
    {{ json_figures([
        ('sold_qty_base', 'qty_base', 'number'),
        ('expected_qty_base', 'round(expected_qty_base, 2)', 'number'),
        ('baseline_qty_base', 'round(mean_qty_base, 2)', 'number'),
        ('season_index', 'round(season_index, 3)', 'number'),
        ('z', 'round(z, 2)', 'number'),
        ('week_start', 'week_start', 'text'),
        ('demand_class', 'demand_class', 'text'),
        ('stock_qty_base', 'saleable_qty_base', 'number'),
    ]) }} as figures
from surge
