{{ config(materialized='view') }}

-- depends_on: {{ source('forecast', 'component') }}
{{ state_rows('component', [
    ('sku_code', 'varchar'),
    ('distributor_code', 'varchar'),
    ('territory_code', 'varchar'),
    ('week_start', 'date'),
    ('trend', 'decimal(18, 4)'),
    ('season', 'decimal(18, 4)'),
    ('holiday', 'decimal(18, 4)'),
    ('price', 'decimal(18, 4)'),
    ('promotion', 'decimal(18, 4)'),
]) }}
