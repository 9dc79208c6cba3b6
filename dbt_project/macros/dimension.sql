{#
    A dimension out of a master: one row per member and period, the last commit winning for each valid_from, the first period holding
    from the beginning; and the unknown member.

    Args:
        source: the master's staging model.
        code: column that names the member.
        attributes: list of (column, type).
        name: attribute that reads 'Unknown' for the unknown member.
#}
{% macro dimension_sql(source, code, attributes, name) -%}
with stated as (
    select * from {{ source }}
    qualify row_number() over (partition by {{ code }}, valid_from order by seq desc, pos desc) = 1
),

period as (
    select
        {{ code }},
        {%- for column, type in attributes %}
        {{ column }},
        {%- endfor %}
        case when row_number() over member = 1 then {{ since_ever() }} else valid_from end as valid_from,
        lead(valid_from, 1, {{ for_ever() }}) over member as valid_to
    from stated
    window member as (partition by {{ code }} order by valid_from)
),

member as (
    select
        {{ code }},
        {%- for column, type in attributes %}
        {{ column }},
        {%- endfor %}
        valid_from,
        valid_to
    from period
    where {{ code }} <> 'UNKNOWN'
    union all
    select
        'UNKNOWN' as {{ code }},
        {%- for column, type in attributes %}
        cast({{ "'Unknown'" if column == name else 'null' }} as {{ type }}) as {{ column }},
        {%- endfor %}
        {{ since_ever() }} as valid_from,
        {{ for_ever() }} as valid_to
),

final as (
    select
        {{ key([code]) }} as {{ code | replace('_code', '_key') }},
        *
    from member
)

select * from final
{%- endmacro %}

{# The period of a dimension that holds on the as-of date; before there is any, the first one. #}
{% macro is_current() -%}
    coalesce(valid_from <= {{ shown_until() }}, valid_from = {{ since_ever() }}) and coalesce(valid_to > {{ shown_until() }}, true)
{%- endmacro %}
