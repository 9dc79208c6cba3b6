{{ config(materialized='table', tags=['commit_log']) }}

-- a file that was read again counts with its last reading; a file that came again with other content counts with both
with reading as (
    select * from {{ ref('stg_file') }}
    where seq = last_seq
),

outcome as (select * from {{ ref('int_file_outcome') }}),

final as (
    select
        reading.profile,
        reading.sender,
        reading.file,
        {{ ordered_list('reading.feed', ', ') }} as feed,
        {%- for count in ['records', 'loaded', 'rejected', 'blank', 'total_lines', 'left_out'] %}
        {{ sum_units('reading.' ~ count) }} as {{ count }},
        {%- endfor %}
        {%- for count in ['current_versions', 'superseded', 'duplicates', 'deleted'] %}
        {{ sum_units('coalesce(outcome.' ~ count ~ ', 0)') }} as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from reading
    left join outcome on reading.seq = outcome.seq and reading.file = outcome.file
    group by reading.profile, reading.sender, reading.file
)

select * from final
