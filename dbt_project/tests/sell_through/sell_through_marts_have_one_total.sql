-- by day, week and month, and summed over SKUs, territories or distributors, sell-through is one and the same figure
{%- set measures = sell_through_measures() %}
with daily as (
    select {% for m in measures %}sum({{ m }}) as {{ m }}{{ ', ' if not loop.last }}{% endfor %} from {{ ref('sell_through_daily') }}
),

totals as (
    {%- for mart in ['sell_through_weekly', 'sell_through_monthly'] %}
    select
        '{{ mart }}' as mart,
        {%- for m in measures %}
        sum({{ m }}) as {{ m }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(mart) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select totals.mart
from totals
cross join daily
where
    {%- for m in measures %}
    totals.{{ m }} is distinct from daily.{{ m }}{{ ' or' if not loop.last }}
    {%- endfor %}
