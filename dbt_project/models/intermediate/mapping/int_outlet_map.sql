{{ config(materialized='table') }}

-- what a sender's outlet code means by date, as known, with the outlet's territory and distributor; owner '*' as for items
with reference as (select * from {{ ref('int_outlet_xref_period') }}),

outlet as (select * from {{ ref('int_outlet_period') }}),

territory as (select * from {{ ref('int_territory_map') }}),

located as (
    select
        outlet.outlet_code,
        outlet.is_known,
        outlet.distributor_code,
        territory.sales_territory_code as territory_code,
        {{ overlap('outlet', 'territory') }}
    from outlet
    left join territory
        on outlet.territory_code = territory.territory_code
        and {{ overlaps('outlet', 'territory') }}
),

referred as (
    select
        distributor_code as owner,
        sender_outlet_code,
        valid_from,
        valid_to,
        seq_from,
        seq_to,
        coalesce(outlet_code, sender_outlet_code) as wanted_code
    from reference
),

named as (
    select
        referred.owner,
        referred.sender_outlet_code,
        case when located.is_known then referred.wanted_code else 'UNKNOWN' end as outlet_code,
        coalesce(located.territory_code, 'UNKNOWN') as territory_code,
        coalesce(located.distributor_code, 'UNKNOWN') as distributor_code,
        {{ overlap('referred', 'located') }}
    from referred
    left join located
        on referred.wanted_code = located.outlet_code
        and {{ overlaps('referred', 'located') }}
),

itself as (
    select
        '*' as owner,
        outlet_code as sender_outlet_code,
        case when is_known then outlet_code else 'UNKNOWN' end as outlet_code,
        coalesce(territory_code, 'UNKNOWN') as territory_code,
        coalesce(distributor_code, 'UNKNOWN') as distributor_code,
        valid_from,
        valid_to,
        seq_from,
        seq_to
    from located
),

final as (
    select * from named
    union all
    select * from itself
)

select * from final
