{{
    config(
        materialized='incremental',
        incremental_strategy='touched',
        partition='business_date',
        on_schema_change='fail',
    )
}}

{%- set on_touched_days = and_touched('business_date') %}

-- depends_on: {{ ref('int_touched_day') }}
with receipt as (
    select * from {{ ref('receipt_line_version') }}
    where {{ is_live() }}
),

{% if is_incremental() -%}
delivery as (
    select distinct
        distributor_code,
        tracking_no
    from receipt
    where tracking_no <> '' {{ on_touched_days }}
),

shared as (
    -- what is on a touched day, and whatever belongs to one delivery with it
    select * from receipt
    where true {{ on_touched_days }}
    union
    select receipt.*
    from receipt
    inner join delivery
        on receipt.distributor_code = delivery.distributor_code and receipt.tracking_no = delivery.tracking_no
),

{% endif -%}
movement as (
    {{ receipt_movement_sql('shared' if is_incremental() else 'receipt') | indent(4) }}
)

select * from movement
where true {{ on_touched_days }}
