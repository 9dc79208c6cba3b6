{{
    config(
        materialized='incremental',
        incremental_strategy='anew',
        anew='dispatches_made_anew',
        on_schema_change='fail',
    )
}}

-- depends_on: {{ ref('int_touched_day') }}
with {% if is_incremental() -%}
touched_dispatch as (
    {{ touched_dispatches() | indent(4) }}
),

{% endif -%}
dispatch as (
    select
        line_key,
        document_no,
        line_no,
        distributor_code,
        sku_code,
        batch_no,
        business_date,
        planned_delivery_date,
        coalesce(qty_base, 0) + coalesce(free_qty_base, 0) as dispatched_qty_base
    from {{ ref('dispatch_line_version') }} as dispatch_line
    where
        {{ is_live() }}
        and not coalesce(cancelled, false)
        and business_date <= {{ shown_until() }}
        {%- if is_incremental() %}
        and exists (
            select 1 from touched_dispatch
            where
                touched_dispatch.distributor_code = dispatch_line.distributor_code
                and touched_dispatch.document_no = dispatch_line.document_no
        )
        {%- endif %}
),

receipt as (
    -- what really came: neither cancelled, nor a second booking of one delivery, nor an extra copy
    select
        movement.distributor_code,
        movement.sku_code,
        line.dispatch_no,
        line.dispatch_line_no,
        sum(movement.qty_base) as qty_base
    from {{ ref('int_receipt_movement') }} as movement
    inner join {{ ref('receipt_line_version') }} as line
        on movement.line_key = line.line_key
    where
        movement.exclusion is null
        and movement.business_date <= {{ shown_until() }}
        and line.dispatch_no is not null
        and line.seq_to is null
        and not line.is_tombstone
        {%- if is_incremental() %}
        and exists (
            select 1 from touched_dispatch
            where
                touched_dispatch.distributor_code = line.distributor_code
                and touched_dispatch.document_no = line.dispatch_no
        )
        {%- endif %}
    group by movement.distributor_code, movement.sku_code, line.dispatch_no, line.dispatch_line_no
),

received_by_line as (
    select
        distributor_code,
        dispatch_no,
        dispatch_line_no,
        sum(qty_base) as qty_base
    from receipt
    where dispatch_line_no is not null
    group by distributor_code, dispatch_no, dispatch_line_no
),

received_by_document as (
    select
        distributor_code,
        dispatch_no,
        sku_code,
        sum(qty_base) as qty_base
    from receipt
    where dispatch_line_no is null
    group by distributor_code, dispatch_no, sku_code
),

matched as (
    select
        dispatch.*,
        coalesce(received_by_line.qty_base, 0) as line_qty_base,
        coalesce(received_by_document.qty_base, 0) as document_qty_base,
        greatest(dispatch.dispatched_qty_base - coalesce(received_by_line.qty_base, 0), 0) as open_qty_base
    from dispatch
    left join received_by_line
        on
            dispatch.distributor_code = received_by_line.distributor_code
            and dispatch.document_no = received_by_line.dispatch_no
            and dispatch.line_no = received_by_line.dispatch_line_no
    left join received_by_document
        on
            dispatch.distributor_code = received_by_document.distributor_code
            and dispatch.document_no = received_by_document.dispatch_no
            and dispatch.sku_code = received_by_document.sku_code
),

allotted as (
    -- receipts that name the dispatch but not its line fill the lines of the SKU in line order; what is over falls on the last one
    select
        matched.*,
        coalesce(
            sum(open_qty_base) over (
                partition by distributor_code, document_no, sku_code
                order by line_no
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as open_before_qty_base,
        row_number() over (
            partition by distributor_code, document_no, sku_code order by line_no desc
        ) as nth_from_last
    from matched
),

received as (
    select
        allotted.*,
        line_qty_base
        + case
            when nth_from_last = 1 then greatest(document_qty_base - open_before_qty_base, 0)
            else least(open_qty_base, greatest(document_qty_base - open_before_qty_base, 0))
        end as received_qty_base
    from allotted
)

select
    line_key,
    document_no,
    line_no,
    distributor_code,
    sku_code,
    batch_no,
    business_date,
    planned_delivery_date,
    cast(dispatched_qty_base as bigint) as dispatched_qty_base,
    cast(received_qty_base as bigint) as received_qty_base,
    cast(dispatched_qty_base - received_qty_base as bigint) as in_transit_qty_base
from received
