{{ config(materialized='table') }}

{{ sell_through_period_sql('month', 'month_start') }}
