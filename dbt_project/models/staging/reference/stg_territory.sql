{{ staged('territory', [
    "territory_code",
    "territory_name",
    "parent_code",
    "level",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from"
]) }}
