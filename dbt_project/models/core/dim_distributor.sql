with listed as (
    {{ dimension_sql(
        source=ref('stg_distributor'),
        code='distributor_code',
        attributes=[
            ('distributor_name', 'varchar'),
            ('distributor_type', 'varchar'),
            ('parent_code', 'varchar'),
            ('territory_code', 'varchar'),
            ('dms_platform', 'varchar'),
            ('lead_time_days', 'bigint'),
            ('transit_days', 'bigint'),
            ('norm_days', 'bigint'),
        ],
        name='distributor_name'
    ) | indent(4) }}
),

-- a distributor who sells and is in no master: its code is its own, so that it stays apart from UNKNOWN
seller as (select distinct distributor_code from {{ ref('int_sell_through_daily') }}),

final as (
    select
        *,
        distributor_code <> 'UNKNOWN' as is_listed
    from listed
    union all
    select
        {{ key(['seller.distributor_code']) }} as distributor_key,
        seller.distributor_code,
        {% for column in ['distributor_name', 'distributor_type', 'parent_code', 'territory_code', 'dms_platform'] -%}
        cast(null as varchar) as {{ column }},
        {% endfor -%}
        cast(null as bigint) as lead_time_days,
        cast(null as bigint) as transit_days,
        cast(null as bigint) as norm_days,
        {{ since_ever() }} as valid_from,
        {{ for_ever() }} as valid_to,
        false as is_listed
    from seller
    where not exists (
        select 1 from listed
        where listed.distributor_code = seller.distributor_code
    )
)

select * from final
