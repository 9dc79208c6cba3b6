{#- Which versions of a line are live: now, or as known on a commit sequence (the argument of a table macro). -#}

{% macro is_live(known_at=none) -%}
    {%- if known_at is none -%}
        (seq_to is null and not is_tombstone)
    {%- else -%}
        (seq_from <= {{ known_at }} and (seq_to is null or seq_to > {{ known_at }}) and not is_tombstone)
    {%- endif -%}
{%- endmacro %}
