{#- Enterprises and titles that I09, I10 and I11 count, at each month's end and today, as known now: the city, and its
    parts by family, title and division. An enterprise of two families is in both of them and once in the city. -#}

with plan as (
    select min(plan_start_on) as plan_start_on from {{ ref('dim_indicator') }}
),

measure as (
    select * from {{ ref('title_measure') }}
    where is_of_enterprises
),

begun as (
    select
        measure.measure_code,
        greatest(min(record.known_from_on), plan.plan_start_on) as first_value_on
    from measure
    cross join plan
    inner join {{ ref('fct_enterprise_title') }} as record
        on
            measure.family = record.family
            and record.known_from_on <= {{ known_at() }}
            and not record.is_quarantined
    group by measure.measure_code, plan.plan_start_on
),

day as (
    select
        begun.measure_code,
        date_of.value_on
    from begun
    cross join (
        select (month_start + interval '1 month - 1 day')::date as value_on
        from plan
        cross join generate_series(plan.plan_start_on::timestamp, {{ as_of() }}, interval '1 month') as month_start
        union
        select {{ as_of() }} as value_on
    ) as date_of
    where date_of.value_on between begun.first_value_on and {{ as_of() }}
),

held as (
    select distinct
        day.value_on,
        day.measure_code,
        title.family,
        title.title_code,
        coalesce(title.division_code, '370100') as division_code,
        title.holder_id,
        title.enterprise_id is null as is_unlinked,
        concat_ws('/', title.holder_id, title.title_code, title.level_code) as title_key
    from day
    inner join measure on day.measure_code = measure.measure_code
    inner join {{ ref('title_validity') }} as title
        on
            measure.family = title.family
            and (measure.min_level_order is null or title.level_order >= measure.min_level_order)
            and {{ is_known('title', known_at()) }}
            and {{ title_is_here('title', 'day.value_on') }}
            and {{ title_is_valid('title', 'day.value_on') }}
),

counted as (
    select
        value_on,
        measure_code,
        case
            when grouping(title_code) = 0 then 'title'
            when grouping(family) = 0 then 'family'
            when grouping(division_code) = 0 then 'division'
            else 'city'
        end as breakdown,
        family,
        title_code,
        division_code,
        count(distinct holder_id) as enterprise_count,
        count(distinct title_key) as title_count,
        count(distinct holder_id) filter (where is_unlinked) as unlinked_count
    from held
    group by grouping sets (
        (value_on, measure_code),
        (value_on, measure_code, family),
        (value_on, measure_code, family, title_code),
        (value_on, measure_code, division_code)
    )

    union all

    -- From its first list on a measure that nobody fulfils is 0, and said to be.
    select
        value_on,
        measure_code,
        'city' as breakdown,
        null as family,
        null as title_code,
        null as division_code,
        0 as enterprise_count,
        0 as title_count,
        0 as unlinked_count
    from day
    where not exists (
        select 1 from held
        where held.value_on = day.value_on and held.measure_code = day.measure_code
    )
)

select
    value_on::date as value_on,
    measure_code::text as measure_code,
    breakdown::text as breakdown,
    family::text as family,
    title_code::text as title_code,
    division_code::text as division_code,
    enterprise_count::bigint as enterprise_count,
    title_count::bigint as title_count,
    unlinked_count::bigint as unlinked_count,
    {{ as_of() }} as as_of_on,
    {{ known_at() }} as known_at_on,
    {{ publication_id() }} as publication_id
from counted
