{{ config(materialized='table') }}

-- what a batch states wholly; where it closes, whatever it lacks within is gone
with scopes as (select * from {{ snapshot('scope') }}),

files as (select * from {{ ref('stg_file') }}),

final as (
    select
        scopes.seq,
        scopes.feed,
        scopes.sender,
        coalesce(scopes.date_from, {{ since_ever() }}) as date_from,
        coalesce(scopes.date_to, {{ for_ever() }}) as date_to,
        scopes.closes,
        coalesce(files.first_seq, scopes.seq) as arrival
    from scopes
    left join files on scopes.seq = files.seq and scopes.file = files.file
)

select * from final
