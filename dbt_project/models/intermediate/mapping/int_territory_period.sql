{{ known_periods(ref('stg_territory'), ['territory_code'], ['parent_code', 'level']) }}
