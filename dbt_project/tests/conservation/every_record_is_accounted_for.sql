-- records = loaded + rejected + left out; loaded = current + superseded + duplicates + deleted
select
    profile,
    sender,
    file
from {{ ref('row_conservation') }}
where
    records <> loaded + rejected + left_out
    or loaded <> current_versions + superseded + duplicates + deleted
