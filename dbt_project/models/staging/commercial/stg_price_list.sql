{{ staged('price_list', [
    "price_list_code",
    "sku_code",
    "batch_no",
    "unit",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from",
    "coalesce(loaded.valid_to, " ~ for_ever() ~ ") as valid_to",
    "mrp",
    "ptr",
    "pts",
    "ptd",
    "retailer_margin_percent",
    "stockist_margin_percent",
    "tax_included",
    "currency"
]) }}
