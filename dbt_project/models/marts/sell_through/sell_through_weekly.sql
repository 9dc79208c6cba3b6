{{ config(materialized='table') }}

{{ sell_through_period_sql('week', 'week_start') }}
