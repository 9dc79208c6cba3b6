{{ config(materialized='view') }}

{{ statement_movement_sql(ref('stock_declaration_version')) }}
