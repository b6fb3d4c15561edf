{#- What is recorded of brands. -#}

{#- Entries of lists: of the city, or exits that name no place and are known by their brand. -#}
{% macro is_listing(record) -%}
    {{ record }}.record_kind = 'cultivation'
    and not {{ record }}.is_quarantined
    and {{ record }}.brand_uid is not null
    and ({{ record }}.in_scope or ({{ record }}.status_code = 'withdrawn' and {{ record }}.division_basis = 'unknown'))
{%- endmacro %}

{#- Only the province's lists count. -#}
{% macro is_provincial_listing(record) -%} {{ is_listing(record) }} and {{ record }}.level_code = 'provincial' {%- endmacro %}

{#- Valuations of whoever is not said to be of another place: whose they are says their brand. -#}
{% macro is_valuation(record) -%}
    {{ record }}.record_kind = 'valuation'
    and not {{ record }}.is_quarantined
    and {{ record }}.brand_uid is not null
    and {{ record }}.brand_value is not null
    and {{ record }}.division_basis <> 'elsewhere'
{%- endmacro %}

{#- Statuses that end a certificate, base or award, if only for a time. -#}
{% macro has_ended(status) -%} {{ status }} in ('suspended', 'revoked', 'cancelled', 'expired', 'withdrawn') {%- endmacro %}

{#- The two annexes of a list, each with the measures that it is counted and valued by. -#}
{% macro brand_annexes() -%}
    select
        name,
        'BRANDS_' || upper(name) as count_measure,
        'BRAND_VALUE_' || upper(name) as value_measure
    from unnest(array['product', 'service']) as name
{%- endmacro %}

{#- What makes up each value: one line a brand or base, and lines without for a value of none. Of `moment` and `annex`. -#}
{% macro brand_parts() -%}
    select distinct
        moment.on_date,
        moment.known_at_on,
        annex.count_measure as measure_code,
        null::text as item,
        null::integer as list_year,
        null::uuid as enterprise_id,
        null::numeric as value
    from moment
    inner join {{ ref('brand_record') }} as record
        on {{ is_known('record', 'moment.known_at_on') }} and record.counts_from_on <= moment.on_date
    inner join annex on record.brand_group = annex.name
    where
        {{ is_provincial_listing('record') }}
        and record.list_year >= (select extract(year from min(plan_start_on)) from {{ ref('dim_indicator') }})
    union all
    select
        on_date,
        known_at_on,
        'BRANDS_' || upper(brand_group) as measure_code,
        brand_uid::text as item,
        list_year,
        enterprise_id,
        1 as value
    from {{ ref('int_brand_standing') }}
    where level_code = 'provincial' and standing = 'listed'
    union all
    select
        on_date,
        known_at_on,
        measure_code,
        brand_uid::text as item,
        list_year,
        enterprise_id,
        value
    from {{ ref('int_brand_valuation') }}
    where is_headline and is_topmost
    union all
    select
        on_date,
        known_at_on,
        case record_kind when 'certificate' then 'BRANDS_TAISHAN' else 'QUALITY_BASES' end as measure_code,
        case when is_valid then case record_kind when 'certificate' then brand_uid::text else base_key end end as item,
        null as list_year,
        enterprise_id,
        case when is_valid then 1 end as value
    from {{ ref('int_brand_validity') }}
{%- endmacro %}
