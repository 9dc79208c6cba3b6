{{ config(materialized='table') }}

{%- set parts = ['trend', 'season', 'holiday', 'price', 'promotion'] %}

with cell as (select * from {{ ref('stg_forecast_cell') }}),

part as (select * from {{ ref('stg_forecast_component') }})

select
    cell.sku_code,
    cell.distributor_code,
    cell.territory_code,
    cell.week_start,
    cell.mean,
    {%- for name in parts %}
    part.{{ name }},
    {%- endfor %}
    cast(
        cell.mean
        {%- for name in parts %}
        - coalesce(part.{{ name }}, 0)
        {%- endfor %} as decimal(18, 4)
    ) as remainder,
    cell.model,
    cell.cutoff_date
from cell
left join part
    on
        cell.sku_code = part.sku_code
        and cell.distributor_code = part.distributor_code
        and cell.territory_code = part.territory_code
        and cell.week_start = part.week_start
