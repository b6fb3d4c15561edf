{#- Respondents received and counted, and why the others are not, by year and service industry: a score is read beside
    who is left out of it. -#}

select
    date_trunc('year', response.surveyed_on)::date as period_start_on,
    (date_trunc('year', response.surveyed_on) + interval '1 year - 1 day')::date as period_end_on,
    case when grouping(response.industry_code) = 0 then coalesce(response.industry_code, 'unknown') end::text as industry_code,
    case
        when grouping(response.industry_code) = 1 then '全市'
        else coalesce(max(industry.label_zh), '未列明')
    end::text as industry_label_zh,
    case
        when grouping(response.industry_code) = 1 then 'City'
        else coalesce(max(industry.label_en), 'Not stated')
    end::text as industry_label_en,
    count(*)::bigint as received_count,
    count(*) filter (where response.in_scope and response.excluded_reason is null)::bigint as counted_count,
    count(*) filter (where not response.in_scope)::bigint as elsewhere_count,
    {% for reason in ['quarantined', 'marked_invalid', 'too_few_answers', 'unknown_industry'] -%}
    count(*) filter (where response.in_scope and response.excluded_reason = '{{ reason }}')::bigint as {{ reason }}_count,
    {% endfor -%}
    {{ publication_id() }} as publication_id
from {{ ref('fct_survey_response') }} as response
left join {{ ref('service_industry') }} as industry on response.industry_code = industry.industry_code
where
    response.surveyed_on <= {{ as_of() }}
    and response.known_from_on <= {{ known_at() }}
    and (response.known_before_on is null or response.known_before_on > {{ known_at() }})
group by
    grouping sets (
        (date_trunc('year', response.surveyed_on)),
        (date_trunc('year', response.surveyed_on), response.industry_code)
    )
