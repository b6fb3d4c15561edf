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

{#- The days at which evaluation points look, in order, and each day's next of them. Facts of two days with the same next
    one are before, at or after the same points: gathered by it, they are a few rows for each cell, however many there
    are. A day after the last one has none (null), as what is known without an end. What `point_days` selects
    is read as a CTE `point_day`. -#}
{% macro point_days() -%}
    select array_agg(distinct edge.day_on order by edge.day_on) as days
    from {{ ref('int_evaluation_point') }} as point
    cross join lateral (
        values (point.period_start_on - 1), (point.period_end_on), (point.as_of_on), (point.known_at_on)
    ) as edge (day_on)
{%- endmacro %}

{% macro next_point_day(day) -%}
    point_day.days[width_bucket({{ day }} - 1, point_day.days) + 1]
{%- endmacro %}

{#- Each point with each of those days that its period up to the as-of date holds. -#}
{% macro points_by_day() -%}
    select
        point.*,
        day_on
    from {{ ref('int_evaluation_point') }} as point
    cross join point_day
    cross join lateral unnest(point_day.days) as day_on
    where day_on between point.period_start_on and least(point.period_end_on, point.as_of_on)
{%- endmacro %}
