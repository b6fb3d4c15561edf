{{ config(materialized='table') }}
{#- When and for which period a value is judged. Current rows: every period up to as_of, by what is known now.
    History: each month-end's running year, by what was known that day, so that a vintage never changes afterwards. -#}

with plan as (
    select
        min(plan_start_on) as plan_start_on,
        max(deadline_on) as deadline_on
    from {{ ref('dim_indicator') }}
),

period as (
    select
        unit.period_type,
        start::date as period_start_on,
        (start + unit.step - interval '1 day')::date as period_end_on
    from plan
    cross join (
        values
            ('year', interval '1 year'), ('half', interval '6 months'), ('quarter', interval '3 months'),
            ('month', interval '1 month')
    ) as unit (period_type, step)
    cross join lateral generate_series(
        plan.plan_start_on::timestamp, plan.deadline_on::timestamp, unit.step
    ) as start
),

point as (
    select
        {{ as_of() }} as as_of_on,
        {{ known_at() }} as known_at_on,
        true as is_current,
        period.*
    from period
    where period.period_start_on <= {{ as_of() }}

    union all

    select
        month_end.period_end_on as as_of_on,
        month_end.period_end_on as known_at_on,
        false as is_current,
        year.*
    from period as month_end
    inner join period as year
        on
            year.period_type = 'year'
            and month_end.period_end_on between year.period_start_on and year.period_end_on
    where
        month_end.period_type = 'month'
        and month_end.period_end_on < {{ known_at() }}
        and month_end.period_end_on <= {{ as_of() }}

    union all

    -- A view of an earlier day is compared with what is known now.
    select
        {{ latest_as_of() }} as as_of_on,
        {{ latest_known_at() }} as known_at_on,
        false as is_current,
        period.*
    from period
    where period.period_start_on <= {{ as_of() }} and {{ latest_known_at() }} > {{ known_at() }}
)

select
    point.*,
    period_end_on <= as_of_on as is_closed,
    {{ period_label('period_type', 'period_start_on') }} as period_label_zh
from point
