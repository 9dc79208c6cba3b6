{{ config(materialized='view') }}

-- depends_on: {{ source('steward', 'suggestion') }}
{{ state_rows('suggestion', [
    ('kind', 'varchar'),
    ('owner', 'varchar'),
    ('code', 'varchar'),
    ('rank', 'bigint'),
    ('suggested_code', 'varchar'),
    ('suggested_name', 'varchar'),
    ('score', 'double'),
    ('evidence', 'varchar'),
]) }}
