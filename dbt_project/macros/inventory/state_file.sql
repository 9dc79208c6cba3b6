{#-
    Rows of the Parquet files that state/snapshot/forecast.parquet names by kind (forecast, accuracy, quality), with the given columns; none where
    the kind is not named yet, and null for a column that the files do not have yet. `columns`: a list of (name, type) or (name, type, name in the file).
-#}
{% macro state_rows(kind, columns) -%}
    {%- set paths, there = [], [] -%}
    {%- if execute and not (flags.WHICH in ('parse', 'list')) -%}
        {%- set index = snapshot_dir() ~ '/forecast.parquet' -%}
        {%- set quoted = index | replace("'", "''") -%}
        {%- if run_query("select count(*) from glob('" ~ quoted ~ "')").columns[0].values()[0] > 0 -%}
            {%- set found = run_query(
                "select path from read_parquet('" ~ quoted ~ "') where kind = '" ~ kind ~ "' and path is not null order by path"
            ) -%}
            {%- for path in found.columns[0].values() -%}{%- do paths.append("'" ~ (path | replace("'", "''")) ~ "'") -%}{%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {%- set files = 'read_parquet([' ~ paths | join(', ') ~ '], union_by_name = true)' -%}
    {%- if paths %}{%- do there.extend(run_query('describe select * from ' ~ files).columns[0].values()) -%}{%- endif %}
select
    {% for column in columns -%}
    {%- set named = column[2] | default(column[0]) -%}
    cast({{ named if named | replace('"', '') in there else 'null' }} as {{ column[1] }}) as {{ column[0] }}{{ ',' if not loop.last }}
    {% endfor -%}
{{ 'from ' ~ files if paths else 'where false' }}
{%- endmacro %}

{#- The user's own thresholds (config/seeds of the data home), laid over ours; none where there is no such file. -#}
{% macro own_threshold_rows() -%}
    {%- set path = snapshot_dir() ~ '/../../config/seeds/alert_threshold.csv' -%}
    {%- set quoted = path | replace("'", "''") -%}
    {%- set there = false -%}
    {%- if execute and not (flags.WHICH in ('parse', 'list')) -%}
        {%- set there = run_query("select count(*) from glob('" ~ quoted ~ "')").columns[0].values()[0] > 0 -%}
    {%- endif -%}
    {%- if there %}
select
    kind,
    name,
    cast(value as double) as value
from read_csv('{{ quoted }}', header = true, delim = ',', quote = '"', all_varchar = true)
    {%- else %}
select
    cast(null as varchar) as kind,
    cast(null as varchar) as name,
    cast(null as double) as value
where false
    {%- endif -%}
{%- endmacro %}
