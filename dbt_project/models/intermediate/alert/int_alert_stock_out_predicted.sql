{{ config(materialized='view') }}

with risk as (
    -- the moment at which the stock is most likely to have run out
    select * from {{ ref('int_stock_out_risk') }}
    where demand_qty_base >= {{ threshold('STOCK_OUT_PREDICTED', 'min_demand') }}
    qualify row_number() over (partition by distributor_code, sku_code order by probability desc, until_day asc) = 1
),

short as (
    select
        risk.*,
        stock.level_date,
        stock.basis,
        stock.unit_value_net,
        stock.mean_daily_value_net,
        {{ days_between(shown_until(), 'risk.until_day') }} as days
    from risk
    inner join {{ ref('int_stock_now') }} as stock
        on risk.distributor_code = stock.distributor_code and risk.sku_code = stock.sku_code
    where risk.probability >= {{ threshold('STOCK_OUT_PREDICTED', 'min_probability') }}
),

below as (
    -- since when the stock has been below what would be safe now
    select
        short.distributor_code,
        short.sku_code,
        coalesce(
            max(case when level.saleable_qty_base + short.arriving_qty_base >= short.safe_qty_base then level.next_level_date end),
            min(level.level_date)
        ) as first_seen
    from short
    inner join {{ ref('int_stock_level') }} as level
        on short.distributor_code = level.distributor_code and short.sku_code = level.sku_code
    group by short.distributor_code, short.sku_code
)

select
    'STOCK_OUT_PREDICTED' as kind,
    short.sku_code,
    short.distributor_code,
    below.first_seen,
    coalesce(short.short_qty_base * short.unit_value_net / nullif(short.mean_daily_value_net, 0), 0) as weight,
    'Stock of ' || short.sku_code || ' at ' || short.distributor_code || ' runs out by '
    || cast(short.until_day as varchar) || ' with a probability of ' || {{ in_words('100 * short.probability') }} || ' %: '
    || {{ in_words('short.saleable_qty_base') }} || ' units in stock and '
    || {{ in_words('short.arriving_qty_base') }} || ' arriving in time against '
    || {{ in_words('short.demand_qty_base') }} || ' units expected in the next '
    || cast(short.days as varchar) || ' days (lead time ' || cast(short.lead_time_days as varchar) || ' days).' as reason,
    {{ json_figures([
        ('stock_qty_base', 'short.saleable_qty_base', 'number'),
        ('stock_date', 'short.level_date', 'text'),
        ('stock_basis', 'short.basis', 'text'),
        ('arriving_qty_base', 'short.arriving_qty_base', 'number'),
        ('demand_qty_base', 'round(short.demand_qty_base, 2)', 'number'),
        ('days', 'short.days', 'number'),
        ('lead_time_days', 'short.lead_time_days', 'number'),
        ('runs_out_on', 'short.until_day', 'text'),
        ('probability', 'round(short.probability, 3)', 'number'),
        ('short_qty_base', 'round(short.short_qty_base, 2)', 'number'),
        ('short_value_net', 'round(short.short_qty_base * short.unit_value_net, 2)', 'number'),
    ]) }} as figures
from short
inner join below
    on short.distributor_code = below.distributor_code and short.sku_code = below.sku_code
