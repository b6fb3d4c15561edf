{{ config(materialized='ephemeral', contract={'enforced': false}) }}
{#- The indicators of brands by evaluation point: a count or sum of the last day within it. Where no record of a kind is
    known there is no value, not even none. A row that is held back is at worst what ends the brand or base that it
    names, and any where it names none: the most valuable, where values are added. -#}

with moment as (
    select distinct
        on_date,
        known_at_on
    from {{ ref('int_brand_moment') }}
),

annex as (
    select
        name,
        'BRANDS_' || upper(name) as count_measure,
        'BRAND_VALUE_' || upper(name) as value_measure
    from unnest(array['product', 'service']) as name
),

known_annex as (
    select distinct
        moment.on_date,
        moment.known_at_on,
        annex.name,
        annex.count_measure
    from moment
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'moment.known_at_on') }} and record.counts_from_on <= moment.on_date
    inner join annex on record.brand_group = annex.name
    where
        {{ is_provincial_listing('record') }}
        and record.list_year >= (select extract(year from min(plan_start_on)) from {{ ref('dim_indicator') }})
),

-- What makes up each value: one line a brand or base, and one without for a value of none.
part as (
    select
        annex.on_date,
        annex.known_at_on,
        annex.count_measure as measure_code,
        annex.name as brand_group,
        standing.brand_uid::text as item,
        standing.list_year,
        standing.enterprise_id,
        case when standing.brand_uid is not null then 1 end::numeric as value
    from known_annex as annex
    left join {{ ref('int_brand_standing') }} as standing
        on
            annex.on_date = standing.on_date
            and annex.known_at_on = standing.known_at_on
            and annex.name = standing.brand_group
            and standing.level_code = 'provincial'
    union all
    select
        on_date,
        known_at_on,
        measure_code,
        brand_group,
        brand_uid::text as item,
        list_year,
        enterprise_id,
        value
    from {{ ref('int_brand_valuation') }}
    where is_headline and is_topmost
    union all
    select
        on_date,
        known_at_on,
        case record_kind when 'certificate' then 'BRANDS_TAISHAN' else 'QUALITY_BASES' end as measure_code,
        null as brand_group,
        case when is_valid then item end as item,
        null as list_year,
        min(enterprise_id::text)::uuid as enterprise_id,
        case when is_valid then 1 end as value
    from (
        select
            *,
            case record_kind when 'certificate' then brand_uid::text else base_key end as item
        from {{ ref('int_brand_validity') }}
    ) as certified
    group by on_date, known_at_on, record_kind, is_valid, certified.item
),

held_back as (
    select
        moment.on_date,
        moment.known_at_on,
        measure.measure_code,
        record.delivery_id || '/' || record.row_no as place,
        coalesce(record.record_kind, 'cultivation') = 'cultivation' as is_listing,
        record.list_year,
        coalesce(record.brand_uid::text, record.base_key) is null as is_nameless,
        record.brand_uid::text as brand_item,
        record.base_key as base_item
    from moment
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'moment.known_at_on') }} and record.counts_from_on <= moment.on_date
    inner join (
        select
            count_measure as measure_code,
            name as brand_group,
            'cultivation' as record_kind
        from annex
        union all
        select
            value_measure,
            name,
            unnest(array['cultivation', 'valuation']) as record_kind
        from annex
        union all
        values ('BRANDS_TAISHAN', null, 'certificate'), ('QUALITY_BASES', null, 'quality_base')
    ) as measure
        on
            coalesce(record.record_kind, measure.record_kind) = measure.record_kind
            and (
                measure.record_kind <> 'cultivation'
                or coalesce(record.brand_group, measure.brand_group) = measure.brand_group
            )
    where
        record.is_quarantined
        and record.division_basis <> 'elsewhere'
        and record.level_code is distinct from 'municipal'
),

doubt as (
    select
        on_date,
        known_at_on,
        measure_code,
        count(distinct place) as row_count,
        count(distinct place) filter (where is_nameless) as nameless_count
    from held_back
    group by on_date, known_at_on, measure_code
),

doubted as (
    select
        part.*,
        (
            select count(*) > 0
            from held_back
            where
                held_back.on_date = part.on_date
                and held_back.known_at_on = part.known_at_on
                and held_back.measure_code = part.measure_code
                and part.item in (held_back.brand_item, held_back.base_item)
                -- What a list said before the latest one does not matter any more.
                and (part.list_year is null or not held_back.is_listing or held_back.list_year >= part.list_year)
        ) as is_doubtful
    from part
),

ordered as (
    select
        doubted.*,
        row_number() over (
            partition by on_date, known_at_on, measure_code, is_doubtful order by value desc nulls last, item
        ) as place
    from doubted
),

counted as (
    select
        ordered.on_date,
        ordered.known_at_on,
        ordered.measure_code,
        coalesce(sum(ordered.value), 0) as value,
        count(ordered.value) filter (where ordered.enterprise_id is null) as unlinked_count,
        max(coalesce(doubt.row_count, 0)) as quarantined_count,
        coalesce(
            sum(ordered.value) filter (
                where not ordered.is_doubtful and ordered.place > coalesce(doubt.nameless_count, 0)
            ),
            0
        ) as worst_case_value
    from ordered
    left join doubt
        on
            ordered.on_date = doubt.on_date
            and ordered.known_at_on = doubt.known_at_on
            and ordered.measure_code = doubt.measure_code
    group by ordered.on_date, ordered.known_at_on, ordered.measure_code
)

select
    point.as_of_on,
    point.known_at_on,
    point.is_current,
    point.period_type,
    point.period_start_on,
    counted.measure_code,
    counted.value,
    counted.on_date as value_on,
    counted.unlinked_count,
    counted.quarantined_count,
    counted.worst_case_value,
    first_value.value as first_value,
    first_value.on_date as first_value_on
from {{ ref('int_evaluation_point') }} as point
inner join counted
    on least(point.period_end_on, point.as_of_on) = counted.on_date and point.known_at_on = counted.known_at_on
left join {{ ref('int_brand_moment') }} as first_moment
    on
        point.known_at_on = first_moment.known_at_on
        and counted.measure_code = first_moment.first_of_measure
        and first_moment.on_date <= counted.on_date
left join counted as first_value
    on
        first_moment.known_at_on = first_value.known_at_on
        and first_moment.on_date = first_value.on_date
        and counted.measure_code = first_value.measure_code
