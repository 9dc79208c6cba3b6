{{ config(materialized='table') }}

with period as (select * from {{ ref('int_sku_cost_period') }}),

final as (
    select
        sku_code,
        valid_from,
        valid_to,
        seq_from,
        case when seq_to < {{ open_seq() }} then seq_to end as seq_to,
        unit_cost
    from period
    where is_known
)

select * from final
