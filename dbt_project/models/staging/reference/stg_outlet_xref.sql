{{ staged('outlet_xref', [
    "distributor_code",
    "sender_outlet_code",
    "outlet_code",
    "sender_outlet_name",
    "phone",
    "tax_no",
    "latitude",
    "longitude",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from",
    "coalesce(loaded.valid_to, " ~ for_ever() ~ ") as valid_to"
]) }}
