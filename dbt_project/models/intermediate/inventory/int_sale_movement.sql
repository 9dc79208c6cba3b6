{{ config(materialized='view') }}

{{ sale_movement_sql(ref('sale_line_version'), ref('int_billed_note')) }}
