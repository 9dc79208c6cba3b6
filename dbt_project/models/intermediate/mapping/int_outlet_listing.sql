-- whether an outlet still stands in its sender's list: a member is never taken out of the dimension, since facts refer to it
with kept as (
    select
        split_part(natural_key, '|', 1) as outlet_code,
        seq,
        sender
    from {{ ref('stg_kept_line') }}
    where feed = 'outlet'
),

word as (
    select
        outlet_code,
        seq,
        sender
    from {{ ref('stg_outlet') }}
    union all
    -- a rejected record says that the outlet is there, if no more
    select
        outlet_code,
        seq,
        sender
    from kept
    where outlet_code in (select outlet_code from {{ ref('stg_outlet') }})
),

last_word as (
    select
        outlet_code,
        max(seq) as seq,
        max_by(sender, seq) as sender
    from word
    group by outlet_code
),

full_list as (
    select
        sender,
        max(seq) as seq
    from {{ ref('stg_scope') }}
    where feed = 'outlet' and closes
    group by sender
),

final as (
    select
        last_word.outlet_code,
        coalesce(full_list.seq <= last_word.seq, true) as is_listed
    from last_word
    left join full_list on last_word.sender = full_list.sender
)

select * from final
