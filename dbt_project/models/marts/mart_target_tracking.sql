{{ config(indexes=[{'columns': ['indicator_id', 'is_current', 'period_type']}]) }}
{%- do uses(['clopper_pearson', 'proportion_verdict', 'mean_verdict', 'normal_quantile', 'student_t_quantile']) %}

with measure as (
    select
        measure_code,
        indicator_id,
        basis as value_basis,
        'proportion' as kind
    from {{ ref('pass_rate_measure') }}
    cross join unnest(array['computed', 'reported']) as basis
    where basis = 'computed' or takes_summary
    union all
    select
        measure_code,
        indicator_id,
        'computed' as value_basis,
        'mean' as kind
    from {{ ref('satisfaction_measure') }}
    union all
    select
        measure_code,
        indicator_id,
        'reported' as value_basis,
        'published' as kind
    from {{ ref('reading_measure') }}
    union all
    select
        measure_code,
        indicator_id,
        'computed' as value_basis,
        'count' as kind
    from {{ ref('reading_measure') }}
    where is_computed
),

valued as (
    select
        point.*,
        measure.indicator_id,
        measure.measure_code,
        measure.value_basis,
        measure.kind,
        {% for column in [
            'definition_version', 'definition_basis', 'target_kind', 'unit', 'target_value', 'target_operator',
            'headline_measure', 'headline_basis', 'deadline_on', 'alpha', 'min_n', 'min_coverage_pct',
            'finality_lag_days',
        ] -%}
        definition.{{ column }},
        {% endfor -%}
        annual.target_value as annual_target_value,
        coalesce(definition.baseline_on, published.first_value_on, counted.first_value_on) as baseline_on,
        case
            when definition.baseline_on is not null then definition.baseline_value
            else coalesce(published.first_value, counted.first_value)
        end as baseline_value,
        coalesce(published.value_on, counted.value_on) as value_on,
        case
            when measure.kind = 'published' then published.value
            when measure.kind = 'count' then counted.value
            when measure.kind = 'mean' then satisfaction.value
            else pass_rate.value
        end as value,
        coalesce(pass_rate.numerator, published.numerator) as numerator,
        coalesce(pass_rate.judged_count, published.denominator) as judged_count,
        pass_rate.x_effective,
        coalesce(pass_rate.low_x_effective, published.numerator_low) as low_x_effective,
        coalesce(pass_rate.low_n_effective, published.denominator) as low_n_effective,
        coalesce(pass_rate.high_x_effective, published.numerator_high) as high_x_effective,
        coalesce(pass_rate.high_n_effective, published.denominator) as high_n_effective,
        coalesce(pass_rate.bound_low, 100.0 * published.numerator_low / published.denominator, published.value_low)
            as bound_low,
        coalesce(pass_rate.bound_high, 100.0 * published.numerator_high / published.denominator, published.value_high)
            as bound_high,
        pass_rate.is_attained as is_share_attained,
        case when measure.kind = 'mean' then satisfaction.respondent_count end as respondent_count,
        case
            when measure.kind = 'published' then published.denominator
            when measure.kind = 'proportion' then pass_rate.n_effective
            else satisfaction.respondent_count
        end as n_effective,
        coalesce(pass_rate.contestable_count, 0) as contestable_count,
        coalesce(pass_rate.pending_count, 0) as pending_count,
        coalesce(
            pass_rate.quarantined_count,
            counted.quarantined_count,
            case when measure.value_basis = 'computed' then worst.quarantined_count end,
            0
        ) as quarantined_count,
        counted.unlinked_count,
        satisfaction.standard_error,
        case when satisfaction.smallest_industry_count < 100 then satisfaction.degrees_of_freedom end
            as degrees_of_freedom,
        coalesce(pass_rate.coverage_pct, satisfaction.coverage_pct) as coverage_pct,
        case
            when measure.kind = 'proportion' then coalesce(pass_rate.estimator, 'pooled')
            when measure.kind in ('published', 'count') then measure.kind
            else satisfaction.estimator
        end as estimator,
        case measure.kind
            when 'proportion' then pass_rate.worst_case_value
            when 'count' then counted.worst_case_value
            else worst.value
        end as worst_case_value,
        coalesce(
            measure.measure_code = definition.headline_measure or published_as.is_default, false
        ) as is_candidate
    from {{ ref('int_evaluation_point') }} as point
    cross join measure
    inner join {{ ref('dim_indicator') }} as definition
        on
            measure.indicator_id = definition.indicator_id
            and {{ definition_in_force('definition', 'point.known_at_on') }}
    left join {{ ref('indicator_annual_target') }} as annual
        on
            definition.indicator_id = annual.indicator_id
            and definition.definition_version = annual.definition_version
            and point.period_type = 'year'
            and extract(year from point.period_start_on) = annual.year
    left join {{ ref('reading_measure') }} as published_as
        on measure.measure_code = published_as.measure_code and measure.kind = 'published'
    left join {{ ref('int_pass_rate_value') }} as pass_rate
        on
            point.as_of_on = pass_rate.as_of_on
            and point.known_at_on = pass_rate.known_at_on
            and point.is_current = pass_rate.is_current
            and point.period_type = pass_rate.period_type
            and point.period_start_on = pass_rate.period_start_on
            and measure.measure_code = pass_rate.measure_code
            and measure.value_basis = pass_rate.value_basis
    {% for scenario, score in [('point', 'satisfaction'), ('worst', 'worst')] -%}
    left join {{ ref('int_satisfaction_value') }} as {{ score }}
        on
            point.as_of_on = {{ score }}.as_of_on
            and point.known_at_on = {{ score }}.known_at_on
            and point.is_current = {{ score }}.is_current
            and point.period_type = {{ score }}.period_type
            and point.period_start_on = {{ score }}.period_start_on
            and measure.measure_code = {{ score }}.measure_code
            and {{ score }}.scenario = '{{ scenario }}'
    {% endfor -%}
    left join {{ ref('int_published_value') }} as published
        on
            point.as_of_on = published.as_of_on
            and point.known_at_on = published.known_at_on
            and point.is_current = published.is_current
            and point.period_type = published.period_type
            and point.period_start_on = published.period_start_on
            and measure.measure_code = published.measure_code
            and measure.kind = 'published'
    left join {{ ref('int_counted_value') }} as counted
        on
            point.as_of_on = counted.as_of_on
            and point.known_at_on = counted.known_at_on
            and point.is_current = counted.is_current
            and point.period_type = counted.period_type
            and point.period_start_on = counted.period_start_on
            and measure.measure_code = counted.measure_code
            and measure.kind = 'count'
    where
        measure.value_basis = 'computed'
        and (measure.kind <> 'count' or counted.value is not null)
        -- A measure that nobody reports has no row for it, unless nothing else could stand for the indicator.
        or pass_rate.judged_count is not null
        or published.value is not null
        or (measure.measure_code = definition.headline_measure and measure.kind = 'published')
),

