{{ config(materialized='view') }}

with movement as (
    select * from {{ ref('int_sale_movement') }}
    where {{ is_live() }}
    union all
    select * from {{ ref('int_receipt_movement') }}
    union all
    select * from {{ ref('int_statement_movement') }}
    where {{ is_live() }}
),

activity as (select * from {{ ref('movement_activity') }})

select
    movement.feed,
    movement.line_key,
    movement.movement,
    movement.is_free,
    movement.is_repeat,
    movement.exclusion,
    activity.x12_code,
    movement.business_date,
    movement.distributor_code,
    movement.sku_code,
    movement.sender_sku_code,
    movement.batch_no,
    movement.condition,
    movement.qty_base,
    movement.is_unit_known,
    movement.document_type,
    movement.document_no,
    movement.line_no,
    movement.tracking_no,
    movement.sender,
    movement.source_file,
    movement.source_record,
    movement.seq_from
from movement
left join activity on movement.movement = activity.movement
