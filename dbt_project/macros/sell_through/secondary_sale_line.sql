{#
    The secondary sale lines that count: cancelled documents are left out, financial credit notes and debit notes move value only.

    Args:
        versions: sale_line_version, as a relation.
        known_at: commit (the argument of a table macro); none: now.
#}
{% macro secondary_sale_line_sql(versions, known_at=none) -%}
select
    distributor_code,
    document_type,
    document_no,
    line_no,
    business_date,
    outlet_code,
    sender_outlet_code,
    territory_code,
    sku_code,
    sender_sku_code,
    batch_no,
    condition,
    return_kind,
    qty,
    unit,
    case when {{ moves_goods() }} then qty_base else 0 end as qty_base,
    case when {{ moves_goods() }} then free_qty_base else 0 end as free_qty_base,
    value_net,
    source_file,
    source_record,
    seq_from
from {{ versions }} as sale_line
where
    {{ is_live(known_at) }}
    and not cancelled
    and business_date <= {{ shown_until(known_at) }}
{%- endmacro %}

{# Whether a line of a document moves goods: a debit note and a financial credit note correct money only. #}
{% macro moves_goods() -%}
(document_type = 'INVOICE' or (document_type = 'CREDIT_NOTE' and coalesce(return_kind, 'GOODS') = 'GOODS'))
{%- endmacro %}
