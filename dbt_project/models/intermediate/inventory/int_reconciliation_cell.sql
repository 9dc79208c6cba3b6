with sender_of as (
    {{ sender_of_distributor_sql(
        ref('sale_line_version'), ref('receipt_line_version'), ref('stock_declaration_version')
    ) | indent(4) }}
),

sku_cost as (
    select * from {{ ref('sku_cost') }}
    where seq_to is null
),

cell as (
    {{ reconciliation_cell_sql(
        month=ref('int_reconciliation_month'),
        coverage=ref('file_coverage'),
        sender_of='sender_of',
        sku_cost='sku_cost',
        as_of=shown_until(),
    ) | indent(4) }}
)

select * from cell
