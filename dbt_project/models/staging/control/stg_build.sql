-- what this build shows, and what the last build showed that came to its end: increments start from there (0: from nothing)
select
    through_seq,
    as_of,
    since_seq,
    since_as_of,
    horizon_weeks
from {{ snapshot('build') }}
