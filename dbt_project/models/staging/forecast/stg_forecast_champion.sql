{{ config(materialized='view') }}

-- depends_on: {{ source('forecast', 'champion') }}
{{ state_rows('champion', [
    ('demand_class', 'varchar'),
    ('model', 'varchar'),
    ('is_champion', 'boolean'),
    ('is_incumbent', 'boolean'),
    ('wape', 'double'),
    ('rmsse', 'double'),
    ('mase', 'double'),
    ('bias', 'double'),
    ('pinball', 'double'),
    ('skill', 'double'),
    ('cost_ms', 'double'),
    ('origins', 'bigint'),
    ('series', 'bigint'),
    ('points', 'bigint'),
    ('margin', 'double'),
    ('reason', 'varchar'),
]) }}
