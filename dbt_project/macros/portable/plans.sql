{# For a CTE that is cheaper to compute twice than to keep: tells DuckDB not to write it down between its uses. #}
{% macro computed_in_place() -%}
    {{ 'not materialized' if target.type == 'duckdb' }}
{%- endmacro %}

{#
    Before and after an increment of versions or chains: joins keep their sides as written. The engine takes the few touched lines for many and would hash
    all the others to look them up in, which doubles what a day costs.
#}
{% macro keep_join_sides() -%}
    {%- if target.type == 'duckdb' and is_incremental() -%} set disabled_optimizers = 'build_side_probe_side' {%- endif -%}
{%- endmacro %}

{% macro free_join_sides() -%}
    {%- if target.type == 'duckdb' and is_incremental() -%} set disabled_optimizers = '' {%- endif -%}
{%- endmacro %}
