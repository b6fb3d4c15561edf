{#- How wide and how often is sampled (扩大抽查范围、加大抽查频次), by year, of the city and of each division: batches of
    evaluation and supervision, or of routine monitoring, whose conclusion is final; per 1,000 residents where they are
    delivered, at the end of the year or, marked by its base year, the latest before. Missing residents are missing. -#}

with sample as (
    select
        fact.sample_domain,
        fact.division_code,
        fact.category_code,
        date_trunc('year', fact.sampled_on)::date as period_start_on,
        date_trunc('month', fact.sampled_on) as month_on
    from {{ ref('fct_sample') }} as fact
    where
        fact.in_scope
        and fact.is_judged
        and fact.sampling_kind in ('evaluation', 'supervision', 'routine_monitoring')
        and fact.sampled_on <= {{ as_of() }}
        and fact.known_from_on <= {{ known_at() }}
        and (fact.known_before_on is null or fact.known_before_on > {{ known_at() }})
),

counted as (
    select
        sample.sample_domain,
        sample.period_start_on,
        case when grouping(sample.division_code) = 0 then sample.division_code end as division_code,
        count(*)::numeric as batch_count,
        count(distinct sample.category_code) filter (where category.is_main) as category_count,
        count(distinct nullif(sample.division_code, '370100')) as division_count,
        count(distinct sample.month_on) as month_count
    from sample
    left join {{ ref('product_category') }} as category
        on sample.sample_domain = category.sample_domain and sample.category_code = category.category_code
    group by
        grouping sets (
            (sample.sample_domain, sample.period_start_on),
            (sample.sample_domain, sample.period_start_on, sample.division_code)
        )
),

population as (
    select
        code as division_code,
        base_year,
        -- In persons, whatever the table's unit.
        value * case when unit ~ '万' then 10000 else 1 end as residents
    from {{ ref('fct_reference_weight') }}
    where
        weight_set = 'population'
        and scheme = 'division'
        and known_from_on <= {{ known_at() }}
        and (known_before_on is null or known_before_on > {{ known_at() }})
),

whole as (
    -- The city is all divisions of a base year.
    select
        null as division_code,
        base_year,
        sum(residents) as residents
    from population
    group by base_year
    having count(*) = (
        select count(*)
        from {{ ref('dim_division') }}
        where successor_code is null and kind in ('district', 'county')
    )
),

placed as (
    select
        counted.*,
        resident.base_year,
        resident.residents
    from counted
    left join lateral (
        select
            known.base_year,
            known.residents
        from (
            select * from population
            union all
            select * from whole
        ) as known
        where known.division_code is not distinct from counted.division_code
            and known.base_year <= extract(year from counted.period_start_on)
        order by known.base_year desc
        limit 1
    ) as resident on true
)

select
    placed.sample_domain::text as sample_domain,
    placed.period_start_on::date as period_start_on,
    (placed.period_start_on + interval '1 year - 1 day')::date as period_end_on,
    coalesce(placed.division_code, '370100')::text as division_code,
    (placed.division_code is null)::boolean as is_city,
    case
        when placed.division_code = '370100' then '市级/未分配'
        else division.label_zh
    end::text as division_label_zh,
    placed.batch_count::bigint as batch_count,
    (first_value(placed.batch_count) over by_year)::bigint as batch_count_before,
    placed.category_count::integer as category_count,
    (first_value(placed.category_count) over by_year)::integer as category_count_before,
    (
        select count(*)
        from {{ ref('product_category') }} as category
        where category.sample_domain = placed.sample_domain and category.is_main
    )::integer as category_total,
    case when placed.division_code is null then placed.division_count end::integer as division_count,
    placed.month_count::integer as month_count,
    (placed.batch_count / placed.month_count)::numeric as batches_per_month,
    placed.residents::numeric as residents,
    placed.base_year::integer as residents_base_year,
    (1000 * placed.batch_count / placed.residents)::numeric as batches_per_1000_residents,
    norm.norm_value::numeric as norm_value,
    (1000 * placed.batch_count >= norm.norm_value * placed.residents)::boolean as meets_norm,
    {{ publication_id() }} as publication_id
from placed
left join {{ ref('dim_division') }} as division
    on coalesce(placed.division_code, '370100') = division.division_code
left join {{ ref('sampling_norm') }} as norm
    on placed.sample_domain = norm.sample_domain and placed.division_code is null
window by_year as (
    partition by placed.sample_domain, placed.division_code order by placed.period_start_on
    range between interval '1 year' preceding and interval '1 year' preceding
)
