{#- Units of each hierarchy and basis sum to their city; today's city is what is published without divisions. -#}
{% test sums_to_city(model) %}
with unit as (
    select measure_code, hierarchy, division_basis, period_type, period_start_on,
        sum(numerator) filter (where unit_kind <> 'city') as unit_numerator,
        sum(denominator) filter (where unit_kind <> 'city') as unit_denominator,
        sum(numerator) filter (where unit_kind = 'city') as city_numerator,
        sum(denominator) filter (where unit_kind = 'city') as city_denominator
    from {{ model }}
    group by measure_code, hierarchy, division_basis, period_type, period_start_on
)
select unit.*
from unit
left join {{ ref('mart_pass_rate') }} as city
    on unit.measure_code = city.measure_code and unit.period_type = city.period_type
    and unit.period_start_on = city.period_start_on and city.breakdown = 'city' and city.value_basis = 'computed'
where (unit_numerator, unit_denominator) is distinct from (city_numerator, city_denominator)
    or (
        unit.division_basis = 'as_is'
        and (city.passed_count, city.judged_count) is distinct from (city_numerator, city_denominator)
        and city.judged_count is not null
    )
{% endtest %}
