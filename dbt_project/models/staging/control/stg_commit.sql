select
    seq,
    cast(committed_at as timestamp) as committed_at,
    feed,
    profile,
    mode,
    replay as is_replay
from {{ snapshot('commit') }}
