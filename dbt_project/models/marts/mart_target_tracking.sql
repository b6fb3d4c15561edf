{{ config(indexes=[{'columns': ['indicator_id', 'is_current', 'period_type']}]) }}
{%- do uses(['clopper_pearson', 'proportion_verdict', 'mean_verdict', 'normal_quantile', 'student_t_quantile']) %}

with measure as (
    select
        measure_code,
        indicator_id,
        basis as value_basis,
        is_headline,
        'proportion' as kind
    from {{ ref('pass_rate_measure') }}
    cross join unnest(array['computed', 'reported']) as basis
    where basis = 'computed' or takes_summary
    union all
    select
        measure_code,
        indicator_id,
        value_basis,
        is_headline,
        'mean' as kind
    from {{ ref('satisfaction_measure') }}
),

published_index as (
    -- The latest wave of the period decides, in its latest version.
    select distinct on (point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on)
        point.as_of_on,
        point.known_at_on,
        point.is_current,
        point.period_type,
        point.period_start_on,
        'CSI_PUBLISHED' as measure_code,
        response.published_index as value
    from {{ ref('int_evaluation_point') }} as point
    inner join {{ ref('fct_survey_response') }} as response
        on
            response.published_index is not null
            and response.in_scope
            and response.surveyed_on between point.period_start_on and least(point.period_end_on, point.as_of_on)
            and response.known_from_on <= point.known_at_on
            and (response.known_before_on is null or response.known_before_on > point.known_at_on)
    order by
        point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
        response.wave desc, response.known_from_on desc, response.origin_id desc
),

valued as (
    select
        point.*,
        measure.indicator_id,
        measure.measure_code,
        measure.value_basis,
        measure.kind,
        case
            -- A wave's own published index is what attainment is judged by, where there is one.
            when measure.indicator_id = 'I07' and published.value is not null
                then measure.measure_code = 'CSI_PUBLISHED'
            when measure.kind = 'mean' then measure.is_headline
            -- Counts that an office reports stand in where no sample of the period is delivered.
            when measure.value_basis = 'reported' then measure.is_headline and samples.judged_count is null
            else measure.is_headline and (samples.judged_count is not null or summaries.judged_count is null)
        end as is_headline,
        case
            when measure.measure_code = 'CSI_PUBLISHED' then published.value
            when measure.kind = 'mean' then satisfaction.value
            else pass_rate.value
        end as value,
        pass_rate.numerator,
        pass_rate.judged_count,
        pass_rate.x_effective,
        pass_rate.low_x_effective,
        pass_rate.low_n_effective,
        pass_rate.high_x_effective,
        pass_rate.high_n_effective,
        pass_rate.bound_low,
        pass_rate.bound_high,
        pass_rate.is_attained as is_share_attained,
        case
            when measure.value_basis = 'computed' and measure.kind = 'mean' then satisfaction.respondent_count
        end as respondent_count,
        case when measure.kind = 'proportion' then pass_rate.n_effective else satisfaction.respondent_count end
            as n_effective,
        coalesce(pass_rate.contestable_count, 0) as contestable_count,
        coalesce(pass_rate.pending_count, 0) as pending_count,
        coalesce(
            pass_rate.quarantined_count,
            case when measure.value_basis = 'computed' then worst.quarantined_count end,
            0
        ) as quarantined_count,
        satisfaction.standard_error,
        case when satisfaction.smallest_industry_count < 100 then satisfaction.degrees_of_freedom end
            as degrees_of_freedom,
        coalesce(pass_rate.coverage_pct, satisfaction.coverage_pct) as coverage_pct,
        case
            when measure.kind = 'proportion' then coalesce(pass_rate.estimator, 'pooled')
            when measure.value_basis = 'reported' then 'published'
            else satisfaction.estimator
        end as estimator,
        case when measure.kind = 'proportion' then pass_rate.worst_case_value else worst.value end as worst_case_value
    from {{ ref('int_evaluation_point') }} as point
    cross join measure
    {% for basis, value in [
        ('measure.value_basis', 'pass_rate'), ("'computed'", 'samples'), ("'reported'", 'summaries'),
    ] -%}
    left join {{ ref('int_pass_rate_value') }} as {{ value }}
        on
            point.as_of_on = {{ value }}.as_of_on
            and point.known_at_on = {{ value }}.known_at_on
            and point.is_current = {{ value }}.is_current
            and point.period_type = {{ value }}.period_type
            and point.period_start_on = {{ value }}.period_start_on
            and measure.measure_code = {{ value }}.measure_code
            and {{ value }}.value_basis = {{ basis }}
    {% endfor -%}
    left join {{ ref('int_satisfaction_value') }} as satisfaction
        on
            point.as_of_on = satisfaction.as_of_on
            and point.known_at_on = satisfaction.known_at_on
            and point.is_current = satisfaction.is_current
            and point.period_type = satisfaction.period_type
            and point.period_start_on = satisfaction.period_start_on
            and measure.measure_code = satisfaction.measure_code
            and satisfaction.scenario = 'point'
    left join {{ ref('int_satisfaction_value') }} as worst
        on
            point.as_of_on = worst.as_of_on
            and point.known_at_on = worst.known_at_on
            and point.is_current = worst.is_current
            and point.period_type = worst.period_type
            and point.period_start_on = worst.period_start_on
            and measure.measure_code = worst.measure_code
            and worst.scenario = 'worst'
    left join published_index as published
        on
            point.as_of_on = published.as_of_on
            and point.known_at_on = published.known_at_on
            and point.is_current = published.is_current
            and point.period_type = published.period_type
            and point.period_start_on = published.period_start_on
            and measure.indicator_id = 'I07'
    -- A measure that no summary tells has no row for one.
    where measure.kind = 'mean' or measure.value_basis = 'computed' or pass_rate.judged_count is not null
),

