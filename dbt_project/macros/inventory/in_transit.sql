{#
    Dispatches of which something may read otherwise: those with a line on a touched day, and those that a receipt names, or named, that stands or
    stood on one.
#}
{% macro touched_dispatches() -%}
{%- set on_touched_days = touched('business_date') -%}
select
    distributor_code,
    document_no
from {{ ref('dispatch_line_version') }}
where {{ on_touched_days }}
union
select
    distributor_code,
    dispatch_no as document_no
from {{ ref('receipt_line_version') }}
where dispatch_no is not null and {{ on_touched_days }}
{%- endmacro %}

{# Of the dispatch lines that stand in int_in_transit, those made anew. #}
{% macro dispatches_made_anew(lines) -%}
exists (
    select 1 from ({{ touched_dispatches() }}) as touched_dispatch
    where
        touched_dispatch.distributor_code = standing.distributor_code
        and touched_dispatch.document_no = standing.document_no
)
{%- endmacro %}
