{{ config(materialized='table') }}

-- a table, so that a build in which none of these feeds has come does not read them
select
    seq,
    source_file as file,
    outcome,
    count(*) as row_count
from {{ ref('int_unversioned_outcome') }}
group by seq, source_file, outcome
