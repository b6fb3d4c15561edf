{#- The three readings of a "total" side by side: a year's list, all brands ever listed, the sum of the lists. And the
    one that the indicator takes: ever listed, less those that have left. -#}

with year as (
    select
        period_start_on,
        least(period_end_on, {{ as_of() }}) as on_date,
        extract(year from period_start_on)::integer as year
    from {{ ref('int_evaluation_point') }}
    where is_current and period_type = 'year'
),

entry as (
    select
        year.year,
        year.on_date,
        record.list_year,
        annex.brand_group,
        record.brand_uid,
        coalesce(record.enterprise_id, record.holder_id, record.brand_uid) as holder_uid,
        record.status_code,
        record.is_brand_imputed,
        record.status_code = 'withdrawn' as is_exit
    from year
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', known_at()) }} and record.counts_from_on <= year.on_date
    cross join lateral unnest(array[record.brand_group, 'all']) as annex (brand_group)
    where
        {{ is_provincial_listing('record') }}
        and record.list_year <= year.year
        and record.list_year >= (select extract(year from min(plan_start_on)) from {{ ref('dim_indicator') }})
),

-- Of each year, each brand once.
brand as (
    select
        year,
        on_date,
        brand_group,
        brand_uid,
        holder_uid,
        bool_or(list_year = year and not is_exit) as is_listed,
        bool_or(list_year < year and not is_exit) as was_listed,
        bool_or(list_year = year and is_exit) as is_exit,
        bool_or(not is_exit) as is_ever_listed,
        bool_and(is_brand_imputed) filter (where list_year = year and not is_exit) as is_imputed,
        count(distinct list_year) filter (where not is_exit) as list_count,
        bool_or(status_code = 'added') filter (where list_year = year) as is_stated_new,
        bool_or(status_code = 'continued') filter (where list_year = year) as is_stated_continued
    from entry
    group by year, on_date, brand_group, brand_uid, holder_uid
),

counted as (
    select
        brand.year,
        brand.on_date,
        brand.brand_group,
        count(*) filter (where is_listed) as list_count,
        count(*) filter (where is_listed and not was_listed) as new_count,
        count(*) filter (where is_listed and was_listed) as continued_count,
        count(*) filter (where is_listed and is_stated_new) as stated_new_count,
        count(*) filter (where is_listed and is_stated_continued) as stated_continued_count,
        count(*) filter (where is_exit) as withdrawn_count,
        count(*) filter (where was_listed and not is_listed and not is_exit) as not_named_again_count,
        count(*) filter (where is_listed and is_imputed) as imputed_count,
        count(distinct holder_uid) filter (where is_listed) as enterprise_count,
        count(*) filter (where is_ever_listed) as cumulative_count,
        sum(list_count) as sum_of_lists
    from brand
    group by brand.year, brand.on_date, brand.brand_group
),

standing as (
    select
        on_date,
        annex.brand_group,
        count(*) filter (where standing = 'listed') as counted_count,
        count(*) filter (where standing = 'in_both') as in_both_count
    from {{ ref('int_brand_standing') }}
    cross join lateral (
        values (case standing when 'listed' then brand_group end), ('all')
    ) as annex (brand_group)
    where known_at_on = {{ known_at() }} and level_code = 'provincial' and annex.brand_group is not null
    group by on_date, annex.brand_group
)

select
    counted.year::integer as year,
    counted.on_date::date as on_date,
    counted.brand_group::text as brand_group,
    term.label_zh::text as brand_group_label_zh,
    term.label_en::text as brand_group_label_en,
    counted.list_count::bigint as list_count,
    counted.new_count::bigint as new_count,
    counted.continued_count::bigint as continued_count,
    counted.stated_new_count::bigint as stated_new_count,
    counted.stated_continued_count::bigint as stated_continued_count,
    counted.withdrawn_count::bigint as withdrawn_count,
    counted.not_named_again_count::bigint as not_named_again_count,
    counted.imputed_count::bigint as imputed_count,
    counted.enterprise_count::bigint as enterprise_count,
    counted.cumulative_count::bigint as cumulative_count,
    counted.sum_of_lists::bigint as sum_of_lists,
    coalesce(standing.counted_count, 0)::bigint as counted_count,
    case when counted.brand_group = 'all' then coalesce(standing.in_both_count, 0) end::bigint as in_both_count,
    {{ publication_id() }} as publication_id
from counted
left join standing on counted.on_date = standing.on_date and counted.brand_group = standing.brand_group
left join {{ ref('brand_term') }} as term on term.kind = 'group' and counted.brand_group = term.code
