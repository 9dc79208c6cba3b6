{{ config(materialized='view') }}

-- depends_on: {{ source('forecast', 'cell') }}
{{ state_rows('cell', [
    ('sku_code', 'varchar'),
    ('distributor_code', 'varchar'),
    ('territory_code', 'varchar'),
    ('week_start', 'date'),
    ('mean', 'decimal(18, 4)'),
    ('model', 'varchar'),
    ('demand_class', 'varchar'),
    ('cutoff_date', 'date'),
]) }}
