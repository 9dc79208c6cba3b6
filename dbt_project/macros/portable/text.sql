{# Several columns as one text that tells null from empty; equal texts mean equal content. #}
{% macro content(columns) -%}
    {%- for column in columns -%}
        coalesce(cast({{ column }} as varchar), chr(1)){{ " || chr(2) || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Distinct texts joined in order. #}
{% macro joined_text(expression, separator=', ') -%}
    {%- if target.type == 'spark' -%}
        array_join(array_sort(collect_set({{ expression }})), '{{ separator }}')
    {%- else -%}
        string_agg(distinct {{ expression }}, '{{ separator }}' order by {{ expression }})
    {%- endif -%}
{%- endmacro %}
