{% macro definition_in_force(definition, known_at) -%}
    {#- A row of dim_indicator that judges what is known at a day: a new version never judges an earlier day. -#}
    ({{ definition }}.in_force_from_on is null or {{ definition }}.in_force_from_on <= {{ known_at }})
    and ({{ definition }}.valid_before_on is null or {{ definition }}.valid_before_on > {{ known_at }})
{%- endmacro %}

{#- A row that holds on a day, half-open; no end or no beginning is open. -#}
{% macro is_in_force(relation, day) -%}
    ({{ relation }}.valid_from_on is null or {{ relation }}.valid_from_on <= {{ day }})
    and ({{ relation }}.valid_before_on is null or {{ relation }}.valid_before_on > {{ day }})
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

{#- 2021年, 2021年上半年, 2021年第1季度, 2021年3月. -#}
{% macro period_label(period_type, start) -%}
    case {{ period_type }}
        when 'year' then to_char({{ start }}, 'YYYY"年"')
        when 'half' then
            to_char({{ start }}, 'YYYY"年"') || case when extract(month from {{ start }}) < 7 then '上半年' else '下半年' end
        when 'quarter' then to_char({{ start }}, 'YYYY"年第"Q"季度"')
        else to_char({{ start }}, 'YYYY"年"FMMM"月"')
    end
{%- endmacro %}

{#- Whether a value may still change: final once its period is over, the lag of the definition has passed, and no failure
    can be contested or result is awaited. -#}
{% macro data_status(value, is_closed, known_at, period_end, lag_days, open_count) -%}
    case
        when {{ value }} is null then 'no_data'
        when {{ is_closed }} and {{ known_at }} >= {{ period_end }} + {{ lag_days }} and {{ open_count }} = 0 then 'final'
        else 'provisional'
    end
{%- endmacro %}
