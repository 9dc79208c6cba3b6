{# The folder in which the build has laid out what it sees: one snapshot of the commit log, as Parquet. #}
{% macro snapshot_dir() -%}
    {{ var('snapshot_dir', env_var('SELLTHROUGH_HOME', 'data') ~ '/state/snapshot') }}
{%- endmacro %}

{# One of the snapshot's control tables: commit, file, scope, path, rule, build. #}
{% macro snapshot(name) -%}
    read_parquet('{{ snapshot_dir() | replace("'", "''") }}/{{ name }}.parquet')
{%- endmacro %}

{#
    Every live Parquet file of a feed, as a table expression with `filename`; with kind='rejects' the rejected records, without a feed those of all feeds.

    The list is read at run time and starts with an empty file of the feed's shape, so that a feed that has never come is an
    empty table. One path may be named by several commits (a replay that reads the same); join `path` for the commit.
#}
{% macro bronze(feed=none, kind='rows') -%}
    {%- set paths = [snapshot_dir() ~ '/empty/' ~ (feed if kind == 'rows' else '_rejects') ~ '.parquet'] -%}
    {%- if execute -%}
        {%- set found = run_query(
            "select distinct path from " ~ snapshot('path')
            ~ " where kind = '" ~ kind ~ "'" ~ (" and feed = '" ~ feed ~ "'" if feed else "") ~ " order by path"
        ) -%}
        {%- do paths.extend(found.columns[0].values()) -%}
    {%- endif -%}
    read_parquet(
        [{% for path in paths %}'{{ path | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %}],
        union_by_name = true,
        filename = true
    )
{%- endmacro %}

{#
    The rows of a feed with their commit and file, renamed and cast by `columns` (a list of select expressions over `loaded`).

    Adds: line_key, natural_key (what line_key is made from), seq, arrival (first commit of this very file), last_seq (the last commit that read this file), pos, sender,
    source_file, source_record, prior_date_to (the last business date that the sender's files had covered before).
#}
{% macro staged(feed, columns) -%}
-- depends_on: {{ source('bronze', feed) }}
with loaded as (select * from {{ bronze(feed) }}),

reading as (
    -- which commit read which file into which Parquet file
    select
        paths.path,
        files.*
    from (
        select distinct path, seq from {{ snapshot('path') }}
        where feed = '{{ feed }}' and kind = 'rows'
    ) as paths
    inner join {{ ref('stg_file') }} as files on paths.seq = files.seq and files.feed = '{{ feed }}'
),

final as (
    -- every row has its reading; a left join lets the engine know that it loses none
    select
        {{ line_key(feed, 'loaded._key') }} as line_key,
        loaded._key as natural_key,
        reading.seq,
        reading.first_seq as arrival,
        reading.last_seq,
        reading.prior_date_to,
        loaded._pos as pos,
        loaded._sender as sender,
        loaded._file as source_file,
        loaded._record as source_record,
        {%- for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from loaded
    left join reading on loaded.filename = reading.path and loaded._file = reading.file
)

select * from final
{%- endmacro %}

{# The key of a feed's line out of its natural key. #}
{% macro line_key(feed, natural_key) -%}
    {{ key(["'" ~ feed ~ "'", natural_key]) }}
{%- endmacro %}
