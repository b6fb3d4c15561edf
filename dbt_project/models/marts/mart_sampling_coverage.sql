{{ config(indexes=[{'columns': ['period_start_on', 'breakdown']}]) }}
{#- How widely and how often food is sampled, year against year (扩大抽查范围、加大抽查频次). Counted are batches with
    a conclusion, of supervision and evaluation sampling: follow-up samples one failure twice, monitoring and rapid tests
    conclude nothing. Tableware is no food and stands beside. Residents of the year itself, else of the latest before. -#}

with year as (
    select distinct
        period_start_on,
        period_end_on,
        period_label_zh
    from {{ ref('int_evaluation_point') }}
    where is_current and period_type = 'year'
),

sample as (
    select
        year.period_start_on,
        sample.division_code,
        sample.category_code,
        category.is_main and sample.category_code <> 'edible_salt' as is_of_34,
        sample.sampling_kind,
        sample.is_tableware,
        date_trunc('month', sample.sampled_on) as sampled_month
    from year
    inner join {{ ref('fct_sample') }} as sample
        on sample.sampled_on between year.period_start_on and least(year.period_end_on, {{ as_of() }})
    left join {{ ref('product_category') }} as category
        on sample.sample_domain = category.sample_domain and sample.category_code = category.category_code
    where
        sample.sample_domain = 'food'
        and sample.in_scope
        and sample.is_judged
        and sample.sampling_kind in ('supervision', 'evaluation')
        and sample.known_from_on <= {{ known_at() }}
        and (sample.known_before_on is null or sample.known_before_on > {{ known_at() }})
),

counted as (
    select
        period_start_on,
        division_code,
        case when grouping(division_code) = 0 then 'division' else 'city' end as breakdown,
        count(*) filter (where not is_tableware) as batch_count,
        count(*) filter (where not is_tableware and sampling_kind = 'supervision') as supervision_count,
        count(*) filter (where not is_tableware and sampling_kind = 'evaluation') as evaluation_count,
        count(*) filter (where is_tableware) as tableware_count,
        count(distinct category_code) filter (where not is_tableware and is_of_34) as category_count,
        -- What names the city alone is of no division.
        count(distinct nullif(division_code, '370100')) filter (where not is_tableware) as division_count,
        count(distinct sampled_month) filter (where not is_tableware) as month_count
    from sample
    group by grouping sets ((period_start_on), (period_start_on, division_code))
),

delivered as (
    select
        year.period_start_on,
        reference.code as division_code,
        reference.base_year,
        -- A unit that we do not know is no number of people.
        case reference.unit when '万人' then 10000 when '人' then 1 end * reference.value as residents
    from year
    inner join {{ ref('fct_reference_weight') }} as reference
        on
            reference.weight_set = 'population'
            and reference.scheme = 'division'
            and reference.base_year <= extract(year from year.period_start_on)
            and reference.known_from_on <= {{ known_at() }}
            and (reference.known_before_on is null or reference.known_before_on > {{ known_at() }})
),

-- The city's own number, else the sum of its districts and counties where every one of them is delivered.
summed as (
    select
        delivered.period_start_on,
        delivered.base_year,
        coalesce(
            sum(delivered.residents) filter (where delivered.division_code = '370100'),
            case
                when
                    count(delivered.residents) filter (where division.kind in ('district', 'county'))
                    = (
                        select count(*)
                        from {{ ref('dim_division') }} as member
                        where member.kind in ('district', 'county') and member.valid_before_on is null
                    )
                    then sum(delivered.residents) filter (where division.kind in ('district', 'county'))
            end
        ) as residents
    from delivered
    inner join {{ ref('dim_division') }} as division
        on delivered.division_code = division.division_code and division.valid_before_on is null
    group by delivered.period_start_on, delivered.base_year
),

resident as (
    select distinct on (period_start_on, breakdown, division_code) *
    from (
        select
            period_start_on,
            'city' as breakdown,
            null::text as division_code,
            base_year,
            residents
        from summed
        union all
        select
            period_start_on,
            'division' as breakdown,
            division_code,
            base_year,
            residents
        from delivered
        where division_code <> '370100'
    ) as either
    where residents > 0
    order by period_start_on, breakdown, division_code, base_year desc
),

scope as (
    select
        counted.*,
        resident.residents,
        resident.base_year,
        1000 * counted.batch_count / resident.residents as batches_per_1000
    from counted
    left join resident
        on
            counted.period_start_on = resident.period_start_on
            and counted.breakdown = resident.breakdown
            and counted.division_code is not distinct from resident.division_code
),

compared as (
    select
        scope.*,
        norm.batches_per_1000_residents as norm,
        lag(scope.period_start_on) over series = scope.period_start_on - interval '1 year' as follows,
        lag(scope.batch_count) over series as batch_count_before,
        lag(scope.category_count) over series as category_count_before
    from scope
    left join {{ ref('sampling_norm') }} as norm
        on norm.sample_domain = 'food' and norm.valid_from_year <= extract(year from scope.period_start_on)
    window series as (partition by scope.breakdown, scope.division_code order by scope.period_start_on)
)

select
    year.period_start_on::date as period_start_on,
    year.period_end_on::date as period_end_on,
    year.period_label_zh::text as period_label_zh,
    (year.period_end_on <= {{ as_of() }})::boolean as is_closed,
    compared.breakdown::text as breakdown,
    compared.division_code::text as division_code,
    coalesce(division.label_zh, '济南市')::text as division_label_zh,
    compared.batch_count::bigint as batch_count,
    compared.supervision_count::bigint as supervision_count,
    compared.evaluation_count::bigint as evaluation_count,
    compared.tableware_count::bigint as tableware_count,
    compared.residents::numeric as residents,
    compared.base_year::integer as residents_base_year,
    compared.batches_per_1000::numeric as batches_per_1000,
    compared.norm::numeric as norm_batches_per_1000,
    -- A year that runs still can only be ahead.
    case
        when compared.batches_per_1000 >= compared.norm then true
        when year.period_end_on <= {{ as_of() }} then compared.batches_per_1000 >= compared.norm
    end::boolean as is_norm_met,
    compared.category_count::bigint as category_count,
    compared.division_count::bigint as division_count,
    compared.month_count::bigint as month_count,
    (compared.batch_count::numeric / nullif(compared.month_count, 0))::numeric as batches_per_month,
    case when compared.follows then compared.batch_count - compared.batch_count_before end::bigint
        as batch_count_change,
    case when compared.follows then compared.category_count - compared.category_count_before end::bigint
        as category_count_change,
    {{ publication_id() }} as publication_id
from compared
inner join year on compared.period_start_on = year.period_start_on
left join {{ ref('dim_division') }} as division on compared.division_code = division.division_code
