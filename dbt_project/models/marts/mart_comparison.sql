{{ config(indexes=[{'columns': ['measure_code', 'calendar', 'comparison', 'period_type', 'period_start_on']}]) }}
{%- do uses(['normal_cdf', 'binomial_upper_tail', 'binomial_lower_tail']) %}
{%- set pair = 'measure_code, indicator_id, calendar, pair_no' %}
{#- 当期与累计, 同比与环比: pooled pass rates of a period beside those of the period before it and of the year before, all
    as known now and restated to today's divisions. Two calendars: by the day of sampling (`completed`) and of
    publication (`published`). Differences are tested on equal scope only: divisions and categories that have judged
    samples in both periods. z = (p1 - p0) / sqrt(p q (1/n1 + 1/n0)); where fewer than 5 failures are expected in
    either, failures of one period among all are tested as Binomial(f1 + f0, n1 / (n1 + n0)), which errs on the side of
    no change. -#}

with compared as (
    select
        period.*,
        base.comparison,
        base.base_start_on,
        (base.base_start_on + period.months - interval '1 day')::date as base_end_on,
        -- One number for nine columns: all that follows groups by it.
        row_number() over () as pair_no
    from (
        select
            calendar_period.*,
            -- Whole months: 12, 6, 3, 1, or those of the year so far.
            age(period_end_on + 1, period_start_on) as months
        from {{ ref('int_calendar_period') }} as calendar_period
    ) as period
    cross join lateral (
        values
            ('year_on_year', (period.period_start_on - interval '1 year')::date),
            (
                case when period.period_type in ('half', 'quarter', 'month') then 'period_on_period' end,
                (period.period_start_on - period.months)::date
            )
    ) as base (comparison, base_start_on)
    where base.comparison is not null
),

compared_month as (
    select
        compared.pair_no,
        side.is_base,
        month_on::date as month_on
    from compared
    cross join lateral (
        values
            (false, compared.period_start_on, compared.period_end_on),
            (true, compared.base_start_on, compared.base_end_on)
    ) as side (is_base, start_on, end_on)
    cross join lateral generate_series(side.start_on::timestamp, side.end_on::timestamp, interval '1 month') as month_on
),

monthly as (
    select
        month.measure_code,
        month.indicator_id,
        calendar.calendar,
        calendar.month_on,
        -- Publication is counted for the city only.
        case when calendar.calendar = 'completed' then month.as_is_division_code end as division_code,
        case when calendar.calendar = 'completed' then coalesce(month.category_code, 'unknown') end as category_code,
        sum(month.judged_count) as judged_count,
        sum(month.passed_count) as passed_count
    from {{ ref('int_sample_month') }} as month
    inner join {{ ref('pass_rate_measure') }} as measure
        on month.measure_code = measure.measure_code and measure.weight_set is null
    cross join lateral (
        values ('completed', month.sampled_month_on), ('published', month.published_month_on)
    ) as calendar (calendar, month_on)
    group by
        month.measure_code, month.indicator_id, calendar.calendar, calendar.month_on,
        case when calendar.calendar = 'completed' then month.as_is_division_code end,
        case when calendar.calendar = 'completed' then coalesce(month.category_code, 'unknown') end
),

side as (
    select
        monthly.measure_code,
        monthly.indicator_id,
        monthly.calendar,
        compared_month.pair_no,
        monthly.division_code,
        monthly.category_code,
        sum(monthly.judged_count) filter (where not compared_month.is_base) as judged,
        sum(monthly.passed_count) filter (where not compared_month.is_base) as passed,
        sum(monthly.judged_count) filter (where compared_month.is_base) as base_judged,
        sum(monthly.passed_count) filter (where compared_month.is_base) as base_passed
    from monthly
    inner join compared_month on monthly.month_on = compared_month.month_on
    group by
        monthly.measure_code, monthly.indicator_id, monthly.calendar, compared_month.pair_no, monthly.division_code,
        monthly.category_code
),

common as (
    select
        side.*,
        count(judged) over of_division > 0 and count(base_judged) over of_division > 0 as is_division_common,
        count(judged) over of_category > 0 and count(base_judged) over of_category > 0 as is_category_common
    from side
    window
        of_division as (partition by {{ pair }}, division_code),
        of_category as (partition by {{ pair }}, category_code)
),

summed as (
    select
        {{ pair }},
        sum(judged)::numeric as judged,
        sum(passed)::numeric as passed,
        sum(base_judged)::numeric as base_judged,
        sum(base_passed)::numeric as base_passed,
        sum(judged) filter (where is_division_common and is_category_common)::numeric as common_judged,
        sum(passed) filter (where is_division_common and is_category_common)::numeric as common_passed,
        sum(base_judged) filter (where is_division_common and is_category_common)::numeric as common_base_judged,
        sum(base_passed) filter (where is_division_common and is_category_common)::numeric as common_base_passed,
        bool_and(is_division_common) as is_division_set_equal,
        bool_and(is_category_common) as is_category_set_equal
    from common
    group by {{ pair }}
),

tested as (
    select
        summed.*,
        {% for column in [
            'comparison', 'period_type', 'period_start_on', 'period_end_on', 'period_label_zh', 'base_start_on', 'base_end_on',
        ] -%}
        compared.{{ column }},
        {% endfor -%}
        definition.alpha,
        definition.min_n,
        compared.period_end_on <= {{ as_of() }} as is_closed,
        difference.failures,
        difference.part,
        (summed.common_passed / summed.common_judged - summed.common_base_passed / summed.common_base_judged)::float8
        / nullif(
            sqrt(
                (
                    difference.share * (1 - difference.share)
                    * (1 / summed.common_judged + 1 / summed.common_base_judged)
                )::float8
            ), 0
        ) as z,
        least(summed.common_judged, summed.common_base_judged) * (1 - difference.share) < 5 as is_exact,
        summed.common_judged - summed.common_passed as common_failed
    from summed
    inner join compared on summed.pair_no = compared.pair_no
    inner join {{ ref('dim_indicator') }} as definition
        on summed.indicator_id = definition.indicator_id and {{ definition_in_force('definition', known_at()) }}
    cross join lateral (
        select
            (summed.common_passed + summed.common_base_passed) / (summed.common_judged + summed.common_base_judged)
                as share,
            summed.common_judged + summed.common_base_judged - summed.common_passed - summed.common_base_passed
                as failures,
            summed.common_judged / (summed.common_judged + summed.common_base_judged) as part
    ) as difference
    where summed.judged is not null
),

decided as (
    select
        tested.*,
        case
            when is_exact and z < 0
                then stats.binomial_upper_tail(common_failed::float8, failures::float8, part::float8)
            when is_exact then stats.binomial_lower_tail(common_failed::float8, failures::float8, part::float8)
            else stats.normal_cdf(-abs(z))
        end as tail_probability
    from tested
)

select
    decided.measure_code::text as measure_code,
    decided.indicator_id::text as indicator_id,
    measure.label_zh::text as measure_label_zh,
    measure.label_en::text as measure_label_en,
    decided.calendar::text as calendar,
    decided.comparison::text as comparison,
    decided.period_type::text as period_type,
    decided.period_start_on::date as period_start_on,
    decided.period_end_on::date as period_end_on,
    decided.period_label_zh::text as period_label_zh,
    decided.base_start_on::date as base_start_on,
    decided.base_end_on::date as base_end_on,
    decided.is_closed::boolean as is_closed,
    decided.passed::bigint as numerator,
    decided.judged::bigint as denominator,
    (100 * decided.passed / decided.judged)::numeric as value,
    decided.base_passed::bigint as base_numerator,
    decided.base_judged::bigint as base_denominator,
    (100 * decided.base_passed / decided.base_judged)::numeric as base_value,
    decided.common_judged::bigint as common_denominator,
    (100 * decided.common_passed / decided.common_judged)::numeric as common_value,
    decided.common_base_judged::bigint as common_base_denominator,
    (100 * decided.common_base_passed / decided.common_base_judged)::numeric as common_base_value,
    case
        when decided.is_closed then
            100 * decided.common_passed / decided.common_judged
            - 100 * decided.common_base_passed / decided.common_base_judged
    end::numeric as difference_pp,
    decided.z::numeric as z,
    decided.tail_probability::numeric as tail_probability,
    case
        when decided.base_judged is null then 'no_data'
        when not decided.is_closed or decided.common_judged is null or decided.common_base_judged is null
            then 'not_comparable'
        when least(decided.common_judged, decided.common_base_judged) < decided.min_n then 'insufficient_sample'
        when decided.z is null or decided.tail_probability > decided.alpha then 'no_significant_change'
        when decided.z > 0 then 'higher'
        else 'lower'
    end::text as change,
    nullif(
        concat_ws(
            ', ',
            case when not decided.is_closed then 'running_period' end,
            case when decided.base_judged is not null and not decided.is_division_set_equal then 'divisions' end,
            case when decided.base_judged is not null and not decided.is_category_set_equal then 'categories' end
        ), ''
    )::text as break_reason,
    {{ publication_id() }} as publication_id
from decided
inner join {{ ref('pass_rate_measure') }} as measure on decided.measure_code = measure.measure_code
