{{ known_periods(ref('int_sku_cost'), ['sku_code'], ['unit_cost']) }}
