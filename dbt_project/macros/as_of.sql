{#- The date that marts are judged at, and the date up to which their evidence is known. The running build has
    frozen both; `--vars '{as_of: 2021-12-31}'` overrides them: judging the past asks what was known then. -#}

{% macro frozen(column) -%}
    {%- if execute -%}
        {{- (run_query("select " ~ column ~ " from ops.build where status = 'running'").columns[0].values() | list)[0] -}}
    {%- endif -%}
{%- endmacro %}

{% macro as_of() -%} date '{{ var('as_of', none) or frozen('as_of_on') or '2022-12-31' }}' {%- endmacro %}

{% macro known_at() -%}
    date '{{ var('known_at', none) or var('as_of', none) or frozen('known_at_on') or '2022-12-31' }}'
{%- endmacro %}

{% macro publication_id() -%} {{ frozen('build_id') or 0 }}::bigint {%- endmacro %}
