-- one row per member, as on the as-of date; dim_outlet has the history
with outlet as (
    select * from {{ ref('dim_outlet') }}
    where {{ is_current() }}
),

listing as (select * from {{ ref('int_outlet_listing') }})

select
    outlet.outlet_code,
    outlet.outlet_name,
    outlet.channel,
    outlet.outlet_class,
    outlet.address,
    outlet.city,
    outlet.latitude,
    outlet.longitude,
    outlet.territory_code,
    outlet.distributor_code,
    outlet.status,
    outlet.retailer_code,
    coalesce(listing.is_listed, true) as is_listed
from outlet
left join listing on outlet.outlet_code = listing.outlet_code
