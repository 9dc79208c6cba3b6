{# One row per day (or week) from first to last, both included, as a date; for use in a select list beside other columns. #}
{% macro each_day(first, last, days=1) -%}
    {%- if target.type == 'spark' -%}
        explode(sequence({{ first }}, {{ last }}, interval {{ days }} day))
    {%- else -%}
        cast(
            unnest(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval {{ days }} day))
            as date
        )
    {%- endif -%}
{%- endmacro %}

{% macro each_week(first, last) -%}{{ each_day(first, last, 7) }}{%- endmacro %}

{# The month before a first of the month. #}
{% macro previous_month(month) -%}cast({{ month }} - interval '1' month as date){%- endmacro %}

{# A wall-clock time (text HH:MM) of a day in a time zone, as UTC. Sources: DuckDB's timezone(), Spark's to_utc_timestamp(). #}
{% macro utc_time(day, time_of_day, zone) -%}
    {%- set wall_clock = "cast(cast(" ~ day ~ " as varchar) || ' ' || " ~ time_of_day ~ " || ':00' as timestamp)" -%}
    {%- if target.type == 'spark' -%}
        to_utc_timestamp({{ wall_clock }}, {{ zone }})
    {%- else -%}
        timezone('UTC', timezone({{ zone }}, {{ wall_clock }}))
    {%- endif -%}
{%- endmacro %}
