-- one row per node of the tree, as on the as-of date; dim_territory has the history
select
    territory_code,
    territory_name,
    level,
    parent_code,
    nation_code,
    zone_code,
    region_code,
    area_code
from {{ ref('dim_territory') }}
where {{ is_current() }}
