{{
    config(
        materialized='incremental',
        incremental_strategy='touched',
        partition='month_start',
        on_schema_change='fail',
    )
}}

-- depends_on: {{ ref('int_touched_day') }}
{{ sell_through_period_sql('month', 'month_start') }}
