{{ config(indexes=[{'columns': ['measure_code', 'period_type', 'period_start_on']}]) }}
{%- do uses(['normal_quantile', 'student_t_quantile']) %}
{#- Satisfaction by period: of the city, weighted; of each service industry; of each division, where its respondents
    count alike, because no industry has enough of them in one. Below `min_n` respondents a score is suppressed, the
    count is not. -#}

with definition as (
    select
        alpha,
        min_n,
        finality_lag_days
    from {{ ref('dim_indicator') }} as definition
    where indicator_id = 'I07' and {{ definition_in_force('definition', known_at()) }}
),

answer as (
    select
        point.period_type,
        point.period_start_on,
        measure.measure_code,
        response.division_code,
        {{ satisfaction_score('response', 'measure') }} as score
    from {{ ref('int_evaluation_point') }} as point
    inner join {{ ref('fct_survey_response') }} as response
        on
            response.in_scope
            and response.excluded_reason is null
            and response.surveyed_on between point.period_start_on and least(point.period_end_on, point.as_of_on)
            and response.known_from_on <= point.known_at_on
            and (response.known_before_on is null or response.known_before_on > point.known_at_on)
    cross join {{ ref('satisfaction_measure') }} as measure
    where point.is_current
),

scored as (
    select
        'city' as breakdown,
        city.measure_code,
        city.period_type,
        city.period_start_on,
        null as industry_code,
        null as division_code,
        city.respondent_count,
        city.value as mean_score,
        city.standard_error,
        -- Against t where an industry that counts has fewer than 100 respondents.
        case when city.smallest_industry_count < 100 then city.degrees_of_freedom end as degrees_of_freedom,
        city.estimator
    from {{ ref('int_satisfaction_value') }} as city
    where city.is_current and city.scenario = 'point'

    union all

    select
        'industry' as breakdown,
        industry.measure_code,
        industry.period_type,
        industry.period_start_on,
        industry.industry_code,
        null as division_code,
        industry.respondent_count,
        industry.mean_score,
        sqrt(industry.mean_variance) as standard_error,
        case when industry.respondent_count < 100 then industry.respondent_count - 1 end as degrees_of_freedom,
        case when industry.is_poststratified then 'poststratified' else 'pooled' end as estimator
    from {{ ref('int_satisfaction_industry') }} as industry
    where industry.is_current and industry.scenario = 'point'

    union all

    select
        'division' as breakdown,
        measure_code,
        period_type,
        period_start_on,
        null as industry_code,
        division_code,
        count(*) as respondent_count,
        avg(score) as mean_score,
        sqrt(var_samp(score) / count(*)) as standard_error,
        case when count(*) < 100 then count(*) - 1 end as degrees_of_freedom,
        'pooled' as estimator
    from answer
    where score is not null
    group by measure_code, period_type, period_start_on, division_code
)

select
    scored.measure_code::text as measure_code,
    measure.label_zh::text as measure_label_zh,
    measure.label_en::text as measure_label_en,
    point.period_type::text as period_type,
    point.period_start_on::date as period_start_on,
    point.period_end_on::date as period_end_on,
    point.period_label_zh::text as period_label_zh,
    scored.breakdown::text as breakdown,
    scored.industry_code::text as industry_code,
    scored.division_code::text as division_code,
    coalesce(industry.label_zh, division.label_zh, '济南市')::text as breakdown_label_zh,
    coalesce(industry.label_en, division.label_en, 'Jinan City')::text as breakdown_label_en,
    scored.respondent_count::bigint as respondent_count,
    (scored.respondent_count < definition.min_n)::boolean as is_suppressed,
    case when scored.respondent_count >= definition.min_n then scored.mean_score end::numeric as score,
    case
        when scored.respondent_count >= definition.min_n
            then greatest(scored.mean_score::float8 - quantile.q * scored.standard_error::float8, 0)
    end::numeric as interval_low,
    case
        when scored.respondent_count >= definition.min_n
            then least(scored.mean_score::float8 + quantile.q * scored.standard_error::float8, 100)
    end::numeric as interval_high,
    scored.estimator::text as estimator,
    {{ data_status(
        'scored.mean_score', 'point.is_closed', 'point.known_at_on', 'point.period_end_on', 'definition.finality_lag_days', '0'
    ) }}::text as data_status,
    {{ publication_id() }} as publication_id
from scored
cross join definition
inner join {{ ref('int_evaluation_point') }} as point
    on
        scored.period_type = point.period_type
        and scored.period_start_on = point.period_start_on
        and point.is_current
inner join {{ ref('satisfaction_measure') }} as measure on scored.measure_code = measure.measure_code
left join {{ ref('service_industry') }} as industry on scored.industry_code = industry.industry_code
left join {{ ref('dim_division') }} as division on scored.division_code = division.division_code
cross join lateral (
    select
        case
            when scored.standard_error is null then null
            when scored.degrees_of_freedom is null then stats.normal_quantile((1 - definition.alpha)::float8)
            when scored.degrees_of_freedom > 0
                then stats.student_t_quantile((1 - definition.alpha)::float8, scored.degrees_of_freedom::float8)
        end as q
) as quantile
