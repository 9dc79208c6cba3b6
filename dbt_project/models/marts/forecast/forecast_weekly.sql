{{ config(materialized='table') }}

select
    level,
    sku_code,
    distributor_code,
    territory_code,
    week_start,
    mean,
    median,
    lo50,
    hi50,
    lo80,
    hi80,
    lo95,
    hi95,
    model,
    cutoff_date,
    demand_class
from {{ ref('stg_forecast') }}
