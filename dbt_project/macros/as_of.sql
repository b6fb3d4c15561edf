{#- The date that marts are judged at, and the date up to which their evidence is known. The running build has
    frozen both; `--vars '{as_of: 2021-12-31}'` overrides the first for a dbt run of one's own. -#}
{% macro as_of() -%}
    {%- if var('as_of', none) -%} date '{{ var('as_of') }}'
    {%- elif execute -%}
        {%- set found = run_query("select as_of_on from ops.build where status = 'running'").columns[0].values() -%}
        date '{{ found[0] if found else '2022-12-31' }}'
    {%- else -%} date '2022-12-31'
    {%- endif -%}
{%- endmacro %}

{% macro known_at() -%}
    {%- if execute -%}
        {%- set found = run_query("select known_at_on from ops.build where status = 'running'").columns[0].values() -%}
        date '{{ found[0] if found else '2022-12-31' }}'
    {%- else -%} date '2022-12-31'
    {%- endif -%}
{%- endmacro %}

{% macro publication_id() -%}
    {%- if execute -%}
        {%- set found = run_query("select build_id from ops.build where status = 'running'").columns[0].values() -%}
        {{ found[0] if found else 0 }}::bigint
    {%- else -%} 0::bigint
    {%- endif -%}
{%- endmacro %}
