{{ config(materialized='table') }}

select
    level,
    sku_code,
    distributor_code,
    territory_code,
    week_start,
    weeks_ahead,
    cumulative_mean,
    q010,
    q025,
    q050,
    q100,
    q200,
    q300,
    q400,
    q500,
    q600,
    q700,
    q800,
    q850,
    q900,
    q950,
    q975,
    q990,
    cutoff_date
from {{ ref('stg_forecast_distribution') }}
