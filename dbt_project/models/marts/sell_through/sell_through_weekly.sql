{{
    config(
        materialized='incremental',
        incremental_strategy='touched',
        partition='week_start',
        on_schema_change='fail',
    )
}}

-- depends_on: {{ ref('int_touched_day') }}
{{ sell_through_period_sql('week', 'week_start') }}
