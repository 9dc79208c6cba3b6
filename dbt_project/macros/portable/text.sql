{# Several columns as one text that tells null from empty; equal texts mean equal content. #}
{% macro content(columns) -%}
    {%- for column in columns -%}
        coalesce(cast({{ column }} as varchar), chr(1)){{ " || chr(2) || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# The values of a column in order, as one text with blanks between them; null where there are none. #}
{% macro ordered_list(column) -%}
    {%- if target.type == 'spark' -%}
        nullif(array_join(sort_array(collect_list(cast({{ column }} as string))), ' '), '')
    {%- else -%}
        string_agg(cast({{ column }} as varchar), ' ' order by {{ column }})
    {%- endif -%}
{%- endmacro %}
