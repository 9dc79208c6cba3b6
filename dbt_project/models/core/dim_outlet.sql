{{ config(materialized='table') }}

{{ dimension_sql(
    source=ref('stg_outlet'),
    code='outlet_code',
    attributes=[
        ('outlet_name', 'varchar'),
        ('channel', 'varchar'),
        ('outlet_class', 'varchar'),
        ('address', 'varchar'),
        ('city', 'varchar'),
        ('latitude', 'double'),
        ('longitude', 'double'),
        ('territory_code', 'varchar'),
        ('distributor_code', 'varchar'),
        ('status', 'varchar'),
        ('retailer_code', 'varchar'),
    ],
    name='outlet_name'
) }}
