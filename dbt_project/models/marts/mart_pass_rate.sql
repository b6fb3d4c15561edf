{{ config(indexes=[{'columns': ['measure_code', 'period_type', 'period_start_on']}]) }}
{%- do uses(['clopper_pearson']) %}
{#- Pass rates by period, and within it by division or by category; both null is the whole city. Computed from samples,
    and beside them reported by summary tables: samples take precedence, the two are never added. -#}

with cell as (
    select
        breakdown.*,
        measure.indicator_id,
        measure.sample_domain,
        measure.label_zh as measure_label_zh,
        measure.label_en as measure_label_en,
        value.value as city_value,
        value.bound_low as city_bound_low,
        value.bound_high as city_bound_high,
        value.n_effective,
        value.x_effective,
        coalesce(value.estimator, 'pooled') as estimator,
        bool_or(breakdown.value_basis = 'computed' and breakdown.judged_count > 0) over (
            partition by
                breakdown.measure_code, breakdown.period_type, breakdown.period_start_on, breakdown.breakdown,
                breakdown.division_code, breakdown.category_code
        ) as has_samples
    from {{ ref('int_pass_rate_breakdown') }} as breakdown
    inner join {{ ref('pass_rate_measure') }} as measure on breakdown.measure_code = measure.measure_code
    left join {{ ref('int_pass_rate_value') }} as value
        on
            breakdown.breakdown = 'city'
            and value.is_current
            and breakdown.measure_code = value.measure_code
            and breakdown.value_basis = value.value_basis
            and breakdown.period_type = value.period_type
            and breakdown.period_start_on = value.period_start_on
    where
        breakdown.is_current
        -- Weights are the city's: a division has none.
        and (measure.weight_set is null or breakdown.breakdown <> 'division')
),

shown as (
    select
        cell.*,
        coalesce(city_value, 100.0 * passed_count / nullif(judged_count, 0)) as pass_rate_pct,
        coalesce(city_bound_low, 100.0 * passed_low_count / nullif(judged_count + pending_count, 0)) as bound_low_pct,
        coalesce(city_bound_high, 100.0 * (passed_high_count + pending_count) / nullif(judged_count + pending_count, 0))
            as bound_high_pct,
        coalesce(n_effective, judged_count) as interval_n,
        case when value_basis = 'computed' then coalesce(x_effective, passed_count) else passed_low_count end
            as interval_low_x,
        case when value_basis = 'computed' then coalesce(x_effective, passed_count) else passed_high_count end
            as interval_high_x
    from cell
)

select
    shown.measure_code::text as measure_code,
    shown.indicator_id::text as indicator_id,
    shown.measure_label_zh::text as measure_label_zh,
    shown.measure_label_en::text as measure_label_en,
    shown.value_basis::text as value_basis,
    (shown.value_basis = 'computed' and shown.has_samples or shown.value_basis = 'reported' and not shown.has_samples)
    ::boolean as is_preferred,
    point.period_type::text as period_type,
    point.period_start_on::date as period_start_on,
    point.period_end_on::date as period_end_on,
    point.period_label_zh::text as period_label_zh,
    shown.breakdown::text as breakdown,
    shown.division_code::text as division_code,
    shown.category_code::text as category_code,
    coalesce(
        case when shown.breakdown = 'division' then division.label_zh end,
        case when shown.breakdown = 'category' then coalesce(category.label_zh, '未列明') end,
        '济南市'
    )::text as breakdown_label_zh,
    case
        when shown.value_basis = 'computed' or shown.passed_low_count = shown.passed_high_count then shown.passed_count
    end::bigint as passed_count,
    shown.judged_count::bigint as judged_count,
    shown.pass_rate_pct::numeric as pass_rate_pct,
    (100 * interval_low.share[1])::numeric as interval_low_pct,
    (100 * interval_high.share[2])::numeric as interval_high_pct,
    shown.bound_low_pct::numeric as bound_low_pct,
    shown.bound_high_pct::numeric as bound_high_pct,
    shown.estimator::text as estimator,
    shown.contestable_count::bigint as contestable_count,
    shown.pending_count::bigint as pending_count,
    shown.quarantined_count::bigint as quarantined_count,
    {{ data_status(
        'shown.pass_rate_pct', 'point.is_closed', 'point.known_at_on', 'point.period_end_on', 'definition.finality_lag_days',
        'shown.contestable_count + shown.pending_count'
    ) }}::text as data_status,
    {{ publication_id() }} as publication_id
from shown
inner join {{ ref('dim_indicator') }} as definition
    on shown.indicator_id = definition.indicator_id and {{ definition_in_force('definition', known_at()) }}
inner join {{ ref('int_evaluation_point') }} as point
    on shown.period_type = point.period_type and shown.period_start_on = point.period_start_on and point.is_current
left join {{ ref('dim_division') }} as division on shown.division_code = division.division_code
left join {{ ref('product_category') }} as category
    on shown.sample_domain = category.sample_domain and shown.category_code = category.category_code
cross join lateral (
    select
        case
            when shown.judged_count > 0
                then stats.clopper_pearson(
                    shown.interval_low_x::float8, shown.interval_n::float8, (2 * definition.alpha)::float8
                )
        end as share
) as interval_low
cross join lateral (
    select
        case
            when shown.interval_low_x = shown.interval_high_x then interval_low.share
            when shown.judged_count > 0
                then stats.clopper_pearson(
                    shown.interval_high_x::float8, shown.interval_n::float8, (2 * definition.alpha)::float8
                )
        end as share
) as interval_high
