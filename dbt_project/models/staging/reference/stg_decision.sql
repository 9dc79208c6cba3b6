{{ staged('decision', [
    "decision_id",
    "decided_at",
    "decided_by",
    "kind",
    "subject",
    "distributor_code",
    "sender_sku_code",
    "sender_outlet_code",
    "loaded.value",
    "reason",
    "coalesce(loaded.valid_from, " ~ since_ever() ~ ") as valid_from",
    "coalesce(loaded.valid_to, " ~ for_ever() ~ ") as valid_to"
]) }}
