-- whether an outlet still stands in its sender's list: a member is never taken out of the dimension, since facts refer to it
with last_word as (
    select
        outlet_code,
        max(seq) as seq,
        max_by(sender, seq) as sender
    from {{ ref('stg_outlet') }}
    group by outlet_code
),

full_list as (
    select
        sender,
        max(seq) as seq
    from {{ ref('stg_scope') }}
    where feed = 'outlet'
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
