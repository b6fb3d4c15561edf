{#- 形成省市两级梯次培育: the library of the city and the province's lists as one ladder, and who moved on it from year to
    year. A brand stands on the highest level that still lists it, in the tier that was told last. -#}

with year as (
    select
        extract(year from period_start_on)::integer as year,
        period_end_on <= {{ as_of() }} as is_closed,
        least(period_end_on, {{ as_of() }}) as on_date
    from {{ ref('int_evaluation_point') }}
    where is_current and period_type = 'year'
),

state as (
    select distinct on (year.year, standing.brand_uid)
        year.year,
        standing.brand_uid,
        standing.level_code,
        (
            select record.tier_code
            from {{ ref('brand_record') }} as record
            where
                record.brand_uid = standing.brand_uid
                and record.tier_code is not null
                and record.status_code <> 'withdrawn'
                and {{ is_listing('record') }}
                and {{ is_known('record', known_at()) }}
                and record.counts_from_on <= year.on_date
            order by record.list_year desc, record.counts_from_on desc, record.origin_id desc, record.row_no desc
            limit 1
        ) as tier_code
    from year
    inner join {{ ref('int_brand_standing') }} as standing
        on year.on_date = standing.on_date and standing.known_at_on = {{ known_at() }}
    where standing.standing <> 'withdrawn' and standing.level_code in ('municipal', 'provincial')
    order by year.year, standing.brand_uid, standing.level_code = 'provincial' desc
),

pair as (
    select
        coalesce(now.year, before.year + 1) as year,
        coalesce(now.brand_uid, before.brand_uid) as brand_uid,
        before.level_code as from_level,
        before.tier_code as from_tier,
        now.level_code as level_code,
        now.tier_code as tier_code,
        case
            when before.brand_uid is null then 'entered'
            when now.brand_uid is null then 'left'
            when before.level_code = 'municipal' and now.level_code = 'provincial' then 'promoted'
            when before.level_code = 'provincial' and now.level_code = 'municipal' then 'moved_down'
            when before.tier_code <> now.tier_code then 'moved_tier'
            else 'stayed'
        end as movement
    from state as now
    full join state as before on now.brand_uid = before.brand_uid and now.year = before.year + 1
),

held as (
    select
        brand_uid,
        min(coalesce(enterprise_id, holder_id, brand_uid)::text) as holder_uid
    from {{ ref('brand_record') }}
    where brand_uid is not null
    group by brand_uid
),

counted as (
    select
        pair.year,
        pair.movement,
        pair.from_level,
        pair.from_tier,
        pair.level_code,
        pair.tier_code,
        count(*) as brand_count,
        count(distinct held.holder_uid) as enterprise_count
    from pair
    inner join held on pair.brand_uid = held.brand_uid
    group by pair.year, pair.movement, pair.from_level, pair.from_tier, pair.level_code, pair.tier_code
)

select
    counted.year::integer as year,
    year.on_date::date as on_date,
    year.is_closed::boolean as is_closed,
    counted.movement::text as movement,
    movement.label_zh::text as movement_label_zh,
    movement.label_en::text as movement_label_en,
    counted.from_level::text as from_level,
    from_level.label_zh::text as from_level_label_zh,
    counted.from_tier::text as from_tier,
    from_tier.label_zh::text as from_tier_label_zh,
    counted.level_code::text as level_code,
    level.label_zh::text as level_label_zh,
    counted.tier_code::text as tier_code,
    tier.label_zh::text as tier_label_zh,
    counted.brand_count::bigint as brand_count,
    counted.enterprise_count::bigint as enterprise_count,
    {{ publication_id() }} as publication_id
from counted
inner join year on counted.year = year.year
left join {{ ref('brand_term') }} as movement on movement.kind = 'movement' and counted.movement = movement.code
left join {{ ref('brand_term') }} as from_level on from_level.kind = 'level' and counted.from_level = from_level.code
left join {{ ref('brand_term') }} as from_tier on from_tier.kind = 'tier' and counted.from_tier = from_tier.code
left join {{ ref('brand_term') }} as level on level.kind = 'level' and counted.level_code = level.code
left join {{ ref('brand_term') }} as tier on tier.kind = 'tier' and counted.tier_code = tier.code
