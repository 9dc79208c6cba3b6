{{ staged('pos_sale', [
    "retailer_code",
    "sender_outlet_code",
    "sender_sku_code",
    "business_date",
    "case when voided then 0 else qty end as qty",
    "case when voided then 0 else coalesce(return_qty, 0) end as return_qty",
    "unit",
    "case when voided then 0 else value_net end as value_net",
    "on_hand_qty"
]) }}
