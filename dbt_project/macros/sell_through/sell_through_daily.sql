{#
    Primary, secondary and tertiary sales per day x SKU x distributor x territory.

    Sums what is known over all versions, so that a day that loses its last line becomes zeros; `lines` counts what is known.
    Quantities of unknown units count 0, their value stays. A value that a dispatch or a store does not state counts 0.

    Args:
        sales, dispatches, store_sales: the three version tables, as relations (or CTEs of some of their days).
        billed_notes: what of the notes' lines is billed (billed_note_sql), as a relation.
        known_at: commit (the argument of a table macro); none: now.
#}
{% macro sell_through_cells_sql(sales, dispatches, store_sales, billed_notes, known_at=none) -%}
with movement as (
    select
        business_date,
        sku_code,
        distributor_code,
        territory_code,
        max_seq,
        {{ is_live(known_at) }} and not cancelled as counts,
        'PRIMARY' as tier,
        coalesce(qty_base, 0) as qty_base,
        0 as free_qty_base,
        coalesce(value_net, 0) as value_net
    from {{ dispatches }} as dispatch_line
    union all
    select
        sale_line.business_date,
        sale_line.sku_code,
        sale_line.distributor_code,
        sale_line.territory_code,
        sale_line.max_seq,
        {{ is_live(known_at) }} and not sale_line.cancelled and not coalesce(billed.is_whole, false) as counts,
        case
            when sale_line.document_type = 'INVOICE' then 'SOLD'
            when {{ moves_goods('sale_line') }} then 'RETURNED'
            else 'VALUE_ONLY'
        end as tier,
        coalesce(sale_line.qty_base, 0) - coalesce(billed.qty_base, 0) as qty_base,
        coalesce(sale_line.free_qty_base, 0) - coalesce(billed.free_qty_base, 0) as free_qty_base,
        sale_line.value_net - coalesce(billed.value_net, 0) as value_net
    from {{ sales }} as sale_line
    left join {{ billed_notes }} as billed on sale_line.line_key = billed.line_key
    union all
    select
        business_date,
        sku_code,
        distributor_code,
        territory_code,
        max_seq,
        {{ is_live(known_at) }} as counts,
        'TERTIARY' as tier,
        coalesce(qty_base, 0) - coalesce(return_qty_base, 0) as qty_base,
        0 as free_qty_base,
        coalesce(value_net, 0) as value_net
    from {{ store_sales }} as store_sale
)

select
    business_date,
    sku_code,
    distributor_code,
    territory_code,
    {{ sum_units("case when counts and tier = 'PRIMARY' then qty_base else 0 end") }} as primary_qty_base,
    {{ sum_money("case when counts and tier = 'PRIMARY' then value_net else 0 end") }} as primary_value_net,
    {{ sum_units("case when counts and tier = 'SOLD' then qty_base else 0 end") }} as secondary_gross_qty_base,
    {{ sum_units("case when counts and tier = 'RETURNED' then -qty_base else 0 end") }} as secondary_return_qty_base,
    {{ sum_units("case when counts and tier = 'SOLD' then free_qty_base else 0 end") }} as secondary_free_qty_base,
    {{ sum_units("case when counts and tier in ('SOLD', 'RETURNED') then qty_base else 0 end") }} as secondary_qty_base,
    {{ sum_money("case when counts and tier in ('SOLD', 'RETURNED', 'VALUE_ONLY') then value_net else 0 end") }}
        as secondary_value_net,
    {{ sum_units("case when counts and tier = 'TERTIARY' then qty_base else 0 end") }} as tertiary_qty_base,
    {{ sum_money("case when counts and tier = 'TERTIARY' then value_net else 0 end") }} as tertiary_value_net,
    {{ sum_units("case when counts then 1 else 0 end") }} as lines,
    max(max_seq) as max_seq
from movement
group by business_date, sku_code, distributor_code, territory_code
{%- endmacro %}

{# The measures of sell-through, in the order in which they are published. #}
{% macro sell_through_measures() -%}
    {{ return([
        'primary_qty_base', 'primary_value_net', 'secondary_gross_qty_base', 'secondary_return_qty_base', 'secondary_free_qty_base',
        'secondary_qty_base', 'secondary_value_net', 'tertiary_qty_base', 'tertiary_value_net',
    ]) }}
{%- endmacro %}

{# The published daily cells out of all daily cells: those in which something is known, up to the as-of date. #}
{% macro sell_through_daily_sql(cells, known_at=none) -%}
select
    business_date,
    sku_code,
    distributor_code,
    territory_code,
    {{ sell_through_measures() | join(',\n    ') }}
from {{ cells }} as cell
where lines > 0 and business_date <= {{ shown_until(known_at) }}
{%- endmacro %}

{# Daily cells summed up to weeks or months; in an increment the touched ones. #}
{% macro sell_through_period_sql(grain, period) -%}
select
    {{ period_start(grain, 'business_date') }} as {{ period }},
    sku_code,
    distributor_code,
    territory_code,
    {%- for measure in sell_through_measures() %}
    {{ sum_money(measure) if 'value' in measure else sum_units(measure) }} as {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ ref('sell_through_daily') }}
where true {{ and_touched(period, period_start(grain, 'business_date')) }}
group by {{ period_start(grain, 'business_date') }}, sku_code, distributor_code, territory_code
{%- endmacro %}

{# The table macro sell_through_daily_as_known(seq): the same sums over the versions that were known then. #}
{% macro create_sell_through_daily_as_known() -%}
{%- set cells = sell_through_cells_sql(
    'history.sale_line_version', 'history.dispatch_line_version', 'history.pos_sale_version',
    '(' ~ billed_note_sql('history.sale_line_version', 'known_seq') ~ ')', 'known_seq'
) -%}
{{ table_macro('sell_through_daily_as_known', 'known_seq', sell_through_daily_sql('(' ~ cells ~ ')', 'known_seq')) }}
{%- endmacro %}
