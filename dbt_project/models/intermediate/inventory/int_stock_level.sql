{{
    config(
        materialized='incremental',
        incremental_strategy='anew',
        anew='stock_levels_made_anew',
        on_schema_change='fail',
        pre_hook='{{ keep_join_sides() }}',
        post_hook='{{ free_join_sides() }}',
    )
}}

-- depends_on: {{ ref('int_touched_day') }}
with movement as (
    select * from {{ ref('int_stock_movement_daily') }}
    where
        condition = 'SALEABLE'
        and sku_code <> 'UNKNOWN'
        and exclusion is null
        and business_date <= {{ shown_until() }}
),

declaration as (
    {{ saleable_declaration_sql() | indent(4) }}
),

{% if is_incremental() -%}
{%- set first_day = first_touched_day() -%}
late_movement as (
    select * from movement
    where business_date >= {{ first_day }}
),

late_declaration as (
    select * from declaration
    where business_date >= {{ first_day }}
),

carried as (
    {{ carried_stock_levels(this, first_day) | indent(4) }}
),

begun_anew as (
    -- every other chain that stands or moves, from its beginning
    select
        chain.distributor_code,
        chain.sku_code
    from (
        select
            distributor_code,
            sku_code
        from {{ this }}
        union
        select
            distributor_code,
            sku_code
        from late_movement
        union
        select
            distributor_code,
            sku_code
        from late_declaration
    ) as chain
    left join carried
        on chain.distributor_code = carried.distributor_code and chain.sku_code = carried.sku_code
    where carried.sku_code is null
),

linked_movement as (
    select * from late_movement
    union all
    select movement.*
    from movement
    inner join begun_anew
        on movement.distributor_code = begun_anew.distributor_code and movement.sku_code = begun_anew.sku_code
    where movement.business_date < {{ first_day }}
),

linked_declaration as (
    select * from late_declaration
    union all
    select declaration.*
    from declaration
    inner join begun_anew
        on declaration.distributor_code = begun_anew.distributor_code and declaration.sku_code = begun_anew.sku_code
    where declaration.business_date < {{ first_day }}
),

{% endif -%}
statement_day as (
    select
        distributor_code,
        sku_code,
        business_date,
        sum(closing_qty_base) as closing_qty_base
    from {{ 'linked_declaration' if is_incremental() else 'declaration' }}
    group by distributor_code, sku_code, business_date
    having count(*) = count(closing_qty_base)
),

movement_day as (
    select
        distributor_code,
        sku_code,
        business_date,
        sum(qty_base) as qty_base,
        sum(case when movement in ('GRN', 'GRN_FREE', 'TRF_IN') then 1 else 0 end) as supplies
    from {{ 'linked_movement' if is_incremental() else 'movement' }}
    group by distributor_code, sku_code, business_date
),

stock_day as (
    select
        coalesce(movement_day.distributor_code, statement_day.distributor_code) as distributor_code,
        coalesce(movement_day.sku_code, statement_day.sku_code) as sku_code,
        coalesce(movement_day.business_date, statement_day.business_date) as level_date,
        coalesce(movement_day.qty_base, 0) as qty_base,
        coalesce(movement_day.supplies, 0) as supplies,
        statement_day.closing_qty_base
    from movement_day
    full outer join statement_day
        on
            movement_day.distributor_code = statement_day.distributor_code
            and movement_day.sku_code = statement_day.sku_code
            and movement_day.business_date = statement_day.business_date
),

link as (
    {% if is_incremental() -%}
    select
        distributor_code,
        sku_code,
        level_date,
        0 as qty_base,
        0 as supplies,
        saleable_qty_base as closing_qty_base,
        basis,
        first_declared_on,
        supplied_since
    from carried
    union all
    {% endif -%}
    select
        stock_day.distributor_code,
        stock_day.sku_code,
        stock_day.level_date,
        stock_day.qty_base,
        stock_day.supplies,
        stock_day.closing_qty_base,
        case when stock_day.closing_qty_base is null then 'BOOK' else 'DECLARED' end as basis,
        case when stock_day.closing_qty_base is not null then stock_day.level_date end as first_declared_on,
        case when stock_day.supplies > 0 then stock_day.level_date end as supplied_since
    from stock_day
),

running as (
    select
        distributor_code,
        sku_code,
        level_date,
        basis,
        closing_qty_base,
        sum(qty_base) over so_far as moved_qty_base,
        count(closing_qty_base) over so_far as nth_statement,
        min(supplied_since) over so_far as supplied_since,
        lead(level_date) over (partition by distributor_code, sku_code order by level_date) as next_level_date
    from link
    window so_far as (
        partition by distributor_code, sku_code order by level_date rows between unbounded preceding and current row
    )
),

series as (
    select
        distributor_code,
        sku_code,
        min(first_declared_on) as first_declared_on,
        min(supplied_since) as first_supplied_on
    from link
    group by distributor_code, sku_code
),

anchor as (
    -- each statement sets the chain anew; the days before the first one are rolled back from it
    select
        distributor_code,
        sku_code,
        nth_statement,
        closing_qty_base - moved_qty_base as anchor_qty_base
    from running
    where closing_qty_base is not null
)

select
    running.distributor_code,
    running.sku_code,
    running.level_date,
    running.next_level_date,
    cast(running.basis as varchar) as basis,
    cast(running.moved_qty_base + coalesce(anchor.anchor_qty_base, 0) as bigint) as saleable_qty_base,
    series.first_declared_on,
    running.supplied_since
from running
inner join series on running.distributor_code = series.distributor_code and running.sku_code = series.sku_code
left join anchor
    on
        running.distributor_code = anchor.distributor_code
        and running.sku_code = anchor.sku_code
        and greatest(running.nth_statement, 1) = anchor.nth_statement
-- stock that was neither declared nor ever supplied is not known to be empty
where series.first_declared_on is not null or series.first_supplied_on is not null
