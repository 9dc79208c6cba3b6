{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='business_date', on_schema_change='fail') }}

-- depends_on: {{ ref('stg_file') }}
-- depends_on: {{ ref('stg_scope') }}
-- depends_on: {{ ref('stg_kept_line') }}
-- depends_on: {{ ref('stg_dms_stock') }}
-- depends_on: {{ ref('int_sku_map') }}
{% if is_incremental() %}
{{ stock_declaration_versions(existing=this, watermark=watermark_of(this)) }}
{% else %}
select * from {{ ref('int_stock_declaration_version') }}
{% endif %}
