-- Billed and returned goods leave and enter the stock exactly as they stand in the sales mart, per SKU, on the days that the build touched.
{%- set on_touched_days = touched('business_date') %}
with ledger as (
    select
        sku_code,
        -sum(qty_base) as qty_base
    from {{ ref('fct_stock_movement') }}
    where
        movement in ('SEC', 'RET_OUTLET')
        and not is_free
        and exclusion is null
        and business_date <= {{ shown_until() }}
        and {{ on_touched_days }}
    group by sku_code
),

mart as (
    select
        sku_code,
        sum(qty_base) as qty_base
    from {{ ref('secondary_sale_line') }}
    where {{ on_touched_days }}
    group by sku_code
)

select
    coalesce(ledger.sku_code, mart.sku_code) as sku_code,
    ledger.qty_base as ledger_qty_base,
    mart.qty_base as mart_qty_base
from ledger
full outer join mart on ledger.sku_code = mart.sku_code
where coalesce(ledger.qty_base, 0) <> coalesce(mart.qty_base, 0)
