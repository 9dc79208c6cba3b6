{{ config(materialized='table') }}

-- a distributor's own territory by date, as known
with distributor as (select * from {{ ref('int_distributor_period') }}),

territory as (select * from {{ ref('int_territory_map') }}),

final as (
    select
        distributor.distributor_code,
        coalesce(territory.sales_territory_code, 'UNKNOWN') as territory_code,
        {{ overlap('distributor', 'territory') }}
    from distributor
    left join territory
        on distributor.territory_code = territory.territory_code
        and {{ overlaps('distributor', 'territory') }}
)

select * from final
