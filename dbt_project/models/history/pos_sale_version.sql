{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='business_date', on_schema_change='fail') }}

-- depends_on: {{ ref('stg_file') }}
-- depends_on: {{ ref('stg_scope') }}
-- depends_on: {{ ref('stg_kept_line') }}
-- depends_on: {{ ref('stg_pos_sale') }}
-- depends_on: {{ ref('int_sku_map') }}
-- depends_on: {{ ref('int_outlet_map') }}
{% if is_incremental() %}
{{ pos_sale_versions(existing=this, watermark=watermark_of(this)) }}
{% else %}
select * from {{ ref('int_pos_sale_version') }}
{% endif %}
