{{ config(materialized='view') }}

-- depends_on: {{ source('forecast', 'archive') }}
{{ state_rows('archive', [
    ('level', 'varchar'),
    ('sku_code', 'varchar'),
    ('distributor_code', 'varchar'),
    ('territory_code', 'varchar'),
    ('week_start', 'date'),
    ('mean', 'decimal(18, 4)'),
    ('lo80', 'double'),
    ('hi80', 'double'),
    ('cutoff_date', 'date'),
    ('demand_class', 'varchar'),
]) }}
