{{ config(materialized='table') }}

with candidate as (
    select * from {{ ref('int_alert_stock_out') }}
    union all
    select * from {{ ref('int_alert_stock_out_predicted') }}
    union all
    select * from {{ ref('int_alert_slow_moving') }}
    union all
    select * from {{ ref('int_alert_demand_surge') }}
),

weight_limit as (
    select
        kind,
        max(case when name = 'weight_critical' then value end) as critical,
        max(case when name = 'weight_high' then value end) as high,
        max(case when name = 'weight_medium' then value end) as medium
    from {{ ref('int_alert_threshold') }}
    group by kind
)

select
    -- of the kind and what it is about, so that the same condition keeps its id from day to day
    cast(
        md5(candidate.kind || '|' || candidate.sku_code || '|' || candidate.distributor_code || '||') as varchar
    ) as alert_id,
    cast(candidate.kind as varchar) as kind,
    cast(
        case
            when candidate.weight >= weight_limit.critical then 'CRITICAL'
            when candidate.weight >= weight_limit.high then 'HIGH'
            when candidate.weight >= weight_limit.medium then 'MEDIUM'
            else 'LOW'
        end
        as varchar
    ) as severity,
    cast('OPEN' as varchar) as status,
    candidate.sku_code,
    candidate.distributor_code,
    cast(null as varchar) as outlet_code,
    cast(null as varchar) as territory_code,
    cast(candidate.first_seen as date) as first_seen,
    cast({{ shown_until() }} as date) as last_seen,
    cast(round(candidate.weight, 4) as double) as weight,
    cast(candidate.reason as varchar) as reason,
    cast(candidate.figures as varchar) as figures
from candidate
inner join weight_limit on candidate.kind = weight_limit.kind
