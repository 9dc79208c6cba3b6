{{ config(materialized='table') }}

-- the days of which something may read otherwise than after the last build that passed: what increments make anew, and tests look at
with build as (select * from {{ ref('stg_build') }}),

receipt as (select * from {{ ref('receipt_line_version') }}),

delivery as (
    select distinct
        receipt.distributor_code,
        receipt.tracking_no
    from receipt
    cross join build
    where receipt.max_seq > build.since_seq and receipt.tracking_no <> ''
),

touched as (
    {%- for versions in ['sale_line', 'dispatch_line', 'receipt_line', 'stock_declaration', 'pos_sale'] %}
    -- every day on which a changed line stands before or after, and those that another as-of date hides or shows
    select version.business_date
    from {{ ref(versions ~ '_version') }} as version
    cross join build
    where
        version.max_seq > build.since_seq
        or (
            version.business_date > least(build.since_as_of, build.as_of)
            and version.business_date <= greatest(build.since_as_of, build.as_of)
        )
    union
    {%- endfor %}
    -- what of a delivery note counts depends on the bills of its tracking number
    {{ touched_note_days() | indent(4) }}
    union
    -- whether a receipt counts depends on the other receipts of its delivery
    select receipt.business_date
    from receipt
    inner join delivery
        on receipt.distributor_code = delivery.distributor_code and receipt.tracking_no = delivery.tracking_no
)

select
    business_date,
    {{ period_start('week', 'business_date') }} as week_start,
    {{ period_start('month', 'business_date') }} as month_start
from touched
