{#- Counts of samples by evaluation point, measure, division and category. A sample belongs to the period of its
    sampling date; the version known at the point decides. -#}

with point_day as (
    {{ point_days() }}
),

placed as (
    select
        sample.measure_code,
        sample.indicator_id,
        sample.division_code,
        sample.category_code,
        {{ next_point_day('sample.sampled_on') }} as sampled_day_on,
        {{ next_point_day('sample.known_from_on') }} as known_from_day_on,
        {{ next_point_day('sample.known_before_on') }} as known_before_day_on,
        case when sample.final_result = 'fail' then sample.contestable_from_on end as contestable_from_on,
        sample.final_result,
        sample.unjudged_reason
    from {{ ref('sample_measure') }} as sample
    cross join point_day
),

gathered as (
    -- Points overlap: samples that none of them tells apart are counted before the points look at them.
    select
        placed.*,
        count(*) as sample_count
    from placed
    group by
        measure_code, indicator_id, division_code, category_code, sampled_day_on, known_from_day_on,
        known_before_day_on, contestable_from_on, final_result, unjudged_reason
),

point as (
    {{ points_by_day() }}
)

select
    point.as_of_on,
    point.known_at_on,
    point.is_current,
    point.period_type,
    point.period_start_on,
    gathered.measure_code,
    gathered.division_code,
    gathered.category_code,
    sum(gathered.sample_count) filter (where gathered.final_result is not null) as judged_count,
    sum(gathered.sample_count) filter (where gathered.final_result = 'pass') as passed_count,
    sum(gathered.sample_count) filter (
        where gathered.final_result = 'fail'
            and gathered.contestable_from_on + definition.objection_days > point.known_at_on
    ) as contestable_count,
    sum(gathered.sample_count) filter (where gathered.unjudged_reason = 'pending') as pending_count,
    sum(gathered.sample_count) filter (where gathered.unjudged_reason = 'quarantined') as quarantined_count
from point
inner join gathered
    on
        point.day_on = gathered.sampled_day_on
        and gathered.known_from_day_on <= point.known_at_on
        and (gathered.known_before_day_on is null or gathered.known_before_day_on > point.known_at_on)
inner join {{ ref('dim_indicator') }} as definition
    on gathered.indicator_id = definition.indicator_id and {{ definition_in_force('definition', 'point.known_at_on') }}
group by
    point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
    gathered.measure_code, gathered.division_code, gathered.category_code
