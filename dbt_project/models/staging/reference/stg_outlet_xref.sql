{{ staged('outlet_xref', [
    "distributor_code",
    "sender_outlet_code",
    "outlet_code",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from",
    "coalesce(loaded.valid_to, " ~ for_ever() ~ ") as valid_to"
]) }}
