select
    seq,
    committed_at,
    feed,
    profile,
    mode,
    is_replay
from {{ ref('stg_commit') }}
