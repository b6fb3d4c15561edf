{{ config(materialized='ephemeral', contract={'enforced': false}) }}
{#- The indicators of brands by evaluation point: a count or sum of the last day within it. -#}

with moment as (
    select distinct
        on_date,
        known_at_on
    from {{ ref('int_brand_moment') }}
),

held_back as (
    select
        moment.on_date,
        moment.known_at_on,
        record.delivery_id,
        record.row_no,
        record.record_kind,
        record.brand_uid,
        record.base_key,
        record.brand_group,
        record.list_year
    from moment
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'moment.known_at_on') }} and record.counts_from_on <= moment.on_date
    where
        record.is_quarantined
        and record.division_basis <> 'elsewhere'
        and record.level_code is distinct from 'municipal'
),

annex as (
    select
        name,
        measure_code
    from (values ('product', 'BRANDS_PRODUCT'), ('service', 'BRANDS_SERVICE')) as annex (name, measure_code)
),

-- Where no list of an annex is known nothing is counted, not even none.
known_annex as (
    select distinct
        moment.on_date,
        moment.known_at_on,
        annex.name,
        annex.measure_code
    from moment
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'moment.known_at_on') }} and record.counts_from_on <= moment.on_date
    inner join annex on record.brand_group = annex.name
    where
        {{ is_listing('record') }}
        and record.list_year >= (select extract(year from min(plan_start_on)) from {{ ref('dim_indicator') }})
),

listed as (
    select
        annex.on_date,
        annex.known_at_on,
        annex.measure_code,
        annex.name as brand_group,
        count(*) filter (where standing.brand_group = annex.name) as value,
        count(*) filter (where standing.brand_group = annex.name and standing.enterprise_id is null) as unlinked_count,
        -- At worst a row that is held back is an exit of the brand that it names.
        count(*) filter (
            where standing.brand_group = annex.name and exists (
                select 1 from held_back
                where
                    held_back.on_date = standing.on_date
                    and held_back.known_at_on = standing.known_at_on
                    and held_back.brand_uid = standing.brand_uid
                    and held_back.list_year >= standing.list_year
                    and coalesce(held_back.record_kind, 'cultivation') = 'cultivation'
            )
        ) as doubtful_count
    from known_annex as annex
    left join {{ ref('int_brand_standing') }} as standing
        on annex.on_date = standing.on_date and annex.known_at_on = standing.known_at_on
    group by annex.on_date, annex.known_at_on, annex.measure_code, annex.name
),

counted as (
    select
        on_date,
        known_at_on,
        measure_code,
        brand_group,
        value::numeric as value,
        unlinked_count,
        doubtful_count::numeric as doubtful
    from listed
),

doubted as (
    select
        counted.*,
        coalesce(doubt.row_count, 0) as quarantined_count,
        counted.value - least(counted.value, counted.doubtful + coalesce(doubt.nameless_count, 0)) as worst_case_value
    from counted
    left join lateral (
        select
            count(distinct (held_back.delivery_id, held_back.row_no)) as row_count,
            -- Whom it does not name may be anybody.
            count(*) filter (where held_back.brand_uid is null) as nameless_count
        from held_back
        where
            held_back.on_date = counted.on_date
            and held_back.known_at_on = counted.known_at_on
            and coalesce(held_back.record_kind, 'cultivation') = 'cultivation'
            and coalesce(held_back.brand_group, counted.brand_group) = counted.brand_group
    ) as doubt on true
)

select
    point.as_of_on,
    point.known_at_on,
    point.is_current,
    point.period_type,
    point.period_start_on,
    doubted.measure_code,
    doubted.value,
    doubted.on_date as value_on,
    doubted.unlinked_count,
    doubted.quarantined_count,
    doubted.worst_case_value,
    first_value.value as first_value,
    first_value.on_date as first_value_on
from {{ ref('int_evaluation_point') }} as point
inner join doubted
    on least(point.period_end_on, point.as_of_on) = doubted.on_date and point.known_at_on = doubted.known_at_on
left join {{ ref('int_brand_moment') }} as first_moment
    on
        point.known_at_on = first_moment.known_at_on
        and doubted.measure_code = first_moment.first_of_measure
        and first_moment.on_date <= doubted.on_date
left join doubted as first_value
    on
        first_moment.known_at_on = first_value.known_at_on
        and first_moment.on_date = first_value.on_date
        and doubted.measure_code = first_value.measure_code
