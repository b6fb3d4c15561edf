{{ config(indexes=[{'columns': ['measure_code', 'period_type', 'period_start_on']}]) }}
{%- do uses(['clopper_pearson']) %}
{#- Pass rates by period, and within it by division or by category; both null is the whole city. -#}

with cell as (
    select
        measure_code,
        period_type,
        period_start_on,
        division_code,
        category_code,
        grouping(division_code) = 0 as is_by_division,
        grouping(category_code) = 0 as is_by_category,
        coalesce(sum(judged_count), 0) as judged_count,
        coalesce(sum(passed_count), 0) as passed_count,
        coalesce(sum(contestable_count), 0) as contestable_count,
        coalesce(sum(pending_count), 0) as pending_count,
        coalesce(sum(quarantined_count), 0) as quarantined_count
    from {{ ref('int_pass_rate_cell') }}
    where is_current
    group by grouping sets (
        (measure_code, period_type, period_start_on),
        (measure_code, period_type, period_start_on, division_code),
        (measure_code, period_type, period_start_on, category_code)
    )
)

select
    cell.measure_code::text as measure_code,
    measure.indicator_id::text as indicator_id,
    measure.label_zh::text as measure_label_zh,
    measure.label_en::text as measure_label_en,
    point.period_type::text as period_type,
    point.period_start_on::date as period_start_on,
    point.period_end_on::date as period_end_on,
    point.period_label_zh::text as period_label_zh,
    case
        when cell.is_by_division then 'division'
        when cell.is_by_category then 'category'
        else 'city'
    end::text as breakdown,
    case when cell.is_by_division then cell.division_code end::text as division_code,
    case when cell.is_by_category then coalesce(cell.category_code, 'unknown') end::text as category_code,
    coalesce(
        case when cell.is_by_division then division.label_zh end,
        case when cell.is_by_category then coalesce(category.label_zh, '未列明') end,
        '济南市'
    )::text as breakdown_label_zh,
    cell.passed_count::bigint as passed_count,
    cell.judged_count::bigint as judged_count,
    (100.0 * cell.passed_count / nullif(cell.judged_count, 0))::numeric as pass_rate_pct,
    (100 * interval_share[1])::numeric as interval_low_pct,
    (100 * interval_share[2])::numeric as interval_high_pct,
    cell.contestable_count::bigint as contestable_count,
    cell.pending_count::bigint as pending_count,
    cell.quarantined_count::bigint as quarantined_count,
    {{ publication_id() }} as publication_id
from cell
inner join {{ ref('pass_rate_measure') }} as measure on cell.measure_code = measure.measure_code
inner join {{ ref('dim_indicator') }} as definition on measure.indicator_id = definition.indicator_id
inner join {{ ref('int_evaluation_point') }} as point
    on cell.period_type = point.period_type and cell.period_start_on = point.period_start_on and point.is_current
left join {{ ref('dim_division') }} as division on cell.division_code = division.division_code
left join {{ ref('food_category') }} as category on cell.category_code = category.category_code
cross join lateral (
    select
        case
            when cell.judged_count > 0
                then stats.clopper_pearson(
                    cell.passed_count::float8, cell.judged_count::float8, (2 * definition.alpha)::float8
                )
        end as interval_share
) as interval_of_cell
