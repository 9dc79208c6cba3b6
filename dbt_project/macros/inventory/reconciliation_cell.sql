{#-
    What moved and what was declared per month x distributor x SKU x batch x condition: each month by itself, so that increments need
    only the touched ones.

    Arguments are relations, CTE names or subqueries in parentheses:
        movement     live movements: business_date, distributor_code, sku_code, batch_no, condition, movement, exclusion, qty_base
        declaration  live statement rows: business_date, the cell's codes, opening_qty_base, closing_qty_base
        as_of        the date after which business dates are hidden
-#}
{% macro reconciliation_month_sql(movement, declaration, as_of) -%}
{%- set cell = ['distributor_code', 'sku_code', 'batch_no', 'condition'] -%}
with statement as (
    -- several sender codes may stand for one SKU: their statements of one day add up; one unknown part makes the whole unknown
    select
        {{ period_start('month', 'business_date') }} as month_start,
        business_date,
        {{ cell | join(',\n        ') }},
        case when count(*) = count(opening_qty_base) then sum(opening_qty_base) end as opening_qty_base,
        case when count(*) = count(closing_qty_base) then sum(closing_qty_base) end as closing_qty_base
    from {{ declaration }} as declared
    where business_date <= {{ as_of }}
    group by {{ period_start('month', 'business_date') }}, business_date, {{ cell | join(', ') }}
),

declared_month as (
    -- null where the first (the last) statement does not tell; max_by itself passes over nulls in one engine and not in another
    select
        month_start,
        {{ cell | join(',\n        ') }},
        max(business_date) as declared_on,
        case
            when min(case when opening_qty_base is not null then business_date end) = min(business_date)
                then min_by(opening_qty_base, business_date)
        end as opening_fed_qty_base,
        case
            when max(case when closing_qty_base is not null then business_date end) = max(business_date)
                then max_by(closing_qty_base, business_date)
        end as declared_close_qty_base
    from statement
    group by month_start, {{ cell | join(', ') }}
),

moved_month as (
    -- up to the statement that closes the month; the whole month where there is none
    select
        {{ period_start('month', 'moved.business_date') }} as month_start,
        {% for column in cell %}moved.{{ column }},
        {% endfor -%}
        sum(case when moved.movement in ({{ inflow_codes() }}) then moved.qty_base else 0 end) as inflow_qty_base,
        -sum(case when moved.movement in ({{ inflow_codes() }}) then 0 else moved.qty_base end) as outflow_qty_base,
        sum(case when moved.exclusion is null then moved.qty_base else 0 end) as clean_qty_base
    from {{ movement }} as moved
    left join declared_month
        on
            {{ period_start('month', 'moved.business_date') }} = declared_month.month_start
            {% for column in cell -%}
            and moved.{{ column }} = declared_month.{{ column }}
            {% endfor %}
    where
        moved.business_date <= {{ as_of }}
        and (declared_month.declared_on is null or moved.business_date <= declared_month.declared_on)
    group by {{ period_start('month', 'moved.business_date') }}, {% for column in cell %}moved.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
)

select
    coalesce(declared_month.month_start, moved_month.month_start) as month_start,
    {% for column in cell %}coalesce(declared_month.{{ column }}, moved_month.{{ column }}) as {{ column }},
    {% endfor -%}
    declared_month.declared_on,
    cast(declared_month.opening_fed_qty_base as bigint) as opening_fed_qty_base,
    cast(declared_month.declared_close_qty_base as bigint) as declared_close_qty_base,
    cast(coalesce(moved_month.inflow_qty_base, 0) as bigint) as inflow_qty_base,
    cast(coalesce(moved_month.outflow_qty_base, 0) as bigint) as outflow_qty_base,
    cast(coalesce(moved_month.clean_qty_base, 0) as bigint) as clean_qty_base
from declared_month
full outer join moved_month
    on
        declared_month.month_start = moved_month.month_start
        {% for column in cell -%}
        and declared_month.{{ column }} = moved_month.{{ column }}
        {% endfor %}
{%- endmacro %}

{#-
    Stock roll-forward per month and cell out of the months, with the variance computed wherever opening and close are known, be the feeds
    complete or not (int_reconciliation_cell). published_reconciliation_cell_sql hides what cannot be assessed.

    Arguments, likewise:
        month        the rows of reconciliation_month_sql, of all months
        coverage     files taken in: feed, sender, date_from, date_to, names_day
        sender_of    sender, distributor_code: whose documents a sender delivers
        sku_cost     sku_code, valid_from, valid_to (exclusive; null = open), unit_cost
        as_of        the date after which business dates are hidden
-#}
{% macro reconciliation_cell_sql(month, coverage, sender_of, sku_cost, as_of) -%}
{%- set cell = ['distributor_code', 'sku_code', 'batch_no', 'condition'] -%}
with chained as (
    select
        cell_month.*,
        case
            when
                lag(month_start) over (partition by {{ cell | join(', ') }} order by month_start)
                = {{ previous_month('month_start') }}
                then lag(declared_close_qty_base) over (partition by {{ cell | join(', ') }} order by month_start)
        end as prior_close_qty_base
    from {{ month }} as cell_month
),

missing_day as ({{ missing_day_sql(
    "(select feed, sender, date_from, date_to, names_day, every, weekdays_off, holidays from " ~ coverage ~ " as taken_in"
    ~ " where feed in ('dms_invoice_line', 'goods_receipt', 'dms_stock'))",
    "least(" ~ as_of ~ ", (select max(date_to) from " ~ coverage ~ " as known))"
) }}),

incomplete_month as (
    select
        coalesce(sender_of.distributor_code, missing_day.sender) as distributor_code,
        {{ period_start('month', 'missing_day.business_date') }} as month_start,
        count(*) as missing_days
    from missing_day
    left join {{ sender_of }} as sender_of on missing_day.sender = sender_of.sender
    group by coalesce(sender_of.distributor_code, missing_day.sender), {{ period_start('month', 'missing_day.business_date') }}
),

opened as (
    select
        chained.*,
        coalesce(chained.opening_fed_qty_base, chained.prior_close_qty_base) as opening_declared_qty_base,
        coalesce(incomplete_month.missing_days, 0) as missing_days
    from chained
    left join incomplete_month
        on
            chained.distributor_code = incomplete_month.distributor_code
            and chained.month_start = incomplete_month.month_start
),

booked as (
    select
        opened.*,
        coalesce(opening_declared_qty_base - prior_close_qty_base, 0) as opening_break_qty_base,
        opening_declared_qty_base + inflow_qty_base - outflow_qty_base as book_close_qty_base,
        declared_close_qty_base
        - (opening_declared_qty_base + inflow_qty_base - outflow_qty_base) as variance_as_fed_qty_base,
        declared_close_qty_base - (opening_declared_qty_base + clean_qty_base) as variance_clean_qty_base
    from opened
)

select
    booked.month_start,
    {% for column in cell %}booked.{{ column }},
    {% endfor -%}
    booked.declared_on,
    cast(booked.opening_declared_qty_base as bigint) as opening_declared_qty_base,
    cast(booked.opening_break_qty_base as bigint) as opening_break_qty_base,
    cast(booked.inflow_qty_base as bigint) as inflow_qty_base,
    cast(booked.outflow_qty_base as bigint) as outflow_qty_base,
    cast(booked.book_close_qty_base as bigint) as book_close_qty_base,
    cast(booked.declared_close_qty_base as bigint) as declared_close_qty_base,
    cast(booked.variance_as_fed_qty_base as bigint) as variance_as_fed_qty_base,
    cast(booked.variance_clean_qty_base as bigint) as variance_clean_qty_base,
    cast(round(booked.variance_as_fed_qty_base * cost.unit_cost, 4) as decimal(18, 4)) as variance_value,
    cast(booked.missing_days as bigint) as missing_days,
    booked.variance_as_fed_qty_base is not null and booked.missing_days = 0 as assessable
from booked
left join {{ sku_cost }} as cost
    on
        booked.sku_code = cost.sku_code
        and booked.declared_on >= coalesce(cost.valid_from, date '0001-01-01')
        and booked.declared_on < coalesce(cost.valid_to, date '9999-12-31')
{%- endmacro %}

{#- What is published: a cell whose feeds are incomplete has no variance, since nobody can say whether the stock or the feed is short. -#}
{% macro published_reconciliation_cell_sql(cells) -%}
select
    month_start,
    distributor_code,
    sku_code,
    batch_no,
    condition,
    opening_declared_qty_base,
    opening_break_qty_base,
    inflow_qty_base,
    outflow_qty_base,
    book_close_qty_base,
    declared_close_qty_base,
    case when assessable then variance_as_fed_qty_base end as variance_as_fed_qty_base,
    case when assessable then variance_clean_qty_base end as variance_clean_qty_base,
    case when assessable then variance_value end as variance_value,
    assessable,
    cast(
        case
            when not assessable then 'NOT_ASSESSABLE'
            when variance_as_fed_qty_base <> 0 or opening_break_qty_base <> 0 then 'OPEN'
            else 'OK'
        end
        as varchar
    ) as status
from {{ cells }} as computed
{%- endmacro %}

{#- Movement codes that add to the stock; all others take from it. -#}
{% macro inflow_codes() -%}'GRN', 'GRN_FREE', 'TRF_IN', 'RET_OUTLET', 'ADJ_POS'{%- endmacro %}

{#- Whose documents a sender delivers, from the documents themselves. -#}
{% macro sender_of_distributor_sql(sales, receipts, declarations) -%}
select sender, distributor_code from {{ sales }} as sale_document group by sender, distributor_code
union
select sender, distributor_code from {{ receipts }} as receipt_document group by sender, distributor_code
union
select sender, distributor_code from {{ declarations }} as stock_document group by sender, distributor_code
{%- endmacro %}

{#- The published cells as known on a commit sequence: the same steps over the versions that were live then. -#}
{% macro reconciliation_cell_as_known_sql(sales, receipts, declarations, coverage, sku_cost, as_of, known_at) -%}
with live_sale as (
    select * from {{ sales }} as sale_known where {{ is_live(known_at) }}
),

live_declaration as (
    select * from {{ declarations }} as declaration_known where {{ is_live(known_at) }}
),

billed_note as ({{ billed_note_sql(sales, known_at) }}),

sale_movement as ({{ sale_movement_sql('live_sale', 'billed_note') }}),

receipt_movement as ({{ receipt_movement_sql(receipts, known_at) }}),

statement_movement as ({{ statement_movement_sql('live_declaration') }}),

live_movement as (
    select business_date, distributor_code, sku_code, batch_no, condition, movement, exclusion, qty_base
    from sale_movement
    union all
    select business_date, distributor_code, sku_code, batch_no, condition, movement, exclusion, qty_base
    from receipt_movement
    union all
    select business_date, distributor_code, sku_code, batch_no, condition, movement, exclusion, qty_base
    from statement_movement
),

known_coverage as (
    select * from {{ coverage }} as coverage_known where seq <= {{ known_at }}
),

known_cost as (
    select * from {{ sku_cost }} as cost_known
    where seq_from <= {{ known_at }} and (seq_to is null or seq_to > {{ known_at }})
),

known_sender as ({{ sender_of_distributor_sql(
    "(select sender, distributor_code from " ~ sales ~ " as s where seq_from <= " ~ known_at ~ ")",
    "(select sender, distributor_code from " ~ receipts ~ " as r where seq_from <= " ~ known_at ~ ")",
    "(select sender, distributor_code from " ~ declarations ~ " as d where seq_from <= " ~ known_at ~ ")"
) }}),

known_month as ({{ reconciliation_month_sql('live_movement', 'live_declaration', as_of) }}),

computed_cell as ({{ reconciliation_cell_sql('known_month', 'known_coverage', 'known_sender', 'known_cost', as_of) }})

{{ published_reconciliation_cell_sql('computed_cell') }}
{%- endmacro %}

{#-
    The table macro reconciliation_cell_as_known(seq); its argument is not called seq, since columns bear that name.
-#}
{% macro create_reconciliation_cell_as_known() -%}
{{ table_macro('reconciliation_cell_as_known', 'known_seq', reconciliation_cell_as_known_sql(
    sales='history.sale_line_version',
    receipts='history.receipt_line_version',
    declarations='history.stock_declaration_version',
    coverage='history.file_coverage',
    sku_cost='history.sku_cost',
    as_of=shown_until('known_seq'),
    known_at='known_seq',
)) }}
{%- endmacro %}
