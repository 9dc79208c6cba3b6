{#
    A table macro in schema reporting, for a model's post-hook: `body` is the select that the model itself uses, over versions known at
    the macro's argument. Relations in it bear no database name, so that the macro works in the published copy as well.
#}
{% macro table_macro(name, arguments, body) -%}
    {%- if target.type == 'duckdb' -%}
create or replace macro reporting.{{ name }}({{ arguments }}) as table
{{ body }}
    {%- else -%}
select 1
    {%- endif -%}
{%- endmacro %}

{# The date after which business dates are hidden: that of the build; for a past commit, that of the last publish up to it. #}
{% macro shown_until(known_at=none) -%}
    {%- if known_at is none -%}
        (select max(build.as_of) from {{ ref('stg_build') }} as build)
    {%- else -%}
        coalesce(
            (
                select max_by(shown.as_of, shown.published_at) from reporting.publication as shown
                where shown.seq <= {{ known_at }}
            ),
            {{ for_ever() }}
        )
    {%- endif -%}
{%- endmacro %}

{# A macro for an expression, likewise. #}
{% macro scalar_macro(name, arguments, body) -%}
    {%- if target.type == 'duckdb' -%}
create or replace macro reporting.{{ name }}({{ arguments }}) as ({{ body }})
    {%- else -%}
select 1
    {%- endif -%}
{%- endmacro %}

{# The last commit made by a moment (UTC): what was known then. #}
{% macro seq_at_sql() -%}
select max(taken.seq) as seq from history.commit_log as taken where taken.committed_at <= moment
{%- endmacro %}
