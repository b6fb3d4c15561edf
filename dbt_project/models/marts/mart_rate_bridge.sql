{{ config(indexes=[{'columns': ['period_type', 'period_start_on', 'value_basis', 'step_no'], 'unique': true}]) }}
{#- From the rate of all supervision sampling to that of evaluation sampling, step by step (domain 0, D3): how much of a
    difference is tableware, edible agricultural products, and the kind of sampling. Computed steps are measures; reported
    ones are a total less the lines of what is left out, where each of its periods has exactly one such line with whole
    counts. What cannot be taken off exactly is NULL: a guess would look like a rate. -#}

with part as (
    select
        period_type,
        period_start_on,
        value_basis,
        measure_code,
        breakdown,
        category_code,
        judged_count,
        case when passed_low_count = passed_high_count or value_basis = 'computed' then passed_count end as passed_count
    from {{ ref('int_pass_rate_breakdown') }}
    where is_current and breakdown in ('city', 'category')
),

-- Total lines of the city, and how each period of theirs says what tableware and categories are part of it.
total as (
    select
        cell.period_type,
        cell.period_start_on,
        cell.measure_code,
        cell.is_total,
        cell.line_periods
    from {{ ref('int_summary_cell') }} as cell
    where cell.is_current and cell.breakdown = 'city' and cell.is_whole_city
),

reported_line as (
    select
        total.period_type,
        total.period_start_on,
        total.measure_code,
        kind.name as part_name,
        array_length(total.line_periods, 1) as period_count,
        count(distinct line.period_start_on || '/' || line.period_end_on) as found_period_count,
        count(*) as line_count,
        sum(line.tested_count) as judged_count,
        case when bool_and(line.passed_count is not null) then sum(line.passed_count) end as passed_count,
        bool_and(total.is_total) as is_total
    from total
    inner join {{ ref('summary_measure') }} as line
        on
            total.measure_code = line.measure_code
            and line.period_start_on || '/' || line.period_end_on = any(total.line_periods)
            and line.is_whole_city
            and line.known_from_on <= {{ known_at() }}
            and (line.known_before_on is null or line.known_before_on > {{ known_at() }})
    cross join lateral (
        select
            case
                when line.is_tableware then 'tableware'
                when line.category_code = 'edible_agricultural_products' then 'agri'
                when line.category_code = 'catering_foods' then 'catering'
            end as name
    ) as kind
    where kind.name is not null
    group by total.period_type, total.period_start_on, total.measure_code, kind.name, total.line_periods
),

exact_line as (
    select *
    from reported_line
    where
        line_count = period_count
        and found_period_count = period_count
        -- Tableware is part of a total; beside lines of categories it may be part of catering or not.
        and (is_total or part_name <> 'tableware')
),

computed as (
    select
        step.step_no,
        city.period_type,
        city.period_start_on,
        'computed' as value_basis,
        city.judged_count
        - case when step.excludes_catering then coalesce(catering.judged_count, 0) else 0 end as judged_count,
        city.passed_count
        - case when step.excludes_catering then coalesce(catering.passed_count, 0) else 0 end as passed_count
    from {{ ref('rate_bridge_step') }} as step
    inner join part as city
        on
            step.computed_measure = city.measure_code
            and city.value_basis = 'computed'
            and city.breakdown = 'city'
    left join part as catering
        on
            city.measure_code = catering.measure_code
            and city.period_type = catering.period_type
            and city.period_start_on = catering.period_start_on
            and catering.value_basis = 'computed'
            and catering.category_code = 'catering_foods'
),

reported as (
    select
        step.step_no,
        city.period_type,
        city.period_start_on,
        'reported' as value_basis,
        city.judged_count
        - case when step.excludes_tableware then tableware.judged_count else 0 end
        - case when step.excludes_edible_agricultural then agri.judged_count else 0 end
        - case when step.excludes_catering then catering.judged_count else 0 end as judged_count,
        city.passed_count
        - case when step.excludes_tableware then tableware.passed_count else 0 end
        - case when step.excludes_edible_agricultural then agri.passed_count else 0 end
        - case when step.excludes_catering then catering.passed_count else 0 end as passed_count
    from {{ ref('rate_bridge_step') }} as step
    inner join part as city
        on
            step.reported_measure = city.measure_code
            and city.value_basis = 'reported'
            and city.breakdown = 'city'
    {%- for name in ['tableware', 'agri', 'catering'] %}
    left join exact_line as {{ name }}
        on
            city.measure_code = {{ name }}.measure_code
            and city.period_type = {{ name }}.period_type
            and city.period_start_on = {{ name }}.period_start_on
            and {{ name }}.part_name = '{{ name }}'
    {%- endfor %}
),

counted as (
    select
        counted.*,
        100.0 * passed_count / nullif(judged_count, 0) as rate_pct
    from (
        select * from computed
        union all
        select * from reported
    ) as counted
)

select
    point.period_type::text as period_type,
    point.period_start_on::date as period_start_on,
    point.period_end_on::date as period_end_on,
    point.period_label_zh::text as period_label_zh,
    counted.value_basis::text as value_basis,
    step.step_no::integer as step_no,
    step.step_code::text as step_code,
    step.label_zh::text as step_label_zh,
    step.label_en::text as step_label_en,
    counted.judged_count::bigint as judged_count,
    counted.passed_count::bigint as passed_count,
    (counted.judged_count - counted.passed_count)::bigint as failed_count,
    counted.rate_pct::numeric as rate_pct,
    definition.target_value::numeric as target_value,
    -- By counts, so that no rounding decides: 97.967 % is not 98 %.
    case
        when counted.judged_count > 0
            then 100 * counted.passed_count >= definition.target_value * counted.judged_count
    end::boolean as is_attained,
    step.compared_step_no::integer as compared_step_no,
    (counted.rate_pct - compared.rate_pct)::numeric as difference_pp,
    -- Of the measure that the step is made of: what is taken off a total leaves its open results where they were.
    case when counted.rate_pct is null then 'no_data' else whole.data_status end::text as data_status,
    {{ publication_id() }} as publication_id
from counted
inner join {{ ref('rate_bridge_step') }} as step on counted.step_no = step.step_no
inner join {{ ref('int_evaluation_point') }} as point
    on counted.period_type = point.period_type and counted.period_start_on = point.period_start_on and point.is_current
inner join {{ ref('dim_indicator') }} as definition
    on definition.indicator_id = 'Q03' and {{ definition_in_force('definition', known_at()) }}
left join counted as compared
    on
        step.compared_step_no = compared.step_no
        and counted.value_basis = compared.value_basis
        and counted.period_type = compared.period_type
        and counted.period_start_on = compared.period_start_on
left join {{ ref('mart_pass_rate') }} as whole
    on
        whole.breakdown = 'city'
        and counted.value_basis = whole.value_basis
        and case counted.value_basis when 'computed' then step.computed_measure else step.reported_measure end
        = whole.measure_code
        and counted.period_type = whole.period_type
        and counted.period_start_on = whole.period_start_on
