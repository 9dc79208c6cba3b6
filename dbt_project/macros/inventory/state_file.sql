{#-
    Rows of a Parquet file that state/snapshot/forecast.parquet names by kind (forecast, accuracy, quality), with the given columns; none where
    the kind is not named yet. `columns`: a list of (name, type) or (name, type, name in the file).
-#}
{% macro state_rows(kind, columns) -%}
    {%- set paths = [] -%}
    {%- if execute and not (flags.WHICH in ('parse', 'list')) -%}
        {%- set index = snapshot_dir() ~ '/forecast.parquet' -%}
        {%- set quoted = index | replace("'", "''") -%}
        {%- if run_query("select count(*) from glob('" ~ quoted ~ "')").columns[0].values()[0] > 0 -%}
            {%- set found = run_query(
                "select path from read_parquet('" ~ quoted ~ "') where kind = '" ~ kind ~ "' and path is not null"
            ) -%}
            {%- for path in found.columns[0].values() -%}{%- do paths.append(path) -%}{%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {%- if paths %}
select
    {% for column in columns -%}
    cast({{ column[2] | default(column[0]) }} as {{ column[1] }}) as {{ column[0] }}{{ ',' if not loop.last }}
    {% endfor -%}
from read_parquet('{{ paths[0] | replace("'", "''") }}')
    {%- else %}
select
    {% for column in columns -%}
    cast(null as {{ column[1] }}) as {{ column[0] }}{{ ',' if not loop.last }}
    {% endfor -%}
where false
    {%- endif -%}
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
