{{ staged('beat_plan', [
    "rep_code",
    "sender_outlet_code",
    "plan_date",
    "cycle_week",
    "cycle_day",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from",
    "coalesce(loaded.valid_to, " ~ for_ever() ~ ") as valid_to",
    "cycle",
    "beat_code",
    "distributor_code",
    "visit_sequence",
    "planned_time",
    "deviation",
    "approved_by"
]) }}
