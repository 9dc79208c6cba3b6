{{ config(materialized='table') }}

select
    level,
    demand_class,
    model,
    origin_date,
    wape,
    bias,
    mase,
    coverage80,
    coverage95,
    fva,
    series
from {{ ref('stg_forecast_accuracy') }}
