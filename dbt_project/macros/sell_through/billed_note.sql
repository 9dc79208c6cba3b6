{#
    What of the lines of live delivery notes (and rejection notes) stands on a bill as well, and so does not count: the bill with the same
    distributor, tracking number and item does. One row per line of a note of which something is billed.

    Bills cover notes piece by piece, free goods in proportion: first the lines of their own batch, then the others, by date, document and line. What
    no bill covers was delivered and goes on counting as the note says. Where a quantity is in an unknown unit, the bill covers the whole.

    Columns: line_key; is_whole, true where nothing of the line counts; of a line that counts in part, what does not: qty (in the sender's unit),
    qty_base, free_qty_base, value_net; of a whole line, all of it.

    Args:
        versions: sale_line_version, as a relation.
        known_at: commit (the argument of a table macro); none: now.
#}
{% macro billed_note_sql(versions, known_at=none) -%}
{%- set goods = ['distributor_code', 'document_type', 'tracking_key', 'item_key'] -%}
with tracked as (
    -- the direction makes what leaves on an invoice and what comes back on a credit note positive alike
    select
        line_key,
        distributor_code,
        document_type,
        lower(tracking_no) as tracking_key,
        lower(sender_sku_code) as item_key,
        batch_no,
        business_date,
        document_no,
        line_no,
        document_kind,
        qty,
        qty_base,
        free_qty_base,
        value_net,
        case when document_type = 'CREDIT_NOTE' then -1 else 1 end as direction,
        case when document_type = 'CREDIT_NOTE' then -1 else 1 end * (qty_base + free_qty_base) as moved_qty_base
    from {{ versions }} as sale_line
    where
        tracking_no is not null
        and {{ is_live(known_at) }}
        and not cancelled
        and {{ moves_goods() }}
        and business_date <= {{ shown_until(known_at) }}
),

batch_bill as (
    select
        {{ goods | join(',\n        ') }},
        batch_no,
        sum(moved_qty_base) as moved_qty_base,
        count(*) - count(moved_qty_base) as unknown_lines
    from tracked
    where document_kind <> 'NOTE'
    group by {{ goods | join(', ') }}, batch_no
),

bill as (
    select
        {{ goods | join(',\n        ') }},
        sum(moved_qty_base) as moved_qty_base,
        sum(unknown_lines) as unknown_lines
    from batch_bill
    group by {{ goods | join(', ') }}
),

note as (
    select
        tracked.*,
        bill.moved_qty_base as billed_qty_base,
        coalesce(batch_bill.moved_qty_base, 0) as batch_billed_qty_base,
        bill.unknown_lines > 0 or tracked.moved_qty_base is null as is_unknown
    from tracked
    inner join bill
        on {% for column in goods %}tracked.{{ column }} = bill.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    left join batch_bill
        on {% for column in goods %}tracked.{{ column }} = batch_bill.{{ column }} and {% endfor %}tracked.batch_no = batch_bill.batch_no
    where tracked.document_kind = 'NOTE' and coalesce(tracked.moved_qty_base, 1) > 0
),

of_own_batch as (
    select
        *,
        {{ covered('moved_qty_base', 'batch_billed_qty_base', goods + ['batch_no']) }} as batch_covered_qty_base
    from note
),

spare as (
    select
        *,
        moved_qty_base - batch_covered_qty_base as open_qty_base,
        billed_qty_base - sum(batch_covered_qty_base) over (partition by {{ goods | join(', ') }}) as spare_qty_base
    from of_own_batch
),

share as (
    select
        *,
        batch_covered_qty_base + {{ covered('open_qty_base', 'spare_qty_base', goods) }} as covered_qty_base
    from spare
),

measured as (
    select
        *,
        is_unknown or covered_qty_base = moved_qty_base as is_whole,
        direction * {{ whole_units('cast(covered_qty_base as double) * direction * free_qty_base / moved_qty_base') }} as free_covered_base
    from share
    where is_unknown or covered_qty_base > 0
),

final as (
    select
        *,
        direction * covered_qty_base - free_covered_base as covered_base,
        {{ ratio('direction * covered_qty_base - free_covered_base', 'qty_base') }} as part
    from measured
)

select
    line_key,
    is_whole,
    case when is_whole then qty else cast(round(coalesce(part, 0) * cast(qty as double), 3) as decimal(18, 3)) end as qty,
    cast(case when is_whole then qty_base else covered_base end as bigint) as qty_base,
    cast(case when is_whole then free_qty_base else free_covered_base end as bigint) as free_qty_base,
    case when is_whole then value_net else cast(round(coalesce(part, 0) * cast(value_net as double), 4) as decimal(18, 4)) end as value_net
from final
{%- endmacro %}

{# How much of a line's quantity a stock of billed pieces covers, the lines of its partition taken one after the other. #}
{% macro covered(quantity, billed, partition) -%}
greatest(
            least(
                {{ quantity }},
                {{ billed }} - coalesce(
                    sum({{ quantity }}) over (
                        partition by {{ partition | join(', ') }}
                        order by business_date, document_no, line_no, line_key
                        rows between unbounded preceding and 1 preceding
                    ),
                    0
                )
            ),
            0
        )
{%- endmacro %}

{# Days of notes of which another share may be billed than after the last build that passed: a line with their tracking number changed, came to be shown or was hidden. #}
{% macro touched_note_days() -%}
select note.business_date
from {{ ref('sale_line_version') }} as note
inner join (
    select distinct
        line.distributor_code,
        lower(line.tracking_no) as tracking_key
    from {{ ref('sale_line_version') }} as line
    cross join {{ ref('stg_build') }} as build
    where
        line.tracking_no is not null
        and (
            line.max_seq > build.since_seq
            or (
                line.business_date > least(build.since_as_of, build.as_of)
                and line.business_date <= greatest(build.since_as_of, build.as_of)
            )
        )
) as changed
    on note.distributor_code = changed.distributor_code and lower(note.tracking_no) = changed.tracking_key
where note.document_kind = 'NOTE'
{%- endmacro %}
