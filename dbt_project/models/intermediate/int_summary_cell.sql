{#- What summary tables say at each evaluation point: of the city, of each division, of each category. A table may hold
    totals and parts, a year and its quarters: within a cell the widest period counts, of equal ones the line that is
    divided least, and what overlaps it is left out. Nothing is added twice. -#}

with line as (
    select
        point.as_of_on,
        point.known_at_on,
        point.is_current,
        point.period_type,
        point.period_start_on,
        summary.measure_code,
        cell.breakdown,
        cell.division_code,
        cell.category_code,
        summary.summary_id,
        summary.is_whole_city and summary.category_code is null as is_total,
        summary.is_whole_city,
        summary.period_start_on as line_start_on,
        summary.period_end_on as line_end_on,
        summary.period_end_on - summary.period_start_on as line_days,
        2 * (cell.breakdown <> 'division' and not summary.is_whole_city)::integer
        + (cell.breakdown <> 'category' and summary.category_code is not null)::integer as divided,
        summary.tested_count,
        coalesce(summary.passed_count, summary.pass_rate_pct * summary.tested_count / 100) as passed_count,
        summary.passed_low_count,
        summary.passed_high_count
    from {{ ref('int_evaluation_point') }} as point
    inner join {{ ref('summary_measure') }} as summary
        on
            summary.period_start_on >= point.period_start_on
            and summary.period_end_on <= least(point.period_end_on, point.as_of_on)
            and summary.known_from_on <= point.known_at_on
            and (summary.known_before_on is null or summary.known_before_on > point.known_at_on)
    cross join lateral (
        values
            ('city', null, null),
            ('division', case when not summary.is_whole_city then summary.division_code end, null),
            ('category', null, summary.category_code)
    ) as cell (breakdown, division_code, category_code)
    where cell.breakdown = 'city' or coalesce(cell.division_code, cell.category_code) is not null
)

select
    as_of_on,
    known_at_on,
    is_current,
    period_type,
    period_start_on,
    measure_code,
    breakdown,
    division_code,
    category_code,
    sum(tested_count) as judged_count,
    sum(passed_count) as passed_count,
    sum(passed_low_count) as passed_low_count,
    sum(passed_high_count) as passed_high_count,
    -- What is taken off a total must be of the same periods and of the whole city.
    array_agg(distinct line_start_on || '/' || line_end_on) as line_periods,
    bool_and(is_whole_city) as is_whole_city,
    bool_and(is_total) as is_total
from line
where not exists (
    select 1
    from line as wider
    where wider.as_of_on = line.as_of_on
        and wider.known_at_on = line.known_at_on
        and wider.is_current = line.is_current
        and wider.period_type = line.period_type
        and wider.period_start_on = line.period_start_on
        and wider.measure_code = line.measure_code
        and wider.breakdown = line.breakdown
        and wider.division_code is not distinct from line.division_code
        and wider.category_code is not distinct from line.category_code
        and wider.line_start_on <= line.line_end_on
        and wider.line_end_on >= line.line_start_on
        and (wider.line_days > line.line_days or (wider.line_days = line.line_days and wider.divided < line.divided))
)
group by
    as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code, breakdown, division_code,
    category_code
