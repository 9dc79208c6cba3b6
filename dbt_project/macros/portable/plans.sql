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

{#
    Before a run: how many threads one query may use, if whoever started it says so. The queries of an increment are small: two threads need a fifth
    more CPU time for them than one, and the other cores have other models to make.
#}
{% macro threads_of_a_query() -%}
    {%- if execute and target.type == 'duckdb' and env_var('SELLTHROUGH_QUERY_THREADS', '') -%}
        set threads = {{ env_var('SELLTHROUGH_QUERY_THREADS') | int }}
    {%- endif -%}
{%- endmacro %}
