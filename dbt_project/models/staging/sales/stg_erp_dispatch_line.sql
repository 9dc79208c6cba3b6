{{ staged('erp_dispatch_line', [
    "document_no",
    "line_no",
    "plant_code",
    "distributor_code",
    "business_date",
    "planned_delivery_date",
    "sender_sku_code",
    "coalesce(batch_no, '-') as batch_no",
    "qty",
    "unit",
    "coalesce(free_qty, 0) as free_qty",
    "value_net",
    "coalesce(cancelled, false) as cancelled",
    "order_no",
    "base_unit",
    "conv_num",
    "conv_den"
]) }}
