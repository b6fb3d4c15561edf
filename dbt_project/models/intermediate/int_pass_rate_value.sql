{{ config(materialized='table') }}
{%- do uses(['weighted_share_is_attained']) %}
{%- set point_columns = 'as_of_on, known_at_on, is_current, period_type, period_start_on' %}
{#- The city's pass rates by evaluation point, measure and basis. Where a measure has weights and they are delivered,
    categories are strata: share = sum(W p) / sum(W) over those with samples, coverage = their part of all weights,
    n* = n / max(1, deff), x* = share n* (domain 4, 8.3, 14). Else counts are pooled: one stratum.
    Four scenarios: as counted; every open sample fails; every open sample passes; and the worst, in which all that is
    held back failed. -#}

with weight as (
    select *
    from (
        select
            point.as_of_on,
            point.known_at_on,
            point.is_current,
            point.period_type,
            point.period_start_on,
            reference.weight_set,
            category.category_code,
            reference.value as category_weight,
            sum(reference.value) over (
                partition by
                    point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
                    reference.weight_set, reference.base_year
            ) as whole_weight,
            -- All of one base year: the latest before the period, as for service industries.
            rank() over (
                partition by
                    point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
                    reference.weight_set
                order by reference.base_year desc
            ) as place
        from {{ ref('int_evaluation_point') }} as point
        inner join {{ ref('fct_reference_weight') }} as reference
            on
                reference.scheme = 'gbt4754_division'
                and reference.base_year < extract(year from point.period_start_on)
                and reference.known_from_on <= point.known_at_on
                and (reference.known_before_on is null or reference.known_before_on > point.known_at_on)
        inner join {{ ref('product_category') }} as category
            on
                category.sample_domain = 'industrial'
                and category.is_main
                and 'C' || ltrim(reference.code, 'Cc') = category.category_code
    ) as dated
    where place = 1
),

weighted_point as (
    select distinct
        {{ point_columns }},
        weight_set,
        whole_weight
    from weight
),

counted as (
    select
        breakdown.*,
        measure.indicator_id,
        weighted_point.whole_weight,
        case when weighted_point.whole_weight is null then 1 else weight.category_weight end as stratum_weight
    from {{ ref('int_pass_rate_breakdown') }} as breakdown
    inner join {{ ref('pass_rate_measure') }} as measure on breakdown.measure_code = measure.measure_code
    left join weighted_point
        on
            breakdown.as_of_on = weighted_point.as_of_on
            and breakdown.known_at_on = weighted_point.known_at_on
            and breakdown.is_current = weighted_point.is_current
            and breakdown.period_type = weighted_point.period_type
            and breakdown.period_start_on = weighted_point.period_start_on
            and measure.weight_set = weighted_point.weight_set
    left join weight
        on
            breakdown.as_of_on = weight.as_of_on
            and breakdown.known_at_on = weight.known_at_on
            and breakdown.is_current = weight.is_current
            and breakdown.period_type = weight.period_type
            and breakdown.period_start_on = weight.period_start_on
            and measure.weight_set = weight.weight_set
            and breakdown.category_code = weight.category_code
    where breakdown.breakdown = case when weighted_point.whole_weight is null then 'city' else 'category' end
),

nameless as (
    select
        counted.*,
        coalesce(
            sum(quarantined_count) filter (where stratum_weight is null) over (
                partition by {{ point_columns }}, measure_code, value_basis
            ), 0
        ) as nameless_count
    from counted
),

allocated as (
    select
        nameless.*,
        -- What is held back and names no stratum stands, at worst, where so many failures cost most: W x (1 / n less
        -- 1 / (n + nameless)), n with the stratum's own that are held back.
        quarantined_count + case
            when row_number() over (
                partition by {{ point_columns }}, measure_code, value_basis
                order by
                    stratum_weight * passed_count / nullif(
                        (judged_count + quarantined_count) * (judged_count + quarantined_count + nameless_count), 0
                    ) desc nulls last,
                    category_code
            ) = 1 then nameless_count
            else 0
        end as worst_quarantined_count
    from nameless
),

stratum as (
    select
        allocated.as_of_on,
        allocated.known_at_on,
        allocated.is_current,
        allocated.period_type,
        allocated.period_start_on,
        allocated.measure_code,
        allocated.indicator_id,
        allocated.value_basis,
        allocated.whole_weight,
        allocated.stratum_weight,
        scenario.name as scenario,
        scenario.passed,
        scenario.judged,
        -- A stratum of one sample has no variance: it joins the next larger weight, the largest the one after it.
        greatest(
            count(*) filter (where scenario.judged > 1) over (
                partition by
                    allocated.as_of_on, allocated.known_at_on, allocated.is_current, allocated.period_type,
                    allocated.period_start_on, allocated.measure_code, allocated.value_basis, scenario.name
                order by allocated.stratum_weight desc, allocated.category_code
                rows between unbounded preceding and current row
            ),
            1
        ) as stratum_no
    from allocated
    cross join lateral (
        values
            ('counted', passed_count, judged_count),
            ('open_fail', passed_low_count, judged_count + pending_count),
            ('open_pass', passed_high_count + pending_count, judged_count + pending_count),
            ('worst', passed_count, judged_count + worst_quarantined_count)
    ) as scenario (name, passed, judged)
    where allocated.stratum_weight is not null and scenario.judged > 0
),

merged as (
    select
        {{ point_columns }},
        measure_code,
        indicator_id,
        value_basis,
        scenario,
        whole_weight,
        stratum_no,
        sum(stratum_weight) as stratum_weight,
        sum(passed) as passed,
        sum(judged) as judged
    from stratum
    group by {{ point_columns }}, measure_code, indicator_id, value_basis, scenario, whole_weight, stratum_no
),

estimated as (
    select
        {{ point_columns }},
        measure_code,
        indicator_id,
        value_basis,
        scenario,
        whole_weight,
        sum(stratum_weight) as sampled_weight,
        sum(judged) as judged,
        -- One stratum divides once, so that 98 % stays 98.
        case
            when count(*) = 1 then 100.0 * sum(passed) / sum(judged)
            else 100 * sum(stratum_weight * passed / judged) / sum(stratum_weight)
        end as value,
        array_agg(stratum_weight order by stratum_no) as weights,
        array_agg(passed order by stratum_no) as passed,
        array_agg(judged order by stratum_no) as strata_judged,
        sum(stratum_weight * stratum_weight * passed * (judged - passed) / (judged * judged * nullif(judged - 1, 0)))
        / (sum(stratum_weight) * sum(stratum_weight)) as variance,
        sum(judged) * sum(stratum_weight * stratum_weight / judged)
        / (sum(stratum_weight) * sum(stratum_weight)) as kish_deff,
        bool_or(passed in (0, judged)) as has_stratum_without_variance
    from merged
    group by {{ point_columns }}, measure_code, indicator_id, value_basis, scenario, whole_weight
),

effective as (
    select
        estimated.*,
        judged / case
            when whole_weight is null then 1
            else greatest(
                1,
                -- A stratum of only passes says that its variance is 0; the weights alone cost more than that.
                case when has_stratum_without_variance then kish_deff end,
                variance * judged * 10000 / nullif(value * (100 - value), 0)
            )
        end as n_effective
    from estimated
),

measured as (
    select
        effective.*,
        -- Whole counts stay whole: only a weighted share stands for a number of samples that nobody counted.
        case
            when effective.whole_weight is null then effective.passed[1]
            else effective.value * effective.n_effective / 100
        end as x_effective,
        stats.weighted_share_is_attained(
            effective.weights, effective.passed, effective.strata_judged, definition.target_value,
            definition.target_operator
        ) as is_attained
    from effective
    inner join {{ ref('dim_indicator') }} as definition
        on
            effective.indicator_id = definition.indicator_id
            and {{ definition_in_force('definition', 'effective.known_at_on') }}
),

city as (
    select *
    from {{ ref('int_pass_rate_breakdown') }}
    where breakdown = 'city'
)

select
    city.as_of_on,
    city.known_at_on,
    city.is_current,
    city.period_type,
    city.period_start_on,
    city.measure_code,
    city.value_basis,
    -- Where only a rounded rate is published, how many passed is not known.
    case
        when city.value_basis = 'computed' or city.passed_low_count = city.passed_high_count then city.passed_count
    end as numerator,
    nullif(city.judged_count, 0) as judged_count,
    city.contestable_count,
    city.pending_count,
    city.quarantined_count,
    counted.value,
    counted.n_effective,
    counted.x_effective,
    case when city.judged_count > 0 then open_fail.value end as bound_low,
    open_fail.n_effective as low_n_effective,
    open_fail.x_effective as low_x_effective,
    case when city.judged_count > 0 then open_pass.value end as bound_high,
    open_pass.n_effective as high_n_effective,
    open_pass.x_effective as high_x_effective,
    case when city.quarantined_count > 0 then worst.value end as worst_case_value,
    case
        when city.value_basis = 'computed' then counted.is_attained
        -- What a rounded rate leaves open may lie on both sides of the target.
        when open_fail.is_attained = open_pass.is_attained then open_fail.is_attained
    end as is_attained,
    100 * counted.sampled_weight / counted.whole_weight as coverage_pct,
    case when counted.whole_weight is not null then 'output_weighted' else 'pooled' end as estimator
from city
{% for scenario in ['counted', 'open_fail', 'open_pass', 'worst'] -%}
left join measured as {{ scenario }}
    on
        city.as_of_on = {{ scenario }}.as_of_on
        and city.known_at_on = {{ scenario }}.known_at_on
        and city.is_current = {{ scenario }}.is_current
        and city.period_type = {{ scenario }}.period_type
        and city.period_start_on = {{ scenario }}.period_start_on
        and city.measure_code = {{ scenario }}.measure_code
        and city.value_basis = {{ scenario }}.value_basis
        and {{ scenario }}.scenario = '{{ scenario }}'
{% endfor %}
