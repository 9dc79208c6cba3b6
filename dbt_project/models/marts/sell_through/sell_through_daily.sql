{{ config(materialized='view', post_hook=[
    "{{ create_sell_through_daily_as_known() }}",
]) }}

-- depends_on: {{ ref('publication') }}
{{ sell_through_daily_sql(ref('int_sell_through_daily')) }}
