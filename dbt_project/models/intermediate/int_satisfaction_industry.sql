{{ config(materialized='table') }}
{#- Mean and its variance by evaluation point, measure and service industry. Respondents are post-stratified by
    division within the industry where population weights are delivered, else pooled. The scenario `worst` scores each
    respondent that is held back with 0. -#}

with point_day as (
    {{ point_days() }}
),

answer as (
    select
        response.industry_code,
        response.division_code,
        {{ next_point_day('response.surveyed_on') }} as surveyed_day_on,
        {{ next_point_day('response.known_from_on') }} as known_from_day_on,
        {{ next_point_day('response.known_before_on') }} as known_before_day_on,
        response.excluded_reason,
        measure.measure_code,
        case
            when response.excluded_reason = 'quarantined' then 0
            else {{ satisfaction_score('response', 'measure') }}
        end as score
    from {{ ref('fct_survey_response') }} as response
    cross join {{ ref('satisfaction_measure') }} as measure
    cross join point_day
    where
        response.in_scope
        and response.industry_code is not null
        and coalesce(response.excluded_reason, 'quarantined') = 'quarantined'
),

gathered as (
    -- Answers that no point tells apart are added up before the points look at them.
    select
        measure_code,
        industry_code,
        division_code,
        surveyed_day_on,
        known_from_day_on,
        known_before_day_on,
        excluded_reason,
        count(*) as respondent_count,
        sum(score) as score_sum,
        sum(score * score) as score_square_sum
    from answer
    where score is not null
    group by
        measure_code, industry_code, division_code, surveyed_day_on, known_from_day_on, known_before_day_on,
        excluded_reason
),

point as (
    {{ points_by_day() }}
),

stratum as (
    select
        point.as_of_on,
        point.known_at_on,
        point.is_current,
        point.period_type,
        point.period_start_on,
        gathered.measure_code,
        scenario.name as scenario,
        gathered.industry_code,
        gathered.division_code,
        sum(gathered.respondent_count) as respondent_count,
        coalesce(
            sum(gathered.respondent_count) filter (where gathered.excluded_reason = 'quarantined'), 0
        ) as quarantined_count,
        sum(gathered.score_sum) as score_sum,
        sum(gathered.score_square_sum) as score_square_sum
    from point
    inner join gathered
        on
            point.day_on = gathered.surveyed_day_on
            and gathered.known_from_day_on <= point.known_at_on
            and (gathered.known_before_day_on is null or gathered.known_before_day_on > point.known_at_on)
    inner join (values ('point'), ('worst')) as scenario (name)
        on gathered.excluded_reason is null or scenario.name = 'worst'
    group by
        point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
        gathered.measure_code, scenario.name, gathered.industry_code, gathered.division_code
),

weighted as (
    select
        stratum.*,
        (
            select population.value
            from {{ ref('fct_reference_weight') }} as population
            where
                population.weight_set = 'population'
                and population.scheme = 'division'
                and population.code = stratum.division_code
                and population.base_year < extract(year from stratum.period_start_on)
                and population.known_from_on <= stratum.known_at_on
                and (population.known_before_on is null or population.known_before_on > stratum.known_at_on)
            order by population.base_year desc
            limit 1
        ) as population
    from stratum
),

grouped as (
    select
        weighted.*,
        bool_and(population is not null) over industry as is_poststratified,
        -- A stratum of one respondent has no variance: it joins the next larger weight, the largest the one after it.
        greatest(
            count(*) filter (where respondent_count > 1) over (
                partition by
                    as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code, scenario,
                    industry_code
                order by population desc nulls last, division_code
                rows between unbounded preceding and current row
            ),
            1
        ) as stratum_no
    from weighted
    window industry as (
        partition by as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code, scenario,
        industry_code
    )
),

merged as (
    select
        as_of_on,
        known_at_on,
        is_current,
        period_type,
        period_start_on,
        measure_code,
        scenario,
        industry_code,
        is_poststratified,
        case when is_poststratified then stratum_no else 1 end as stratum_no,
        sum(respondent_count) as respondent_count,
        sum(quarantined_count) as quarantined_count,
        sum(score_sum) / sum(respondent_count) as mean_score,
        (sum(score_square_sum) - sum(score_sum) * sum(score_sum) / sum(respondent_count))
        / nullif(sum(respondent_count) - 1, 0) as score_variance,
        coalesce(sum(population), 1) as stratum_weight
    from grouped
    group by
        as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code, scenario, industry_code,
        is_poststratified, case when is_poststratified then stratum_no else 1 end
)

select
    as_of_on,
    known_at_on,
    is_current,
    period_type,
    period_start_on,
    measure_code,
    scenario,
    industry_code,
    is_poststratified,
    sum(respondent_count) as respondent_count,
    sum(quarantined_count) as quarantined_count,
    sum(stratum_weight * mean_score) / sum(stratum_weight) as mean_score,
    -- Variance of the mean; a difference of squares may fall below zero by rounding.
    sum(stratum_weight * stratum_weight * greatest(score_variance, 0) / respondent_count)
    / (sum(stratum_weight) * sum(stratum_weight)) as mean_variance,
    -- Satterthwaite: the degrees of freedom belong to the sum of the squared parts.
    sum(
        (stratum_weight * stratum_weight * greatest(score_variance, 0) / respondent_count) ^ 2
        / nullif(respondent_count - 1, 0)
    ) / sum(stratum_weight) ^ 4 as mean_variance_square_share
from merged
group by
    as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code, scenario, industry_code,
    is_poststratified
