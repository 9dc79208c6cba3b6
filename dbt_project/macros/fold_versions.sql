{#
    Fold the loaded rows of a feed into versions: one row per line x version, with the commits from and to which it was known.

    Args:
        feed: feed id.
        source: the staging model of the feed.
        columns: the feed's own columns that make up a version's content (beside business_date, sender_sku_code and unit).
        select_columns: the feed's columns of the version table, as expressions over `known` (those columns and what the maps add).
        sku_owner: column that holds whose item codes these are (the owner in int_sku_map).
        outlet_owner: likewise for outlet codes; adds outlet_code, territory_code and home_distributor_code. None: no outlets here.
        home_of: column that holds the distributor whose own territory is wanted as territory_code. None: not wanted.
        version_order: the sender's own version order, if it feeds one; a row without it stands where it arrived.
        existing, watermark: the version table and the last commit in it, for an increment: then only the lines that the later
            commits touch are folded, and every day on which such a line stood or stands is written whole.

    Every loaded row comes out once: as the head of a version, or as a row that never was one (`seq_from = seq_to`): repeated
    (the content was known already) or stale (an older reading, or overruled within its own batch). `outcome` says what became of
    it: current, superseded, duplicate, deleted; null when the same file was read again later, for then the later reading counts.
#}
{% macro fold_versions(
    feed, source, columns, select_columns, sku_owner,
    outlet_owner=none, home_of=none, version_order=none, existing=none, watermark=0
) -%}
{%- set payload = ['business_date', 'sender_sku_code', 'unit'] + columns -%}
{%- set mapped = ['sku_code', 'factor'] -%}
{%- if outlet_owner -%}{%- set mapped = mapped + ['outlet_code', 'territory_code', 'home_distributor_code'] -%}{%- endif -%}
{%- if home_of -%}{%- set mapped = mapped + ['territory_code'] -%}{%- endif -%}
{%- set heading = [
    'line_key', 'seq_from', 'seq_to', 'cause', 'is_tombstone', 'outcome', 'sender', 'source_file', 'source_record', 'source_seq', 'copies'
] -%}
with scope as (select * from {{ ref('stg_scope') }} where feed = '{{ feed }}'),

reading as (select * from {{ ref('stg_file') }} where feed = '{{ feed }}'),

kept as (select * from {{ ref('stg_kept_line') }} where feed = '{{ feed }}'),

reread as (
    -- a file that a later commit read again
    select
        reading.seq,
        reading.file,
        again.seq as again_seq,
        again.closes
    from reading
    inner join reading as again
        on reading.profile = again.profile
        and reading.sender = again.sender
        and reading.sha256 = again.sha256
        and reading.seq < again.seq
),

{% if existing -%}
touched as (
    {{ touched_keys(feed, source, existing, watermark, sku_owner, outlet_owner, home_of) | indent(4) }}
),

held_only as (
    -- rows from which touched lines were loaded that the commits after the watermark do not hold
    select distinct
        held.source_file,
        held.source_record
    from {{ existing }} as held
    inner join touched on held.line_key = touched.line_key
    where not exists (
        select 1 from {{ source }} as come
        where come.seq > {{ watermark }} and come.line_key = held.line_key
    )
),

touched_text as (
    -- the natural keys of the touched lines: to look for these spares the engine the md5 of every loaded row
    select natural_key from {{ source }} where seq > {{ watermark }}
    union
    select natural_key
    from (
        select loaded.natural_key
        from {{ source }} as loaded
        inner join held_only
            on loaded.source_file = held_only.source_file and loaded.source_record = held_only.source_record
    ) as beside
    where {{ line_key(feed, 'natural_key') }} in (select line_key from touched)
),

{% endif -%}
event as (
    select
        {{ line_key(feed, 'natural_key') if existing else 'line_key' }} as line_key,
        seq,
        arrival,
        last_seq,
        pos,
        prior_date_to,
        sender,
        source_file,
        source_record,
        {%- if version_order %}
        {{ version_order }} as stated_order,
        {%- endif %}
        {{ payload | join(',\n        ') }}
    from {{ source }}
    {%- if existing %}
    where natural_key in (select natural_key from touched_text)
    {%- endif %}
),

stated_day as (
    -- the last batch that stated a sender's day wholly
    select
        day_seen.sender,
        day_seen.business_date,
        max(scope.seq) as seq
    from (select distinct sender, business_date from event) as day_seen
    inner join scope
        on day_seen.sender = scope.sender
        and day_seen.business_date >= scope.date_from
        and day_seen.business_date <= scope.date_to
    group by day_seen.sender, day_seen.business_date
),

busy_key as (
    -- lines that came more than once, or whose day or file came again later; every other line is its own and only version
    select event.line_key
    from event
    left join stated_day on event.sender = stated_day.sender and event.business_date = stated_day.business_date
    group by event.line_key
    having
        count(*) > 1
        or max(case when event.last_seq > event.seq or coalesce(stated_day.seq, 0) > event.seq then 1 else 0 end) = 1
),

quiet as (
    select
        line_key,
        seq as seq_from,
        {{ open_seq() }} as seq_to,
        case when business_date <= prior_date_to then 'late' else 'first' end as cause,
        false as is_tombstone,
        'current' as outcome,
        sender,
        source_file,
        source_record,
        seq as source_seq,
        cast(1 as bigint) as copies,
        {{ payload | join(',\n        ') }}
    from event
    where not exists (select 1 from busy_key where busy_key.line_key = event.line_key)
),

appearance as (
    select
        *,
        {{ content(['sender'] + payload) }} as said
        {%- if version_order %},
        coalesce(stated_order, max(stated_order) over (
            partition by line_key order by arrival, seq, pos
            rows between unbounded preceding and current row
        )) as version_order
        {%- endif %}
    from event
    where line_key in (select line_key from busy_key)
),

ranked as (
    select
        *,
        row_number() over (
            partition by line_key order by {{ 'version_order nulls first, ' if version_order }}arrival, seq, pos
        ) as version_rank
    from appearance
),

word as (
    -- the last word of each commit on each line
    select
        line_key,
        seq,
        max(version_rank) as version_rank
    from ranked
    group by line_key, seq
),

standing as (
    -- no staler than what was known before
    select * from word
    qualify version_rank = max(version_rank) over (
        partition by line_key order by seq
        rows between unbounded preceding and current row
    )
),

reign as (
    select
        ranked.*,
        lead(ranked.seq, 1, {{ open_seq() }}) over (partition by ranked.line_key order by ranked.seq) as next_seq
    from ranked
    inner join standing on ranked.line_key = standing.line_key and ranked.version_rank = standing.version_rank
),

absence as (
    -- a later batch that states the line's sender and day wholly, and lacks the line
    select
        reign.line_key,
        reign.seq,
        scope.seq as absent_seq,
        scope.arrival
    from reign
    inner join scope
        on reign.sender = scope.sender
        and reign.business_date >= scope.date_from
        and reign.business_date <= scope.date_to
        and reign.seq < scope.seq
        and reign.next_seq > scope.seq
        and reign.arrival <= scope.arrival
    where scope.closes
    union all
    -- the same file read again, without the line
    select
        reign.line_key,
        reign.seq,
        reread.again_seq as absent_seq,
        reign.arrival
    from reign
    inner join reread
        on reign.source_file = reread.file
        and reign.seq = reread.seq
        and reign.next_seq > reread.again_seq
    where reread.closes
),

vanished as (
    select
        absence.line_key,
        min(absence.absent_seq) as seq,
        min_by(absence.arrival, absence.absent_seq) as arrival
    from absence
    where not exists (
        select 1 from word
        where word.line_key = absence.line_key and word.seq = absence.absent_seq
    )
    and not exists (
        select 1 from kept
        where kept.line_key = absence.line_key and kept.seq = absence.absent_seq
    )
    group by absence.line_key, absence.seq
),

mark as (
    select line_key, seq, arrival, said, version_rank, false as is_gone from reign
    union all
    select line_key, seq, arrival, 'gone' as said, null as version_rank, true as is_gone from vanished
),

living as (
    -- a file older than the batch that took the line away does not bring it back
    select * from mark
    qualify
        is_gone
        or arrival >= coalesce(max(case when is_gone then arrival end) over (
            partition by line_key order by seq
            rows between unbounded preceding and 1 preceding
        ), arrival)
),

turn as (
    select * from living
    qualify said is distinct from lag(said) over (partition by line_key order by seq)
),

island as (
    -- a stretch of commits during which one content, or absence, was known
    select
        line_key,
        seq as seq_from,
        lead(seq, 1, {{ open_seq() }}) over line as seq_to,
        lag(seq) over line as previous_from,
        coalesce(lag(is_gone) over line, true) as begins_anew,
        coalesce(lead(is_gone) over line, false) as ends_gone,
        said,
        is_gone
    from turn
    window line as (partition by line_key order by seq)
),

placed as (
    -- each row beside the version that its content belongs to, if it belongs to any
    select
        ranked.*,
        island.seq_from as island_from,
        island.seq_to as island_to,
        island.begins_anew,
        island.ends_gone
    from ranked
    left join island
        on ranked.line_key = island.line_key
        and ranked.seq >= island.seq_from
        and ranked.seq < island.seq_to
        and ranked.said = island.said
        and not island.is_gone
),

numbered as (
    select
        *,
        row_number() over (partition by line_key, island_from order by seq, pos) as place,
        row_number() over (
            partition by line_key, island_from, case when seq = last_seq then 1 else 0 end order by seq, pos
        ) as counted_place,
        count(*) over (partition by line_key, island_from) as island_rows
        {%- if 'cancelled' in columns %},
        coalesce(cancelled and not lag(cancelled) over (partition by line_key order by seq, pos), false) as turns_cancelled
        {%- endif %}
    from placed
),

judged as (
    select
        *,
        case
            when seq < last_seq then null
            when island_from is null then 'superseded'
            when counted_place > 1 then 'duplicate'
            when island_to = {{ open_seq() }} then 'current'
            when ends_gone then 'deleted'
            else 'superseded'
        end as outcome
    from numbered
),

overlaid as (
    -- rows of the same content: until when each counts as fed, namely until its day is stated anew or its file read again
    select
        crowd.line_key,
        crowd.island_from,
        crowd.island_to,
        crowd.seq,
        crowd.pos,
        least(
            coalesce(min(case when scope.seq > crowd.seq and scope.arrival >= crowd.arrival then scope.seq end), crowd.island_to),
            coalesce(min(reread.again_seq), crowd.island_to)
        ) as fed_to,
        max(case when scope.seq < crowd.seq and scope.arrival > crowd.arrival then 1 else 0 end) as was_overruled
    from numbered as crowd
    left join scope
        on crowd.sender = scope.sender
        and crowd.business_date >= scope.date_from
        and crowd.business_date <= scope.date_to
    left join reread
        on crowd.source_file = reread.file
        and crowd.seq = reread.seq
    where crowd.island_from is not null and crowd.island_rows > 1
    group by crowd.line_key, crowd.island_from, crowd.island_to, crowd.seq, crowd.pos
),

step as (
    select line_key, island_from, island_to, seq, 1 as change from overlaid where was_overruled = 0
    union all
    select line_key, island_from, island_to, fed_to as seq, -1 as change from overlaid
    where was_overruled = 0 and fed_to < island_to
    union all
    select line_key, island_from, island_to, island_from as seq, 0 as change from overlaid
),

level as (
    select
        line_key,
        island_from,
        island_to,
        seq,
        greatest(cast(sum(sum(change)) over (
            partition by line_key, island_from order by seq
            rows between unbounded preceding and current row
        ) as bigint), 1) as copies
    from step
    group by line_key, island_from, island_to, seq
),

counted as (
    select * from level
    qualify copies is distinct from lag(copies) over (partition by line_key, island_from order by seq)
),

copied as (
    -- the stretches of a version during which it was fed the same number of times
    select
        line_key,
        island_from,
        seq as copied_from,
        lead(seq, 1, island_to) over (partition by line_key, island_from order by seq) as copied_to,
        copies
    from counted
),

version as (
    select {{ (heading + payload) | join(', ') }} from quiet
    union all
    select
        judged.line_key,
        coalesce(copied.copied_from, judged.island_from) as seq_from,
        coalesce(copied.copied_to, judged.island_to) as seq_to,
        case
            when copied.copied_from > judged.island_from then 'duplicated'
            when judged.begins_anew and judged.business_date <= judged.prior_date_to then 'late'
            when judged.begins_anew then 'first'
            {%- if 'cancelled' in columns %}
            when judged.turns_cancelled then 'cancelled'
            {%- endif %}
            else 'edited'
        end as cause,
        false as is_tombstone,
        case when coalesce(copied.copied_from, judged.island_from) = judged.island_from then judged.outcome end as outcome,
        judged.sender,
        judged.source_file,
        judged.source_record,
        judged.seq as source_seq,
        coalesce(copied.copies, 1) as copies,
        {{ prefixed(payload, 'judged.') | join(',\n        ') }}
    from judged
    left join copied on judged.line_key = copied.line_key and judged.island_from = copied.island_from
    where judged.place = 1 and judged.island_from is not null
    union all
    select
        line_key,
        seq as seq_from,
        seq as seq_to,
        case when island_from is null then 'stale' else 'repeated' end as cause,
        false as is_tombstone,
        outcome,
        sender,
        source_file,
        source_record,
        seq as source_seq,
        cast(0 as bigint) as copies,
        {{ payload | join(',\n        ') }}
    from judged
    where place > 1 or island_from is null
    union all
    select
        island.line_key,
        island.seq_from,
        island.seq_to,
        'deleted' as cause,
        true as is_tombstone,
        null as outcome,
        judged.sender,
        judged.source_file,
        judged.source_record,
        null as source_seq,
        cast(0 as bigint) as copies,
        {{ prefixed(payload, 'judged.') | join(',\n        ') }}
    from island
    inner join judged
        on island.line_key = judged.line_key
        and island.previous_from = judged.island_from
        and judged.place = 1
    where island.is_gone
),

{{ meaning('sku', 'int_sku_map', sku_owner, 'sender_sku_code', "'UNKNOWN' as sku_code, cast(null as bigint) as units_per_inner, cast(null as bigint) as units_per_case") }},

{% if outlet_owner -%}
{{ meaning('outlet', 'int_outlet_map', outlet_owner, 'sender_outlet_code', "'UNKNOWN' as outlet_code, 'UNKNOWN' as territory_code, 'UNKNOWN' as distributor_code") }},

{% endif -%}
{% if home_of -%}
home as (
    select * from {{ ref('int_distributor_map') }}
    union all
    select
        seen.{{ home_of }} as distributor_code,
        'UNKNOWN' as territory_code,
        {{ since_ever() }} as valid_from,
        {{ for_ever() }} as valid_to,
        0 as seq_from,
        {{ open_seq() }} as seq_to
    from (select distinct {{ home_of }} from event) as seen
    where not exists (
        select 1 from {{ ref('int_distributor_map') }} as known_home
        where known_home.distributor_code = seen.{{ home_of }}
    )
),

{% endif -%}
{%- set maps = ['sku'] + (['outlet'] if outlet_owner else []) + (['home'] if home_of else []) -%}
meant as {{ computed_in_place() }} (
    -- a version is cut at each commit at which what its codes mean changed
    select
        version.*,
        greatest(version.seq_from{% for map in maps %}, {{ map }}.seq_from{% endfor %}) as piece_from,
        case
            when version.is_tombstone then version.seq_to
            else least(version.seq_to{% for map in maps %}, {{ map }}.seq_to{% endfor %})
        end as piece_to,
        sku.sku_code,
        {{ pieces_of('version.unit', 'sku') | indent(8) }} as factor
        {%- if outlet_owner %},
        outlet.outlet_code,
        outlet.territory_code,
        outlet.distributor_code as home_distributor_code
        {%- endif %}
        {%- if home_of %},
        home.territory_code
        {%- endif %}
    from version
    {%- for map, owner, code in [('sku', sku_owner, 'sender_sku_code'), ('outlet', outlet_owner, 'sender_outlet_code'), ('home', home_of, none)] %}
    {%- if map in maps %}
    inner join {{ map }}
        on {% if code %}version.{{ owner }} = {{ map }}.owner and version.{{ code }} = {{ map }}.{{ code }}
        {%- else %}version.{{ owner }} = {{ map }}.distributor_code{% endif %}
        and version.business_date >= {{ map }}.valid_from
        and version.business_date < {{ map }}.valid_to
        and version.seq_from < {{ map }}.seq_to
        and (
            version.seq_from >= {{ map }}.seq_from
            or (version.seq_to > {{ map }}.seq_from and not version.is_tombstone)
        )
    {%- endif %}
    {%- endfor %}
    where
        greatest(version.seq_from{% for map in maps %}, {{ map }}.seq_from{% endfor %})
        < least(version.seq_to{% for map in maps %}, {{ map }}.seq_to{% endfor %})
        or version.seq_from = version.seq_to
),

cut as (
    select * from meant
    where piece_from > seq_from or piece_to < seq_to
    qualify {{ content(mapped) }} is distinct from lag({{ content(mapped) }}) over (
        partition by line_key, seq_from order by piece_from
    )
),

known as (
    select * from meant where piece_from = seq_from and piece_to = seq_to
    union all
    select
        line_key,
        piece_from as seq_from,
        lead(piece_from, 1, seq_to) over (partition by line_key, seq_from order by piece_from) as seq_to,
        case when piece_from = seq_from then cause else 'remapped' end as cause,
        is_tombstone,
        case when piece_from = seq_from then outcome end as outcome,
        sender,
        source_file,
        source_record,
        source_seq,
        copies,
        {{ payload | join(',\n        ') }},
        piece_from,
        piece_to,
        {{ mapped | join(',\n        ') }}
    from cut
),

folded as (
    select
        line_key,
        seq_from,
        case when seq_to < {{ open_seq() }} then seq_to end as seq_to,
        cause,
        is_tombstone,
        outcome,
        business_date,
        sender,
        source_file,
        source_record,
        source_seq,
        sender_sku_code,
        sku_code,
        unit,
        factor,
        copies,
        greatest(seq_from, case when seq_to < {{ open_seq() }} then seq_to else seq_from end) as max_seq,
        {{ select_columns | join(',\n        ') }}
    from known
)
{%- if existing %},

touched_day as (
    select business_date from folded
    union
    select business_date from {{ existing }}
    where line_key in (select line_key from touched)
)

select * from folded
union all
select kept.*
from {{ existing }} as kept
where
    kept.business_date in (select business_date from touched_day)
    and not exists (select 1 from touched where touched.line_key = kept.line_key)
{%- else %}

select * from folded
{%- endif %}
{%- endmacro %}

{#
    What the codes that occur mean, by date and as known: the sender's own rows of the map, else those of owner '*', else unknown.
#}
{% macro meaning(name, map, owner, code, unknown) -%}
{{ name }}_seen as (select distinct {{ owner }} as owner, {{ code }} from event),

{{ name }} as (
    select own.*
    from {{ ref(map) }} as own
    inner join {{ name }}_seen as seen on own.owner = seen.owner and own.{{ code }} = seen.{{ code }}
    union all
    select
        seen.owner,
        {%- for column in map_columns(map) %}
        common.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(map) }} as common
    inner join {{ name }}_seen as seen on common.owner = '*' and common.{{ code }} = seen.{{ code }}
    where not exists (
        select 1 from {{ ref(map) }} as own
        where own.owner = seen.owner and own.{{ code }} = seen.{{ code }}
    )
    union all
    select
        seen.owner,
        seen.{{ code }},
        {{ unknown }},
        {{ since_ever() }} as valid_from,
        {{ for_ever() }} as valid_to,
        0 as seq_from,
        {{ open_seq() }} as seq_to
    from {{ name }}_seen as seen
    where not exists (
        select 1 from {{ ref(map) }} as any_row
        where any_row.owner in (seen.owner, '*') and any_row.{{ code }} = seen.{{ code }}
    )
)
{%- endmacro %}

