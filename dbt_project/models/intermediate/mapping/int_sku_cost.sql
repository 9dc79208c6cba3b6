-- what a base unit costs: the standard cost, else the ex-factory price
select
    sku_code,
    valid_from,
    seq,
    pos,
    coalesce(standard_cost, ex_factory_price) as unit_cost
from {{ ref('stg_sku') }}
