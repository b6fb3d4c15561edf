{#- Who a list, a notice or a certificate names: the name as it is compared with the credit code beside it, if its check
    is right. NULL without both. -#}
{% macro party_id(name_key, uscc) -%}
    case
        when {{ name_key }} is not null or {{ uscc }} is not null
            then {{ hash_id(["'party'", name_key, uscc]) }}
    end
{%- endmacro %}

{#- How well names match by the model that is installed (plugins/baotu/linking.py); an older one's pairs are gone. -#}
{% macro name_matches() -%}
    select party_key, enterprise_key, probability, evidence from ops.name_match
{%- endmacro %}

{#- What reviewers decided and nobody has withdrawn. Read by one model, so that a build sees one state of it. -#}
{% macro link_decisions() -%}
    select decision_id, party_id, enterprise_id from ops.link_decision where withdrawn_at is null
{%- endmacro %}
