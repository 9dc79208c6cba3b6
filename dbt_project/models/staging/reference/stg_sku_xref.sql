{{ staged('sku_xref', [
    "distributor_code",
    "sender_sku_code",
    "sku_code",
    "sender_sku_name",
    "gtin",
    "pack",
    "mrp",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from",
    "coalesce(loaded.valid_to, " ~ for_ever() ~ ") as valid_to"
]) }}
