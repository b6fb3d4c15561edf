{{ config(indexes=[{'columns': ['measure_code', 'on_date']}]) }}
{#- Which brands and bases each current count or sum of I01 to I06 is made of. -#}

with moment as (
    select distinct
        least(period_end_on, as_of_on) as on_date,
        known_at_on
    from {{ ref('int_evaluation_point') }}
    where is_current
),

annex as (
    {{ brand_annexes() }}
),

part as (
    {{ brand_parts() }}
)

select
    part.measure_code::text as measure_code,
    part.on_date::date as on_date,
    part.known_at_on::date as known_at_on,
    part.item::text as item,
    min(part.enterprise_id::text)::uuid as enterprise_id,
    max(part.value)::numeric as value,
    {{ publication_id() }} as publication_id
from part
inner join moment on part.on_date = moment.on_date and part.known_at_on = moment.known_at_on
where part.item is not null
group by part.measure_code, part.on_date, part.known_at_on, part.item
