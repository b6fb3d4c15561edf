{{ config(materialized='table') }}
{#- Judged samples known now, by the months of sampling and of publication, by category, and by division in each
    hierarchy and basis: restated to today (`as_is`), or as the codes were on the day of sampling (`as_was`; NULL
    where the place was not of the city then). Every period is made of months. -#}

with unit as (
    select distinct
        stated_code,
        as_is_code
    from {{ ref('bridge_division_succession') }}
),

placed as (
    select
        sample.measure_code,
        sample.indicator_id,
        sample.category_code,
        sample.final_result,
        date_trunc('month', sample.sampled_on)::date as sampled_month_on,
        date_trunc('month', sample.published_on)::date as published_month_on,
        sample.division_code as as_is_division_code,
        unit.as_is_code as as_is_unit_code,
        case when coalesce(division_was.was_in_city and unit_was.was_in_city is not false, false)
            then division_was.as_was_code
        end as as_was_division_code,
        -- What a zone was carved out of, before there was the zone.
        case when coalesce(division_was.was_in_city and unit_was.was_in_city is not false, false)
            then coalesce(unit_was.as_was_code, division_was.as_was_code)
        end as as_was_unit_code
    from {{ ref('sample_measure') }} as sample
    inner join unit on sample.assessment_unit_code = unit.stated_code
    left join {{ ref('bridge_division_succession') }} as division_was
        on sample.division_code = division_was.stated_code
        and {{ is_in_force('division_was', 'sample.sampled_on') }}
    left join {{ ref('bridge_division_succession') }} as unit_was
        on sample.assessment_unit_code = unit_was.stated_code
        and {{ is_in_force('unit_was', 'sample.sampled_on') }}
    where
        sample.final_result is not null
        and sample.sampled_on <= {{ as_of() }}
        and sample.known_from_on <= {{ known_at() }}
        and (sample.known_before_on is null or sample.known_before_on > {{ known_at() }})
)

select
    measure_code,
    indicator_id,
    category_code,
    sampled_month_on,
    published_month_on,
    as_is_division_code,
    as_is_unit_code,
    as_was_division_code,
    as_was_unit_code,
    count(*) as judged_count,
    count(*) filter (where final_result = 'pass') as passed_count
from placed
group by
    measure_code, indicator_id, category_code, sampled_month_on, published_month_on, as_is_division_code,
    as_is_unit_code, as_was_division_code, as_was_unit_code
