-- Company view: what left the plants was received or is on the road, and no matched receipt is lost or counted twice.
with dispatch as (
    select
        sum(dispatched_qty_base) as dispatched,
        sum(received_qty_base) as received,
        sum(in_transit_qty_base) as in_transit
    from {{ ref('int_in_transit') }}
),

matched_receipt as (
    select coalesce(sum(movement.qty_base), 0) as received
    from {{ ref('int_receipt_movement') }} as movement
    inner join {{ ref('receipt_line_version') }} as line
        on movement.line_key = line.line_key
    where
        line.seq_to is null
        and not line.is_tombstone
        and movement.exclusion is null
        and movement.business_date <= {{ shown_until() }}
        and exists (
            select 1
            from {{ ref('int_in_transit') }} as dispatched
            where
                dispatched.distributor_code = movement.distributor_code
                and dispatched.document_no = line.dispatch_no
                and (
                    dispatched.line_no = line.dispatch_line_no
                    or (line.dispatch_line_no is null and dispatched.sku_code = movement.sku_code)
                )
        )
),

position as (
    select coalesce(sum(in_transit_qty_base), 0) as in_transit from {{ ref('stock_position') }}
)

select
    dispatch.*,
    matched_receipt.received as matched,
    position.in_transit as position_in_transit
from dispatch
cross join matched_receipt
cross join position
where
    dispatch.dispatched <> dispatch.received + dispatch.in_transit
    or dispatch.received <> matched_receipt.received
    or dispatch.in_transit <> position.in_transit
