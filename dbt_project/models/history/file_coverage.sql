{{ config(tags=['commit_log']) }}

select
    seq,
    feed,
    sender,
    date_from,
    date_to,
    names_day,
    every,
    weekdays_off,
    holidays
from {{ ref('int_file_coverage') }}
