{{ config(materialized='view') }}

-- depends_on: {{ source('forecast', 'forecast') }}
{{ state_rows('forecast', [
    ('level', 'varchar'),
    ('sku_code', 'varchar'),
    ('distributor_code', 'varchar'),
    ('territory_code', 'varchar'),
    ('week_start', 'date'),
    ('mean', 'decimal(18, 4)'),
    ('median', 'double'),
    ('lo50', 'double'),
    ('hi50', 'double'),
    ('lo80', 'double'),
    ('hi80', 'double'),
    ('lo95', 'double'),
    ('hi95', 'double'),
    ('model', 'varchar'),
    ('cutoff_date', 'date'),
    ('demand_class', 'varchar'),
]) }}
