select
    profile,
    feed,
    weekday,
    holiday
from {{ snapshot('day_off') }}
