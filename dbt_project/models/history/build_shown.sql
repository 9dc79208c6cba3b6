{{ config(materialized='table') }}

select
    cast(through_seq as bigint) as through_seq,
    cast(as_of as date) as as_of
from {{ ref('stg_build') }}
