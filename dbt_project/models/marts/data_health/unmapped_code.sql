{{ config(materialized='table') }}

-- the steward's queue
with unexplained as (select * from {{ ref('int_unexplained_code') }}),

description as (select * from {{ ref('int_code_description') }})

select
    unexplained.kind,
    unexplained.feed,
    unexplained.owner,
    unexplained.code,
    description.name,
    unexplained.lines,
    unexplained.qty,
    unexplained.value_net,
    unexplained.first_date,
    unexplained.last_date
from unexplained
left join description
    on unexplained.kind = description.kind
    and unexplained.owner = description.owner
    and unexplained.code = description.code
