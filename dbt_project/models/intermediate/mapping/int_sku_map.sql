{{ config(materialized='table') }}

-- what a sender's item code means by date, as known; owner '*' is a code that equals a master's code, for senders without a row of their own
with reference as (select * from {{ ref('int_sku_xref_period') }}),

pack as (select * from {{ ref('int_sku_pack_period') }}),

referred as (
    select
        distributor_code as owner,
        sender_sku_code,
        valid_from,
        valid_to,
        seq_from,
        seq_to,
        coalesce(sku_code, sender_sku_code) as wanted_code
    from reference
),

named as (
    select
        referred.owner,
        referred.sender_sku_code,
        case when pack.is_known then referred.wanted_code else 'UNKNOWN' end as sku_code,
        pack.units_per_inner,
        pack.units_per_case,
        {{ overlap('referred', 'pack') }}
    from referred
    left join pack
        on referred.wanted_code = pack.sku_code
        and {{ overlaps('referred', 'pack') }}
),

itself as (
    select
        '*' as owner,
        sku_code as sender_sku_code,
        case when is_known then sku_code else 'UNKNOWN' end as sku_code,
        units_per_inner,
        units_per_case,
        valid_from,
        valid_to,
        seq_from,
        seq_to
    from pack
),

final as (
    select * from named
    union all
    select * from itself
)

select * from final
