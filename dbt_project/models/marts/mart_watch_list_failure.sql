{{ config(indexes=[{'columns': ['subject_id', 'sampled_on']}]) }}
{#- Each failing sample of who is on the watch list, and what came next: the next later sample of the same subject,
    whatever its kind. Subjects: who failed as often as `watch_rule` says within its months, whenever that was. -#}

with watch_rule as (
    select *
    from {{ ref('watch_rule') }}
    where valid_from_on is null or valid_from_on <= {{ known_at() }}
    order by valid_from_on desc nulls last
    limit 1
),

charged as (
    select * from {{ ref('int_charged_sample') }}
),

failed as (
    select * from charged where final_result = 'fail'
),

-- Of each failure, how many the subject has in the months that end with it.
within as (
    select
        failed.sample_id,
        count(*) as window_failure_count
    from failed
    cross join watch_rule
    inner join failed as other
        on
            failed.subject_id = other.subject_id
            and other.sampled_on <= failed.sampled_on
            and other.sampled_on > failed.sampled_on - make_interval(months => watch_rule.window_months)
    group by failed.sample_id
),

failure as (
    select
        failed.*,
        within.window_failure_count,
        watch_rule.window_months,
        watch_rule.min_failures
    from failed
    cross join watch_rule
    inner join within on failed.sample_id = within.sample_id
),

listed as (
    select subject_id
    from failure
    group by subject_id
    having max(window_failure_count) >= max(min_failures)
),

-- Days on which a listed subject was sampled; of several samples on a day a failure tells more.
sampled_day as (
    select distinct on (subject_id, sampled_on)
        subject_id,
        sampled_on,
        sample_id,
        sampling_kind,
        final_result
    from charged
    where subject_id in (select subject_id from listed)
    order by subject_id, sampled_on, final_result, sample_id
),

following as (
    select
        subject_id,
        sampled_on as from_on,
        lead(sample_id) over by_day as sample_id,
        lead(sampled_on) over by_day as sampled_on,
        lead(sampling_kind) over by_day as sampling_kind,
        lead(final_result) over by_day as final_result
    from sampled_day
    window by_day as (partition by subject_id order by sampled_on)
)

select
    failure.subject_id::text as subject_id,
    failure.sample_id::text as sample_id,
    failure.sample_no::text as sample_no,
    failure.charged_as::text as charged_as,
    failure.sample_domain::text as sample_domain,
    failure.sampling_kind::text as sampling_kind,
    failure.sampled_on::date as sampled_on,
    failure.division_code::text as division_code,
    failure.category_code::text as category_code,
    coalesce(category.label_zh, '未归类')::text as category_label_zh,
    failure.product_name::text as product_name,
    item.failing_items::text as failing_items,
    failure.is_reinspected::boolean as is_reinspected,
    failure.window_months::integer as window_months,
    failure.window_failure_count::bigint as window_failure_count,
    following.sample_id::text as next_sample_id,
    following.sampled_on::date as next_sampled_on,
    (following.sampled_on - failure.sampled_on)::integer as days_until_next,
    following.sampling_kind::text as next_sampling_kind,
    case
        when following.sample_id is null then 'no_later_sample'
        when following.final_result = 'pass' then 'passed'
        else 'failed'
    end::text as next_outcome,
    {{ publication_id() }} as publication_id
from failure
inner join listed on failure.subject_id = listed.subject_id
left join {{ ref('product_category') }} as category
    on failure.sample_domain = category.sample_domain and failure.category_code = category.category_code
left join lateral (
    select string_agg(distinct tested.item_name, '；' order by tested.item_name) as failing_items
    from {{ ref('fct_sample_item') }} as tested
    where tested.sample_id = failure.sample_id
        and tested.delivery_id = failure.described_in_id
        and tested.item_result_code = 'fail'
) as item on true
left join following on failure.subject_id = following.subject_id and failure.sampled_on = following.from_on
