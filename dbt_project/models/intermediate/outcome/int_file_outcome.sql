-- what became of the loaded rows of each file, counted
with judged as (
    {%- for versions in [
        'sale_line_version', 'dispatch_line_version', 'receipt_line_version', 'stock_declaration_version', 'pos_sale_version'
    ] %}
    select
        source_seq as seq,
        source_file as file,
        outcome,
        count(*) as row_count
    from {{ ref(versions) }}
    where outcome is not null
    group by source_seq, source_file, outcome
    union all
    {%- endfor %}
    select
        seq,
        file,
        outcome,
        row_count
    from {{ ref('int_unversioned_file_outcome') }}
),

final as (
    select
        seq,
        file,
        {{ sum_units("case when outcome = 'current' then row_count else 0 end") }} as current_versions,
        {{ sum_units("case when outcome = 'superseded' then row_count else 0 end") }} as superseded,
        {{ sum_units("case when outcome = 'duplicate' then row_count else 0 end") }} as duplicates,
        {{ sum_units("case when outcome = 'deleted' then row_count else 0 end") }} as deleted
    from judged
    group by seq, file
)

select * from final
