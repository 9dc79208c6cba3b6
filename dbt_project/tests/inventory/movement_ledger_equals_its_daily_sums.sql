-- The daily sums hold exactly what the ledger of live movements holds, on the days that the build touched.
{%- set on_touched_days = touched('business_date') %}
with ledger as (
    select
        movement,
        exclusion,
        sum(qty_base) as qty_base,
        count(*) as lines
    from {{ ref('fct_stock_movement') }}
    where {{ on_touched_days }}
    group by movement, exclusion
),

daily as (
    select
        movement,
        exclusion,
        sum(qty_base) as qty_base,
        sum(lines) as lines
    from {{ ref('int_stock_movement_daily') }}
    where {{ on_touched_days }}
    group by movement, exclusion
)

select
    coalesce(ledger.movement, daily.movement) as movement,
    ledger.qty_base as ledger_qty_base,
    daily.qty_base as daily_qty_base,
    ledger.lines as ledger_lines,
    daily.lines as daily_lines
from ledger
full outer join daily
    on ledger.movement = daily.movement and coalesce(ledger.exclusion, '') = coalesce(daily.exclusion, '')
where
    ledger.qty_base is distinct from daily.qty_base
    or ledger.lines is distinct from daily.lines
