{{ staged('dms_serial', [
    "distributor_code",
    "document_type",
    "document_no",
    "line_no",
    "serial_no",
    "business_date",
    "serial_kind",
    "second_serial_no",
    "sender_outlet_code",
    "sender_sku_code",
    "company_sku_code",
    "gtin",
    "warranty_until_date",
    "cancelled",
    "modified_at"
]) }}
