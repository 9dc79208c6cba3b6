{{ config(materialized='table') }}

with sku as (
    select * from {{ ref('dim_sku') }}
    where {{ is_current() }}
),

series as (
    select
        series.*,
        sku.category,
        sku.brand,
        sku.sub_brand
    from {{ ref('int_panel_series') }} as series
    left join sku on series.sku_code = sku.sku_code
),

slab as (
    -- of each scheme the last version, of its slabs the one that is reached first
    select * from {{ ref('stg_scheme') }}
    where level in ('SECONDARY', 'QPS')
    qualify row_number() over (partition by scheme_code order by version desc nulls last, slab_no asc nulls last, seq desc, pos desc) = 1
),

scheme as (
    select
        scheme_code,
        valid_from,
        valid_to,
        territory_codes,
        distributor_codes,
        buy_sku_codes,
        nullif(buy_sku_group, '') as buy_sku_group,
        case when benefit = 'DISC_PCT' then coalesce(cast(benefit_amount as double), 0) / 100 else 0 end as discount,
        case when benefit = 'FREE_QTY' then coalesce({{ ratio('free_qty', 'buy_qty') }}, 0) else 0 end as free
    from slab
),

scheme_week as (
    select
        scheme.*,
        week.week_start,
        {{ days_of_week_in('scheme.valid_from', 'scheme.valid_to', 'week.week_start') }} as days
    from scheme
    inner join {{ ref('int_panel_week') }} as week
        on scheme.valid_from <= {{ add_days('week.week_start', 6) }} and scheme.valid_to >= week.week_start
),

scheme_series as (
    select
        scheme.scheme_code,
        series.sku_code,
        series.distributor_code,
        series.territory_code
    from scheme
    inner join series
        on
            case
                when {{ is_listed_in('series.sku_code', 'scheme.buy_sku_codes') }} is not null
                    then {{ is_listed_in('series.sku_code', 'scheme.buy_sku_codes') }}
                when scheme.buy_sku_group is not null
                    then
                        scheme.buy_sku_group
                        in (coalesce(series.category, ''), coalesce(series.brand, ''), coalesce(series.sub_brand, ''))
                else true
            end
            and coalesce({{ is_listed_in('series.distributor_code', 'scheme.distributor_codes') }}, true)
            and (
                {%- for node in ['territory', 'area', 'region', 'zone', 'nation'] %}
                {{ is_listed_in('series.' ~ node ~ '_code', 'scheme.territory_codes') }} or
                {%- endfor %}
                coalesce(trim(scheme.territory_codes), '') = ''
            )
)

select
    scheme_series.sku_code,
    scheme_series.distributor_code,
    scheme_series.territory_code,
    scheme_week.week_start,
    cast(bit_or(scheme_week.days) as smallint) as promotion_days,
    round(max(scheme_week.discount * {{ share_of_week('scheme_week.days') }}), 6) as discount_share,
    round(max(scheme_week.free * {{ share_of_week('scheme_week.days') }}), 6) as free_share
from scheme_series
inner join scheme_week on scheme_series.scheme_code = scheme_week.scheme_code
group by scheme_series.sku_code, scheme_series.distributor_code, scheme_series.territory_code, scheme_week.week_start
