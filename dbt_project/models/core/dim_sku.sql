{{ config(materialized='table') }}

{{ dimension_sql(
    source=ref('stg_sku'),
    code='sku_code',
    attributes=[
        ('sku_name', 'varchar'),
        ('gtin', 'varchar'),
        ('brand', 'varchar'),
        ('sub_brand', 'varchar'),
        ('category', 'varchar'),
        ('pack', 'varchar'),
        ('base_unit', 'varchar'),
        ('units_per_inner', 'bigint'),
        ('units_per_case', 'bigint'),
        ('mrp', 'decimal(18, 4)'),
        ('ex_factory_price', 'decimal(18, 4)'),
        ('standard_cost', 'decimal(18, 4)'),
        ('launch_date', 'date'),
        ('delist_date', 'date'),
        ('predecessor_sku_code', 'varchar'),
    ],
    name='sku_name'
) }}
