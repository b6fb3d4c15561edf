{#- Tells dbt which functions a model calls, so that they are made first and a changed one rebuilds the model. The SQL
    itself names them as `stats.<name>`. -#}
{% macro uses(names) -%}
    {%- for name in names -%}{%- do function(name) -%}{%- endfor -%}
{%- endmacro %}
