-- records = loaded + rejected + left out + blank and total lines; loaded = current + superseded + duplicates + deleted
select
    profile,
    sender,
    file
from {{ ref('row_conservation') }}
where
    records <> loaded + rejected + left_out + blank + total_lines
    or loaded <> current_versions + superseded + duplicates + deleted
