{#- A layer is a schema. Marts are built in `marts_next` and renamed to `marts` when they are published; a preview of
    another day goes into a schema of its own; the target `published` names marts as readers do, for documentation. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name == 'marts' and target.name != 'published' -%} {{ var('marts_schema', 'marts_next') }}
    {%- else -%} {{ custom_schema_name or target.schema }}
    {%- endif -%}
{%- endmacro %}
