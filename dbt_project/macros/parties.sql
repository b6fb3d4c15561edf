{#- Who a list, a notice or a certificate names: the name as it is compared with the credit code beside it, if its check
    is right. NULL without both. -#}
{% macro party_id(name_key, uscc) -%}
    case
        when {{ name_key }} is not null or {{ uscc }} is not null
            then {{ hash_id(["'party'", name_key, uscc]) }}
    end
{%- endmacro %}
