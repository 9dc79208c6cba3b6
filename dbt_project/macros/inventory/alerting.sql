{# One threshold of the seed (or the user's own). #}
{% macro threshold(kind, name) -%}
    (select max(value) from {{ ref('int_alert_threshold') }} where kind = '{{ kind }}' and name = '{{ name }}')
{%- endmacro %}

{# A quantity in words: whole units, or one decimal below ten. #}
{% macro in_words(number, decimals=0) -%}
    {%- if decimals == 0 -%}
        cast(cast(round({{ number }}, 0) as bigint) as varchar)
    {%- else -%}
        cast(cast({{ number }} as decimal(18, {{ decimals }})) as varchar)
    {%- endif -%}
{%- endmacro %}

{# Figures as one JSON object in text. `figures`: a list of (name, expression, 'number' | 'text'). #}
{% macro json_figures(figures) -%}
    '{'
    {%- for name, expression, type in figures %}
    || '"{{ name }}": ' || coalesce(
        {%- if type == 'text' -%}
        '"' || replace(replace(cast({{ expression }} as varchar), '\', '\\'), '"', '\"') || '"'
        {%- else -%}
        cast({{ expression }} as varchar)
        {%- endif -%}
        , 'null'){{ " || ', '" if not loop.last }}
    {%- endfor %}
    || '}'
{%- endmacro %}
