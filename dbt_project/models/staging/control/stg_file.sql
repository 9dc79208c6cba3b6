{{ config(materialized='table') }}

-- a table, for every model that reads bronze reads it
with files as (select * from {{ snapshot('file') }}),

final as (
    select
        seq,
        feed,
        profile,
        mode,
        replay as is_replay,
        sender,
        file,
        sha256,
        cast(arrived_at as timestamp) as arrived_at,
        status,
        records,
        loaded,
        rejected,
        blank,
        total_lines,
        left_out,
        date_from,
        date_to,
        names_day,
        closes,
        first_seq,
        max(seq) over (partition by feed, profile, sender, sha256) as last_seq,
        max(date_to) over (
            partition by feed, sender order by seq
            range between unbounded preceding and 1 preceding
        ) as prior_date_to
    from files
)

select * from final
