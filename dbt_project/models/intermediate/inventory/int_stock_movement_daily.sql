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
with sale_line as (
    select * from {{ ref('sale_line_version') }}
    where {{ is_live() }} {{ on_touched_days }}
),

statement_line as (
    select * from {{ ref('stock_declaration_version') }}
    where {{ is_live() }} {{ on_touched_days }}
),

sale_movement as (
    {{ sale_movement_sql('sale_line', ref('int_billed_note')) | indent(4) }}
),

statement_movement as (
    {{ statement_movement_sql('statement_line') | indent(4) }}
),

movement as (
    {%- for movements in ['sale_movement', ref('int_receipt_movement'), 'statement_movement'] %}
    select
        business_date,
        distributor_code,
        sku_code,
        batch_no,
        condition,
        movement,
        exclusion,
        qty_base
    from {{ movements }}
    where true {{ on_touched_days }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    business_date,
    distributor_code,
    sku_code,
    batch_no,
    condition,
    movement,
    exclusion,
    {{ sum_units('qty_base') }} as qty_base,
    count(*) as lines
from movement
group by business_date, distributor_code, sku_code, batch_no, condition, movement, exclusion
