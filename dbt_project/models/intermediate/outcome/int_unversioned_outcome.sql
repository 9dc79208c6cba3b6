-- what became of each loaded row of a feed without a version table: the last content of a key counts, once, unless a later file that
-- states its sender and day wholly lacks it (a rejected record is there); files read again count once
with stated as (
    select * from {{ ref('int_unversioned_row') }}
    where seq = last_seq
),

scope as (
    select * from {{ ref('stg_scope') }}
    where closes
),

kept as (select * from {{ ref('stg_kept_line') }}),

compared as (
    select
        *,
        case
            when coalesce(said <> lag(said) over (partition by line_key order by arrival, seq, pos), true) then 1
            else 0
        end as is_change
    from stated
),

counted as (
    select
        *,
        sum(is_change) over (
            partition by line_key order by arrival, seq, pos
            rows between unbounded preceding and current row
        ) as change_no,
        sum(is_change) over (partition by line_key) as changes,
        max(seq) over (partition by line_key) as told_last
    from compared
),

gone as (
    select distinct counted.line_key
    from counted
    inner join scope
        on counted.feed = scope.feed
        and counted.sender = scope.sender
        and counted.business_date >= scope.date_from
        and counted.business_date <= scope.date_to
    left join kept
        on counted.feed = kept.feed
        and counted.line_key = kept.line_key
        and scope.seq = kept.seq
    where scope.seq > counted.told_last and counted.change_no = counted.changes and kept.seq is null
),

final as (
    select
        counted.line_key,
        counted.seq,
        counted.pos,
        counted.source_file,
        case
            when counted.is_change = 0 then 'duplicate'
            when counted.change_no < counted.changes then 'superseded'
            when gone.line_key is not null then 'deleted'
            else 'current'
        end as outcome
    from counted
    left join gone on counted.line_key = gone.line_key
)

select * from final