ranked as (
    -- One value of a period stands for the indicator: of the headline measure, on the basis that the definition names
    -- first; in its place the other basis, then a published value whose definition nobody states.
    select
        valued.*,
        valued.is_candidate and row_number() over (
            partition by as_of_on, known_at_on, is_current, period_type, period_start_on, indicator_id
            order by
                valued.is_candidate desc,
                value is not null desc,
                value_basis = headline_basis desc,
                measure_code = headline_measure desc,
                value_basis,
                measure_code
        ) = 1 as is_headline
    from valued
),

defined as (
    select
        ranked.*,
        case
            -- A rank is final with its publication.
            when value is not null and target_kind = 'rank' then 'final'
            when value is not null and {{ is_of_a_date('target_kind') }} and value_on < period_end_on then 'provisional'
            else {{ data_status(
                'value', 'is_closed', 'known_at_on', 'period_end_on', 'finality_lag_days', 'contestable_count + pending_count'
            ) }}
        end as data_status,
        case
            -- Counts are compared, not the divided value: division rounds.
            when kind = 'proportion' then is_share_attained
            -- What a published, rounded rate leaves open may lie on both sides of the target.
            when at_low.is_attained = at_high.is_attained then at_low.is_attained
        end as is_attained
    from ranked
    {% for side in ['low', 'high'] -%}
    cross join lateral (
        select
            case
                when {{ side }}_x_effective is not null and target_operator = '>'
                    then 100 * {{ side }}_x_effective > target_value * {{ side }}_n_effective
                when {{ side }}_x_effective is not null
                    then 100 * {{ side }}_x_effective >= target_value * {{ side }}_n_effective
                when target_operator = '>' then coalesce(bound_{{ side }}, value) > target_value
                when target_operator = '<=' then value <= target_value
                else coalesce(bound_{{ side }}, value) >= target_value
            end as is_attained
    ) as at_{{ side }}
    {% endfor -%}
    -- What nobody published needs a row only where nothing else stands for the indicator.
    where ranked.value is not null or ranked.kind <> 'published' or ranked.is_headline
),

