{{ staged('sku', [
    "sku_code",
    "sku_name",
    "gtin",
    "brand",
    "sub_brand",
    "category",
    "pack",
    "base_unit",
    "units_per_inner",
    "units_per_case",
    "mrp",
    "ex_factory_price",
    "standard_cost",
    "launch_date",
    "delist_date",
    "predecessor_sku_code",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from"
]) }}
