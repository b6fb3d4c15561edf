{{ config(indexes=[{'columns': ['sampling_kind', 'sampled_on']}]) }}
{#- Failing and unjudged samples in the version known now; passing ones are counted in mart_pass_rate. A producer
    whose failure can still be contested is not named. -#}

select
    sample.sample_id::text as sample_id,
    sample.sample_domain::text as sample_domain,
    sample.sample_no::text as sample_no,
    sample.sampling_kind::text as sampling_kind,
    sample.sampled_on::date as sampled_on,
    sample.sampled_on_basis::text as sampled_on_basis,
    sample.division_code::text as division_code,
    sample.in_scope::boolean as in_scope,
    sample.category_code::text as category_code,
    sample.is_tableware::boolean as is_tableware,
    sample.product_name::text as product_name,
    case
        when sample.producer_uscc like '92%' then null
        when sample.contestable_from_on + definition.objection_days <= {{ known_at() }}
            or sample.is_reinspected then sample.producer_name
    end::text as producer_name,
    sample.is_judged::boolean as is_judged,
    sample.unjudged_reason::text as unjudged_reason,
    sample.final_result::text as final_result,
    sample.failed_item_count::bigint as failed_item_count,
    sample.delivery_id::bigint as delivery_id,
    {{ publication_id() }} as publication_id
from {{ ref('fct_sample') }} as sample
inner join {{ ref('pass_rate_measure') }} as measure
    on sample.sample_domain = measure.sample_domain
inner join {{ ref('dim_indicator') }} as definition
    on
        measure.measure_code = definition.headline_measure
        and {{ definition_in_force('definition', known_at()) }}
where
    sample.final_result is distinct from 'pass'
    and sample.known_from_on <= {{ known_at() }}
    and (sample.known_before_on is null or sample.known_before_on > {{ known_at() }})
