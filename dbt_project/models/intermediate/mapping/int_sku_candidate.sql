-- what our item master says that tells items apart, as on the last commit
with stated as (
    select * from {{ ref('stg_sku') }}
    qualify row_number() over (partition by sku_code order by valid_from desc, seq desc, pos desc) = 1
)

select
    sku_code as code,
    sku_name as name,
    pack,
    gtin,
    gtin_inner,
    gtin_case,
    cast(coalesce(ex_factory_price, mrp) as double) as price
from stated
