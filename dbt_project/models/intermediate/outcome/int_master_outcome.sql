-- what became of each loaded row of a master or cross-reference: the last content of a key counts, once; files read again count once
with stated as (
    {%- for source, values in [
        ('stg_sku', [
            'sku_name', 'gtin', 'brand', 'sub_brand', 'category', 'pack', 'base_unit', 'units_per_inner', 'units_per_case', 'mrp',
            'ex_factory_price', 'standard_cost', 'launch_date', 'delist_date', 'predecessor_sku_code',
        ]),
        ('stg_distributor', [
            'distributor_name', 'distributor_type', 'parent_code', 'territory_code', 'dms_platform', 'lead_time_days', 'transit_days',
            'norm_days',
        ]),
        ('stg_outlet', [
            'outlet_name', 'channel', 'outlet_class', 'address', 'city', 'latitude', 'longitude', 'territory_code', 'distributor_code',
            'status', 'retailer_code',
        ]),
        ('stg_territory', ['territory_name', 'parent_code', 'level']),
        ('stg_sku_xref', ['sku_code', 'valid_to']),
        ('stg_outlet_xref', ['outlet_code', 'valid_to']),
    ] %}
    select
        line_key,
        seq,
        pos,
        source_file,
        {{ content(values) }} as said
    from {{ ref(source) }}
    where seq = last_seq
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

compared as (
    select
        *,
        case
            when coalesce(said <> lag(said) over (partition by line_key order by seq, pos), true) then 1
            else 0
        end as is_change
    from stated
),

counted as (
    select
        *,
        sum(is_change) over (
            partition by line_key order by seq, pos
            rows between unbounded preceding and current row
        ) as change_no,
        sum(is_change) over (partition by line_key) as changes
    from compared
),

final as (
    select
        line_key,
        seq,
        pos,
        source_file,
        case
            when is_change = 0 then 'duplicate'
            when change_no = changes then 'current'
            else 'superseded'
        end as outcome
    from counted
)

select * from final
