select
    profile,
    feed,
    days,
    time_of_day,
    zone,
    every
from {{ snapshot('cut_off') }}
