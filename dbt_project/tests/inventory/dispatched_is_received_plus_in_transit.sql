-- Company view: what left the plants was received or is on the road, and no matched receipt is lost or counted twice; the receipts are those of
-- the dispatches that the build touched.
with touched_dispatch as (
    {{ touched_dispatches() | indent(4) }}
),

dispatch as (
    select
        sum(dispatched_qty_base) as dispatched,
        sum(received_qty_base) as received,
        sum(in_transit_qty_base) as in_transit
    from {{ ref('int_in_transit') }}
),

touched_line as (
    select line.*
    from {{ ref('int_in_transit') }} as line
    inner join touched_dispatch
        on line.distributor_code = touched_dispatch.distributor_code and line.document_no = touched_dispatch.document_no
),

matched_receipt as (
    select coalesce(sum(movement.qty_base), 0) as received
    from {{ ref('int_receipt_movement') }} as movement
    inner join {{ ref('receipt_line_version') }} as line
        on movement.line_key = line.line_key
    inner join touched_dispatch
        on line.distributor_code = touched_dispatch.distributor_code and line.dispatch_no = touched_dispatch.document_no
    where
        line.seq_to is null
        and not line.is_tombstone
        and movement.exclusion is null
        and movement.business_date <= {{ shown_until() }}
        and exists (
            select 1
            from touched_line as dispatched
            where
                dispatched.distributor_code = movement.distributor_code
                and dispatched.document_no = line.dispatch_no
                and (
                    dispatched.line_no = line.dispatch_line_no
                    or (line.dispatch_line_no is null and dispatched.sku_code = movement.sku_code)
                )
        )
),

touched_received as (select coalesce(sum(received_qty_base), 0) as received from touched_line),

position as (
    select coalesce(sum(in_transit_qty_base), 0) as in_transit from {{ ref('stock_position') }}
)

select
    dispatch.*,
    touched_received.received as touched_received,
    matched_receipt.received as matched,
    position.in_transit as position_in_transit
from dispatch
cross join touched_received
cross join matched_receipt
cross join position
where
    dispatch.dispatched <> dispatch.received + dispatch.in_transit
    or touched_received.received <> matched_receipt.received
    or dispatch.in_transit <> position.in_transit
