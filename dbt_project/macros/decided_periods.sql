{#
    What senders' codes mean, as rectangles of business dates x commits (see known_periods): what a person decided, and where nobody did,
    what the cross-reference says. A later decision overrules an earlier one for the dates that it names; one without a value takes it back there.

    Args:
        source: the cross-reference's staging model.
        decision_kind: kind of the decisions about it.
        code, meaning: its columns for the sender's code and for ours.
#}
{% macro decided_periods(source, decision_kind, code, meaning) -%}
{%- set members = ['distributor_code', code] -%}
with fed as (
    {{ known_periods(source, members, [meaning], has_end=true) | indent(4) }}
),

decision as (
    select
        distributor_code,
        {{ code }},
        value as {{ meaning }},
        valid_from,
        valid_to,
        seq,
        pos
    from {{ ref('stg_decision') }}
    where kind = '{{ decision_kind }}'
),

decided as (
    {{ known_periods('decision', members, [meaning], has_end=true, last_word=true) | indent(4) }}
),

undecided as (
    -- a code about which nobody decided anything
    select fed.* from fed
    left join (select distinct {{ members | join(', ') }} from decided) as met
        on fed.distributor_code = met.distributor_code and fed.{{ code }} = met.{{ code }}
    where met.distributor_code is null
),

overruled as (
    select
        decided.distributor_code,
        decided.{{ code }},
        coalesce(decided.{{ meaning }}, fed.{{ meaning }}) as {{ meaning }},
        decided.{{ meaning }} is not null or coalesce(fed.is_known, false) as is_known,
        {{ overlap('decided', 'fed') }}
    from decided
    left join fed
        on decided.distributor_code = fed.distributor_code
        and decided.{{ code }} = fed.{{ code }}
        and {{ overlaps('decided', 'fed') }}
),

final as (
    select
        {{ members | join(', ') }},
        valid_from,
        valid_to,
        seq_from,
        seq_to,
        is_known,
        {{ meaning }}
    from undecided
    union all
    select
        {{ members | join(', ') }},
        valid_from,
        valid_to,
        seq_from,
        seq_to,
        is_known,
        {{ meaning }}
    from overruled
)

select * from final
{%- endmacro %}
