{%- set point_columns = 'as_of_on, known_at_on, is_current, period_type, period_start_on' %}
{#- What offices and surveys publish of the city, by evaluation point and measure. A rate, score or rank is a value of
    exactly its period; a stock or sum one of the last date within it. -#}

with candidate as (
    select
        point.as_of_on,
        point.known_at_on,
        point.is_current,
        point.period_type,
        point.period_start_on,
        reading.of_measure as measure_code,
        reading.value,
        reading.numerator,
        reading.denominator,
        reading.numerator_low,
        reading.numerator_high,
        case when reading.is_level then reading.value - reading.rounding end as value_low,
        case when reading.is_level then reading.value + reading.rounding end as value_high,
        reading.period_end_on as value_on,
        -- A wave's own report goes before what an office says of it.
        2 as place,
        null::text as wave,
        reading.known_from_on,
        reading.origin_id
    from {{ ref('int_evaluation_point') }} as point
    inner join {{ ref('published_measure') }} as reading
        on
            reading.known_from_on <= point.known_at_on
            and (reading.known_before_on is null or reading.known_before_on > point.known_at_on)
            and case
                when reading.is_of_a_date
                    then
                        reading.period_end_on
                        between point.period_start_on and least(point.period_end_on, point.as_of_on)
                -- Of a period that has not ended by the day in question nobody can know the rate.
                else reading.period_start_on = point.period_start_on
                    and reading.period_end_on = point.period_end_on
                    and reading.period_end_on <= point.as_of_on
            end

    union all

    select
        point.as_of_on,
        point.known_at_on,
        point.is_current,
        point.period_type,
        point.period_start_on,
        'CSI_PUBLISHED' as measure_code,
        response.published_index as value,
        null as numerator,
        null as denominator,
        null as numerator_low,
        null as numerator_high,
        null as value_low,
        null as value_high,
        -- The latest wave of the period decides, in its latest version.
        point.period_end_on as value_on,
        1 as place,
        response.wave,
        response.known_from_on,
        response.origin_id
    from {{ ref('int_evaluation_point') }} as point
    inner join {{ ref('fct_survey_response') }} as response
        on
            response.published_index is not null
            and response.in_scope
            and response.surveyed_on between point.period_start_on and least(point.period_end_on, point.as_of_on)
            and response.known_from_on <= point.known_at_on
            and (response.known_before_on is null or response.known_before_on > point.known_at_on)
),

first_observed as (
    select distinct on (
        point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
        reading.of_measure
    )
        point.as_of_on,
        point.known_at_on,
        point.is_current,
        point.period_type,
        point.period_start_on,
        reading.of_measure as measure_code,
        reading.value as first_value,
        reading.period_end_on as first_value_on
    from {{ ref('int_evaluation_point') }} as point
    inner join {{ ref('published_measure') }} as reading
        on
            reading.is_of_a_date
            and reading.period_end_on <= least(point.period_end_on, point.as_of_on)
            and reading.known_from_on <= point.known_at_on
            and (reading.known_before_on is null or reading.known_before_on > point.known_at_on)
    order by
        point.as_of_on, point.known_at_on, point.is_current, point.period_type, point.period_start_on,
        reading.of_measure, reading.period_end_on, reading.known_from_on desc, reading.origin_id desc
)

select distinct on ({{ point_columns }}, measure_code)
    {{ point_columns }},
    measure_code,
    candidate.value,
    candidate.numerator,
    candidate.denominator,
    candidate.numerator_low,
    candidate.numerator_high,
    candidate.value_low,
    candidate.value_high,
    candidate.value_on,
    first_observed.first_value,
    first_observed.first_value_on
from candidate
left join first_observed using ({{ point_columns }}, measure_code)
order by
    {{ point_columns }}, measure_code,
    candidate.place, candidate.value_on desc, candidate.wave desc, candidate.known_from_on desc,
    candidate.origin_id desc
