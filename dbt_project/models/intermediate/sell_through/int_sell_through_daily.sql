{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='business_date',
        on_schema_change='fail',
    )
}}

-- depends_on: {{ ref('stg_build') }}
{% if is_incremental() -%}
{% set watermark = watermark_of(this) -%}
with touched_day as (
    {%- for versions in ['sale_line_version', 'dispatch_line_version', 'pos_sale_version'] %}
    select business_date from {{ ref(versions) }}
    where max_seq > {{ watermark }}
    union
    {%- endfor %}
    {{ touched_note_days() | indent(4) }}
),

sale as (
    select * from {{ ref('sale_line_version') }}
    where business_date in (select business_date from touched_day)
),

dispatch as (
    select * from {{ ref('dispatch_line_version') }}
    where business_date in (select business_date from touched_day)
),

store_sale as (
    select * from {{ ref('pos_sale_version') }}
    where business_date in (select business_date from touched_day)
),

final as (
    {{ sell_through_cells_sql('sale', 'dispatch', 'store_sale', ref('int_billed_note')) | indent(4) }}
)

select * from final
{%- else -%}
{{ sell_through_cells_sql(
    ref('sale_line_version'), ref('dispatch_line_version'), ref('pos_sale_version'), ref('int_billed_note')
) }}
{%- endif %}
