{#
    Increments by whole partitions: what a build makes anew is every day, week or month that holds a touched day (int_touched_day). A model
    with `incremental_strategy='touched'` and `partition` = business_date, week_start or month_start selects the rows of these partitions;
    what stood there is taken away first, all of it, so that a partition that became empty is empty.
#}
{% macro get_incremental_touched_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments['target_relation'] }} where {{ touched(config.require('partition')) }};
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }};
{%- endmacro %}

{#
    Increments of other parts than days, weeks or months. `anew` names a macro that, for the table as it stands (called `standing`), gives the
    condition by which its rows are taken away; the model selects what belongs in their place.
#}
{% macro get_incremental_anew_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments['target_relation'] }} as standing
    where {{ context[config.require('anew')](arguments['target_relation']) }};
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }};
{%- endmacro %}

{#
    Whether a row lies in a touched partition; `column`: what holds its business_date, week_start or month_start, the name told by `partition`. The
    first and the last one stand there as literals, so that the engine reads no more than lies between.
#}
{% macro touched(partition, column=none) -%}
    {%- set bounds = touched_bounds(partition) -%}
    ({{ column or partition }} in (select {{ partition }} from {{ ref('int_touched_day') }})
    {%- if bounds %} and {{ column or partition }} between {{ bounds[0] }} and {{ bounds[1] }}{% endif %})
{%- endmacro %}

{# The first and the last touched day (week, month) as literals; where there is none, a span that holds none; nothing before there are touched days. #}
{% macro touched_bounds(partition) -%}
    {%- set days = ref('int_touched_day') -%}
    {%- if execute and load_relation(days) -%}
        {%- set found = run_query('select min(' ~ partition ~ '), max(' ~ partition ~ ') from ' ~ days) -%}
        {%- set first, last = found.columns[0].values()[0], found.columns[1].values()[0] -%}
        {{ return(["date '" ~ first ~ "'", "date '" ~ last ~ "'"] if first else [for_ever(), since_ever()]) }}
    {%- endif -%}
    {{ return([]) }}
{%- endmacro %}

{# The same as a further condition, in an increment only; the model must state that it depends on int_touched_day. #}
{% macro and_touched(partition, column=none) -%}
    {%- if is_incremental() -%} and {{ touched(partition, column) }} {%- endif -%}
{%- endmacro %}

{# The lines of a version table that changed since the last build that passed. #}
{% macro changed_keys(versions) -%}
    select changed.line_key from {{ versions }} as changed
    where changed.max_seq > (select max(since_seq) from {{ ref('stg_build') }})
{%- endmacro %}

{# The first touched day; where there is none, for ever. #}
{% macro first_touched_day() -%}
    {{ (touched_bounds('business_date') or [since_ever()])[0] }}
{%- endmacro %}
