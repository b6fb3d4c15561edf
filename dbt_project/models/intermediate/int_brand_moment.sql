{#- Days for which brands are counted, each with the day up to which records are known: the evaluation points', and by
    measure the first day of which a value may be known. Here and in what reads it nothing is joined that a window can
    tell: the planner knows nothing of these rows and would go through all of them for each. -#}

with plan as (
    select min(plan_start_on) as plan_start_on
    from {{ ref('dim_indicator') }}
),

knowledge as (
    select
        point.known_at_on,
        max(least(point.period_end_on, point.as_of_on)) as last_date
    from {{ ref('int_evaluation_point') }} as point
    group by point.known_at_on
),

known as (
    select
        knowledge.known_at_on,
        record.record_kind,
        record.brand_uid,
        record.brand_group,
        greatest(record.counts_from_on, plan.plan_start_on) as counts_from_on,
        {{ is_provincial_listing('record') }} as is_listing,
        {{ is_valuation('record') }} as is_valuation
    from knowledge
    cross join plan
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'knowledge.known_at_on') }} and record.counts_from_on <= knowledge.last_date
    where
        not record.is_quarantined
        and (record.record_kind <> 'cultivation' or record.list_year >= extract(year from plan.plan_start_on))
        -- A value of before the plan may be one of its first day.
        and (record.record_kind <> 'valuation' or record.valued_on >= plan.plan_start_on - interval '24 months')
),

listed as (
    select
        known.*,
        {% for group in ['product', 'service'] -%}
        min(counts_from_on) filter (where is_listing and brand_group = '{{ group }}') over of_brand as {{ group }}_on
        {{- ',' if not loop.last }}
        {% endfor %}
    from known
    window of_brand as (partition by known_at_on, brand_uid)
),

dated as (
    select
        listed.known_at_on,
        dated.measure_code,
        min(dated.on_date) as on_date
    from listed
    cross join lateral (
        values
            ('BRANDS_' || upper(listed.brand_group), case when listed.is_listing then listed.counts_from_on end),
            (
                'BRAND_VALUE_PRODUCT',
                case when is_valuation and product_on is not null then greatest(product_on, counts_from_on) end
            ),
            (
                'BRAND_VALUE_SERVICE',
                case when is_valuation and service_on is not null then greatest(service_on, counts_from_on) end
            ),
            ('BRANDS_TAISHAN', case when record_kind = 'certificate' then counts_from_on end),
            ('QUALITY_BASES', case when record_kind = 'quality_base' then counts_from_on end)
    ) as dated (measure_code, on_date)
    where dated.on_date is not null
    group by listed.known_at_on, dated.measure_code
)

select distinct
    least(period_end_on, as_of_on) as on_date,
    known_at_on,
    null::text as first_of_measure
from {{ ref('int_evaluation_point') }}
union all
select
    on_date,
    known_at_on,
    measure_code as first_of_measure
from dated
