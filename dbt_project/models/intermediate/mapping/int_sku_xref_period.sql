{{ decided_periods(ref('stg_sku_xref'), 'SKU_XREF', 'sender_sku_code', 'sku_code') }}
