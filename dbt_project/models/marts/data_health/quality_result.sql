{{ config(materialized='table') }}

{{ state_rows('quality', [
    ('suite', 'varchar'),
    ('feed', 'varchar'),
    ('expectation', 'varchar'),
    ('column_name', 'varchar', '"column"'),
    ('rule', 'varchar'),
    ('severity', 'varchar'),
    ('success', 'boolean'),
    ('unexpected', 'bigint'),
    ('evaluated', 'bigint'),
    ('raised', 'varchar'),
    ('through_seq', 'bigint'),
]) }}
