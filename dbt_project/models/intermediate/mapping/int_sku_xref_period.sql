{{ known_periods(ref('stg_sku_xref'), ['distributor_code', 'sender_sku_code'], ['sku_code'], has_end=true) }}
