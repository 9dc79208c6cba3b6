{{ staged('pos_sale', [
    "retailer_code",
    "sender_outlet_code",
    "sender_sku_code",
    "business_date",
    "qty",
    "coalesce(return_qty, 0) as return_qty",
    "unit",
    "value_net",
    "on_hand_qty"
]) }}
