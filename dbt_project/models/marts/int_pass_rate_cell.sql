{{ config(materialized='ephemeral', contract={'enforced': false}) }}
{#- Counts of samples by evaluation point, measure, division and category. A sample belongs to the period of its
    sampling date; the version known at the point decides. -#}

with daily as (
    -- Points overlap: samples are gathered into days once, before the points look at them.
    select
        measure_code,
        indicator_id,
        division_code,
        category_code,
        sampled_on,
        known_from_on,
        known_before_on,
        contestable_from_on,
        final_result,
        unjudged_reason,
        count(*) as sample_count
    from {{ ref('sample_measure') }}
    group by
        measure_code, indicator_id, division_code, category_code, sampled_on, known_from_on, known_before_on,
        contestable_from_on, final_result, unjudged_reason
)

select
    point.as_of_on,
    point.known_at_on,
    point.is_current,
    point.period_type,
    point.period_start_on,
    daily.measure_code,
    daily.division_code,
    daily.category_code,
    sum(daily.sample_count) filter (where daily.final_result is not null) as judged_count,
    sum(daily.sample_count) filter (where daily.final_result = 'pass') as passed_count,
    sum(daily.sample_count) filter (
        where daily.final_result = 'fail'
            and daily.contestable_from_on + definition.objection_days > point.known_at_on
    ) as contestable_count,
    sum(daily.sample_count) filter (where daily.unjudged_reason = 'pending') as pending_count,
    sum(daily.sample_count) filter (where daily.unjudged_reason = 'quarantined') as quarantined_count
from {{ ref('int_evaluation_point') }} as point
inner join daily
    on
        daily.sampled_on between point.period_start_on and least(point.period_end_on, point.as_of_on)
        and daily.known_from_on <= point.known_at_on
        and (daily.known_before_on is null or daily.known_before_on > point.known_at_on)
inner join {{ ref('dim_indicator') }} as definition
    on daily.indicator_id = definition.indicator_id and {{ definition_in_force('definition', 'point.known_at_on') }}
group by
    point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
    daily.measure_code, daily.division_code, daily.category_code
