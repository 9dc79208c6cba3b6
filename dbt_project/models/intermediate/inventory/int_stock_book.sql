{{ config(materialized='table') }}

with statement as (
    select
        business_date,
        distributor_code,
        sku_code,
        batch_no,
        condition,
        case when count(*) = count(closing_qty_base) then sum(closing_qty_base) end as closing_qty_base
    from {{ ref('fct_stock_declaration') }}
    where business_date <= {{ shown_until() }}
    group by business_date, distributor_code, sku_code, batch_no, condition
),

last_statement as (
    select
        distributor_code,
        sku_code,
        batch_no,
        condition,
        max(business_date) as declared_on,
        max_by(closing_qty_base, business_date) as declared_qty_base
    from statement
    where closing_qty_base is not null
    group by distributor_code, sku_code, batch_no, condition
),

movement as (
    select * from {{ ref('int_stock_movement_daily') }}
    where exclusion is null and business_date <= {{ shown_until() }}
),

rolled as (
    select
        movement.distributor_code,
        movement.sku_code,
        movement.batch_no,
        movement.condition,
        sum(
            case
                when last_statement.declared_on is null or movement.business_date > last_statement.declared_on
                    then movement.qty_base
                else 0
            end
        ) as moved_qty_base
    from movement
    left join last_statement
        on
            movement.distributor_code = last_statement.distributor_code
            and movement.sku_code = last_statement.sku_code
            and movement.batch_no = last_statement.batch_no
            and movement.condition = last_statement.condition
    group by movement.distributor_code, movement.sku_code, movement.batch_no, movement.condition
)

select
    coalesce(last_statement.distributor_code, rolled.distributor_code) as distributor_code,
    coalesce(last_statement.sku_code, rolled.sku_code) as sku_code,
    coalesce(last_statement.batch_no, rolled.batch_no) as batch_no,
    coalesce(last_statement.condition, rolled.condition) as condition,
    last_statement.declared_on,
    cast(last_statement.declared_qty_base as bigint) as declared_qty_base,
    cast(coalesce(last_statement.declared_qty_base, 0) + coalesce(rolled.moved_qty_base, 0) as bigint) as book_qty_base
from last_statement
full outer join rolled
    on
        last_statement.distributor_code = rolled.distributor_code
        and last_statement.sku_code = rolled.sku_code
        and last_statement.batch_no = rolled.batch_no
        and last_statement.condition = rolled.condition
