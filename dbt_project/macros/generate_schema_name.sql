{#- A layer is a schema. Marts are built in `marts_next` and renamed to `marts` when they are published;
    the target `published` names them as readers do, for the documentation. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name == 'marts' and target.name != 'published' -%} marts_next
    {%- else -%} {{ custom_schema_name or target.schema }}
    {%- endif -%}
{%- endmacro %}
