{{ staged('goods_receipt', [
    "distributor_code",
    "document_no",
    "line_no",
    "business_date",
    "dispatch_no",
    "dispatch_line_no",
    "sender_sku_code",
    "coalesce(batch_no, '-') as batch_no",
    "expiry_date",
    "coalesce(condition, 'SALEABLE') as condition",
    "qty",
    "coalesce(free_qty, 0) as free_qty",
    "unit",
    "tracking_no",
    "document_kind",
    "coalesce(cancelled, false) as cancelled",
    sender_version() ~ " as sender_version"
]) }}
