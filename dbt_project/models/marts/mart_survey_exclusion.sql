{{ config(indexes=[{'columns': ['period_type', 'period_start_on']}]) }}
{#- What became of the answers that were received: counted, or left out and why (domain 5.3: by flagged rule, with
    counts). Flags that leave nothing out stand beside. Who did not say a time of answering cannot be called a speeder:
    no delivery has it. -#}

{%- set reasons = ['quarantined', 'marked_invalid', 'too_few_answers', 'unknown_industry'] %}

with counted as (
    select
        point.period_type,
        point.period_start_on,
        point.period_end_on,
        point.period_label_zh,
        case when grouping(response.industry_code) = 0 then 'industry' else 'city' end as breakdown,
        response.industry_code,
        count(*) as received_count,
        count(*) filter (where response.excluded_reason is null) as counted_count,
        {%- for reason in reasons %}
        count(*) filter (where response.excluded_reason = '{{ reason }}') as {{ reason }}_count,
        {%- endfor %}
        count(*) filter (where response.excluded_reason is null and response.is_straight_line) as straight_line_count,
        sum(response.duplicate_count) as duplicate_row_count
    from {{ ref('int_evaluation_point') }} as point
    inner join {{ ref('fct_survey_response') }} as response
        on
            response.surveyed_on between point.period_start_on and least(point.period_end_on, point.as_of_on)
            and response.known_from_on <= point.known_at_on
            and (response.known_before_on is null or response.known_before_on > point.known_at_on)
    where point.is_current and response.in_scope
    group by grouping sets (
        (point.period_type, point.period_start_on, point.period_end_on, point.period_label_zh),
        (
            point.period_type, point.period_start_on, point.period_end_on, point.period_label_zh,
            response.industry_code
        )
    )
)

select
    counted.period_type::text as period_type,
    counted.period_start_on::date as period_start_on,
    counted.period_end_on::date as period_end_on,
    counted.period_label_zh::text as period_label_zh,
    counted.breakdown::text as breakdown,
    counted.industry_code::text as industry_code,
    case
        when counted.breakdown = 'city' then '济南市'
        else coalesce(industry.label_zh, '未列明')
    end::text as industry_label_zh,
    counted.received_count::bigint as received_count,
    counted.counted_count::bigint as counted_count,
    {%- for reason in reasons %}
    counted.{{ reason }}_count::bigint as {{ reason }}_count,
    {%- endfor %}
    (100.0 * (counted.received_count - counted.counted_count) / counted.received_count)::numeric as excluded_pct,
    counted.straight_line_count::bigint as straight_line_count,
    counted.duplicate_row_count::bigint as duplicate_row_count,
    {{ publication_id() }} as publication_id
from counted
left join {{ ref('service_industry') }} as industry on counted.industry_code = industry.industry_code
