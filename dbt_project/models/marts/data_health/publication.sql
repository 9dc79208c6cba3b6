{{ config(materialized='view', post_hook=[
    "{{ table_macro('seq_at', 'moment', seq_at_sql()) }}",
    "{{ scalar_macro('seq_at', 'moment', seq_at_sql()) }}",
]) }}

-- depends_on: {{ ref('commit_log') }}
-- what each publish showed is written into the published file by the publish itself; here stands its shape
select
    cast(null as bigint) as seq,
    cast(null as timestamp) as published_at,
    cast(null as date) as as_of
where false
