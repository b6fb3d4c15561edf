{#- Sums of brand value by valuer and version of the standard. A sum can rise merely because more brands are valued, so
    the brands valued in both years stand beside it, and how much of it five brands make. -#}

with point as (
    select
        period_type,
        period_start_on,
        period_end_on,
        period_label_zh,
        least(period_end_on, as_of_on) as on_date,
        (period_end_on + 1 - interval '1 year')::date - 1 as year_before_on
    from {{ ref('int_evaluation_point') }}
    where is_current and period_type in ('year', 'quarter')
),

valued as (
    select
        valuation.*,
        row_number() over (
            partition by on_date, measure_code, valuer_key, method_version order by value desc, brand_uid
        ) as place
    from {{ ref('int_brand_valuation') }} as valuation
    where known_at_on = {{ known_at() }} and is_topmost
),

below as (
    select
        on_date,
        measure_code,
        valuer_key,
        method_version,
        count(*) as covered_count
    from {{ ref('int_brand_valuation') }}
    where known_at_on = {{ known_at() }} and not is_topmost
    group by on_date, measure_code, valuer_key, method_version
),

scheme as (
    select
        on_date,
        measure_code,
        brand_group,
        valuer_key,
        method_version,
        is_headline,
        max(valuer) as valuer,
        sum(value) as value,
        count(*) as brand_count,
        sum(value) filter (where place <= 5) as top5_value,
        min(valued_on) as oldest_valued_on,
        max(valued_on) as latest_valued_on
    from valued
    group by on_date, measure_code, brand_group, valuer_key, method_version, is_headline
),

-- Brands that count in both years.
alike as (
    select
        point.period_type,
        point.period_start_on,
        now.measure_code,
        now.valuer_key,
        now.method_version,
        count(*) as brand_count,
        sum(now.value) as value,
        sum(before.value) as value_before
    from point
    inner join valued as now on point.on_date = now.on_date
    inner join valued as before
        on
            point.year_before_on = before.on_date
            and now.measure_code = before.measure_code
            and now.valuer_key = before.valuer_key
            and now.method_version = before.method_version
            and now.brand_uid = before.brand_uid
    group by point.period_type, point.period_start_on, now.measure_code, now.valuer_key, now.method_version
),

listed as (
    select
        on_date,
        'BRAND_VALUE_' || upper(brand_group) as measure_code,
        count(*) as listed_count
    from {{ ref('int_brand_standing') }}
    where known_at_on = {{ known_at() }} and level_code = 'provincial' and standing = 'listed'
    group by on_date, brand_group
)

select
    scheme.measure_code::text as measure_code,
    point.period_type::text as period_type,
    point.period_start_on::date as period_start_on,
    point.period_end_on::date as period_end_on,
    point.period_label_zh::text as period_label_zh,
    point.on_date::date as on_date,
    scheme.brand_group::text as brand_group,
    scheme.valuer_key::text as valuer_key,
    scheme.valuer::text as valuer,
    scheme.method_version::text as method_version,
    scheme.is_headline::boolean as is_headline,
    scheme.value::numeric as value,
    scheme.brand_count::bigint as brand_count,
    coalesce(below.covered_count, 0)::bigint as covered_count,
    listed.listed_count::bigint as listed_count,
    (100.0 * (scheme.brand_count + coalesce(below.covered_count, 0)) / listed.listed_count)::numeric
        as valued_share_pct,
    (100 * scheme.top5_value / scheme.value)::numeric as top5_share_pct,
    scheme.oldest_valued_on::date as oldest_valued_on,
    scheme.latest_valued_on::date as latest_valued_on,
    before.value::numeric as value_year_before,
    (100 * (scheme.value / before.value - 1))::numeric as value_change_pct,
    alike.brand_count::bigint as alike_count,
    alike.value::numeric as alike_value,
    alike.value_before::numeric as alike_value_year_before,
    (100 * (alike.value / alike.value_before - 1))::numeric as alike_change_pct,
    case
        when scheme.is_headline and headline_before.valuer_key is not null
            then scheme.valuer_key <> headline_before.valuer_key
                or scheme.method_version <> headline_before.method_version
    end::boolean as is_break_in_series,
    {{ publication_id() }} as publication_id
from point
inner join scheme on point.on_date = scheme.on_date
left join below
    on
        scheme.on_date = below.on_date
        and scheme.measure_code = below.measure_code
        and scheme.valuer_key = below.valuer_key
        and scheme.method_version = below.method_version
left join listed on scheme.on_date = listed.on_date and scheme.measure_code = listed.measure_code
left join scheme as before
    on
        point.year_before_on = before.on_date
        and scheme.measure_code = before.measure_code
        and scheme.valuer_key = before.valuer_key
        and scheme.method_version = before.method_version
left join scheme as headline_before
    on
        point.year_before_on = headline_before.on_date
        and scheme.measure_code = headline_before.measure_code
        and headline_before.is_headline
left join alike
    on
        point.period_type = alike.period_type
        and point.period_start_on = alike.period_start_on
        and scheme.measure_code = alike.measure_code
        and scheme.valuer_key = alike.valuer_key
        and scheme.method_version = alike.method_version
