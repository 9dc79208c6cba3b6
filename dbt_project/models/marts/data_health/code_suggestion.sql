{{ config(materialized='table') }}

select
    kind,
    owner,
    code,
    rank,
    suggested_code,
    suggested_name,
    score,
    evidence
from {{ ref('stg_code_suggestion') }}
