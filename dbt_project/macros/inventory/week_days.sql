{#
    The days of a week that lie in a period, both ends included, as a sum of 1 (Monday), 2, 4 up to 64 (Sunday); 0 where they have none in common.
    Overlapping periods are put together by bit_or, so that no day counts twice.
#}
{% macro days_of_week_in(first_day, last_day, week_start) -%}
    {%- set first = 'least(greatest(' ~ days_between(week_start, first_day) ~ ', 0), 7)' -%}
    {%- set last = 'least(greatest(' ~ days_between(week_start, last_day) ~ ' + 1, 0), 7)' -%}
    cast(power(2, greatest({{ first }}, {{ last }})) - power(2, {{ first }}) as integer)
{%- endmacro %}

{# The share of a week's days, out of such a sum. #}
{% macro share_of_week(days) -%}
    (cast(bit_count({{ days }}) as double) / 7)
{%- endmacro %}

{# The node of a territory's path, or the territory itself, is the one named; true where none is named. `path` has the territory's path. #}
{% macro lies_in(path, code) -%}
    (
        coalesce({{ code }}, '') = ''
        {%- for node in ['territory', 'area', 'region', 'zone', 'nation'] %}
        or {{ code }} = {{ path }}.{{ node }}_code
        {%- endfor %}
    )
{%- endmacro %}

{# Whether a day of the week (1: Monday) is in such a sum. #}
{% macro is_day_in(days, day_of_week) -%}
    ((coalesce({{ days }}, 0) & cast(power(2, {{ day_of_week }} - 1) as integer)) <> 0)
{%- endmacro %}
