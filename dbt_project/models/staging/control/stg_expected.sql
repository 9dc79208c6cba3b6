select
    profile,
    feed,
    sender,
    since
from {{ snapshot('expected') }}
