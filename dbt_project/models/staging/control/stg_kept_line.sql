{{ config(materialized='table') }}

-- lines that a file states in a record that was rejected: it does not lack them, and they stay as they were
with rejected as (
    select * from {{ bronze(kind='rejects') }}
),

reading as (
    select distinct
        feed,
        seq,
        path
    from {{ snapshot('path') }}
    where kind = 'rejects'
),

final as (
    select distinct
        reading.seq,
        reading.feed,
        {{ key(['reading.feed', 'rejected._key']) }} as line_key,
        rejected._key as natural_key,
        rejected._sender as sender
    from rejected
    inner join reading on rejected.filename = reading.path
    where rejected._key is not null
)

select * from final
