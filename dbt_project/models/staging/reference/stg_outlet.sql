{{ staged('outlet', [
    "outlet_code",
    "outlet_name",
    "channel",
    "outlet_class",
    "address",
    "city",
    "latitude",
    "longitude",
    "territory_code",
    "distributor_code",
    "loaded.status",
    "retailer_code",
    "phone",
    "tax_no",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from"
]) }}
