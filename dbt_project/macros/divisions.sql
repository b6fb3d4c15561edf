{#- A place in words, without the names of cities that would hide a district: 济南市中区 is 市中区 of 济南, 莱芜市莱城区
    the district. -#}
{% macro without_city(place) -%}
    regexp_replace({{ place }}, '济南市?(?!中区)|莱芜市(?=莱城区|钢城区)', '', 'g')
{%- endmacro %}

{#- The first of our names in a place. -#}
{% macro division_name_in(place) -%} substring({{ without_city(place) }} from {{ division_pattern() }}) {%- endmacro %}

{#- The next one after it: 历城区高新区 names a district and a zone. -#}
{% macro further_division_name_in(place, name) -%}
    substring(replace({{ without_city(place) }}, {{ name }}, '') from {{ division_pattern() }})
{%- endmacro %}

{#- Joins for the two below; `relation` has `division_name` and `further_division_name`, `is_city` says that the place is
    in the city, whatever the names. -#}
{% macro join_division(relation, is_city) %}
    left join {{ ref('division_name') }} as named
        on {{ relation }}.division_name = named.name and ({{ is_city }} or not named.needs_city)
    left join {{ ref('division_name') }} as further
        on {{ relation }}.further_division_name = further.name and named.name is not null
{%- endmacro %}

{#- The administrative division of today; the city where it is not said or a zone spans several. -#}
{% macro stated_division_code(is_city) -%}
    coalesce(
        nullif(named.division_code, '370100'),
        nullif(further.division_code, '370100'),
        named.division_code,
        case when {{ is_city }} then '370100' end
    )
{%- endmacro %}

{#- The unit of assessment as stated: a zone where one is named, and the division that is named beside it hosts it; else
    the administrative division. -#}
{% macro stated_unit_code(is_city) -%}
    case
        when {{ stated_division_code(is_city) }} = '370100'
            or {{ stated_division_code(is_city) }}
            = any(string_to_array(coalesce(named.host_codes, further.host_codes), ' '))
            then coalesce(named.assessment_unit_code, further.assessment_unit_code, {{ stated_division_code(is_city) }})
        else {{ stated_division_code(is_city) }}
    end
{%- endmacro %}
