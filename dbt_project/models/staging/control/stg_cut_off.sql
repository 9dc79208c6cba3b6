select
    profile,
    feed,
    days,
    time_of_day,
    zone
from {{ snapshot('cut_off') }}
