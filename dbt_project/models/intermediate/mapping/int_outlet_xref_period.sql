{{ known_periods(ref('stg_outlet_xref'), ['distributor_code', 'sender_outlet_code'], ['outlet_code'], has_end=true) }}
