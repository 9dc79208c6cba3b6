{{ config(materialized='table') }}

{{ receipt_movement_sql(ref('receipt_line_version')) }}
