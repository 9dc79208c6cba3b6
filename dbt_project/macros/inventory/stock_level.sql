{# Saleable stock statements that are shown; of int_stock_level and of where its chains are taken up. #}
{% macro saleable_declaration_sql() -%}
select * from {{ ref('fct_stock_declaration') }}
where condition = 'SALEABLE' and sku_code <> 'UNKNOWN' and business_date <= {{ shown_until() }}
{%- endmacro %}

{#
    Where each chain of `levels` (int_stock_level as it stands) is taken up: its last level before the first touched day (`first_day`), if that hangs
    on nothing later. A chain that was never declared is rolled back from its first statement, and is known at all since its first supply.
#}
{% macro carried_stock_levels(levels, first_day) -%}
select standing.*
from {{ levels }} as standing
left join (
    select distinct
        declared.distributor_code,
        declared.sku_code
    from ({{ saleable_declaration_sql() }}) as declared
    where declared.business_date >= {{ first_day }}
) as declared_late
    on standing.distributor_code = declared_late.distributor_code and standing.sku_code = declared_late.sku_code
where
    standing.level_date < {{ first_day }}
    and coalesce(standing.next_level_date, {{ for_ever() }}) >= {{ first_day }}
    and (
        standing.first_declared_on < {{ first_day }}
        or (
            standing.first_declared_on is null
            and standing.supplied_since < {{ first_day }}
            and declared_late.sku_code is null
        )
    )
{%- endmacro %}

{# Of the levels that stand, those made anew: the one at which its chain is taken up, those after it, and whole chains that are not taken up. #}
{% macro stock_levels_made_anew(levels) -%}
{%- set first_day = first_touched_day() -%}
coalesce(standing.next_level_date, {{ for_ever() }}) >= {{ first_day }}
or not exists (
    select 1 from ({{ carried_stock_levels(levels, first_day) }}) as carried
    where carried.distributor_code = standing.distributor_code and carried.sku_code = standing.sku_code
)
{%- endmacro %}
