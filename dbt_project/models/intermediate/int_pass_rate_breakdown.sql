{{ config(materialized='table') }}
{#- Counts by evaluation point and measure of the city, of each division and of each category: computed from samples,
    and beside them reported by summary tables. The two are never added. `passed_low_count` and `passed_high_count` are
    what may still become of the passes: every open failure stands, or none does; a rounded rate hides some. -#}

select
    as_of_on,
    known_at_on,
    is_current,
    period_type,
    period_start_on,
    measure_code,
    'computed' as value_basis,
    case
        when grouping(division_code) = 0 then 'division'
        when grouping(category_code) = 0 then 'category'
        else 'city'
    end as breakdown,
    case when grouping(division_code) = 0 then division_code end as division_code,
    case when grouping(category_code) = 0 then coalesce(category_code, 'unknown') end as category_code,
    coalesce(sum(judged_count), 0) as judged_count,
    coalesce(sum(passed_count), 0) as passed_count,
    coalesce(sum(passed_count), 0) as passed_low_count,
    coalesce(sum(passed_count), 0) + coalesce(sum(contestable_count), 0) as passed_high_count,
    coalesce(sum(contestable_count), 0) as contestable_count,
    coalesce(sum(pending_count), 0) as pending_count,
    coalesce(sum(quarantined_count), 0) as quarantined_count
from {{ ref('int_pass_rate_cell') }}
group by grouping sets (
    (as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code),
    (as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code, division_code),
    (as_of_on, known_at_on, is_current, period_type, period_start_on, measure_code, category_code)
)

union all

select
    as_of_on,
    known_at_on,
    is_current,
    period_type,
    period_start_on,
    measure_code,
    'reported' as value_basis,
    breakdown,
    division_code,
    category_code,
    judged_count,
    passed_count,
    passed_low_count,
    passed_high_count,
    0 as contestable_count,
    0 as pending_count,
    0 as quarantined_count
from {{ ref('int_summary_cell') }}
