{{ config(indexes=[{'columns': ['subject_id'], 'unique': true}]) }}
{#- Who failed repeatedly, with all samples that are charged to them. -#}

with charged as (
    select charged.*
    from {{ ref('int_charged_sample') }} as charged
    where charged.subject_id::text in (select subject_id from {{ ref('mart_watch_list_failure') }})
),

counted as (
    select
        subject_id,
        (array_agg(enterprise_id) filter (where enterprise_id is not null))[1] as enterprise_id,
        (array_agg(party_name order by sampled_on desc, sample_id))[1] as party_name,
        (array_agg(party_uscc order by sampled_on desc, sample_id) filter (where party_uscc is not null))[1]
            as party_uscc,
        bool_or(is_household) as is_household,
        string_agg(distinct charged_as, '+' order by charged_as) as charged_as,
        count(*) as sample_count,
        count(*) filter (where final_result = 'fail') as failure_count,
        {%- for kind in ['supervision', 'evaluation', 'follow_up'] %}
        count(*) filter (where sampling_kind = '{{ kind }}') as {{ kind }}_count,
        count(*) filter (where sampling_kind = '{{ kind }}' and final_result = 'fail') as {{ kind }}_failure_count,
        {%- endfor %}
        min(sampled_on) filter (where final_result = 'fail') as first_failure_on,
        max(sampled_on) filter (where final_result = 'fail') as last_failure_on,
        max(sampled_on) as last_sample_on
    from charged
    group by subject_id
),

followed as (
    select
        subject_id,
        max(window_failure_count) as most_in_window,
        max(window_months) as window_months,
        count(*) filter (
            where sampled_on > {{ as_of() }} - make_interval(months => window_months)
        ) as recent_failure_count,
        count(*) filter (where next_outcome = 'passed') as passed_next_count,
        count(*) filter (where next_outcome = 'failed') as failed_next_count,
        count(*) filter (where next_outcome = 'no_later_sample') as no_later_count,
        percentile_cont(.5) within group (order by days_until_next) as median_days_until_next,
        (array_agg(next_outcome order by sampled_on desc, sample_id))[1] as last_next_outcome,
        (array_agg(days_until_next order by sampled_on desc, sample_id))[1] as last_days_until_next,
        string_agg(distinct category_label_zh, '；' order by category_label_zh) as categories
    from {{ ref('mart_watch_list_failure') }}
    group by subject_id
)

select
    counted.subject_id::text as subject_id,
    counted.enterprise_id::text as enterprise_id,
    case when not counted.is_household then counted.party_name end::text as party_name,
    case when not counted.is_household then counted.party_uscc end::text as uscc,
    counted.is_household::boolean as is_household,
    counted.charged_as::text as charged_as,
    followed.categories::text as categories,
    counted.sample_count::bigint as sample_count,
    counted.failure_count::bigint as failure_count,
    {%- for kind in ['supervision', 'evaluation', 'follow_up'] %}
    counted.{{ kind }}_count::bigint as {{ kind }}_count,
    counted.{{ kind }}_failure_count::bigint as {{ kind }}_failure_count,
    {%- endfor %}
    counted.first_failure_on::date as first_failure_on,
    counted.last_failure_on::date as last_failure_on,
    counted.last_sample_on::date as last_sample_on,
    followed.window_months::integer as window_months,
    followed.most_in_window::bigint as most_in_window,
    followed.recent_failure_count::bigint as recent_failure_count,
    (followed.recent_failure_count >= watch_rule.min_failures)::boolean as is_current,
    followed.passed_next_count::bigint as passed_next_count,
    followed.failed_next_count::bigint as failed_next_count,
    followed.no_later_count::bigint as no_later_count,
    followed.median_days_until_next::double precision as median_days_until_next,
    followed.last_next_outcome::text as last_next_outcome,
    followed.last_days_until_next::integer as last_days_until_next,
    {{ publication_id() }} as publication_id
from counted
inner join followed on counted.subject_id::text = followed.subject_id
cross join (
    select min_failures
    from {{ ref('watch_rule') }}
    where valid_from_on is null or valid_from_on <= {{ known_at() }}
    order by valid_from_on desc nulls last
    limit 1
) as watch_rule
