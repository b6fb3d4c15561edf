{{ config(indexes=[{'columns': ['indicator_id', 'then_known_at_on']}]) }}
{%- set latest = 'greatest(' ~ known_at() ~ ', ' ~ latest_known_at() ~ ')' %}
{%- set causes = ['new_delivery', 'later', 'reinspection', 'correction'] %}
{#- What was known of a period at an earlier day, what is known now, and what of the change is due to which cause:
    then + causes = now, in samples judged and in samples passed. -#}

with now_point as (
    select *
    from {{ ref('mart_target_tracking') }}
    where known_at_on = {{ latest }}
),

then_point as (
    select *
    from {{ ref('mart_target_tracking') }}
    where known_at_on < {{ latest }}
),

pair as (
    select distinct
        then_point.as_of_on as then_as_of_on,
        then_point.known_at_on as then_known_at_on,
        now_point.as_of_on as now_as_of_on,
        now_point.known_at_on as now_known_at_on,
        then_point.period_type,
        then_point.period_start_on,
        then_point.period_end_on,
        then_point.period_label_zh
    from then_point
    inner join now_point
        on then_point.period_type = now_point.period_type and then_point.period_start_on = now_point.period_start_on
),

change as (
    select
        pair.then_as_of_on,
        pair.then_known_at_on,
        pair.period_type,
        pair.period_start_on,
        moved.measure_code,
        {% for cause in causes -%}
        coalesce(sum(moved.judged_change) filter (where due.cause = '{{ cause }}'), 0) as {{ cause }}_judged,
        coalesce(sum(moved.passed_change) filter (where due.cause = '{{ cause }}'), 0) as {{ cause }}_passed
        {{- "," if not loop.last }}
        {% endfor %}
    from pair
    inner join {{ ref('int_sample_change') }} as moved
        on
            moved.sampled_on between pair.period_start_on and least(
                pair.period_end_on, case moved.side when 'then' then pair.then_as_of_on else pair.now_as_of_on end
            )
            and (moved.known_from_on is null or moved.known_from_on <= pair.then_known_at_on)
            and (moved.known_before_on is null or moved.known_before_on > pair.then_known_at_on)
    cross join lateral (
        select
            -- The period went on: taken after the day in question, and not moved there from before it.
            case
                when moved.side = 'now' and moved.sampled_on > pair.then_as_of_on
                    and coalesce(moved.then_sampled_on > pair.then_as_of_on, true)
                    then 'later'
                else moved.cause
            end as cause
    ) as due
    where due.cause <> 'none'
    group by pair.then_as_of_on, pair.then_known_at_on, pair.period_type, pair.period_start_on, moved.measure_code
),

stated as (
    -- A measure that nobody reported then, or that nobody reports now, has one side only.
    select
        pair.*,
        point.indicator_id,
        point.measure_code,
        point.value_basis
    from pair
    inner join then_point as point
        on
            pair.then_as_of_on = point.as_of_on
            and pair.then_known_at_on = point.known_at_on
            and pair.period_type = point.period_type
            and pair.period_start_on = point.period_start_on
    union
    select
        pair.*,
        point.indicator_id,
        point.measure_code,
        point.value_basis
    from pair
    inner join now_point as point
        on pair.period_type = point.period_type and pair.period_start_on = point.period_start_on
),

compared as (
    select
        stated.*,
        counted_by.measure_code is not null and stated.value_basis = 'computed' as is_counted,
        coalesce(before.is_headline, false) as was_headline,
        coalesce(after.is_headline, false) as is_headline,
        coalesce(replacement.measure_code, stated.measure_code) as now_measure_code,
        coalesce(replacement.value_basis, stated.value_basis) as now_value_basis,
        replacement.measure_code is not null as is_redefined,
        {% for column in ['definition_version', 'target_value', 'target_operator'] -%}
        before.{{ column }} as then_{{ column }},
        coalesce(replacement.{{ column }}, after.{{ column }}) as now_{{ column }},
        {% endfor -%}
        {% for column in ['value', 'value_on', 'numerator', 'denominator'] -%}
        before.{{ column }} as then_{{ column }},
        case when replacement.measure_code is null then after.{{ column }} else replacement.{{ column }} end
            as now_{{ column }},
        after.{{ column }} as same_{{ column }}{{ "," if not loop.last }}
        {% endfor %}
    from stated
    left join then_point as before
        on
            stated.then_as_of_on = before.as_of_on
            and stated.then_known_at_on = before.known_at_on
            and stated.period_type = before.period_type
            and stated.period_start_on = before.period_start_on
            and stated.measure_code = before.measure_code
            and stated.value_basis = before.value_basis
    left join now_point as after
        on
            stated.period_type = after.period_type
            and stated.period_start_on = after.period_start_on
            and stated.measure_code = after.measure_code
            and stated.value_basis = after.value_basis
    left join {{ ref('dim_indicator') }} as in_force
        on
            stated.indicator_id = in_force.indicator_id
            and {{ definition_in_force('in_force', 'stated.now_known_at_on') }}
    -- What stood for the indicator gives way to what a new definition names instead.
    left join now_point as replacement
        on
            before.is_headline
            and before.definition_version <> in_force.definition_version
            and before.measure_code <> in_force.headline_measure
            and before.indicator_id = replacement.indicator_id
            and in_force.headline_measure = replacement.measure_code
            and replacement.is_headline
            and before.period_type = replacement.period_type
            and before.period_start_on = replacement.period_start_on
    left join {{ ref('pass_rate_measure') }} as counted_by on stated.measure_code = counted_by.measure_code
),

split as (
    select
        compared.*,
        {% for cause in causes -%}
        case when compared.is_counted then coalesce(change.{{ cause }}_judged, 0) end as {{ cause }}_judged,
        case when compared.is_counted then coalesce(change.{{ cause }}_passed, 0) end as {{ cause }}_passed,
        {% endfor -%}
        case
            when compared.is_counted and compared.is_redefined
                then coalesce(compared.now_denominator, 0) - coalesce(compared.same_denominator, 0)
            when compared.is_counted then 0
        end as definition_judged,
        case
            when compared.is_counted and compared.is_redefined
                then coalesce(compared.now_numerator, 0) - coalesce(compared.same_numerator, 0)
            when compared.is_counted then 0
        end as definition_passed,
        (compared.now_value is distinct from compared.then_value) as is_value_changed,
        (
            compared.now_numerator is distinct from compared.then_numerator
            or compared.now_denominator is distinct from compared.then_denominator
        ) as are_counts_changed
    from compared
    left join change using (then_as_of_on, then_known_at_on, period_type, period_start_on, measure_code)
)

select
    indicator_id::text as indicator_id,
    measure_code::text as measure_code,
    value_basis::text as value_basis,
    now_measure_code::text as now_measure_code,
    now_value_basis::text as now_value_basis,
    was_headline::boolean as was_headline,
    is_headline::boolean as is_headline,
    period_type::text as period_type,
    period_start_on::date as period_start_on,
    period_end_on::date as period_end_on,
    period_label_zh::text as period_label_zh,
    then_as_of_on::date as then_as_of_on,
    then_known_at_on::date as then_known_at_on,
    now_as_of_on::date as now_as_of_on,
    now_known_at_on::date as now_known_at_on,
    then_definition_version::integer as then_definition_version,
    now_definition_version::integer as now_definition_version,
    then_target_value::numeric as then_target_value,
    now_target_value::numeric as now_target_value,
    then_target_operator::text as then_target_operator,
    now_target_operator::text as now_target_operator,
    then_value::numeric as then_value,
    now_value::numeric as now_value,
    (now_value - then_value)::numeric as value_change,
    -- Of samples there are none or some; of what offices state, a number or nothing.
    case when is_counted then coalesce(then_numerator, 0) else then_numerator end::numeric as then_numerator,
    case when is_counted then coalesce(then_denominator, 0) else then_denominator end::numeric as then_denominator,
    case when is_counted then coalesce(now_numerator, 0) else now_numerator end::numeric as now_numerator,
    case when is_counted then coalesce(now_denominator, 0) else now_denominator end::numeric as now_denominator,
    {% for cause in causes + ['definition'] -%}
    {{ cause }}_judged::bigint as {{ cause }}_judged,
    {{ cause }}_passed::bigint as {{ cause }}_passed,
    {% endfor -%}
    case
        when is_redefined then 'definition'
        when not are_counts_changed and not is_value_changed then null
        -- Where samples moved, their causes say it; where none did, strata or weights were corrected.
        when is_counted and are_counts_changed then null
        when is_counted then 'correction'
        when
            then_as_of_on < least(period_end_on, now_as_of_on)
            and coalesce(now_value_on > then_as_of_on, true)
            then 'later'
        when then_value is null or now_value_on > then_value_on or now_denominator > then_denominator
            then 'new_delivery'
        else 'correction'
    end::text as value_cause,
    {{ publication_id() }} as publication_id
from split
