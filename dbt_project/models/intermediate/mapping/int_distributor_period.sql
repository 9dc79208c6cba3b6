{{ known_periods(ref('stg_distributor'), ['distributor_code'], ['territory_code']) }}
