{#
    What a master or cross-reference said, as rectangles of business dates x commits: which values held when, known since which commit.

    For each member the rectangles tile all dates and all commits; before anything was known `is_known` is false and the values are
    null. A master sent again unchanged makes no new rectangle. Of several rows for one valid_from the last commit wins (within a
    commit the last record). Dates: valid_from included, valid_to not included. Commits: seq_from included, seq_to not included.

    With `has_end` false the versions of a member follow each other, and the first one holds from the beginning of time; with true a
    row holds from its valid_from to its own valid_to (the last day) and the latest valid_from wins where rows overlap; with `last_word` true
    the row that was said last wins there, for the dates that it names.
#}
{% macro known_periods(source, keys, values, has_end=false, last_word=false) -%}
{%- set members = keys | join(', ') -%}
with stated as (
    select
        {{ members }},
        valid_from,
        {{ 'valid_to' if has_end else for_ever() }} as last_day,
        seq,
        pos,
        {{ values | join(', ') }},
        {{ content((['valid_to'] if has_end else []) + values) }} as said
    from {{ source }}
    {%- if not last_word %}
    qualify row_number() over (partition by {{ members }}, valid_from, seq order by pos desc) = 1
    {%- endif %}
),

changed as (
    select * from stated
    {%- if not last_word %}
    qualify said is distinct from lag(said) over (partition by {{ members }}, valid_from order by seq)
    {%- endif %}
),

statement as (
    select
        *,
        {{ open_seq() if last_word else 'lead(seq, 1, ' ~ open_seq() ~ ') over (partition by ' ~ members ~ ', valid_from order by seq)' }} as said_until
    from changed
),

border as (
    select {{ members }}, valid_from as border_date from changed
    union
    select {{ members }}, {{ since_ever() }} as border_date from changed
    {%- if has_end %}
    union
    select {{ members }}, {{ add_days('last_day', 1) }} as border_date from changed
    where last_day < {{ for_ever() }}
    {%- endif %}
),

stretch as (
    select
        *,
        lead(border_date, 1, {{ for_ever() }}) over (partition by {{ members }} order by border_date) as next_border
    from border
),

moment as (
    select {{ members }}, seq from changed
    union
    select {{ members }}, 0 as seq from changed
),

cell as (
    select
        {%- for column in keys %}
        stretch.{{ column }},
        {%- endfor %}
        stretch.border_date as valid_from,
        stretch.next_border as valid_to,
        moment.seq as seq_from,
        statement.seq is not null as is_known,
        {%- for column in values %}
        statement.{{ column }},
        {%- endfor %}
        {{ content(['statement.seq is not null'] + prefixed(values, 'statement.')) }} as held
    from stretch
    inner join moment
        on {% for column in keys %}stretch.{{ column }} = moment.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    left join statement
        on {% for column in keys %}stretch.{{ column }} = statement.{{ column }} and {% endfor -%}
        statement.seq <= moment.seq
        and moment.seq < statement.said_until
        {%- if has_end %}
        and statement.valid_from <= stretch.border_date
        and stretch.border_date <= statement.last_day
        {%- endif %}
    qualify row_number() over (
        partition by {% for column in keys %}stretch.{{ column }}, {% endfor %}stretch.border_date, moment.seq
        order by
            {%- if last_word %}
            statement.seq desc,
            statement.pos desc,
            {%- endif %}
            case when statement.valid_from <= stretch.border_date then 0 else 1 end,
            case when statement.valid_from <= stretch.border_date then statement.valid_from end desc,
            statement.valid_from
    ) = 1
),

collapsed as (
    select * from cell
    qualify held is distinct from lag(held) over (partition by {{ members }}, valid_from order by seq_from)
),

final as (
    select
        {{ members }},
        valid_from,
        valid_to,
        seq_from,
        lead(seq_from, 1, {{ open_seq() }}) over (partition by {{ members }}, valid_from order by seq_from) as seq_to,
        is_known,
        {{ values | join(', ') }}
    from collapsed
)

select * from final
{%- endmacro %}

{# The names, each with a prefix, as a list. #}
{% macro prefixed(names, prefix) -%}
    {%- set found = [] -%}
    {%- for name in names -%}{%- do found.append(prefix ~ name) -%}{%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# Two rectangles of dates x commits have something in common; for a join condition. #}
{% macro overlaps(one, other) -%}
    {{ one }}.valid_from < {{ other }}.valid_to
    and {{ other }}.valid_from < {{ one }}.valid_to
    and {{ one }}.seq_from < {{ other }}.seq_to
    and {{ other }}.seq_from < {{ one }}.seq_to
{%- endmacro %}

{# What two rectangles have in common; all of the first one where a left join found no second. #}
{% macro overlap(one, other) -%}
    greatest({{ one }}.valid_from, coalesce({{ other }}.valid_from, {{ one }}.valid_from)) as valid_from,
    least({{ one }}.valid_to, coalesce({{ other }}.valid_to, {{ one }}.valid_to)) as valid_to,
    greatest({{ one }}.seq_from, coalesce({{ other }}.seq_from, {{ one }}.seq_from)) as seq_from,
    least({{ one }}.seq_to, coalesce({{ other }}.seq_to, {{ one }}.seq_to)) as seq_to
{%- endmacro %}
