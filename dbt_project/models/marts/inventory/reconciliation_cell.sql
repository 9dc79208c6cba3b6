{{ config(materialized='table') }}

{{ published_reconciliation_cell_sql(ref('int_reconciliation_cell')) }}
