{{ staged('dms_stock', [
    "distributor_code",
    "sender_sku_code",
    "coalesce(batch_no, '-') as batch_no",
    "coalesce(condition, 'SALEABLE') as condition",
    "business_date",
    "opening_qty",
    "closing_qty",
    "unit",
    "transfer_in_qty",
    "transfer_out_qty",
    "purchase_return_qty",
    "adjustment_qty",
    "damage_qty",
    "expiry_qty",
    "sample_qty",
    "stock_value",
    "count_type"
]) }}
