{% macro definition_in_force(definition, known_at) -%}
    {#- A row of dim_indicator that judges what is known at a day: a new version never judges an earlier day. -#}
    ({{ definition }}.in_force_from_on is null or {{ definition }}.in_force_from_on <= {{ known_at }})
    and ({{ definition }}.valid_before_on is null or {{ definition }}.valid_before_on > {{ known_at }})
{%- endmacro %}

{#- Counts and sums at a date: within a period the last one stands. -#}
{% macro is_of_a_date(target_kind) -%} {{ target_kind }} in ('stock', 'small_stock', 'sum') {%- endmacro %}

{#- 序时进度: percent points of the way to the target, less percent points of the time. Ten behind are allowed, from
    thirty on it is red (what practice leaves undefined between 0 and 10 behind is green). -#}
{% macro schedule_light(gap) -%}
    case when {{ gap }} >= -10 then 'green' when {{ gap }} >= -30 then 'yellow' when {{ gap }} < -30 then 'red' else 'grey' end
{%- endmacro %}

{#- Months since year 0; a day counts as its part of the month, the last one as the whole: from month's end to month's end
    are whole months. -#}
{% macro months_of(day) -%}
    (12 * extract(year from {{ day }}) + extract(month from {{ day }})
    + extract(day from {{ day }}) / extract(day from date_trunc('month', {{ day }}) + interval '1 month - 1 day'))
{%- endmacro %}
