{{ staged('distributor', [
    "distributor_code",
    "distributor_name",
    "distributor_type",
    "parent_code",
    "territory_code",
    "dms_platform",
    "lead_time_days",
    "transit_days",
    "norm_days",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from"
]) }}
