{{ config(materialized='view') }}

-- depends_on: {{ source('forecast', 'accuracy') }}
{{ state_rows('accuracy', [
    ('level', 'varchar'),
    ('demand_class', 'varchar'),
    ('model', 'varchar'),
    ('origin_date', 'date'),
    ('wape', 'double'),
    ('bias', 'double'),
    ('mase', 'double'),
    ('coverage80', 'double'),
    ('coverage95', 'double'),
    ('fva', 'double'),
    ('series', 'bigint'),
    ('rmsse', 'double'),
    ('pinball', 'double'),
    ('coverage50', 'double'),
    ('skill', 'double'),
    ('cost_ms', 'double'),
]) }}
