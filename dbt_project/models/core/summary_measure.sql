{{ config(materialized='view') }}
{#- Which lines of summary tables may stand for a measure. The mart and the trace both read it. #}

select
    measure.measure_code,
    counted.*
from {{ ref('fct_sample_summary') }} as counted
inner join {{ ref('pass_rate_measure') }} as measure
    on
        counted.sample_domain = measure.sample_domain
        and counted.sampling_kind = measure.sampling_kind
        and measure.takes_summary
        and (measure.includes_tableware or not counted.is_tableware)
left join {{ ref('product_category') }} as category
    on counted.sample_domain = category.sample_domain and counted.category_code = category.category_code
where
    counted.in_scope
    and counted.is_withdrawn is not true
    -- A total is taken for what its office calls so.
    and (not measure.only_main_categories or counted.category_code is null or coalesce(category.is_main, false))
