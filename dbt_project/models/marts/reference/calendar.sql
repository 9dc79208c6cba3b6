select
    date_day,
    week_start,
    month_start,
    quarter_start,
    year_start,
    calendar_year,
    calendar_month,
    day_of_week,
    is_weekend
from {{ ref('dim_date') }}
