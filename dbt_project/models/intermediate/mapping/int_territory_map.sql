-- the territory in which a node's sales are shown: the node itself, a beat's parent
with node as (select * from {{ ref('int_territory_period') }}),

above as (
    select
        node.territory_code,
        case when node.is_known and node.level = 'BEAT' then parent.territory_code else node.territory_code end
            as candidate_code,
        case
            when node.is_known and node.level = 'BEAT' then coalesce(parent.is_known and parent.level <> 'BEAT', false)
            else node.is_known
        end as is_known,
        {{ overlap('node', 'parent') }}
    from node
    left join node as parent
        on node.parent_code = parent.territory_code
        and node.level = 'BEAT'
        and {{ overlaps('node', 'parent') }}
),

final as (
    select
        territory_code,
        valid_from,
        valid_to,
        seq_from,
        seq_to,
        case when is_known then candidate_code else 'UNKNOWN' end as sales_territory_code
    from above
)

select * from final
