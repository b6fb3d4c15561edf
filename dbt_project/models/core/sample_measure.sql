{{ config(materialized='view') }}
{#- Which samples a measure looks at. The mart and the trace both read it, so that a number and its rows agree. #}

select
    measure.measure_code,
    measure.indicator_id,
    sample.*
from {{ ref('fct_sample') }} as sample
inner join {{ ref('pass_rate_measure') }} as measure
    on
        sample.sample_domain = measure.sample_domain
        and sample.in_scope
        and (
            sample.sampling_kind = measure.sampling_kind
            or (measure.includes_follow_up and sample.sampling_kind = 'follow_up')
            -- What is held back and does not say its kind could belong to any: it counts in each worst case.
            or (sample.sampling_kind = 'unknown' and sample.unjudged_reason = 'quarantined')
        )
        and (measure.includes_tableware or not sample.is_tableware)
left join {{ ref('product_category') }} as category
    on sample.sample_domain = category.sample_domain and sample.category_code = category.category_code
where
    (measure.includes_edible_agricultural or not coalesce(category.is_edible_agricultural, false))
    -- Nor does it always say its category.
    and (
        not measure.only_main_categories
        or coalesce(category.is_main, sample.category_code is null and sample.unjudged_reason = 'quarantined')
    )
