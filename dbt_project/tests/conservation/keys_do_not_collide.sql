-- sixty bits are plenty, and this is how we would know if they were not
with repeated as (
    select line_key from {{ ref('sale_line_version') }}
    where line_key in ({{ changed_keys(ref('sale_line_version')) }})
    group by line_key
    having count(*) > 1
)

select
    'sale_line' as what,
    cast(line_key as varchar) as collision
from {{ ref('sale_line_version') }}
where line_key in (select line_key from repeated)
group by line_key
having min(document_no) <> max(document_no) or min(distributor_code) <> max(distributor_code) or min(line_no) <> max(line_no)
{%- for dimension in ['sku', 'outlet', 'distributor', 'territory'] %}
union all
select
    '{{ dimension }}' as what,
    cast({{ dimension }}_key as varchar) as collision
from {{ ref('dim_' ~ dimension) }}
group by {{ dimension }}_key
having min({{ dimension }}_code) <> max({{ dimension }}_code)
{%- endfor %}
