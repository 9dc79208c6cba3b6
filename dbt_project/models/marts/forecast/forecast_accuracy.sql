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
    series,
    rmsse,
    pinball,
    coverage50,
    skill,
    cost_ms
from {{ ref('stg_forecast_accuracy') }}
