{#
    Pieces of one unit, as a whole number; null where nobody knows. Inner packs and cases are the item's own; the others are the same for every
    item: the units of count of UN/ECE Recommendation 20, annex III (pair PR, dozen DZN, score SCO, ten pair TPR, dozen pair DPR, hundred CEN,
    gross GRO, thousand MIL, great gross GGR).

    Args:
        unit: the column that holds the unit, as the contracts write it.
        item: the relation with units_per_inner and units_per_case.
#}
{% macro pieces_of(unit, item) -%}
    case {{ unit }}
        when 'EA' then cast(1 as bigint)
        when 'IN' then {{ item }}.units_per_inner
        when 'CS' then {{ item }}.units_per_case
        {%- for code, pieces in [
            ('PR', 2), ('DZN', 12), ('SCO', 20), ('TPR', 20), ('DPR', 24), ('CEN', 100), ('GRO', 144), ('MIL', 1000), ('GGR', 1728)
        ] %}
        when '{{ code }}' then cast({{ pieces }} as bigint)
        {%- endfor %}
    end
{%- endmacro %}
