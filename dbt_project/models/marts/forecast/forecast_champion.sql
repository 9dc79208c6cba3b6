{{ config(materialized='table') }}

select
    demand_class,
    model,
    is_champion,
    is_incumbent,
    wape,
    rmsse,
    mase,
    bias,
    pinball,
    skill,
    cost_ms,
    origins,
    series,
    points,
    margin,
    reason
from {{ ref('stg_forecast_champion') }}
