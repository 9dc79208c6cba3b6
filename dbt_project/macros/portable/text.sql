{# Several columns as one text that tells null from empty; equal texts mean equal content. #}
{% macro content(columns) -%}
    {%- for column in columns -%}
        coalesce(cast({{ column }} as varchar), chr(1)){{ " || chr(2) || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# The different values of a column in order, as one text; null where there are none. #}
{% macro ordered_list(column, separator=' ') -%}
    {%- if target.type == 'spark' -%}
        nullif(array_join(sort_array(collect_set(cast({{ column }} as string))), '{{ separator }}'), '')
    {%- else -%}
        string_agg(distinct cast({{ column }} as varchar), '{{ separator }}' order by cast({{ column }} as varchar))
    {%- endif -%}
{%- endmacro %}

{# Whether a code is a member of a list in text, its members parted by `;`; null for an empty list, which says nothing. #}
{% macro is_listed_in(code, list) -%}
    (';' || replace(nullif(trim({{ list }}), ''), ' ', '') || ';' like '%;' || replace({{ code }}, ' ', '') || ';%')
{%- endmacro %}
