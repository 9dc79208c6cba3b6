-- of the lines that changed since the last build that passed
{%- for versions in ['sale_line', 'dispatch_line', 'receipt_line', 'stock_declaration', 'pos_sale'] %}
select
    '{{ versions }}' as feed,
    line_key,
    count(*) as open_rows
from {{ ref(versions ~ '_version') }}
where seq_to is null and line_key in ({{ changed_keys(ref(versions ~ '_version')) }})
group by line_key
having count(*) > 1
{{ 'union all' if not loop.last }}
{%- endfor %}
