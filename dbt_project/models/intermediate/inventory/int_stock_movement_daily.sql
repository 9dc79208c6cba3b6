{{ config(materialized='table') }}

with sale_movement_daily as (select * from {{ ref('int_sale_movement_daily') }}),

receipt_movement as (select * from {{ ref('int_receipt_movement') }}),

statement_movement as (
    select * from {{ ref('int_statement_movement') }}
    where {{ is_live() }}
),

document_movement as (
    select
        business_date,
        distributor_code,
        sku_code,
        batch_no,
        condition,
        movement,
        exclusion,
        qty_base
    from receipt_movement
    union all
    select
        business_date,
        distributor_code,
        sku_code,
        batch_no,
        condition,
        movement,
        exclusion,
        qty_base
    from statement_movement
),

document_movement_daily as (
    select
        business_date,
        distributor_code,
        sku_code,
        batch_no,
        condition,
        movement,
        exclusion,
        cast(sum(qty_base) as bigint) as qty_base,
        count(*) as lines
    from document_movement
    group by business_date, distributor_code, sku_code, batch_no, condition, movement, exclusion
)

select
    business_date,
    distributor_code,
    sku_code,
    batch_no,
    condition,
    movement,
    exclusion,
    qty_base,
    lines
from sale_movement_daily
where lines > 0
union all
select
    business_date,
    distributor_code,
    sku_code,
    batch_no,
    condition,
    movement,
    exclusion,
    qty_base,
    lines
from document_movement_daily
