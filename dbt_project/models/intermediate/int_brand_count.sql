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
    {{ brand_annexes() }}
),

part as (
    {{ brand_parts() }}
),

held_back as (
    select distinct
        moment.on_date,
        moment.known_at_on,
        measure.measure_code,
        record.delivery_id,
        record.row_no,
        case measure.measure_code when 'QUALITY_BASES' then record.base_key else record.brand_uid::text end as item,
        coalesce(record.brand_uid::text, record.base_key) is null as is_nameless,
        -- What a list said before the latest one does not matter any more.
        case when coalesce(record.record_kind, 'cultivation') = 'cultivation' then record.list_year else 9999 end
            as until_year
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
                coalesce(record.record_kind, 'cultivation') <> 'cultivation'
                or measure.brand_group is null
                or coalesce(record.brand_group, measure.brand_group) = measure.brand_group
            )
    where
        record.is_quarantined
        and record.division_basis <> 'elsewhere'
        and record.level_code is distinct from 'municipal'
),

-- By brand or base: the rows that are held back stand beside what they may end.
item as (
    select
        on_date,
        known_at_on,
        measure_code,
        item,
        max(value) as value,
        bool_or(enterprise_id is not null) as is_linked,
        bool_or(is_part) as is_part,
        coalesce(max(until_year) >= coalesce(max(list_year), 0), false) as is_doubtful,
        count(*) filter (where not is_part) as held_count,
        count(*) filter (where is_nameless) as nameless_count
    from (
        select
            on_date,
            known_at_on,
            measure_code,
            item,
            value,
            enterprise_id,
            list_year,
            null::integer as until_year,
            true as is_part,
            false as is_nameless
        from part
        union all
        select
            on_date,
            known_at_on,
            measure_code,
            item,
            null as value,
            null as enterprise_id,
            null as list_year,
            until_year,
            false as is_part,
            is_nameless
        from held_back
    ) as told
    group by on_date, known_at_on, measure_code, item
),

ordered as (
    select
        item.*,
        row_number() over (
            partition by on_date, known_at_on, measure_code, is_doubtful order by value desc nulls last, item
        ) as place,
        sum(nameless_count) over (partition by on_date, known_at_on, measure_code) as ending_count
    from item
),

counted as (
    select
        on_date,
        known_at_on,
        measure_code,
        coalesce(sum(value), 0) as value,
        count(value) filter (where not is_linked) as unlinked_count,
        sum(held_count)::bigint as quarantined_count,
        coalesce(sum(value) filter (where not is_doubtful and place > ending_count), 0) as worst_case_value
    from ordered
    group by on_date, known_at_on, measure_code
    -- Held back rows alone are no value.
    having bool_or(is_part)
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
