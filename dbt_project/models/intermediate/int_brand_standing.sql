{#- How each brand stands on the lists of a level at a moment. The latest year that lists it decides its class. An exit
    of a later year ends the entry, one of the same year that of its own annex: who moves leaves one and enters the
    other. Left in two annexes of one year it is for people to say; who is not named again has not left. -#}

with moment as (
    select distinct
        on_date,
        known_at_on
    from {{ ref('int_brand_moment') }}
),

plan as (
    select extract(year from min(plan_start_on)) as first_year
    from {{ ref('dim_indicator') }}
),

entry as (
    select
        moment.on_date,
        moment.known_at_on,
        record.brand_uid,
        record.level_code,
        record.brand_group,
        record.list_year,
        record.counts_from_on,
        record.enterprise_id,
        record.status_code = 'withdrawn' as is_exit
    from moment
    cross join plan
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'moment.known_at_on') }} and record.counts_from_on <= moment.on_date
    where {{ is_listing('record') }} and record.list_year >= plan.first_year
),

latest as (
    select
        entry.*,
        max(list_year) filter (where not is_exit) over brand as last_listed_year,
        max(list_year) filter (where is_exit) over brand as last_exit_year,
        max(counts_from_on) filter (where is_exit) over (brand_annex) as annex_exit_on
    from entry
    window
        brand as (partition by on_date, known_at_on, level_code, brand_uid),
        brand_annex as (partition by on_date, known_at_on, level_code, brand_uid, brand_group, list_year)
),

annex as (
    select
        on_date,
        known_at_on,
        level_code,
        brand_uid,
        brand_group,
        list_year,
        coalesce(last_exit_year > list_year, false)
        or coalesce(annex_exit_on >= max(counts_from_on), false) as has_ended,
        min(enterprise_id::text)::uuid as enterprise_id
    from latest
    where not is_exit and list_year = last_listed_year
    group by
        on_date, known_at_on, level_code, brand_uid, brand_group, list_year, last_exit_year, annex_exit_on
)

select
    on_date,
    known_at_on,
    level_code,
    brand_uid,
    list_year,
    min(enterprise_id::text)::uuid as enterprise_id,
    case count(*) filter (where not has_ended) when 0 then 'withdrawn' when 1 then 'listed' else 'in_both' end
        as standing,
    case when count(*) filter (where not has_ended) = 1 then min(brand_group) filter (where not has_ended) end
        as brand_group
from annex
group by on_date, known_at_on, level_code, brand_uid, list_year
