{{ config(materialized='view') }}

{{ receipt_movement_sql(ref('receipt_line_version')) }}
