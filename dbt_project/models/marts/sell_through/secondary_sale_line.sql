{{ config(materialized='view', post_hook=[
    "{{ table_macro('secondary_sale_line_as_known', 'known_seq', secondary_sale_line_sql(
        'history.sale_line_version', '(' ~ billed_note_sql('history.sale_line_version', 'known_seq') ~ ')', 'known_seq'
    )) }}",
]) }}

-- depends_on: {{ ref('publication') }}
{{ secondary_sale_line_sql(ref('sale_line_version'), ref('int_billed_note')) }}
