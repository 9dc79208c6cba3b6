{# Round half away from zero to a DECIMAL of the given scale. #}
{% macro round_half_away(number, scale=4, precision=18) -%}
    cast(round({{ number }}, {{ scale }}) as decimal({{ precision }}, {{ scale }}))
{%- endmacro %}

{# A decimal quantity as whole units, rounded half away from zero. #}
{% macro whole_units(number) -%}
    cast(round({{ number }}, 0) as bigint)
{%- endmacro %}

{# One number over another as DOUBLE; null, never an error or infinity, when there is nothing to divide by. #}
{% macro ratio(numerator, denominator) -%}
    (cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0))
{%- endmacro %}

{# Sum of whole numbers as BIGINT (the engines disagree on the type of such a sum). #}
{% macro sum_units(expression) -%}
    cast(sum({{ expression }}) as bigint)
{%- endmacro %}

{# Sum of money at the scale of money. #}
{% macro sum_money(expression) -%}
    cast(sum({{ expression }}) as decimal(18, 4))
{%- endmacro %}

{# Cast text to a whole number, or null if it is none. #}
{% macro try_bigint(text) -%}
    try_cast({{ text }} as bigint)
{%- endmacro %}

{# Fifteen hexadecimal digits as BIGINT. #}
{% macro key_from_hex(hex) -%}
    {%- if target.type == 'spark' -%}
        cast(conv({{ hex }}, 16, 10) as bigint)
    {%- else -%}
        cast('0x' || {{ hex }} as bigint)
    {%- endif -%}
{%- endmacro %}

{# The open end of a knowledge interval while we compute with it; stored as null. #}
{% macro open_seq() -%} cast(9223372036854775807 as bigint) {%- endmacro %}
