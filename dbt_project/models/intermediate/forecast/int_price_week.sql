{{ config(materialized='table') }}

with sku as (select * from {{ ref('dim_sku') }}),

pack as (
    select
        sku_code,
        units_per_inner,
        units_per_case
    from sku
    where {{ is_current() }}
),

statement as (
    select * from {{ ref('stg_price_list') }}
    where batch_no is null or batch_no = ''
    qualify row_number() over (partition by price_list_code, sku_code, unit, valid_from order by seq desc, pos desc) = 1
),

listed as (
    -- a price holds until the next one of its list; the first one holds for what was before
    select
        sku_code,
        unit,
        ptr,
        mrp,
        case when row_number() over list = 1 then {{ since_ever() }} else valid_from end as valid_from,
        least(valid_to, {{ add_days('lead(valid_from, 1, ' ~ for_ever() ~ ') over list', -1) }}) as valid_to
    from statement
    window list as (partition by price_list_code, sku_code, unit order by valid_from)
),

per_unit as (
    -- what the outlet pays, or the shopper where no list of the SKU says what the outlet pays
    select
        listed.sku_code,
        listed.valid_from,
        listed.valid_to,
        cast(case when count(listed.ptr) over (partition by listed.sku_code) > 0 then listed.ptr else listed.mrp end as double)
        / {{ pieces_of('listed.unit', 'pack') | indent(8) }} as price
    from listed
    left join pack on listed.sku_code = pack.sku_code
),

in_list as (
    select
        sku_code,
        valid_from,
        valid_to,
        price
    from per_unit
    where price > 0
),

stated as (
    select * from in_list
    union all
    -- no list: the retail price of the master
    select
        sku_code,
        valid_from,
        {{ add_days('valid_to', -1) }} as valid_to,
        cast(mrp as double) as price
    from sku
    where mrp > 0 and sku_code not in (select in_list.sku_code from in_list)
),

part as (
    select
        stated.sku_code,
        stated.price,
        week.week_start,
        {{ days_between(
            'greatest(stated.valid_from, week.week_start)', 'least(stated.valid_to, ' ~ add_days('week.week_start', 6) ~ ')'
        ) }} + 1 as days
    from stated
    inner join {{ ref('int_panel_week') }} as week
        on stated.valid_from <= {{ add_days('week.week_start', 6) }} and stated.valid_to >= week.week_start
    where stated.sku_code in (select series.sku_code from {{ ref('int_panel_series') }} as series)
),

weekly as (
    -- the mean over the days of the week and the lists
    select
        sku_code,
        week_start,
        {{ round_half_away('sum(price * days) / sum(days)') }} as list_price
    from part
    group by sku_code, week_start
)

select
    sku_code,
    week_start,
    list_price,
    round({{ ratio('list_price', 'median(list_price) over (partition by sku_code)') }}, 6) as price_ratio
from weekly
