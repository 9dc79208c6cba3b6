-- one row per member, as on the as-of date; dim_distributor has the history
select
    distributor_code,
    distributor_name,
    distributor_type,
    parent_code,
    territory_code,
    dms_platform,
    lead_time_days,
    transit_days,
    norm_days,
    is_listed
from {{ ref('dim_distributor') }}
where {{ is_current() }}
