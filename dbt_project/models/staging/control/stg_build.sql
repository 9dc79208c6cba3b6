select
    through_seq,
    as_of
from {{ snapshot('build') }}
