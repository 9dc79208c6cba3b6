{{ config(tags=['commit_log']) }}

select
    seq,
    feed,
    sender,
    date_from,
    date_to,
    names_day
from {{ ref('stg_file') }}
where status <> 'rejected'
