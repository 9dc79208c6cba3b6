{# Several columns as one text that tells null from empty; equal texts mean equal content. #}
{% macro content(columns) -%}
    {%- for column in columns -%}
        coalesce(cast({{ column }} as varchar), chr(1)){{ " || chr(2) || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
