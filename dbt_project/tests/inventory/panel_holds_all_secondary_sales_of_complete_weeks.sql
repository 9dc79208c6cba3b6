-- The panel loses no unit: its total per SKU is the mart's up to the last complete week.
with panel as (
    select
        sku_code,
        sum(qty_base) as qty_base
    from {{ ref('int_demand_panel_weekly') }}
    group by sku_code
),

mart as (
    select
        sku_code,
        sum(secondary_qty_base) as qty_base
    from {{ ref('sell_through_daily') }}
    where {{ add_days(period_start('week', 'business_date'), 6) }} <= {{ shown_until() }}
    group by sku_code
)

select
    coalesce(panel.sku_code, mart.sku_code) as sku_code,
    panel.qty_base as panel_qty_base,
    mart.qty_base as mart_qty_base
from panel
full outer join mart on panel.sku_code = mart.sku_code
where coalesce(panel.qty_base, 0) <> coalesce(mart.qty_base, 0)
