{{ config(indexes=[{'columns': ['measure_code', 'period_type', 'period_start_on']}]) }}
{%- do uses(['normal_quantile', 'student_t_quantile']) %}
{#- Satisfaction by period and service industry. Below `min_n` respondents the score is suppressed, the count is
    not. -#}

select
    industry.measure_code::text as measure_code,
    measure.label_zh::text as measure_label_zh,
    measure.label_en::text as measure_label_en,
    point.period_type::text as period_type,
    point.period_start_on::date as period_start_on,
    point.period_end_on::date as period_end_on,
    point.period_label_zh::text as period_label_zh,
    industry.industry_code::text as industry_code,
    label.label_zh::text as industry_label_zh,
    label.label_en::text as industry_label_en,
    industry.respondent_count::bigint as respondent_count,
    (industry.respondent_count < definition.min_n)::boolean as is_suppressed,
    case when industry.respondent_count >= definition.min_n then industry.mean_score end::numeric as score,
    case
        when industry.respondent_count >= definition.min_n
            then greatest(
                industry.mean_score::float8 - quantile.q * sqrt(industry.mean_variance::float8), 0
            )
    end::numeric as interval_low,
    case
        when industry.respondent_count >= definition.min_n
            then least(industry.mean_score::float8 + quantile.q * sqrt(industry.mean_variance::float8), 100)
    end::numeric as interval_high,
    {{ publication_id() }} as publication_id
from {{ ref('int_satisfaction_industry') }} as industry
inner join {{ ref('int_evaluation_point') }} as point
    on
        industry.as_of_on = point.as_of_on
        and industry.known_at_on = point.known_at_on
        and industry.is_current = point.is_current
        and industry.period_type = point.period_type
        and industry.period_start_on = point.period_start_on
inner join {{ ref('satisfaction_measure') }} as measure on industry.measure_code = measure.measure_code
inner join {{ ref('dim_indicator') }} as definition on definition.indicator_id = 'I07'
left join {{ ref('service_industry') }} as label on industry.industry_code = label.industry_code
cross join lateral (
    select
        case
            when industry.respondent_count >= 100 then stats.normal_quantile((1 - definition.alpha)::float8)
            when industry.respondent_count > 1
                then stats.student_t_quantile(
                    (1 - definition.alpha)::float8, (industry.respondent_count - 1)::float8
                )
        end as q
) as quantile
where point.is_current and industry.scenario = 'point'
