{#- Judged samples by measure, period and unit, in two hierarchies and two bases, each of which sums to its city: the
    divisions (`administrative`), and the divisions net of zones with the zones beside them (`assessment`). What names
    the city only is a unit of its own in both (`unallocated`). -#}

with placed as (
    select
        month.measure_code,
        month.indicator_id,
        month.sampled_month_on,
        place.hierarchy,
        place.division_basis,
        place.unit_code,
        sum(month.judged_count) as judged_count,
        sum(month.passed_count) as passed_count
    from {{ ref('int_sample_month') }} as month
    inner join {{ ref('pass_rate_measure') }} as measure
        on month.measure_code = measure.measure_code
        -- Weights are the city's: a division has none.
        and measure.weight_set is null
    cross join lateral (
        values
            ('administrative', 'as_is', month.as_is_division_code),
            ('administrative', 'as_was', month.as_was_division_code),
            ('assessment', 'as_is', month.as_is_unit_code),
            ('assessment', 'as_was', month.as_was_unit_code)
    ) as place (hierarchy, division_basis, unit_code)
    where place.unit_code is not null
    group by
        month.measure_code, month.indicator_id, month.sampled_month_on, place.hierarchy, place.division_basis,
        place.unit_code
)

select
    placed.measure_code,
    placed.indicator_id,
    placed.hierarchy,
    placed.division_basis,
    period.period_type,
    period.period_start_on,
    period.period_end_on,
    period.period_label_zh,
    case when grouping(placed.unit_code) = 0 then placed.unit_code end as unit_code,
    sum(placed.judged_count)::numeric as judged_count,
    sum(placed.passed_count)::numeric as passed_count
from placed
inner join {{ ref('int_calendar_period') }} as period
    on
        placed.sampled_month_on between period.period_start_on and period.period_end_on
        and period.period_type in ('year', 'half', 'quarter')
group by
    grouping sets (
        (
            placed.measure_code, placed.indicator_id, placed.hierarchy, placed.division_basis, period.period_type,
            period.period_start_on, period.period_end_on, period.period_label_zh, placed.unit_code
        ),
        (
            placed.measure_code, placed.indicator_id, placed.hierarchy, placed.division_basis, period.period_type,
            period.period_start_on, period.period_end_on, period.period_label_zh
        )
    )
