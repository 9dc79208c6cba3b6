{{ known_periods(ref('stg_outlet'), ['outlet_code'], ['territory_code', 'distributor_code']) }}
