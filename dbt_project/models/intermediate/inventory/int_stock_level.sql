{{ config(materialized='table') }}

with statement_day as (
    select
        distributor_code,
        sku_code,
        business_date,
        sum(closing_qty_base) as closing_qty_base
    from {{ ref('fct_stock_declaration') }}
    where condition = 'SALEABLE' and sku_code <> 'UNKNOWN' and business_date <= {{ shown_until() }}
    group by distributor_code, sku_code, business_date
    having count(*) = count(closing_qty_base)
),

movement_day as (
    select
        distributor_code,
        sku_code,
        business_date,
        sum(qty_base) as qty_base,
        sum(case when movement in ('GRN', 'GRN_FREE', 'TRF_IN') then 1 else 0 end) as supplies
    from {{ ref('int_stock_movement_daily') }}
    where
        condition = 'SALEABLE'
        and sku_code <> 'UNKNOWN'
        and exclusion is null
        and business_date <= {{ shown_until() }}
    group by distributor_code, sku_code, business_date
),

stock_day as (
    select
        coalesce(movement_day.distributor_code, statement_day.distributor_code) as distributor_code,
        coalesce(movement_day.sku_code, statement_day.sku_code) as sku_code,
        coalesce(movement_day.business_date, statement_day.business_date) as level_date,
        coalesce(movement_day.qty_base, 0) as qty_base,
        coalesce(movement_day.supplies, 0) as supplies,
        statement_day.closing_qty_base
    from movement_day
    full outer join statement_day
        on
            movement_day.distributor_code = statement_day.distributor_code
            and movement_day.sku_code = statement_day.sku_code
            and movement_day.business_date = statement_day.business_date
),

running as (
    select
        stock_day.*,
        sum(qty_base) over (
            partition by distributor_code, sku_code order by level_date rows between unbounded preceding and current row
        ) as moved_qty_base,
        sum(supplies) over (partition by distributor_code, sku_code) as supplies_ever,
        count(closing_qty_base) over (
            partition by distributor_code, sku_code order by level_date rows between unbounded preceding and current row
        ) as nth_statement
    from stock_day
),

anchored as (
    -- each statement sets the chain anew; the days before the first one are rolled back from it
    select
        running.*,
        max(closing_qty_base - moved_qty_base) over (
            partition by distributor_code, sku_code, nth_statement
        ) as anchor_qty_base,
        max(case when nth_statement = 1 then closing_qty_base - moved_qty_base end) over (
            partition by distributor_code, sku_code
        ) as first_anchor_qty_base
    from running
)

select
    distributor_code,
    sku_code,
    level_date,
    lead(level_date) over (partition by distributor_code, sku_code order by level_date) as next_level_date,
    case when closing_qty_base is null then 'BOOK' else 'DECLARED' end as basis,
    cast(moved_qty_base + coalesce(anchor_qty_base, first_anchor_qty_base, 0) as bigint) as saleable_qty_base
from anchored
-- stock that was neither declared nor ever supplied is not known to be empty
where first_anchor_qty_base is not null or supplies_ever > 0
