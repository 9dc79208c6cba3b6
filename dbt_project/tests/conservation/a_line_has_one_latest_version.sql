{%- for versions in ['sale_line', 'dispatch_line', 'receipt_line', 'stock_declaration', 'pos_sale'] %}
select
    '{{ versions }}' as feed,
    line_key,
    count(*) as open_rows
from {{ ref(versions ~ '_version') }}
where seq_to is null
group by line_key
having count(*) > 1
{{ 'union all' if not loop.last }}
{%- endfor %}
