{#
    One row per combination of the columns of the grain, which `meta.grain` names for the reader.

    A large table that increments keep up says what of it they touch, so that a build tests what it made: `partition` = the column that holds
    business_date, week_start or month_start; `chain` = the date column of a chain, looked at from the first touched day on. A full build
    touches everything.
#}
{% test grain_is_unique(model, columns, partition=none, chain=none) %}
select
    {{ columns | join(', ') }},
    count(*) as rows_found
from {{ model }}
{%- if partition %}
where {{ touched(partition) }}
{%- elif chain %}
where {{ chain }} >= {{ first_touched_day() }}
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
