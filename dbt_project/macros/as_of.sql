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

{#- What core holds by now, where a view of an earlier day is asked for: as the last build that changed core knew it. -#}
{% macro latest(column) -%}
    {%- if execute and (var('as_of', none) or var('known_at', none)) -%}
        {{- (run_query(
            "select " ~ column ~ " from ops.build where applied_at is not null order by build_id desc limit 1"
        ).columns[0].values() | list)[0] -}}
    {%- endif -%}
{%- endmacro %}

{% macro latest_as_of() -%} date '{{ latest('as_of_on') or '-infinity' }}' {%- endmacro %}

{% macro latest_known_at() -%} date '{{ latest('known_at_on') or '-infinity' }}' {%- endmacro %}

{% macro publication_id() -%} {{ frozen('build_id') or 0 }}::bigint {%- endmacro %}

{#- Whether a version was known on a day: from its own on, until another took its place. -#}
{% macro is_known(relation, day) -%}
    {{ relation }}.known_from_on <= {{ day }}
    and ({{ relation }}.known_before_on is null or {{ relation }}.known_before_on > {{ day }})
{%- endmacro %}
