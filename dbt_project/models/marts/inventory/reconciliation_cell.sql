{{
    config(
        materialized='table',
        post_hook=["{{ create_reconciliation_cell_as_known() }}"],
    )
}}

-- depends_on: {{ ref('build_shown') }}
{{ published_reconciliation_cell_sql(ref('int_reconciliation_cell')) }}
