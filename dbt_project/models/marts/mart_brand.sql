{{ config(indexes=[{'columns': ['brand_uid'], 'unique': true}]) }}
{#- Each brand of the city that some record names: lists, standing, latest value, certificates, library. -#}

with today as (
    select max(least(period_end_on, as_of_on)) as on_date
    from {{ ref('int_evaluation_point') }}
    where is_current
),

record as (
    select record.*
    from {{ ref('brand_record') }} as record
    cross join today
    where
        {{ is_known('record', known_at()) }}
        and record.counts_from_on <= today.on_date
        and not record.is_quarantined
        and record.brand_uid is not null
        and record.record_kind in ('cultivation', 'valuation', 'certificate')
),

brand as (
    select
        brand_uid,
        (array_agg(brand_name order by is_brand_imputed, known_from_on desc, row_no))[1] as brand_name,
        bool_and(is_brand_imputed) as is_brand_imputed,
        (array_agg(party_name order by known_from_on desc, row_no) filter (where party_name is not null))[1]
            as holder_name,
        min(holder_id::text)::uuid as holder_id,
        min(enterprise_id::text)::uuid as enterprise_id,
        (array_agg(link_status order by link_status = 'linked' desc))[1] as link_status,
        (array_agg(division_code order by known_from_on desc, row_no) filter (where division_code is not null))[1]
            as division_code,
        bool_or(in_scope) as in_scope,
        (array_agg(parent_brand order by known_from_on desc) filter (where parent_brand is not null))[1] as parent_brand
    from record
    group by brand_uid
),

listing as (
    select
        brand_uid,
        min(list_year) filter (where status_code <> 'withdrawn') as first_listed_year,
        max(list_year) filter (where status_code <> 'withdrawn') as last_listed_year,
        string_agg(distinct list_year::text, ', ' order by list_year::text) filter (where status_code <> 'withdrawn')
            as listed_years,
        count(distinct list_year) filter (where status_code <> 'withdrawn') as list_count,
        max(list_year) filter (where status_code = 'withdrawn') as withdrawn_year
    from record
    where {{ is_provincial_listing('record') }}
    group by brand_uid
),

last_entry as (
    select distinct on (brand_uid)
        brand_uid,
        brand_class,
        delivery_id,
        part,
        file_row,
        document
    from record
    where {{ is_provincial_listing('record') }}
    order by brand_uid, list_year desc, status_code = 'withdrawn', counts_from_on desc, origin_id desc, row_no desc
),

library as (
    select distinct on (brand_uid)
        brand_uid,
        tier_code
    from record
    where {{ is_listing('record') }} and tier_code is not null and status_code <> 'withdrawn'
    order by brand_uid, list_year desc, counts_from_on desc, origin_id desc, row_no desc
),

standing as (
    select
        standing.brand_uid,
        max(standing.standing) filter (where standing.level_code = 'provincial') as standing,
        max(standing.brand_group) filter (where standing.level_code = 'provincial') as brand_group,
        bool_or(standing.level_code = 'municipal' and standing.standing <> 'withdrawn') as is_in_municipal_library
    from {{ ref('int_brand_standing') }} as standing
    inner join today on standing.on_date = today.on_date
    where standing.known_at_on = {{ known_at() }}
    group by standing.brand_uid
),

value as (
    select
        valuation.brand_uid,
        valuation.value,
        valuation.valued_on,
        valuation.is_headline and valuation.is_topmost as is_counted
    from {{ ref('int_brand_valuation') }} as valuation
    inner join today on valuation.on_date = today.on_date
    where valuation.known_at_on = {{ known_at() }} and valuation.is_headline
),

latest_value as (
    select distinct on (record.brand_uid)
        record.brand_uid,
        record.brand_value as value,
        record.valued_on,
        record.valuer,
        record.method_version,
        value.is_counted
    from record
    left join value
        on
            record.brand_uid = value.brand_uid
            and record.valued_on = value.valued_on
            and record.brand_value = value.value
    where {{ is_valuation('record') }}
    -- The one that counts, else the latest of anybody.
    order by
        record.brand_uid, value.brand_uid is not null desc, record.valued_on desc, record.known_from_on desc,
        record.origin_id desc, record.row_no desc
),

certificate as (
    select
        validity.brand_uid,
        count(*) filter (where validity.is_valid) as valid_count,
        count(*) as certificate_count,
        max(validity.valid_before_on) filter (where validity.is_valid) as valid_before_on,
        (array_agg(validity.certificate_no order by validity.is_valid desc, validity.counts_from_on desc))[1]
            as certificate_no,
        (array_agg(validity.status_code order by validity.is_valid desc, validity.counts_from_on desc))[1]
            as status_code
    from {{ ref('int_brand_validity') }} as validity
    inner join today on validity.on_date = today.on_date
    where validity.known_at_on = {{ known_at() }} and validity.record_kind = 'certificate'
    group by validity.brand_uid
)

select
    brand.brand_uid::uuid as brand_uid,
    case when brand.brand_name !~ '^[0-9a-f]{32}$' then brand.brand_name end::text as brand_name,
    brand.is_brand_imputed::boolean as is_brand_imputed,
    -- Households are known by a keyed hash alone.
    case when brand.holder_name !~ '^[0-9a-f]{32}$' then brand.holder_name end::text as holder_name,
    coalesce(brand.enterprise_id, brand.holder_id)::uuid as holder_id,
    brand.enterprise_id::uuid as enterprise_id,
    brand.link_status::text as link_status,
    brand.division_code::text as division_code,
    division.label_zh::text as division_label_zh,
    standing.standing::text as standing,
    standing_term.label_zh::text as standing_label_zh,
    standing_term.label_en::text as standing_label_en,
    coalesce(standing.standing = 'listed', false)::boolean as is_counted,
    standing.brand_group::text as brand_group,
    group_term.label_zh::text as brand_group_label_zh,
    last_entry.brand_class::text as brand_class,
    listing.first_listed_year::integer as first_listed_year,
    listing.last_listed_year::integer as last_listed_year,
    listing.listed_years::text as listed_years,
    coalesce(listing.list_count, 0)::bigint as list_count,
    listing.withdrawn_year::integer as withdrawn_year,
    coalesce(standing.is_in_municipal_library, false)::boolean as is_in_municipal_library,
    library.tier_code::text as tier_code,
    tier.label_zh::text as tier_label_zh,
    latest_value.value::numeric as value,
    latest_value.valued_on::date as valued_on,
    {{ months_of('today.on_date') }}::integer - {{ months_of('latest_value.valued_on') }}::integer as value_age_months,
    latest_value.valuer::text as valuer,
    latest_value.method_version::text as method_version,
    coalesce(latest_value.is_counted, false)::boolean as is_value_counted,
    brand.parent_brand::text as parent_brand,
    certificate.certificate_no::text as certificate_no,
    certificate.status_code::text as certificate_status,
    coalesce(certificate.certificate_count, 0)::bigint as certificate_count,
    coalesce(certificate.valid_count, 0)::bigint as valid_certificate_count,
    certificate.valid_before_on::date as certificate_valid_before_on,
    last_entry.delivery_id::bigint as delivery_id,
    last_entry.part::text as part,
    last_entry.file_row::integer as file_row,
    last_entry.document::text as document,
    {{ publication_id() }} as publication_id
from brand
cross join today
left join listing on brand.brand_uid = listing.brand_uid
left join last_entry on brand.brand_uid = last_entry.brand_uid
left join library on brand.brand_uid = library.brand_uid
left join standing on brand.brand_uid = standing.brand_uid
left join latest_value on brand.brand_uid = latest_value.brand_uid
left join certificate on brand.brand_uid = certificate.brand_uid
left join {{ ref('dim_division') }} as division
    on brand.division_code = division.division_code and division.valid_before_on is null
left join {{ ref('brand_term') }} as standing_term
    on standing_term.kind = 'standing' and standing.standing = standing_term.code
left join {{ ref('brand_term') }} as group_term on group_term.kind = 'group' and standing.brand_group = group_term.code
left join {{ ref('brand_term') }} as tier on tier.kind = 'tier' and library.tier_code = tier.code
-- Who is on no list of the city, has no certificate here and is of no listed holder is another city's.
where brand.in_scope or listing.brand_uid is not null
