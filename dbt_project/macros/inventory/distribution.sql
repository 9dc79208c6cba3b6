{# The quantile columns of forecast_distribution, with their probabilities. #}
{% macro distribution_quantiles() -%}
    {{ return([
        ('q010', 0.01), ('q025', 0.025), ('q050', 0.05), ('q100', 0.1), ('q200', 0.2), ('q300', 0.3), ('q400', 0.4), ('q500', 0.5),
        ('q600', 0.6), ('q700', 0.7), ('q800', 0.8), ('q850', 0.85), ('q900', 0.9), ('q950', 0.95), ('q975', 0.975), ('q990', 0.99),
    ]) }}
{%- endmacro %}

{#
    The probability that demand is above a stock of whole units. Quantiles are of demand plus a fraction of a unit, with straight lines between them and an
    exponential tail beyond the last one: P(demand <= stock) = F(stock + 1).
#}
{% macro probability_above(stock) -%}
{%- set ns = namespace(quantile='0', probability=0) -%}
    case
        {%- for quantile, probability in distribution_quantiles() %}
        when {{ stock }} + 1 < {{ quantile }}
            then
                {{ 1 - ns.probability }}
                - {{ probability - ns.probability }} * ({{ stock }} + 1 - {{ ns.quantile }}) / nullif({{ quantile }} - {{ ns.quantile }}, 0)
        {%- set ns.quantile, ns.probability = quantile, probability %}
        {%- endfor %}
        else coalesce(0.01 * power(0.2, ({{ stock }} + 1 - q990) / nullif(q990 - q950, 0)), 0)
    end
{%- endmacro %}

{# The demand that is exceeded with a probability, between the quantiles. #}
{% macro demand_exceeded_with(chance) -%}
{%- set ns = namespace(quantile='0', probability=0) -%}
    case
        {%- for quantile, probability in distribution_quantiles() %}
        when 1 - {{ chance }} < {{ probability }}
            then
                {{ ns.quantile }}
                + ({{ quantile }} - {{ ns.quantile }}) * (1 - {{ chance }} - {{ ns.probability }}) / {{ probability - ns.probability }}
        {%- set ns.quantile, ns.probability = quantile, probability %}
        {%- endfor %}
        else q990
    end
{%- endmacro %}

{# Expected demand above a stock: the area above it, by the quantiles. #}
{% macro expected_above(stock) -%}
{%- set ns = namespace(quantile='0', probability=0) -%}
    (
        {%- for quantile, probability in distribution_quantiles() %}
        {{ (probability - ns.probability) / 2 }} * (greatest({{ ns.quantile }} - {{ stock }}, 0) + greatest({{ quantile }} - {{ stock }}, 0)) +
        {%- set ns.quantile, ns.probability = quantile, probability %}
        {%- endfor %}
        0.01 * greatest(q990 - {{ stock }}, 0)
    )
{%- endmacro %}
