{#- One set of samples, several readings (domain 0): supervision of food as counted, less tableware, less edible
    agricultural products; and evaluation sampling, which is designed to be a rate. From samples by period; from a
    published table where it states the parts that are taken away, line by line, by the table's own period. -#}

with counted as (
    select
        'computed' as value_basis,
        rate.period_type,
        rate.period_start_on,
        rate.period_end_on,
        rate.period_label_zh,
        rate.measure_code,
        rate.judged_count::numeric as denominator,
        rate.passed_count::numeric as numerator
    from {{ ref('mart_pass_rate') }} as rate
    where rate.breakdown = 'city' and rate.value_basis = 'computed' and rate.judged_count > 0
),

line as (
    select
        summary.*,
        coalesce(category.is_edible_agricultural, false) as is_edible_agricultural
    from {{ ref('fct_sample_summary') }} as summary
    left join {{ ref('product_category') }} as category
        on summary.sample_domain = category.sample_domain and summary.category_code = category.category_code
    where
        summary.sample_domain = 'food'
        and summary.sampling_kind = 'supervision'
        and summary.in_scope
        and summary.is_whole_city
        and summary.is_withdrawn is not true
        and summary.passed_count is not null
        and summary.known_from_on <= {{ known_at() }}
        and (summary.known_before_on is null or summary.known_before_on > {{ known_at() }})
),

stated as (
    -- A table and its period: the total, and what of it are tableware and edible agricultural products.
    select distinct on (period_start_on, period_end_on)
        period_start_on,
        period_end_on,
        max(tested_count) filter (where category_code is null and not is_tableware) as tested,
        max(passed_count) filter (where category_code is null and not is_tableware) as passed,
        sum(tested_count) filter (where is_tableware) as ware_tested,
        sum(passed_count) filter (where is_tableware) as ware_passed,
        sum(tested_count) filter (where is_edible_agricultural and not is_tableware) as agricultural_tested,
        sum(passed_count) filter (where is_edible_agricultural and not is_tableware) as agricultural_passed
    from line
    group by delivery_id, origin_id, known_from_on, period_start_on, period_end_on
    having count(*) filter (where category_code is null and not is_tableware) = 1
    order by period_start_on, period_end_on, known_from_on desc, origin_id desc
),

published as (
    select
        'reported' as value_basis,
        'published' as period_type,
        stated.period_start_on,
        stated.period_end_on,
        to_char(stated.period_start_on, 'YYYY-MM-DD') || '–' || to_char(stated.period_end_on, 'YYYY-MM-DD')
            as period_label_zh,
        step.measure_code,
        step.denominator,
        step.numerator
    from stated
    cross join lateral (
        values
            ('FOOD_SUPERVISION', tested, passed),
            ('FOOD_SUPERVISION_EXCL_TABLEWARE', tested - ware_tested, passed - ware_passed),
            (
                'FOOD_SUPERVISION_EXCL_TABLEWARE_AGRI', tested - ware_tested - agricultural_tested,
                passed - ware_passed - agricultural_passed
            )
    ) as step (measure_code, denominator, numerator)
    where step.denominator > 0
),

stepped as (
    select
        reading.*,
        measure.bridge_step,
        measure.indicator_id,
        measure.label_zh,
        measure.label_en,
        100 * reading.numerator / reading.denominator as value
    from (
        select * from counted
        union all
        select * from published
    ) as reading
    inner join {{ ref('pass_rate_measure') }} as measure
        on reading.measure_code = measure.measure_code and measure.bridge_step is not null
)

select
    stepped.value_basis::text as value_basis,
    stepped.period_type::text as period_type,
    stepped.period_start_on::date as period_start_on,
    stepped.period_end_on::date as period_end_on,
    stepped.period_label_zh::text as period_label_zh,
    stepped.bridge_step::integer as bridge_step,
    stepped.measure_code::text as measure_code,
    stepped.label_zh::text as measure_label_zh,
    stepped.label_en::text as measure_label_en,
    stepped.numerator::bigint as numerator,
    stepped.denominator::bigint as denominator,
    (stepped.denominator - stepped.numerator)::bigint as failed_count,
    stepped.value::numeric as value,
    (stepped.value - lag(stepped.value) over of_period)::numeric as step_pp,
    definition.target_value::numeric as target_value,
    (100 * stepped.numerator >= definition.target_value * stepped.denominator)::boolean as is_attained,
    {{ publication_id() }} as publication_id
from stepped
inner join {{ ref('dim_indicator') }} as definition
    on stepped.indicator_id = definition.indicator_id and {{ definition_in_force('definition', known_at()) }}
window of_period as (
    partition by stepped.value_basis, stepped.period_type, stepped.period_start_on, stepped.period_end_on
    order by stepped.bridge_step
)
