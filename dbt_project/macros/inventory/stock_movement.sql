{#-
    What moved stock, from the versions of the documents. One macro per document, so that the fact, the daily aggregate and the as-known table
    macro say it once. Each yields one row per document line x movement x (as sent | extra copies), signed as it changes the stock.

    Columns of all three: feed, line_key, movement, exclusion, is_free, is_repeat (extra copies of a line that was sent again), business_date, distributor_code, sku_code, sender_sku_code, batch_no,
    condition, qty_base, is_unit_known, sender, document_type, document_no, line_no, tracking_no, source_file, source_record, seq_from, seq_to,
    is_tombstone, max_seq.

    `versions` is a relation, a CTE's name or a subquery in parentheses.
-#}

{% macro movement_line_columns() -%}
    line_key,
    business_date,
    distributor_code,
    sku_code,
    sender_sku_code,
    batch_no,
    condition,
    sender,
    source_file,
    source_record,
    seq_from,
    seq_to,
    is_tombstone,
    max_seq
{%- endmacro %}

{#-
    Sales: billed and free goods leave; what a credit note brings back comes in, free part included. What of a delivery note is billed stands there as
    DOC_DOUBLE, since its bill counts; `billed_notes` tells it (billed_note_sql).
-#}
{% macro sale_movement_sql(versions, billed_notes) -%}
with sale_version as (
    select
        sale_line.*,
        billed.is_whole,
        -coalesce(billed.qty_base, 0) as doubled_qty_base,
        -coalesce(billed.free_qty_base, 0) as doubled_free_qty_base
    from {{ versions }} as sale_line
    left join {{ billed_notes }} as billed on sale_line.line_key = billed.line_key
),

sale_line as (
    select
        {{ movement_line_columns() }},
        document_type,
        document_no,
        line_no,
        tracking_no,
        copies,
        case when document_type = 'CREDIT_NOTE' then 'RET_OUTLET' else 'SEC' end as billed_movement,
        case when document_type = 'CREDIT_NOTE' then 'RET_OUTLET' else 'SEC_FREE' end as free_movement,
        case
            when cancelled then 'CANCELLED_LIVE'
            when return_kind = 'FINANCIAL' then 'FINANCIAL_RETURN'
            when is_whole then 'DOC_DOUBLE'
        end as exclusion,
        qty_base is not null as is_unit_known,
        -coalesce(qty_base, 0) as billed_qty_base,
        -coalesce(free_qty_base, 0) as free_qty_base,
        case when is_whole then 0 else doubled_qty_base end as doubled_qty_base,
        case when is_whole then 0 else doubled_free_qty_base end as doubled_free_qty_base
    from sale_version
),

movement as (
    {%- for movement, exclusion, is_repeat, is_free, qty_base, condition in [
        ('billed_movement', 'exclusion', 'false', 'false', 'billed_qty_base - doubled_qty_base', none),
        ('free_movement', 'exclusion', 'false', 'true', 'free_qty_base - doubled_free_qty_base',
            'free_qty_base - doubled_free_qty_base <> 0'),
        ('billed_movement', "'DOC_DOUBLE'", 'false', 'false', 'doubled_qty_base', 'doubled_qty_base <> 0'),
        ('free_movement', "'DOC_DOUBLE'", 'false', 'true', 'doubled_free_qty_base', 'doubled_free_qty_base <> 0'),
        ('billed_movement', "'DUPLICATE'", 'true', 'false', 'billed_qty_base * (copies - 1)', 'copies > 1'),
        ('free_movement', "'DUPLICATE'", 'true', 'true', 'free_qty_base * (copies - 1)', 'copies > 1 and free_qty_base <> 0'),
    ] %}
    select
        {{ movement_line_columns() }},
        document_type,
        document_no,
        line_no,
        tracking_no,
        {{ movement }} as movement,
        {{ exclusion }} as exclusion,
        {{ is_repeat }} as is_repeat,
        {{ is_free }} as is_free,
        is_unit_known,
        {{ qty_base }} as qty_base
    from sale_line
    {%- if condition %}
    where {{ condition }}
    {%- endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    'dms_invoice_line' as feed,
    {{ movement_line_columns() }},
    movement,
    cast(exclusion as varchar) as exclusion,
    is_repeat,
    is_free,
    is_unit_known,
    cast(qty_base as bigint) as qty_base,
    document_type,
    document_no,
    line_no,
    tracking_no
from movement
{%- endmacro %}

{#-
    Receipts: paid and free goods come in. Receipts of one distributor that share tracking number, SKU and batch under different document numbers
    are one delivery booked twice (goods received note and purchase voucher): all but the first document are DOC_DOUBLE; where the documents tell
    their kinds, those of the other kind than the first one's are, so that two invoices of one delivery both count where no note came before them.
    What goes back is not the delivery booked again. Live versions only: which document is the first depends on what is live.
-#}
{% macro receipt_movement_sql(versions, known_at=none) -%}
with receipt_line as (
    select
        {{ movement_line_columns() }},
        document_no,
        line_no,
        nullif(tracking_no, '') as tracking_no,
        document_kind,
        copies,
        cancelled,
        qty_base is not null as is_unit_known,
        coalesce(qty_base, 0) as paid_qty_base,
        coalesce(free_qty_base, 0) as free_qty_base
    from {{ versions }} as receipt_version
    where {{ is_live(known_at) }}
),

delivery as (
    select
        receipt_line.*,
        first_value(document_no) over of_one_delivery as first_document_no,
        first_value(document_kind) over of_one_delivery as first_document_kind
    from receipt_line
    window of_one_delivery as (
        partition by
            distributor_code,
            tracking_no,
            sku_code,
            case when sku_code = 'UNKNOWN' then sender_sku_code end,
            batch_no,
            paid_qty_base + free_qty_base < 0
        order by cancelled, business_date, document_no, line_key
    )
),

judged as (
    select
        delivery.*,
        case
            when cancelled then 'CANCELLED_LIVE'
            when tracking_no is null then null
            when document_kind <> first_document_kind then 'DOC_DOUBLE'
            when (document_kind is null or first_document_kind is null) and document_no <> first_document_no then 'DOC_DOUBLE'
        end as exclusion
    from delivery
),

movement as (
    select
        {{ movement_line_columns() }},
        document_no,
        line_no,
        tracking_no,
        'GRN' as movement,
        exclusion,
        false as is_repeat,
        false as is_free,
        is_unit_known,
        paid_qty_base as qty_base
    from judged
    union all
    select
        {{ movement_line_columns() }},
        document_no,
        line_no,
        tracking_no,
        'GRN_FREE' as movement,
        exclusion,
        false as is_repeat,
        true as is_free,
        is_unit_known,
        free_qty_base as qty_base
    from judged
    where free_qty_base <> 0
    union all
    select
        {{ movement_line_columns() }},
        document_no,
        line_no,
        tracking_no,
        'GRN' as movement,
        'DUPLICATE' as exclusion,
        true as is_repeat,
        false as is_free,
        is_unit_known,
        paid_qty_base * (copies - 1) as qty_base
    from judged
    where copies > 1
    union all
    select
        {{ movement_line_columns() }},
        document_no,
        line_no,
        tracking_no,
        'GRN_FREE' as movement,
        'DUPLICATE' as exclusion,
        true as is_repeat,
        true as is_free,
        is_unit_known,
        free_qty_base * (copies - 1) as qty_base
    from judged
    where copies > 1 and free_qty_base <> 0
)

select
    'goods_receipt' as feed,
    {{ movement_line_columns() }},
    movement,
    exclusion,
    is_repeat,
    is_free,
    is_unit_known,
    cast(qty_base as bigint) as qty_base,
    cast('GOODS_RECEIPT' as varchar) as document_type,
    document_no,
    line_no,
    tracking_no
from movement
{%- endmacro %}

{#- What only the stock statement tells: transfers, returns to the company, adjustments, write-offs and samples, on the statement's date. -#}
{% macro statement_movement_sql(versions) -%}
with statement_line as (select * from {{ versions }} as statement_version),

movement as (
    {%- for movement, column, sign in [
        ('TRF_IN', 'transfer_in_qty_base', ''),
        ('TRF_OUT', 'transfer_out_qty_base', '-'),
        ('RET_CO', 'purchase_return_qty_base', '-'),
        ('ADJ_POS', 'adjustment_qty_base', ''),
        ('ADJ_NEG', 'adjustment_qty_base', ''),
        ('WRITEOFF', '(coalesce(damage_qty_base, 0) + coalesce(expiry_qty_base, 0))', '-'),
        ('SAMPLE', 'sample_qty_base', '-'),
    ] %}
    select
        {{ movement_line_columns() }},
        copies,
        '{{ movement }}' as movement,
        {{ sign }}{{ column }} as qty_base
    from statement_line
    where {{ column }} {{ '>' if movement == 'ADJ_POS' else '<' if movement == 'ADJ_NEG' else '<>' }} 0
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

fed as (
    select
        {{ movement_line_columns() }},
        movement,
        cast(null as varchar) as exclusion,
        false as is_repeat,
        qty_base
    from movement
    union all
    select
        {{ movement_line_columns() }},
        movement,
        'DUPLICATE' as exclusion,
        true as is_repeat,
        qty_base * (copies - 1) as qty_base
    from movement
    where copies > 1
)

select
    'dms_stock' as feed,
    {{ movement_line_columns() }},
    movement,
    exclusion,
    is_repeat,
    false as is_free,
    true as is_unit_known,
    cast(qty_base as bigint) as qty_base,
    cast('STOCK_STATEMENT' as varchar) as document_type,
    cast(null as varchar) as document_no,
    cast(null as bigint) as line_no,
    cast(null as varchar) as tracking_no
from fed
{%- endmacro %}
