{#- I09, I10 and I11 by evaluation point: enterprises that hold a title on the last day of the period, as known then. An
    enterprise counts once; one that is linked to none in the register counts as the party that the list names.
    No row before the first list of the measure's families: what nobody delivered is unknown, not 0. -#}

with point as (
    select
        as_of_on,
        known_at_on,
        is_current,
        period_type,
        period_start_on,
        least(period_end_on, as_of_on) as value_on
    from {{ ref('int_evaluation_point') }}
),

plan as (
    select min(plan_start_on) as plan_start_on from {{ ref('dim_indicator') }}
),

-- From the first list on a count says something; what was before it is not told by a list of what is.
begun as (
    select
        knowledge.known_at_on,
        measure.measure_code,
        greatest(min(record.known_from_on), plan.plan_start_on) as first_value_on
    from (select distinct known_at_on from point) as knowledge
    cross join plan
    inner join {{ ref('fct_enterprise_title') }} as record
        on record.known_from_on <= knowledge.known_at_on and not record.is_quarantined
    inner join {{ ref('title_measure') }} as measure on record.family = measure.family
    group by knowledge.known_at_on, measure.measure_code, plan.plan_start_on
),

day as (
    select
        point.value_on,
        point.known_at_on,
        begun.measure_code
    from point
    inner join begun on point.known_at_on = begun.known_at_on and point.value_on >= begun.first_value_on
    union
    select
        first_value_on as value_on,
        known_at_on,
        measure_code
    from begun
),

-- What counts: of enterprises each once, of titles each once that an enterprise holds at a level.
held as (
    select distinct
        day.value_on,
        day.known_at_on,
        day.measure_code,
        title.holder_id,
        title.enterprise_id is null as is_unlinked,
        case when not measure.is_of_enterprises then title.title_code end as title_code,
        case when not measure.is_of_enterprises then title.level_code end as level_code
    from day
    inner join {{ ref('title_measure') }} as measure on day.measure_code = measure.measure_code
    inner join {{ ref('title_validity') }} as title
        on
            measure.family = title.family
            and (measure.min_level_order is null or title.level_order >= measure.min_level_order)
            and {{ is_known('title', 'day.known_at_on') }}
            and {{ title_is_here('title', 'day.value_on') }}
            and {{ title_is_valid('title', 'day.value_on') }}
),

counted as (
    select
        value_on,
        known_at_on,
        measure_code,
        count(*) as value,
        count(*) filter (where is_unlinked) as unlinked_count
    from held
    group by value_on, known_at_on, measure_code
),

-- What is held back. A grant could only add; a row that ends a title, or does not say what it does, could take one
-- away. A title that nobody can read may be of any family.
held_back as (
    select
        known_at_on,
        measure_code,
        count(*) as quarantined_count,
        count(*) filter (where status_code is null or status_code in ('revoked', 'withdrawn')) as lowering_count
    from (
        select distinct
            knowledge.known_at_on,
            measure.measure_code,
            record.delivery_id,
            record.row_no,
            record.status_code
        from (select distinct known_at_on from point) as knowledge
        inner join {{ ref('fct_enterprise_title') }} as record
            on
                record.is_quarantined
                and record.known_from_on <= knowledge.known_at_on
                and (record.known_before_on is null or record.known_before_on > knowledge.known_at_on)
        inner join {{ ref('title_measure') }} as measure
            on record.family = measure.family or record.title_code is null
    ) as quarantined
    group by known_at_on, measure_code
)

select
    point.as_of_on,
    point.known_at_on,
    point.is_current,
    point.period_type,
    point.period_start_on,
    begun.measure_code,
    coalesce(counted.value, 0)::numeric as value,
    point.value_on,
    coalesce(counted.unlinked_count, 0) as unlinked_count,
    coalesce(held_back.quarantined_count, 0) as quarantined_count,
    greatest(coalesce(counted.value, 0) - coalesce(held_back.lowering_count, 0), 0)::numeric as worst_case_value,
    coalesce(first_counted.value, 0)::numeric as first_value,
    begun.first_value_on
from point
inner join begun on point.known_at_on = begun.known_at_on and point.value_on >= begun.first_value_on
left join counted
    on
        point.value_on = counted.value_on
        and point.known_at_on = counted.known_at_on
        and begun.measure_code = counted.measure_code
left join counted as first_counted
    on
        begun.first_value_on = first_counted.value_on
        and begun.known_at_on = first_counted.known_at_on
        and begun.measure_code = first_counted.measure_code
left join held_back
    on point.known_at_on = held_back.known_at_on and begun.measure_code = held_back.measure_code
