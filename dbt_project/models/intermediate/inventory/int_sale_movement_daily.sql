{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='business_date',
        on_schema_change='fail',
    )
}}

-- depends_on: {{ ref('sale_line_version') }}
with sale_movement as (select * from {{ ref('int_sale_movement') }}),

{% if is_incremental() -%}
touched_day as (
    -- every day on which a changed line stands before or after: closed versions keep their old day
    select distinct business_date
    from {{ ref('sale_line_version') }}
    where max_seq > (select coalesce(max(max_seq), 0) from {{ this }})
),
{%- endif %}

daily as (
    -- over all versions, so that a day that empties is rewritten with zeros instead of keeping its old rows
    select
        business_date,
        distributor_code,
        sku_code,
        batch_no,
        condition,
        movement,
        exclusion,
        sum(case when {{ is_live() }} then qty_base else 0 end) as qty_base,
        sum(case when {{ is_live() }} then 1 else 0 end) as lines,
        max(max_seq) as max_seq
    from sale_movement
    {% if is_incremental() -%}
        where business_date in (select business_date from touched_day)
    {% endif -%}
    group by business_date, distributor_code, sku_code, batch_no, condition, movement, exclusion
)

select
    business_date,
    distributor_code,
    sku_code,
    batch_no,
    condition,
    movement,
    exclusion,
    cast(qty_base as bigint) as qty_base,
    cast(lines as bigint) as lines,
    cast(max_seq as bigint) as max_seq
from daily
