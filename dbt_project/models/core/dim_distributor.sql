{{ config(materialized='table') }}

{{ dimension_sql(
    source=ref('stg_distributor'),
    code='distributor_code',
    attributes=[
        ('distributor_name', 'varchar'),
        ('distributor_type', 'varchar'),
        ('parent_code', 'varchar'),
        ('territory_code', 'varchar'),
        ('dms_platform', 'varchar'),
        ('lead_time_days', 'bigint'),
        ('transit_days', 'bigint'),
        ('norm_days', 'bigint'),
    ],
    name='distributor_name'
) }}
