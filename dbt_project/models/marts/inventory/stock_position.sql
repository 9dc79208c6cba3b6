{{ config(materialized='table') }}

with book as (select * from {{ ref('int_stock_book') }}),

in_transit as (
    select
        distributor_code,
        sku_code,
        batch_no,
        'SALEABLE' as condition,
        sum(in_transit_qty_base) as in_transit_qty_base
    from {{ ref('int_in_transit') }}
    where in_transit_qty_base <> 0
    group by distributor_code, sku_code, batch_no
),

rate as (select * from {{ ref('int_selling_rate') }}),

cell as (
    select
        coalesce(book.distributor_code, in_transit.distributor_code) as distributor_code,
        coalesce(book.sku_code, in_transit.sku_code) as sku_code,
        coalesce(book.batch_no, in_transit.batch_no) as batch_no,
        coalesce(book.condition, in_transit.condition) as condition,
        coalesce(book.book_qty_base, 0) as book_qty_base,
        book.declared_qty_base,
        book.declared_on,
        coalesce(in_transit.in_transit_qty_base, 0) as in_transit_qty_base
    from book
    full outer join in_transit
        on
            book.distributor_code = in_transit.distributor_code
            and book.sku_code = in_transit.sku_code
            and book.batch_no = in_transit.batch_no
            and book.condition = in_transit.condition
)

select
    cast({{ shown_until() }} as date) as as_of_date,
    cell.distributor_code,
    cell.sku_code,
    cell.batch_no,
    cell.condition,
    cast(cell.book_qty_base as bigint) as book_qty_base,
    cast(cell.declared_qty_base as bigint) as declared_qty_base,
    cell.declared_on as declared_date,
    cast(cell.in_transit_qty_base as bigint) as in_transit_qty_base,
    -- every batch over the SKU's whole rate, so that the batches' days add up to the SKU's
    cast(
        case
            when cell.condition = 'SALEABLE' and rate.qty_28d_base > 0
                then cast(coalesce(cell.declared_qty_base, cell.book_qty_base) as double) * 28 / rate.qty_28d_base
        end
        as double
    ) as cover_days
from cell
left join rate
    on
        cell.distributor_code = rate.distributor_code
        and cell.sku_code = rate.sku_code
