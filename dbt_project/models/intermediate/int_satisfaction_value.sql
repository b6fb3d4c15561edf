{{ config(materialized='table') }}
{#- The city's index: industries weighted by value added of the latest base year before the period: what is
    known when a wave is designed.
    Industries below `min_n` respondents are suppressed; their weight is missing coverage. -#}

with weight as (
    select distinct on (point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
            reference.code)
        point.as_of_on,
        point.known_at_on,
        point.is_current,
        point.period_type,
        point.period_start_on,
        reference.code as industry_code,
        reference.value as industry_weight,
        reference.base_year
    from {{ ref('int_evaluation_point') }} as point
    inner join {{ ref('fct_reference_weight') }} as reference
        on
            reference.weight_set = 'service_value_added'
            and reference.scheme = 'service_industry'
            and reference.base_year < extract(year from point.period_start_on)
            and reference.known_from_on <= point.known_at_on
            and (reference.known_before_on is null or reference.known_before_on > point.known_at_on)
    order by
        point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
        reference.code, reference.base_year desc
),

total as (
    select
        as_of_on,
        known_at_on,
        is_current,
        period_type,
        period_start_on,
        sum(industry_weight) as total_weight
    from weight
    group by as_of_on, known_at_on, is_current, period_type, period_start_on
),

industry as (
    select
        industry.*,
        total.total_weight,
        -- Without delivered weights every respondent counts alike.
        case
            when total.total_weight is null then industry.respondent_count
            else weight.industry_weight
        end as industry_weight,
        definition.min_n
    from {{ ref('int_satisfaction_industry') }} as industry
    inner join {{ ref('dim_indicator') }} as definition
        on
            definition.indicator_id = 'I07'
            and {{ definition_in_force('definition', 'industry.known_at_on') }}
    left join total using (as_of_on, known_at_on, is_current, period_type, period_start_on)
    left join weight using (as_of_on, known_at_on, is_current, period_type, period_start_on, industry_code)
)

select
    as_of_on,
    known_at_on,
    is_current,
    period_type,
    period_start_on,
    measure_code,
    scenario,
    sum(respondent_count) as respondent_count,
    min(respondent_count) as smallest_industry_count,
    sum(quarantined_count) as quarantined_count,
    sum(industry_weight * mean_score) / sum(industry_weight) as value,
    sqrt(sum(industry_weight * industry_weight * mean_variance)) / sum(industry_weight) as standard_error,
    power(sum(industry_weight * industry_weight * mean_variance), 2)
    / nullif(sum(power(industry_weight, 4) * mean_variance_square_share), 0) as degrees_of_freedom,
    100 * sum(industry_weight) / max(total_weight) as coverage_pct,
    case
        when bool_or(total_weight is not null) and bool_and(is_poststratified) then 'industry_weighted_poststratified'
        when bool_or(total_weight is not null) then 'industry_weighted'
        else 'pooled'
    end as estimator
from industry
where respondent_count >= min_n and industry_weight is not null
group by as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code, scenario
