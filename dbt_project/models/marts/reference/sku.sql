-- one row per member, as on the as-of date; dim_sku has the history
select
    sku_code,
    sku_name,
    gtin,
    brand,
    sub_brand,
    category,
    pack,
    base_unit,
    units_per_inner,
    units_per_case,
    mrp,
    ex_factory_price,
    standard_cost,
    launch_date,
    delist_date,
    predecessor_sku_code
from {{ ref('dim_sku') }}
where {{ is_current() }}
