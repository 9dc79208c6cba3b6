{# For a CTE that is cheaper to compute twice than to keep: tells DuckDB not to write it down between its uses. #}
{% macro computed_in_place() -%}
    {{ 'not materialized' if target.type == 'duckdb' }}
{%- endmacro %}
