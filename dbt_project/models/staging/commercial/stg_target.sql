{{ staged('target', [
    "target_set",
    "loaded.version",
    "loaded.level",
    "node_code",
    "sku_group",
    "metric",
    "period_from",
    "period_to",
    "target_value",
    "unit",
    "phasing_code",
    "owner_code",
    "currency"
]) }}