defined as (
    select
        valued.*,
        definition.definition_version,
        definition.definition_basis,
        definition.unit,
        definition.target_value,
        definition.target_operator,
        definition.alpha,
        definition.min_n,
        definition.min_coverage_pct,
        case
            when valued.value is null then 'no_data'
            when
                valued.is_closed
                and valued.known_at_on >= valued.period_end_on + definition.finality_lag_days
                and valued.contestable_count + valued.pending_count = 0
                then 'final'
            else 'provisional'
        end as data_status,
        case
            -- Counts are compared, not the divided value: division rounds.
            when valued.judged_count is not null then valued.is_share_attained
            when definition.target_operator = '>' then valued.value > definition.target_value
            else valued.value >= definition.target_value
        end as is_attained
    from valued
    inner join {{ ref('dim_indicator') }} as definition on valued.indicator_id = definition.indicator_id
),

tested as (
    select
        defined.*,
        case
            when defined.judged_count is not null and defined.value_basis = 'computed'
                then stats.clopper_pearson(
                    defined.x_effective::float8, defined.n_effective::float8, (2 * defined.alpha)::float8
                )
            -- A rounded rate leaves a range of counts: from the lowest's interval to the highest's.
            when defined.judged_count is not null
                then array[
                    (stats.clopper_pearson(
                        defined.low_x_effective::float8, defined.low_n_effective::float8, (2 * defined.alpha)::float8
                    ))[1],
                    (stats.clopper_pearson(
                        defined.high_x_effective::float8, defined.high_n_effective::float8, (2 * defined.alpha)::float8
                    ))[2]
                ]
            when defined.standard_error is not null and defined.value_basis = 'computed'
                then array[
                    greatest(defined.value::float8 - quantile.q * defined.standard_error::float8, 0) / 100,
                    least(defined.value::float8 + quantile.q * defined.standard_error::float8, 100) / 100
                ]
        end as interval_share,
        case
            when defined.value is null then 'no_data'
            when not defined.is_closed then 'pending'
            when defined.value_basis = 'reported' and defined.kind = 'mean' then 'not_assessable'
            when defined.coverage_pct < defined.min_coverage_pct then 'insufficient_coverage'
            when defined.kind = 'mean' then stats.mean_verdict(
                defined.value, defined.standard_error::numeric, defined.degrees_of_freedom::numeric,
                defined.target_value, defined.target_operator, defined.alpha,
                defined.respondent_count::integer, defined.min_n
            )
            -- All open samples fail, all open samples pass: a verdict only where both agree. Weighted shares are
            -- rounded, their attainment is not.
            when open_fail.verdict = open_pass.verdict and open_fail.verdict in ('met_not_proven', 'not_met_not_proven')
                then case when defined.is_attained then 'met_not_proven' else 'not_met_not_proven' end
            when open_fail.verdict = open_pass.verdict then open_fail.verdict
            else 'pending'
        end as verdict
    from defined
    cross join lateral (
        select
            case
                when defined.standard_error is null then null
                when defined.degrees_of_freedom is null then stats.normal_quantile((1 - defined.alpha)::float8)
                else stats.student_t_quantile((1 - defined.alpha)::float8, defined.degrees_of_freedom::float8)
            end as q
    ) as quantile
    cross join lateral (
        select
            case when defined.judged_count is not null then stats.proportion_verdict(
                defined.low_x_effective, defined.low_n_effective, defined.target_value,
                defined.target_operator, defined.alpha, defined.min_n
            ) end as verdict
    ) as open_fail
    cross join lateral (
        select
            case when defined.judged_count is not null then stats.proportion_verdict(
                defined.high_x_effective, defined.high_n_effective, defined.target_value,
                defined.target_operator, defined.alpha, defined.min_n
            ) end as verdict
    ) as open_pass
)

select
    indicator_id::text as indicator_id,
    definition_version::integer as definition_version,
    definition_basis::text as definition_basis,
    as_of_on::date as as_of_on,
    known_at_on::date as known_at_on,
    measure_code::text as measure_code,
    value_basis::text as value_basis,
    is_headline::boolean as is_headline,
    '370100'::text as division_code,
    'as_is'::text as division_basis,
    'administrative'::text as hierarchy,
    period_type::text as period_type,
    period_start_on::date as period_start_on,
    period_end_on::date as period_end_on,
    period_label_zh::text as period_label_zh,
    value::numeric as value,
    unit::text as unit,
    numerator::numeric as numerator,
    coalesce(judged_count, respondent_count)::numeric as denominator,
    target_value::numeric as target_value,
    target_operator::text as target_operator,
    (value - target_value)::numeric as gap,
    is_attained::boolean as is_attained,
    verdict::text as verdict,
    case
        when verdict in ('met_proven', 'met_not_proven') then 'green'
        when verdict = 'not_met_not_proven' then 'yellow'
        when verdict = 'not_met_proven' then 'red'
        else 'grey'
    end::text as light,
    (100 * interval_share[1])::numeric as interval_low,
    (100 * interval_share[2])::numeric as interval_high,
    bound_low::numeric as bound_low,
    bound_high::numeric as bound_high,
    estimator::text as estimator,
    case when value is not null then n_effective end::numeric as n_effective,
    coverage_pct::numeric as coverage_pct,
    quarantined_count::bigint as quarantined_count,
    case when quarantined_count > 0 and value_basis = 'computed' then worst_case_value end::numeric as worst_case_value,
    data_status::text as data_status,
    is_current::boolean as is_current,
    {{ publication_id() }} as publication_id
from tested
