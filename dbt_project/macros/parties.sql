{#- Who a document names, before anybody knows which enterprise it is: by name and by a code whose check is right. -#}
{% macro party_id(name_key, uscc) -%}
    case
        when coalesce({{ name_key }}, {{ uscc }}) is not null then {{ hash_id(["'party'", name_key, uscc]) }}
    end
{%- endmacro %}
