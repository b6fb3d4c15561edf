{#- From what lists add up to what I10 counts (domain 6.2): rows of lists, valid titles of provincial level or above,
    one a family, one an enterprise. At each year's end and today, as known now. -#}

with plan as (
    select min(plan_start_on) as plan_start_on from {{ ref('dim_indicator') }}
),

day as (
    select (year_start + interval '1 year - 1 day')::date as value_on
    from plan
    cross join generate_series(plan.plan_start_on::timestamp, {{ as_of() }}, interval '1 year') as year_start
    where year_start + interval '1 year - 1 day' <= {{ as_of() }}
    union
    select {{ as_of() }} as value_on
),

listed as (
    select
        day.value_on,
        title.title_record_id,
        title.holder_id,
        title.family,
        title.level_order >= measure.min_level_order and {{ title_is_valid('title', 'day.value_on') }} as is_counted,
        concat_ws('/', title.holder_id, title.title_code, title.level_code) as title_key,
        concat_ws('/', title.holder_id, title.family) as family_key
    from day
    inner join {{ ref('title_validity') }} as title
        on
            title.valid_from_on <= day.value_on
            and {{ is_known('title', known_at()) }}
            and {{ title_is_here('title', 'day.value_on') }}
    inner join {{ ref('title_measure') }} as measure
        on title.family = measure.family and measure.measure_code = 'TITLED_ENTERPRISES'
),

counted as (
    select
        value_on,
        count(distinct title_record_id) as title_rows,
        count(distinct title_key) filter (where is_counted) as valid_titles,
        count(distinct family_key) filter (where is_counted) as family_titles,
        count(distinct holder_id) filter (where is_counted) as enterprises
    from listed
    group by value_on
)

select
    counted.value_on::date as value_on,
    step.step_no::integer as step_no,
    step.step_code::text as step_code,
    step.label_zh::text as step_label_zh,
    step.label_en::text as step_label_en,
    step.value::bigint as value,
    (step.value - lag(step.value) over (partition by counted.value_on order by step.step_no))::bigint as difference,
    {{ as_of() }} as as_of_on,
    {{ known_at() }} as known_at_on,
    {{ publication_id() }} as publication_id
from counted
cross join lateral (
    values
        (1, 'title_rows', '名单记录（含市级、已到期）', 'Rows of lists, municipal and lapsed ones too', title_rows),
        (2, 'valid_titles', '有效的省级以上称号', 'Valid titles, provincial or above', valid_titles),
        (3, 'family_titles', '每家企业每类计一次', 'One a family of an enterprise', family_titles),
        (4, 'enterprises', '每家企业计一次', 'Enterprises, each once', enterprises)
) as step (step_no, step_code, label_zh, label_en, value)
