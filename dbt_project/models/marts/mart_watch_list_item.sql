{#- The watch list by category and failing item: batches, never items. A batch that fails on two items stands in two
    rows, so rows do not add up to the subject's failures. -#}

with failing as (
    select distinct
        failure.subject_id,
        failure.sample_domain,
        failure.category_code,
        failure.category_label_zh,
        tested.item_name,
        failure.sample_id,
        failure.sampled_on,
        failure.next_outcome
    from {{ ref('mart_watch_list_failure') }} as failure
    left join {{ ref('fct_sample') }} as sample
        on
            failure.sample_id = sample.sample_id::text
            and sample.known_from_on <= {{ known_at() }}
            and (sample.known_before_on is null or sample.known_before_on > {{ known_at() }})
    left join {{ ref('fct_sample_item') }} as tested
        on
            sample.sample_id = tested.sample_id
            and sample.described_in_id = tested.delivery_id
            and tested.item_result_code = 'fail'
)

select
    subject_id::text as subject_id,
    sample_domain::text as sample_domain,
    category_code::text as category_code,
    category_label_zh::text as category_label_zh,
    item_name::text as item_name,
    count(distinct sample_id)::bigint as failure_count,
    min(sampled_on)::date as first_failure_on,
    max(sampled_on)::date as last_failure_on,
    count(distinct sample_id) filter (where next_outcome = 'no_later_sample')::bigint as no_later_count,
    {{ publication_id() }} as publication_id
from failing
group by subject_id, sample_domain, category_code, category_label_zh, item_name