tested as (
    select
        defined.*,
        schedule.schedule_gap_pp,
        case
            when defined.x_effective is not null and defined.value_basis = 'computed'
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
            -- A ranking comes months after its year.
            when
                defined.value is null and defined.target_kind = 'rank'
                and defined.known_at_on < defined.period_end_on + defined.finality_lag_days
                then 'pending'
            when defined.value is null then 'no_data'
            when defined.target_kind = 'rank' or {{ is_of_a_date('defined.target_kind') }} then 'not_applicable'
            when not defined.is_closed then 'pending'
            when defined.kind = 'published' and defined.judged_count is null then 'not_assessable'
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
            -- Elapsed from the baseline's day; none where the first value is the only one.
            case when defined.baseline_on < defined.value_on
                then
                    100 * (defined.value - defined.baseline_value)
                    / nullif(defined.target_value - defined.baseline_value, 0)
                    - 100.0 * (defined.value_on - defined.baseline_on)
                    / nullif(defined.deadline_on - defined.baseline_on, 0)
            end as schedule_gap_pp
    ) as schedule
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
    target_kind::text as target_kind,
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
    case when {{ is_of_a_date('target_kind') }} then value_on end::date as value_on,
    unit::text as unit,
    numerator::numeric as numerator,
    coalesce(judged_count, respondent_count)::numeric as denominator,
    target_value::numeric as target_value,
    target_operator::text as target_operator,
    annual_target_value::numeric as annual_target_value,
    (value - target_value)::numeric as gap,
    is_attained::boolean as is_attained,
    verdict::text as verdict,
    case
        when verdict in ('met_proven', 'met_not_proven') then 'green'
        when verdict = 'not_met_not_proven' then 'yellow'
        when verdict = 'not_met_proven' then 'red'
        when verdict <> 'not_applicable' or is_attained is null then 'grey'
        when is_attained and (target_kind <> 'rank' or (is_closed and period_end_on >= deadline_on)) then 'green'
        when is_closed and period_end_on >= deadline_on then 'red'
        when {{ is_of_a_date('target_kind') }} then {{ schedule_light('schedule_gap_pp') }}
        else 'grey'
    end::text as light,
    (100 * interval_share[1])::numeric as interval_low,
    (100 * interval_share[2])::numeric as interval_high,
    bound_low::numeric as bound_low,
    bound_high::numeric as bound_high,
    estimator::text as estimator,
    case when value is not null then n_effective end::numeric as n_effective,
    coverage_pct::numeric as coverage_pct,
    unlinked_count::bigint as unlinked_count,
    quarantined_count::bigint as quarantined_count,
    case when quarantined_count > 0 and value_basis = 'computed' then worst_case_value end::numeric as worst_case_value,
    data_status::text as data_status,
    is_current::boolean as is_current,
    {{ publication_id() }} as publication_id
from tested
