{#- What the warehouse itself counts and adds up at a date, of titles and of brands. -#}

{%- for model in ['int_title_count', 'int_brand_count'] %}
select
    as_of_on,
    known_at_on,
    is_current,
    period_type,
    period_start_on,
    measure_code,
    value,
    value_on,
    unlinked_count,
    quarantined_count,
    worst_case_value,
    first_value,
    first_value_on
from {{ ref(model) }}
{{ "union all" if not loop.last }}
{%- endfor %}
