{{ config(materialized='table') }}

{{ billed_note_sql(ref('sale_line_version')) }}
