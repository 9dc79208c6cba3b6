{{ config(materialized='view') }}

with sold as (select * from {{ ref('int_demand_panel_weekly') }}),

ahead as (
    select week_start from {{ ref('int_panel_week') }}
    where is_ahead
),

series_week as (
    select
        sku_code,
        distributor_code,
        territory_code,
        week_start,
        qty_base,
        stocked_out
    from sold
    union all
    select
        series.sku_code,
        series.distributor_code,
        series.territory_code,
        ahead.week_start,
        null as qty_base,
        null as stocked_out
    from {{ ref('int_panel_series') }} as series
    cross join ahead
)

select
    series_week.sku_code,
    series_week.distributor_code,
    series_week.territory_code,
    series_week.week_start,
    series_week.qty_base,
    series_week.stocked_out,
    price.list_price,
    coalesce(price.price_ratio, 1) as price_ratio,
    coalesce(promotion.promotion_days, cast(0 as smallint)) as promotion_days,
    coalesce({{ share_of_week('promotion.promotion_days') }}, 0) as promotion_share,
    coalesce(promotion.discount_share, 0) as discount_share,
    coalesce(promotion.free_share, 0) as free_share,
    coalesce(holiday.holiday_days, cast(0 as smallint)) as holiday_days,
    coalesce({{ share_of_week('holiday.holiday_days') }}, 0) as holiday_share,
    coalesce(holiday.festival_days, cast(0 as smallint)) as festival_days,
    coalesce({{ share_of_week('holiday.festival_days') }}, 0) as festival_share
from series_week
left join {{ ref('int_price_week') }} as price
    on series_week.sku_code = price.sku_code and series_week.week_start = price.week_start
left join {{ ref('int_promotion_week') }} as promotion
    on
        series_week.sku_code = promotion.sku_code
        and series_week.distributor_code = promotion.distributor_code
        and series_week.territory_code = promotion.territory_code
        and series_week.week_start = promotion.week_start
left join {{ ref('int_holiday_week') }} as holiday
    on series_week.territory_code = holiday.territory_code and series_week.week_start = holiday.week_start
