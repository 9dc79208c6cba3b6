{# The first day of the week (Monday), month, quarter or year that holds a date, as a date. #}
{% macro period_start(grain, date) -%}
    cast(date_trunc('{{ grain }}', {{ date }}) as date)
{%- endmacro %}

{# The last day of the day, week or month (as the column `grain` says) that holds a date. #}
{% macro period_end(grain, date) -%}
    case {{ grain }}
        when 'week' then {{ add_days(period_start('week', date), 6) }}
        when 'month' then {{ add_days(period_start('month', add_days(period_start('month', date), 31)), -1) }}
        else {{ date }}
    end
{%- endmacro %}

{# Whole days from one date to another. #}
{% macro days_between(date_from, date_to) -%}
    {%- if target.type == 'spark' -%}
        datediff({{ date_to }}, {{ date_from }})
    {%- else -%}
        date_diff('day', {{ date_from }}, {{ date_to }})
    {%- endif -%}
{%- endmacro %}

{# A date so many days later (or earlier, if negative), as a date. #}
{% macro add_days(date, days) -%}
    {%- if target.type == 'spark' -%}
        date_add({{ date }}, {{ days }})
    {%- else -%}
        cast({{ date }} + cast({{ days }} as integer) as date)
    {%- endif -%}
{%- endmacro %}

{# Monday is 1, Sunday is 7. #}
{% macro day_of_week(date) -%}
    {%- if target.type == 'spark' -%}
        (weekday({{ date }}) + 1)
    {%- else -%}
        cast(isodow({{ date }}) as integer)
    {%- endif -%}
{%- endmacro %}

{# The ends of the calendar as we use it: since ever, for ever. #}
{% macro since_ever() -%} cast('0001-01-01' as date) {%- endmacro %}
{% macro for_ever() -%} cast('9999-12-31' as date) {%- endmacro %}

{# The sender's own version of a document: its version number (Tally's ALTERID), else the moment of its last change. #}
{% macro sender_version() -%}
    {%- if target.type == 'spark' -%}
        coalesce(document_version, unix_micros(modified_at))
    {%- else -%}
        coalesce(document_version, epoch_us(modified_at))
    {%- endif -%}
{%- endmacro %}
