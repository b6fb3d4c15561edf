{#- Periods by which marts compare, up to as_of: months, quarters, halves, years, and each year to the end of a month
    (累计). They begin two years before the plan, so that its first year has one to be compared with. -#}

with bounds as (
    select
        (date_trunc('year', min(plan_start_on)) - interval '2 years')::date as first_on,
        max(deadline_on) as last_on
    from {{ ref('dim_indicator') }}
),

period as (
    select
        unit.period_type,
        start::date as period_start_on,
        (start + unit.step - interval '1 day')::date as period_end_on
    from bounds
    cross join (
        values
            ('year', interval '1 year'), ('half', interval '6 months'), ('quarter', interval '3 months'),
            ('month', interval '1 month')
    ) as unit (period_type, step)
    cross join lateral generate_series(bounds.first_on::timestamp, bounds.last_on::timestamp, unit.step) as start
)

select
    period.*,
    {{ period_label('period_type', 'period_start_on') }} as period_label_zh
from period
where period_start_on <= {{ as_of() }}

union all

select
    'year_to_date' as period_type,
    date_trunc('year', period_start_on)::date as period_start_on,
    period_end_on,
    to_char(period_end_on, 'YYYY"年1–"FMMM"月累计"') as period_label_zh
from period
where period_type = 'month' and period_start_on <= {{ as_of() }}
