{% macro definition_in_force(definition, known_at) -%}
    {#- A row of dim_indicator that judges what is known at a day: a new version never judges an earlier day. -#}
    ({{ definition }}.definition_version = 1 or {{ definition }}.valid_from_on <= {{ known_at }})
    and ({{ definition }}.valid_before_on is null or {{ definition }}.valid_before_on > {{ known_at }})
{%- endmacro %}
