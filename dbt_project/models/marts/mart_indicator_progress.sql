{{ config(indexes=[{'columns': ['indicator_id'], 'unique': true}]) }}
{%- do uses([
    'growth_ratio', 'linear_forecast', 'random_walk_forecast', 'reach_probability', 'student_t_quantile',
    'proportion_trend',
]) %}
{#- How far each indicator has come on its way to its dated target, from the current headline rows. Nothing is mixed: a
    series is of one measure on one basis. What cannot be told is NULL, with the reason. -#}

with headline as (
    select
        *,
        {{ is_of_a_date('target_kind') }} as is_of_a_date,
        period_end_on <= as_of_on as is_closed,
        -- A rate or score stands for the whole of its period.
        coalesce(value_on, period_end_on) as held_on
    from {{ ref('mart_target_tracking') }}
    where is_current and is_headline
),

latest as (
    -- A count is what it last was; a rate, score or rank is one of a year that has ended.
    select distinct on (indicator_id) *
    from headline
    where period_type = 'year' and value is not null and (is_of_a_date or is_closed)
    order by indicator_id, period_start_on desc
),

series as (
    select
        headline.indicator_id,
        headline.period_type,
        headline.period_start_on,
        headline.held_on,
        headline.value,
        headline.numerator,
        headline.denominator,
        headline.is_closed,
        {{ months_of('headline.held_on') }} as month
    from headline
    inner join latest using (indicator_id, measure_code, value_basis, definition_version)
    where headline.value is not null and (headline.is_closed or headline.is_of_a_date)
),

first_observed as (
    select distinct on (indicator_id)
        series.indicator_id,
        series.value,
        series.held_on
    from series
    inner join latest using (indicator_id)
    -- Of counts the earliest that is known; of rates and scores the first whole year.
    where latest.is_of_a_date or series.period_type = 'year'
    order by series.indicator_id, series.held_on
),

year_before as (
    -- The latest value that is a year old, else the first.
    select distinct on (series.indicator_id)
        series.indicator_id,
        series.value,
        series.month
    from series
    inner join latest using (indicator_id)
    where latest.is_of_a_date and series.held_on < latest.held_on
    order by
        series.indicator_id,
        series.held_on <= latest.held_on - interval '1 year' desc,
        case when series.held_on <= latest.held_on - interval '1 year' then series.held_on end desc,
        series.held_on
),

quarterly as (
    select
        indicator_id,
        count(*) as point_count,
        array_agg(month::float8 order by month) as months,
        array_agg(value::float8 order by month) as points,
        (max(month) - min(month)) / nullif(count(*) - 1, 0) as spacing
    from series
    where period_type = 'quarter'
    group by indicator_id
),

recent_quarter as (
    select
        indicator_id,
        numerator,
        denominator,
        held_on,
        row_number() over (partition by indicator_id order by held_on desc) as place
    from series
    where period_type = 'quarter' and is_closed and numerator is not null
),

trend as (
    select
        indicator_id,
        stats.proportion_trend(
            array_agg(denominator::float8 order by held_on), array_agg(numerator::float8 order by held_on)
        ) as found
    from recent_quarter
    where place <= 5
    group by indicator_id
    having count(*) = 5
),

chart as (
    -- What the limits say is said of the series, so by its latest month.
    select distinct on (indicator_id) *
    from {{ ref('mart_control_chart') }}
    order by indicator_id, period_start_on desc
),

held as (
    select
        indicator_id,
        count(*) filter (where is_attained) as years_met,
        count(*) filter (where not is_attained) as years_missed,
        count(*) filter (where is_attained is null) as years_open
    from headline
    where period_type = 'year' and is_closed
    group by indicator_id
),

begun as (
    select
        definition.*,
        latest.measure_code,
        latest.value_basis,
        latest.value,
        latest.held_on as value_on,
        latest.is_attained,
        latest.light,
        latest.is_of_a_date,
        latest.as_of_on,
        case
            when definition.baseline_on is not null then 'official'
            when first_observed.held_on < latest.held_on then 'first_observed'
        end as baseline_kind,
        coalesce(
            definition.baseline_value, case when first_observed.held_on < latest.held_on then first_observed.value end
        ) as first_value,
        coalesce(
            definition.baseline_on, case when first_observed.held_on < latest.held_on then first_observed.held_on end
        ) as first_on
    from {{ ref('dim_indicator') }} as definition
    left join latest using (indicator_id, definition_version)
    left join first_observed on definition.indicator_id = first_observed.indicator_id
    where {{ definition_in_force('definition', known_at()) }}
),

reasoned as (
    select
        begun.*,
        case
            when value is null then 'no_value'
            when target_kind = 'rank' then 'rank'
            when first_value is null then 'no_baseline'
            -- 95.06 % of 2019 is of a measure that nobody names.
            when baseline_kind = 'official' and not is_baseline_comparable then 'two_measures'
            when first_value = target_value then 'no_way_to_go'
        end as not_assessable_reason,
        {{ months_of('deadline_on') }} - {{ months_of('value_on') }} as months_left
    from begun
),

travelled as (
    select
        reasoned.*,
        100 * (value - first_value) / (target_value - first_value) as completion_pct,
        100.0 * (value_on - first_on) / nullif(deadline_on - first_on, 0) as elapsed_pct,
        stats.growth_ratio(
            first_value::float8, value::float8, target_value::float8,
            (({{ months_of('value_on') }} - {{ months_of('first_on') }}) / 12)::float8,
            (({{ months_of('deadline_on') }} - {{ months_of('first_on') }}) / 12)::float8
        ) as eurostat_ratio
    from reasoned
    where not_assessable_reason is null
),

forecast as (
    select
        reasoned.indicator_id,
        fitted.method,
        fitted.found,
        stats.student_t_quantile((1 - reasoned.alpha)::float8, fitted.found[3]) * fitted.found[2] as half_width,
        row_number() over (
            partition by reasoned.indicator_id
            -- The wider of two honest guesses.
            order by stats.student_t_quantile((1 - reasoned.alpha)::float8, fitted.found[3]) * fitted.found[2] desc
        ) as place
    from reasoned
    inner join quarterly using (indicator_id)
    cross join lateral (
        values
            (
                'regression',
                stats.linear_forecast(
                    quarterly.months, quarterly.points, ({{ months_of('reasoned.deadline_on') }})::float8
                )
            ),
            (
                'random_walk',
                stats.random_walk_forecast(
                    quarterly.points, (reasoned.months_left / nullif(quarterly.spacing, 0))::float8
                )
            )
    ) as fitted (method, found)
    where
        reasoned.forecast_method = 'line'
        and quarterly.point_count >= 6
        and reasoned.months_left > 0
        and fitted.found is not null
),

chance as (
    select
        forecast.indicator_id,
        forecast.method,
        forecast.found[1] as value,
        forecast.found[1] - forecast.half_width as low,
        forecast.found[1] + forecast.half_width as high,
        stats.reach_probability(forecast.found, reasoned.target_value::float8) as probability
    from forecast
    inner join reasoned using (indicator_id)
    where forecast.place = 1
    union all
    -- Certificates lapse by the year that they are of: a line through the last months says nothing of the next lapse.
    select
        cohort.indicator_id,
        'cohort' as method,
        cohort.forecast_value as value,
        cohort.forecast_low as low,
        cohort.forecast_high as high,
        cohort.forecast_probability as probability
    from {{ ref('mart_title_cohort') }} as cohort
    inner join reasoned using (indicator_id, measure_code)
    where cohort.is_current and reasoned.forecast_method = 'cohort' and cohort.forecast_value is not null
)

select
    reasoned.indicator_id::text as indicator_id,
    reasoned.definition_version::integer as definition_version,
    reasoned.target_kind::text as target_kind,
    reasoned.measure_code::text as measure_code,
    reasoned.value_basis::text as value_basis,
    reasoned.value::numeric as value,
    reasoned.value_on::date as value_on,
    reasoned.target_value::numeric as target_value,
    reasoned.target_operator::text as target_operator,
    reasoned.deadline_on::date as deadline_on,
    reasoned.is_attained::boolean as is_attained,
    reasoned.light::text as light,
    reasoned.first_value::numeric as baseline_value,
    reasoned.first_on::date as baseline_on,
    reasoned.baseline_kind::text as baseline_kind,
    travelled.elapsed_pct::numeric as elapsed_pct,
    travelled.completion_pct::numeric as completion_pct,
    (travelled.completion_pct - travelled.elapsed_pct)::numeric as schedule_gap_pp,
    case
        when reasoned.target_kind <> 'rank' then 100 * reasoned.value / reasoned.target_value
    end::numeric as attainment_ratio_pct,
    case
        when reasoned.target_kind <> 'level_held' then travelled.completion_pct / nullif(travelled.elapsed_pct, 0)
    end::numeric as linear_ratio,
    case when reasoned.target_kind in ('stock', 'sum', 'level') then travelled.eurostat_ratio end::numeric
        as eurostat_ratio,
    case
        when travelled.indicator_id is null or reasoned.target_kind not in ('stock', 'sum', 'level') then null
        when reasoned.is_attained then 'achieved'
        when travelled.eurostat_ratio >= 0.95 then 'on_track'
        when travelled.eurostat_ratio >= 0.60 then 'moderate'
        when travelled.eurostat_ratio >= 0 then 'insufficient'
        when travelled.eurostat_ratio < 0 then 'moving_away'
    end::text as eurostat_class,
    reasoned.not_assessable_reason::text as not_assessable_reason,
    case when reasoned.is_of_a_date then greatest(reasoned.target_value - reasoned.value, 0) end::numeric as left_to_go,
    case
        when reasoned.is_of_a_date and not reasoned.is_attained and reasoned.months_left > 0
            then (reasoned.target_value - reasoned.value) / reasoned.months_left
    end::numeric as required_per_month,
    ((reasoned.value - year_before.value) / ({{ months_of('reasoned.value_on') }} - year_before.month))::numeric
        as trailing_per_month,
    chance.method::text as forecast_method,
    chance.value::numeric as forecast_value,
    chance.low::numeric as forecast_low,
    chance.high::numeric as forecast_high,
    chance.probability::numeric as forecast_probability,
    case
        when chance.probability >= 0.8 then 'likely'
        when chance.probability <= 0.2 then 'unlikely'
        when chance.probability is not null then 'uncertain'
    end::text as forecast_word,
    case
        when reasoned.target_kind <> 'level_held' or held.indicator_id is null then null
        when held.years_missed > 0 then false
        when held.years_open = 0 then true
    end::boolean as is_held_every_year,
    case when reasoned.target_kind = 'level_held' then coalesce(held.years_met, 0) end::bigint as years_met,
    case when reasoned.target_kind = 'level_held' then coalesce(held.years_missed, 0) end::bigint as years_missed,
    case when reasoned.target_kind = 'level_held' then coalesce(held.years_open, 0) end::bigint as years_open,
    trend.found[1]::numeric as trend_chi_squared,
    case
        when trend.found is null then null
        -- 99.8 %, one degree of freedom; and no single quarter makes the slope.
        when trend.found[1] > 9.5495 and trend.found[2] > 0 then 'rising'
        when trend.found[1] > 9.5495 and trend.found[2] < 0 then 'falling'
        else 'no_significant_change'
    end::text as trend,
    chart.variation::text as variation,
    chart.assurance::text as assurance,
    chart.is_trial::boolean as assurance_is_trial,
    {{ publication_id() }} as publication_id
from reasoned
left join travelled using (indicator_id)
left join year_before using (indicator_id)
left join chance using (indicator_id)
left join trend using (indicator_id)
left join held using (indicator_id)
left join chart on reasoned.indicator_id = chart.indicator_id and reasoned.measure_code = chart.measure_code
