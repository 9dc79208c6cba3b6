{{
    config(
        materialized='incremental',
        incremental_strategy='touched',
        partition='month_start',
        on_schema_change='fail',
    )
}}

{%- set in_touched_months = and_touched('month_start', period_start('month', 'business_date')) %}

-- depends_on: {{ ref('int_touched_day') }}
with movement as (
    select * from {{ ref('int_stock_movement_daily') }}
    where true {{ in_touched_months }}
),

declaration as (
    select * from {{ ref('fct_stock_declaration') }}
    where true {{ in_touched_months }}
),

cell_month as (
    {{ reconciliation_month_sql('movement', 'declaration', shown_until()) | indent(4) }}
)

select * from cell_month
