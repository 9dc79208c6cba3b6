{{ config(materialized='table') }}

-- the series of the panel, with the path of their territory as on the as-of date
with series as (
    select distinct
        sku_code,
        distributor_code,
        territory_code
    from {{ ref('int_demand_panel_weekly') }}
),

territory as (
    select * from {{ ref('dim_territory') }}
    where {{ is_current() }}
)

select
    series.sku_code,
    series.distributor_code,
    series.territory_code,
    territory.area_code,
    territory.region_code,
    territory.zone_code,
    territory.nation_code
from series
left join territory on series.territory_code = territory.territory_code
