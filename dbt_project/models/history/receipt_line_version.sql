{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='business_date', on_schema_change='fail') }}

-- depends_on: {{ ref('stg_file') }}
-- depends_on: {{ ref('stg_scope') }}
-- depends_on: {{ ref('stg_kept_line') }}
-- depends_on: {{ ref('stg_goods_receipt') }}
-- depends_on: {{ ref('int_sku_map') }}
{% if is_incremental() %}
{{ receipt_line_versions(existing=this, watermark=watermark_of(this)) }}
{% else %}
select * from {{ ref('int_receipt_line_version') }}
{% endif %}
