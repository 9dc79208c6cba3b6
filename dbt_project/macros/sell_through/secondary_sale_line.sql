{#
    The secondary sale lines that count: cancelled documents are left out, financial credit notes and debit notes move value only, and of a
    delivery note counts what is not billed.

    Args:
        versions: sale_line_version, as a relation.
        billed_notes: what of the notes' lines is billed (billed_note_sql), as a relation.
        known_at: commit (the argument of a table macro); none: now.
#}
{% macro secondary_sale_line_sql(versions, billed_notes, known_at=none) -%}
select
    sale_line.distributor_code,
    sale_line.document_type,
    sale_line.document_no,
    sale_line.line_no,
    sale_line.business_date,
    sale_line.outlet_code,
    sale_line.sender_outlet_code,
    sale_line.territory_code,
    sale_line.sku_code,
    sale_line.sender_sku_code,
    sale_line.batch_no,
    sale_line.condition,
    sale_line.return_kind,
    cast(sale_line.qty - coalesce(billed.qty, 0) as decimal(18, 3)) as qty,
    sale_line.unit,
    case when {{ moves_goods('sale_line') }} then sale_line.qty_base - coalesce(billed.qty_base, 0) else 0 end as qty_base,
    case when {{ moves_goods('sale_line') }} then sale_line.free_qty_base - coalesce(billed.free_qty_base, 0) else 0 end as free_qty_base,
    cast(sale_line.value_net - coalesce(billed.value_net, 0) as decimal(18, 4)) as value_net,
    sale_line.source_file,
    sale_line.source_record,
    sale_line.seq_from
from {{ versions }} as sale_line
left join {{ billed_notes }} as billed on sale_line.line_key = billed.line_key
where
    {{ is_live(known_at) }}
    and not sale_line.cancelled
    and not coalesce(billed.is_whole, false)
    and sale_line.business_date <= {{ shown_until(known_at) }}
{%- endmacro %}

{# Whether a line of a document moves goods: a debit note and a financial credit note correct money only. #}
{% macro moves_goods(line=none) -%}
{%- set of = line ~ '.' if line else '' -%}
({{ of }}document_type = 'INVOICE' or ({{ of }}document_type = 'CREDIT_NOTE' and coalesce({{ of }}return_kind, 'GOODS') = 'GOODS'))
{%- endmacro %}
