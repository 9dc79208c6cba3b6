-- one row per member, as on the as-of date; dim_outlet has the history
select
    outlet_code,
    outlet_name,
    channel,
    outlet_class,
    address,
    city,
    latitude,
    longitude,
    territory_code,
    distributor_code,
    status,
    retailer_code
from {{ ref('dim_outlet') }}
where {{ is_current() }}
