{{
    config(
        materialized='table',
        post_hook=["{{ create_reconciliation_cell_as_known() }}"],
    )
}}

-- depends_on: {{ ref('publication') }}
{{ published_reconciliation_cell_sql(ref('int_reconciliation_cell')) }}
