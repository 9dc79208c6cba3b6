{{ staged('calendar', [
    "calendar_code",
    "territory_code",
    "calendar_date",
    "selling_day",
    "holiday_name",
    "festival_name",
    "fiscal_year",
    "fiscal_quarter",
    "fiscal_month",
    "fiscal_week",
    "journey_cycle",
    "weekday_weight"
]) }}
