-- whatever is mapped or not, the daily mart holds the quantity and the value of every line of the days that the build touched
{%- set on_touched_days = touched('business_date') %}
with line as (
    select
        sum(coalesce(qty_base, 0)) as qty_base,
        sum(value_net) as value_net
    from {{ ref('secondary_sale_line') }}
    where {{ on_touched_days }}
),

cell as (
    select
        sum(secondary_qty_base) as qty_base,
        sum(secondary_gross_qty_base - secondary_return_qty_base) as gross_less_return,
        sum(secondary_value_net) as value_net
    from {{ ref('sell_through_daily') }}
    where {{ on_touched_days }}
)

select
    line.qty_base as line_qty_base,
    cell.qty_base as cell_qty_base,
    line.value_net as line_value_net,
    cell.value_net as cell_value_net
from line
cross join cell
where
    coalesce(line.qty_base, 0) <> coalesce(cell.qty_base, 0)
    or coalesce(cell.gross_less_return, 0) <> coalesce(cell.qty_base, 0)
    or coalesce(line.value_net, 0) <> coalesce(cell.value_net, 0)
