{#- Respondents of a year by unit of assessment, each alike: no industry has enough of them in one. Shrunk towards the
    city as shares are, s^2 = pooled variance / n. -#}

with unit as (
    select
        bridge.as_is_code as division_code,
        date_trunc('year', response.surveyed_on)::date as period_start_on,
        count(*)::numeric as respondent_count,
        avg(response.score) as value,
        var_samp(response.score) as score_variance
    from {{ ref('fct_survey_response') }} as response
    inner join (
        select distinct
            stated_code,
            as_is_code
        from {{ ref('bridge_division_succession') }}
    ) as bridge on response.assessment_unit_code = bridge.stated_code
    where
        response.in_scope
        and response.excluded_reason is null
        and response.score is not null
        and response.surveyed_on <= {{ as_of() }}
        and response.known_from_on <= {{ known_at() }}
        and (response.known_before_on is null or response.known_before_on > {{ known_at() }})
    group by bridge.as_is_code, date_trunc('year', response.surveyed_on)
),

city as (
    select
        period_start_on,
        sum(respondent_count * value) / sum(respondent_count) as city_value,
        sum((respondent_count - 1) * score_variance) / nullif(sum(respondent_count - 1), 0) as within_variance
    from unit
    group by period_start_on
),

dispersion as (
    select
        period_start_on,
        max(city.city_value) as city_value,
        max(city.within_variance) as within_variance,
        greatest(
            (
                sum(respondent_count * (value - city_value) * (value - city_value)) / nullif(max(within_variance), 0)
                - (count(*) - 1)
            ) * max(within_variance)
            / nullif(sum(respondent_count) - sum(respondent_count * respondent_count) / sum(respondent_count), 0),
            0
        ) as tau_square
    from unit
    inner join city using (period_start_on)
    where unit.division_code <> '370100'
    group by period_start_on
)

select
    unit.division_code,
    unit.period_start_on,
    unit.respondent_count,
    unit.value,
    case
        when dispersion.tau_square > 0 then
            (
                unit.respondent_count * unit.value
                + dispersion.within_variance / dispersion.tau_square * dispersion.city_value
            ) / (unit.respondent_count + dispersion.within_variance / dispersion.tau_square)
        when dispersion.tau_square = 0 then dispersion.city_value
    end as scored_value
from unit
inner join dispersion using (period_start_on)
where unit.division_code <> '370100'
