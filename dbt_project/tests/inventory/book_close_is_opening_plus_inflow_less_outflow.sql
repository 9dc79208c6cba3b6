-- The roll-forward adds up in every cell, and the published variance is declared less book.
select *
from {{ ref('reconciliation_cell') }}
where
    book_close_qty_base is distinct from opening_declared_qty_base + inflow_qty_base - outflow_qty_base
    or (
        assessable
        and variance_as_fed_qty_base is distinct from declared_close_qty_base - book_close_qty_base
    )
    or (not assessable and (variance_as_fed_qty_base is not null or variance_clean_qty_base is not null))
