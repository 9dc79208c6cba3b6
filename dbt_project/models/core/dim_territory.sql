{{ config(materialized='table') }}

-- the tree's path stands as on the first day of the node's period
with node as (
    {{ dimension_sql(
        source=ref('stg_territory'),
        code='territory_code',
        attributes=[('territory_name', 'varchar'), ('parent_code', 'varchar'), ('level', 'varchar')],
        name='territory_name'
    ) | indent(4) }}
),

path as (
    select
        node.territory_key,
        node.valid_from,
        {%- for n in range(6) %}
        above_{{ n }}.territory_code as code_{{ n }},
        above_{{ n }}.level as level_{{ n }}{{ ',' if not loop.last }}
        {%- endfor %}
    from node
    inner join node as above_0 on node.territory_key = above_0.territory_key and node.valid_from = above_0.valid_from
    {%- for n in range(1, 6) %}
    left join node as above_{{ n }}
        on above_{{ n - 1 }}.parent_code = above_{{ n }}.territory_code
        and node.valid_from >= above_{{ n }}.valid_from
        and node.valid_from < above_{{ n }}.valid_to
    {%- endfor %}
),

final as (
    select
        node.territory_key,
        node.territory_code,
        node.territory_name,
        node.level,
        node.parent_code,
        {%- for level in ['nation', 'zone', 'region', 'area'] %}
        case '{{ level | upper }}'
            {%- for n in range(6) %}
            when path.level_{{ n }} then path.code_{{ n }}
            {%- endfor %}
        end as {{ level }}_code,
        {%- endfor %}
        node.valid_from,
        node.valid_to
    from node
    inner join path on node.territory_key = path.territory_key and node.valid_from = path.valid_from
)

select * from final
