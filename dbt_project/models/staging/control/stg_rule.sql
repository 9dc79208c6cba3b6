select
    feed,
    rule,
    severity,
    bit,
    description
from {{ snapshot('rule') }}
