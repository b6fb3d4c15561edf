{{ config(materialized='ephemeral', contract={'enforced': false}) }}
{#- Days for which brands are counted, each with the day up to which records are known: the evaluation points', and by
    measure the first day of which a value may be known. -#}

with plan as (
    select min(plan_start_on) as plan_start_on
    from {{ ref('dim_indicator') }}
),

knowledge as (
    select
        point.known_at_on,
        max(least(point.period_end_on, point.as_of_on)) as last_date
    from {{ ref('int_evaluation_point') }} as point
    group by point.known_at_on
),

known as (
    select
        knowledge.known_at_on,
        record.record_kind,
        record.brand_uid,
        record.brand_group,
        greatest(record.counts_from_on, plan.plan_start_on) as counts_from_on,
        {{ is_provincial_listing('record') }} as is_listing,
        {{ is_valuation('record') }} as is_valuation
    from knowledge
    cross join plan
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'knowledge.known_at_on') }} and record.counts_from_on <= knowledge.last_date
    where
        not record.is_quarantined
        and (record.record_kind <> 'cultivation' or record.list_year >= extract(year from plan.plan_start_on))
        -- A value of before the plan may be one of its first day.
        and (record.record_kind <> 'valuation' or record.valued_on >= plan.plan_start_on - interval '24 months')
),

listed as (
    select
        known_at_on,
        brand_uid,
        brand_group,
        min(counts_from_on) as counts_from_on
    from known
    where is_listing
    group by known_at_on, brand_uid, brand_group
),

first_date as (
    select
        known_at_on,
        'BRANDS_' || upper(brand_group) as measure_code,
        min(counts_from_on) as on_date
    from listed
    group by known_at_on, brand_group
    union all
    select
        listed.known_at_on,
        'BRAND_VALUE_' || upper(listed.brand_group) as measure_code,
        min(greatest(listed.counts_from_on, known.counts_from_on)) as on_date
    from listed
    inner join known
        on listed.known_at_on = known.known_at_on and listed.brand_uid = known.brand_uid and known.is_valuation
    group by listed.known_at_on, listed.brand_group
    union all
    select
        known_at_on,
        case record_kind when 'certificate' then 'BRANDS_TAISHAN' else 'QUALITY_BASES' end as measure_code,
        min(counts_from_on) as on_date
    from known
    where record_kind in ('certificate', 'quality_base')
    group by known_at_on, record_kind
)

select distinct
    least(period_end_on, as_of_on) as on_date,
    known_at_on,
    null::text as first_of_measure
from {{ ref('int_evaluation_point') }}
union all
select
    on_date,
    known_at_on,
    measure_code as first_of_measure
from first_date
