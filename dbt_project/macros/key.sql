{#
    60 bits of the md5 of a natural key as BIGINT: the same on every engine, and rebuildable.

    Parts are joined with '|'; a null part counts as an empty text.
#}
{% macro key(parts) -%}
    {%- set text -%}
        {%- for part in parts -%}
            coalesce(cast({{ part }} as varchar), ''){{ " || '|' || " if not loop.last }}
        {%- endfor -%}
    {%- endset -%}
    {{ key_from_hex("substr(md5(" ~ text ~ "), 1, 15)") }}
{%- endmacro %}
