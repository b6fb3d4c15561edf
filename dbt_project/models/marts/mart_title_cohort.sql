{%- do uses(['cohort_forecast', 'normal_cdf', 'normal_quantile']) %}
{#- High-tech certificates at the deadline, by cohorts (domain 6.1, 14): who stays; who is due before it, to lapse or
    lapsed this year and not back, times the share that came back in years before; and who comes new, as many as then.
    A year before is looked at from the same day on, as it was known then, so that what the batch of the fourth quarter
    brings is before or behind it alike, published or not. A row for each month's end as known then, and for today. -#}

with point as (
    select distinct
        evaluation.as_of_on,
        evaluation.known_at_on,
        evaluation.is_current,
        definition.indicator_id,
        definition.headline_measure as measure_code,
        definition.deadline_on,
        definition.target_value,
        definition.alpha,
        least(evaluation.as_of_on, definition.deadline_on) as value_on
    from {{ ref('int_evaluation_point') }} as evaluation
    inner join {{ ref('dim_indicator') }} as definition
        on
            definition.forecast_method = 'cohort'
            and {{ definition_in_force('definition', 'evaluation.known_at_on') }}
),

begun as (
    select
        point.known_at_on,
        point.measure_code,
        min(record.known_from_on) as first_known_on
    from point
    inner join {{ ref('title_measure') }} as measure on point.measure_code = measure.measure_code
    inner join {{ ref('fct_enterprise_title') }} as record
        on
            measure.family = record.family
            and record.known_from_on <= point.known_at_on
            and not record.is_quarantined
    group by point.known_at_on, point.measure_code
),

-- What is ahead, and the years before of which lists are at hand from that day on.
span as (
    select
        point.as_of_on,
        point.known_at_on,
        point.is_current,
        point.measure_code,
        past.kind,
        past.from_on,
        past.until_on,
        past.known_from_on
    from point
    inner join begun
        on
            point.known_at_on = begun.known_at_on
            and point.measure_code = begun.measure_code
            and point.value_on >= begun.first_known_on
    cross join lateral (
        select
            'ahead' as kind,
            point.value_on as from_on,
            point.deadline_on as until_on,
            point.known_at_on as known_from_on
        union all
        select
            back.kind,
            back.from_on,
            make_date(year, 12, 31) as until_on,
            -- What is known as long after the day as now; a list of January still shows how its year began.
            least(
                point.known_at_on,
                greatest(back.from_on + (point.known_at_on - point.value_on), make_date(year, 1, 31))
            ) as known_from_on
        from generate_series(
            extract(year from begun.first_known_on)::integer, extract(year from point.value_on)::integer - 1
        ) as year
        cross join lateral (
            values
                (
                    'rest',
                    (point.value_on - make_interval(years => extract(year from point.value_on)::integer - year))::date
                ),
                ('whole', make_date(year - 1, 12, 31))
        ) as back (kind, from_on)
        where greatest(back.from_on, make_date(year, 1, 31)) >= begun.first_known_on
    ) as past
),

holder as (
    select
        span.as_of_on,
        span.known_at_on,
        span.is_current,
        span.measure_code,
        span.kind,
        span.from_on,
        span.until_on,
        title.holder_id,
        coalesce(bool_or(
            {{ is_known('title', 'span.known_from_on') }}
            and {{ title_is_here('title', 'span.from_on') }} and {{ title_is_valid('title', 'span.from_on') }}
        ), false) as is_held,
        coalesce(bool_or(
            {{ is_known('title', 'span.known_from_on') }}
            and {{ title_is_here('title', 'span.from_on') }} and {{ title_is_valid('title', 'span.from_on') }}
            and (title.valid_before_on is null or title.valid_before_on > span.until_on)
        ), false) as is_staying,
        -- Lapsed this year; what was revoked does not come back.
        coalesce(bool_or(
            {{ is_known('title', 'span.known_from_on') }}
            and {{ title_is_here('title', 'span.from_on') }}
            and title.withdrawn_on is null
            and title.valid_before_on > date_trunc('year', span.from_on + 1)::date
            and title.valid_before_on <= span.from_on
        ), false) as is_lapsed,
        coalesce(bool_or(
            {{ is_known('title', 'span.known_at_on') }}
            and {{ title_is_here('title', 'span.until_on') }} and {{ title_is_valid('title', 'span.until_on') }}
        ), false) as is_held_after
    from span
    inner join {{ ref('title_measure') }} as measure on span.measure_code = measure.measure_code
    inner join {{ ref('title_validity') }} as title
        on measure.family = title.family and title.known_from_on <= span.known_at_on
    group by
        span.as_of_on, span.known_at_on, span.is_current, span.measure_code, span.kind, span.from_on, span.until_on,
        title.holder_id
),

year as (
    select
        as_of_on,
        known_at_on,
        is_current,
        measure_code,
        kind,
        until_on,
        count(*) filter (where is_held) as held_count,
        count(*) filter (where is_staying) as staying_count,
        count(*) filter (where is_held and not is_staying) as expiring_count,
        count(*) filter (where is_lapsed and not is_held) as lapsed_count,
        count(*) filter (where is_held_after and (is_held and not is_staying or is_lapsed and not is_held))
            as renewed_count,
        count(*) filter (where is_held_after and not is_held and not is_lapsed) as new_count
    from holder
    group by as_of_on, known_at_on, is_current, measure_code, kind, until_on
),

past as (
    select
        as_of_on,
        known_at_on,
        is_current,
        measure_code,
        kind,
        count(*) as year_count,
        sum(expiring_count + lapsed_count) as due_count,
        sum(renewed_count) as renewed_count,
        avg(new_count) as new_a_year
    from year
    where kind <> 'ahead'
    group by as_of_on, known_at_on, is_current, measure_code, kind
),

input as (
    select
        point.*,
        ahead.held_count,
        ahead.staying_count,
        ahead.expiring_count,
        ahead.lapsed_count,
        case when further.years = 0 then rest.year_count else whole.year_count end as year_count,
        -- Within the deadline's year from the same day on, else whole years.
        case when further.years = 0 then rest.due_count else whole.due_count end as past_due_count,
        case when further.years = 0 then rest.renewed_count else whole.renewed_count end as past_renewed_count,
        rest.new_a_year + case when further.years = 0 then 0 else further.years * whole.new_a_year end as arriving
    from point
    inner join year as ahead
        on
            point.as_of_on = ahead.as_of_on
            and point.known_at_on = ahead.known_at_on
            and point.is_current = ahead.is_current
            and point.measure_code = ahead.measure_code
            and ahead.kind = 'ahead'
    {% for kind in ['rest', 'whole'] -%}
    left join past as {{ kind }}
        on
            point.as_of_on = {{ kind }}.as_of_on
            and point.known_at_on = {{ kind }}.known_at_on
            and point.is_current = {{ kind }}.is_current
            and point.measure_code = {{ kind }}.measure_code
            and {{ kind }}.kind = '{{ kind }}'
    {% endfor -%}
    cross join lateral (
        select extract(year from point.deadline_on)::integer - extract(year from point.value_on)::integer as years
    ) as further
),

reasoned as (
    select
        input.*,
        past_renewed_count / nullif(past_due_count, 0) as renewal_rate,
        case
            when as_of_on >= deadline_on then 'deadline_reached'
            when year_count is null or (expiring_count + lapsed_count > 0 and past_due_count = 0) then 'no_history'
        end as not_forecast_reason
    from input
),

forecast as (
    select
        reasoned.*,
        case when not_forecast_reason is null then stats.cohort_forecast(
            staying_count::float8, (expiring_count + lapsed_count)::float8, coalesce(renewal_rate, 0)::float8,
            arriving::float8
        ) end as found
    from reasoned
),

chance as (
    select
        forecast.*,
        stats.normal_quantile((1 - alpha)::float8) * sqrt(found[2]) as half_width,
        -- A whole number from the target on: half a unit before it.
        case
            when found[2] > 0 then stats.normal_cdf((found[1] - (target_value::float8 - 0.5)) / sqrt(found[2]))
            when found[1] >= target_value then 1
            when found is not null then 0
        end as probability
    from forecast
)

select
    indicator_id::text as indicator_id,
    measure_code::text as measure_code,
    as_of_on::date as as_of_on,
    known_at_on::date as known_at_on,
    is_current::boolean as is_current,
    deadline_on::date as deadline_on,
    target_value::numeric as target_value,
    held_count::bigint as held_count,
    staying_count::bigint as staying_count,
    expiring_count::bigint as expiring_count,
    lapsed_count::bigint as lapsed_count,
    coalesce(year_count, 0)::bigint as past_year_count,
    past_due_count::bigint as past_due_count,
    past_renewed_count::bigint as past_renewed_count,
    renewal_rate::numeric as renewal_rate,
    arriving::numeric as arriving_expected,
    found[1]::numeric as forecast_value,
    found[2]::numeric as forecast_variance,
    (found[1] - half_width)::numeric as forecast_low,
    (found[1] + half_width)::numeric as forecast_high,
    probability::numeric as forecast_probability,
    case
        when probability >= 0.8 then 'likely'
        when probability <= 0.2 then 'unlikely'
        when probability is not null then 'uncertain'
    end::text as forecast_word,
    not_forecast_reason::text as not_forecast_reason,
    {{ publication_id() }} as publication_id
from chance
