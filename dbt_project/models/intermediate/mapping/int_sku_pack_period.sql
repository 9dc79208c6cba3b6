{{ known_periods(ref('stg_sku'), ['sku_code'], ['units_per_inner', 'units_per_case']) }}
