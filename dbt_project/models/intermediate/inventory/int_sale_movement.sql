{{ config(materialized='view') }}

{{ sale_movement_sql(ref('sale_line_version')) }}
