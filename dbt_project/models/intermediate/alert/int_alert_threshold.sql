{{ config(materialized='view') }}

with ours as (select * from {{ ref('alert_threshold') }}),

own as (
    {{ own_threshold_rows() | indent(4) }}
)

select
    ours.kind,
    ours.name,
    cast(coalesce(own.value, ours.value) as double) as value
from ours
left join own on ours.kind = own.kind and ours.name = own.name