{# The columns of a map after its owner. #}
{% macro map_columns(map) -%}
    {%- if map == 'int_sku_map' -%}
        {{ return(['sender_sku_code', 'sku_code', 'units_per_inner', 'units_per_case', 'valid_from', 'valid_to', 'seq_from', 'seq_to']) }}
    {%- else -%}
        {{ return(['sender_outlet_code', 'outlet_code', 'territory_code', 'distributor_code', 'valid_from', 'valid_to', 'seq_from', 'seq_to']) }}
    {%- endif -%}
{%- endmacro %}

{#
    The lines that the commits after the watermark touch: those that they hold; open ones of senders and days that they state wholly;
    all that a file read again had brought; open ones whose codes mean something else since.
#}
{% macro touched_keys(feed, source, existing, watermark, sku_owner, outlet_owner, home_of) -%}
select line_key from {{ source }} where seq > {{ watermark }}
union
select held.line_key
from {{ existing }} as held
inner join scope
    on held.sender = scope.sender
    and held.business_date >= scope.date_from
    and held.business_date <= scope.date_to
where scope.seq > {{ watermark }} and held.seq_to is null and not held.is_tombstone
union
select held.line_key
from {{ existing }} as held
inner join reread on held.source_file = reread.file and held.source_seq = reread.seq
where reread.again_seq > {{ watermark }}
union
select held.line_key
from {{ existing }} as held
inner join {{ ref('int_sku_map') }} as meaning
    on held.sender_sku_code = meaning.sender_sku_code
    and (meaning.owner = held.{{ sku_owner }} or meaning.owner = '*')
    and held.business_date >= meaning.valid_from
    and held.business_date < meaning.valid_to
where meaning.seq_from > {{ watermark }} and held.seq_to is null and not held.is_tombstone
{%- if outlet_owner %}
union
select held.line_key
from {{ existing }} as held
inner join {{ ref('int_outlet_map') }} as meaning
    on held.sender_outlet_code = meaning.sender_outlet_code
    and (meaning.owner = held.{{ outlet_owner }} or meaning.owner = '*')
    and held.business_date >= meaning.valid_from
    and held.business_date < meaning.valid_to
where meaning.seq_from > {{ watermark }} and held.seq_to is null and not held.is_tombstone
{%- endif %}
{%- if home_of %}
union
select held.line_key
from {{ existing }} as held
inner join {{ ref('int_distributor_map') }} as meaning
    on held.{{ home_of }} = meaning.distributor_code
    and held.business_date >= meaning.valid_from
    and held.business_date < meaning.valid_to
where meaning.seq_from > {{ watermark }} and held.seq_to is null and not held.is_tombstone
{%- endif %}
{%- endmacro %}
