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
            -- What is held back and does not say its kind could belong to any: it counts in each worst case.
            or (sample.sampling_kind = 'unknown' and sample.unjudged_reason = 'quarantined')
        )
        and (measure.includes_tableware or not sample.is_tableware)
        and (
            measure.includes_edible_agricultural
            or sample.category_code is distinct from 'edible_agricultural_products'
        )
