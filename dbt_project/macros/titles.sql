{#- Rows of title_validity as they are placed and valid on a day. All spans are half-open: the day before
    `valid_before_on` is the last with the title. -#}
{% macro title_is_here(title, day) -%}
    {{ title }}.in_scope
    and ({{ title }}.located_from_on is null or {{ title }}.located_from_on <= {{ day }})
    and ({{ title }}.located_before_on is null or {{ title }}.located_before_on > {{ day }})
{%- endmacro %}

{% macro title_is_valid(title, day) -%}
    {{ title }}.valid_from_on <= {{ day }}
    and ({{ title }}.valid_before_on is null or {{ title }}.valid_before_on > {{ day }})
{%- endmacro %}
