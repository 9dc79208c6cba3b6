{{ config(materialized='view') }}

-- depends_on: {{ source('forecast', 'distribution') }}
{{ state_rows('distribution', [
    ('level', 'varchar'),
    ('sku_code', 'varchar'),
    ('distributor_code', 'varchar'),
    ('territory_code', 'varchar'),
    ('week_start', 'date'),
    ('weeks_ahead', 'smallint'),
    ('cumulative_mean', 'decimal(18, 4)'),
    ('q010', 'double'),
    ('q025', 'double'),
    ('q050', 'double'),
    ('q100', 'double'),
    ('q200', 'double'),
    ('q300', 'double'),
    ('q400', 'double'),
    ('q500', 'double'),
    ('q600', 'double'),
    ('q700', 'double'),
    ('q800', 'double'),
    ('q850', 'double'),
    ('q900', 'double'),
    ('q950', 'double'),
    ('q975', 'double'),
    ('q990', 'double'),
    ('cutoff_date', 'date'),
]) }}
