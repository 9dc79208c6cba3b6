{%- for dimension in ['sku', 'distributor', 'territory'] %}
select distinct
    '{{ dimension }}' as dimension,
    cell.{{ dimension }}_code as code
from {{ ref('sell_through_monthly') }} as cell
where not exists (
    select 1 from {{ ref(dimension) }} as member
    where member.{{ dimension }}_code = cell.{{ dimension }}_code
)
{{ 'union all' if not loop.last }}
{%- endfor %}
