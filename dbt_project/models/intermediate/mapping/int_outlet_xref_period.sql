{{ decided_periods(ref('stg_outlet_xref'), 'OUTLET_XREF', 'sender_outlet_code', 'outlet_code') }}
