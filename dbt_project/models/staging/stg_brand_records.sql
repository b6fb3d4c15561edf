{{ config(
    pre_hook="{{ forget_landed_deliveries('brand_records') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['brand_record_id']},
    ],
) }}
{%- do uses([
    'cell_value', 'clean_text', 'parse_period', 'parse_number', 'normalize_uscc', 'is_uscc', 'normalize_name',
]) %}

with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on,
        period_start_on,
        meta,
        {{ delivery_place() }} as delivery_division,
        {{ list_word(heading()) }} as heading_word,
        {{ list_word(file_name()) }} as file_name_word,
        {#- 单位：亿元 stands above many tables. #}
        substring(stats.clean_text({{ heading() }}) from '单位 ?: ?(亿元|万元|元)') as heading_unit
    from ops.delivery
    where delivery_id = any({{ landed_deliveries('brand_records') }})
),

cells as (
    select
        raw_row.delivery_id,
        raw_row.row_no,
        raw_row.part,
        raw_row.file_row,
        delivery.origin_id,
        delivery.issued_on,
        delivery.period_start_on,
        raw_row.extra ? '__surplus__' as has_surplus_fields,
        {% for column in [
            'record_kind', 'brand_name', 'holder_name', 'holder_uscc', 'division', 'address', 'brand_class',
            'list_year', 'status', 'brand_value', 'unit', 'valued_on', 'valuer', 'method_version', 'certificate_no',
            'certified_scope', 'valid_from', 'valid_to', 'base_name', 'base_operator', 'parent_brand', 'tier',
            'level', 'award', 'document', 'remark',
        ] -%}
        {{ cleaned('raw_row.' ~ column) }} as {{ column }},
        {% endfor -%}
        {#- A keyed hash by now: nothing to normalise. #}
        nullif(raw_row.payee_person, '') as payee_person,
        delivery.meta ->> 'record_kind' as delivery_record_kind,
        delivery.meta ->> 'brand_class' as delivery_brand_class,
        delivery.meta ->> 'status' as delivery_status,
        delivery.meta ->> 'tier' as delivery_tier,
        delivery.meta ->> 'level' as delivery_level,
        delivery.meta ->> 'award' as delivery_award,
        (delivery.meta ->> 'list_year')::integer as delivery_list_year,
        coalesce(delivery.meta ->> 'value_unit', delivery.heading_unit) as delivery_unit,
        (delivery.meta ->> 'valued_on')::date as delivery_valued_on,
        delivery.meta ->> 'valuer' as delivery_valuer,
        delivery.meta ->> 'method_version' as delivery_method_version,
        delivery.delivery_division,
        delivery.heading_word,
        delivery.file_name_word,
        delivery.meta ? 'division' as has_sidecar_division,
        delivery.meta ->> 'notice_no' as delivery_notice_no
    from {{ source('raw', 'brand_records') }} as raw_row
    inner join delivery on raw_row.delivery_id = delivery.delivery_id
    where raw_row.delivery_id = any({{ landed_deliveries('brand_records') }})
),

kind_words as (
    select {{ any_alias() }} as pattern from {{ ref('brand_record_kind_alias') }}
),

class_words as (
    select {{ any_alias() }} || '(高端)?品牌' as pattern from {{ ref('brand_class_alias') }}
),

place as (
    {{ named_places() }}
),

-- A place that names two kinds, or two classes, names none.
named_kind as (
    select distinct on (place.delivery_id, place.part)
        place.delivery_id,
        place.part,
        place.basis,
        min(alias.record_kind) as record_kind
    from place
    cross join kind_words
    cross join lateral regexp_matches(place.word, kind_words.pattern, 'g') as found
    inner join {{ ref('brand_record_kind_alias') }} as alias on alias.alias = found[1]
    group by place.delivery_id, place.part, place.priority, place.basis
    having count(distinct alias.record_kind) = 1
    order by place.delivery_id, place.part, place.priority
),

named_class as (
    select distinct on (place.delivery_id, place.part)
        place.delivery_id,
        place.part,
        min(alias.brand_class) as brand_class
    from place
    cross join class_words
    cross join lateral regexp_matches(place.word, class_words.pattern, 'g') as found
    inner join {{ ref('brand_class_alias') }} as alias on alias.alias = found[1]
    group by place.delivery_id, place.part, place.priority
    having count(distinct alias.brand_class) = 1
    order by place.delivery_id, place.part, place.priority
),

-- A list is of the province unless it says that it is the city's.
named_level as (
    select distinct on (place.delivery_id, place.part)
        place.delivery_id,
        place.part,
        place.basis,
        said.level_code
    from place
    cross join lateral (
        select
            case
                when place.word ~ '(?<!省)市级|市品牌培育库' then 'municipal'
                when place.word ~ '省级|山东省' then 'provincial'
            end as level_code
    ) as said
    where said.level_code is not null
    order by place.delivery_id, place.part, place.priority
),

award_pattern as (
    select
        pattern,
        award_level,
        priority
    from {{ ref('quality_award_pattern') }}
),

worded as (
    select
        cells.*,
        coalesce(record_kind, delivery_record_kind) as record_kind_text,
        coalesce(brand_class, delivery_brand_class) as brand_class_text,
        coalesce(status, delivery_status) as status_text,
        coalesce(method_version, delivery_method_version) as method_text,
        coalesce(valuer, delivery_valuer) as valuer_text,
        coalesce(tier, delivery_tier) as tier_text,
        coalesce(level, delivery_level) as level_text,
        {#- A place that names winners and nominated ones alike says nothing of a row. #}
        coalesce(
            award,
            delivery_award,
            record_kind,
            case when part ~ '奖' then part end,
            case when heading_word ~ '奖' and heading_word !~ '[及和与]提名' then heading_word end,
            case when file_name_word ~ '奖' and file_name_word !~ '[及和与]提名' then file_name_word end
        ) as award_text,
        nullif(concat_ws(' ', division, address), '') as place_text,
        stats.normalize_uscc(holder_uscc) as holder_code,
        stats.parse_period(valued_on) as valued_days,
        stats.parse_period(list_year) as list_days,
        stats.parse_period(valid_from) as valid_from_days,
        stats.parse_period(valid_to) as valid_to_days,
        valid_to in (select token from {{ ref('open_end_token') }}) as is_open_ended,
        {#- 12.5亿元 carries its own unit. #}
        regexp_match(brand_value, '^(.*?) ?(亿元|万元|元|亿|万)?$') as value_parts
    from cells
),

typed as (
    select
        worded.*,
        case
            when record_kind_text is null then named_kind.record_kind
            else kind_alias.record_kind
        end as record_kind_code,
        case
            when worded.record_kind is not null then 'file'
            when delivery_record_kind is not null then 'sidecar'
            else named_kind.basis
        end as record_kind_basis,
        case
            when brand_class_text is null then named_class.brand_class
            else class_alias.brand_class
        end as brand_class_code,
        status_alias.status_code,
        tier_alias.tier_code,
        case
            when level_text is not null then level_alias.level_code
            else coalesce(named_level.level_code, 'provincial')
        end as level_code,
        case
            when worded.level is not null then 'file'
            when delivery_level is not null then 'sidecar'
            else coalesce(named_level.basis, 'assumed')
        end as level_basis,
        (
            select award_pattern.award_level
            from award_pattern
            where {{ list_word('award_text') }} ~ award_pattern.pattern
            order by award_pattern.priority
            limit 1
        ) as award_level_code,
        coalesce(brand_name, holder_name) as brand_or_holder,
        stats.normalize_name(coalesce(brand_name, holder_name)) as brand_key,
        coalesce(
            case when stats.is_uscc(holder_code) then holder_code end, stats.normalize_name(holder_name)
        ) as holder_key,
        stats.parse_number(value_parts[1]) as value_number,
        coalesce(value_parts[2], {{ code_word('unit') }}, delivery_unit) as value_unit,
        case
            when upper(valued_days) - lower(valued_days) = 1 then lower(valued_days)
            {#- Of a month or a year its last day, but no day after the document's. #}
            else coalesce(least(upper(valued_days) - 1, case when valued_days is not null then issued_on end),
                delivery_valued_on, issued_on)
        end as valued_date,
        case
            when upper(valued_days) - lower(valued_days) = 1 then 'file'
            when valued_days is not null then 'file_period'
            when delivery_valued_on is not null then 'sidecar'
            else 'delivery'
        end as valued_on_basis,
        coalesce(
            extract(year from lower(list_days))::integer,
            delivery_list_year,
            extract(year from period_start_on)::integer,
            extract(year from issued_on)::integer
        ) as list_year_number,
        {{ names_the_city('place_text', 'delivery_division') }} as names_city,
        {{ division_named_in('coalesce(place_text, delivery_division)') }} as division_name
    from worded
    left join named_kind on worded.delivery_id = named_kind.delivery_id and worded.part = named_kind.part
    left join named_class on worded.delivery_id = named_class.delivery_id and worded.part = named_class.part
    left join named_level on worded.delivery_id = named_level.delivery_id and worded.part = named_level.part
    left join {{ ref('brand_record_kind_alias') }} as kind_alias
        on {{ list_word('record_kind_text') }} = kind_alias.alias
    left join {{ ref('brand_class_alias') }} as class_alias
        on {{ list_word('brand_class_text') }} = class_alias.alias
    left join {{ ref('brand_status_alias') }} as status_alias on {{ code_word('status_text') }} = status_alias.alias
    left join {{ ref('brand_tier_alias') }} as tier_alias on {{ list_word('tier_text') }} = tier_alias.alias
    left join {{ ref('title_level_alias') }} as level_alias on {{ code_word('level_text') }} = level_alias.alias
),

measured as (
    select
        typed.*,
        {#- Who is named as a person has won as one, but where the text says otherwise. #}
        case
            when record_kind_code <> 'quality_award' then null
            when payee_person is not null and award_level_code = 'organisation' and award_text !~ '组织|单位|企业'
                then 'person'
            else award_level_code
        end as award_level,
        {#- In 亿元, as the targets are. #}
        value_number * case value_unit
            when '亿元' then 1
            when '亿' then 1
            when '万元' then 0.0001
            when '万' then 0.0001
            when '元' then 0.00000001
        end as brand_value_number,
        'GB/T 29188-' || substring(method_text from '29188[^0-9]+(20(12|22))') as stated_method,
        case
            when division.division_code is not null then division.division_code
            when names_city then '370100'
        end as division_code,
        case
            when coalesce(place_text, delivery_division) is null then 'unknown'
            when division.division_code is null and not names_city then 'elsewhere'
            when place_text is not null then 'file'
            when has_sidecar_division then 'sidecar'
            else 'heading'
        end as division_basis
    from typed
    left join {{ ref('division_name') }} as division
        on typed.division_name = division.name and (typed.names_city or not division.needs_city)
)

select
    delivery_id,
    row_no,
    1::smallint as item_no,
    part,
    file_row,
    origin_id,
    issued_on,
    {#- An entry of a list is its year's and its level's; an exit is a record of its own, or it would replace the years
        before it. A valuation is one day's by one valuer, an award one year's. Certificate and base are one each,
        whatever their status becomes. #}
    case
        when record_kind_code = 'cultivation' and brand_key is not null
            then {{ hash_id([
                "concat_ws('/', record_kind_code, nullif(level_code, 'provincial'))", 'brand_key', 'holder_key',
                'brand_class_code', 'list_year_number', "coalesce(status_code = 'withdrawn', false)",
            ]) }}
        when record_kind_code = 'valuation' and brand_key is not null
            then {{ hash_id(['record_kind_code', 'brand_key', 'holder_key', 'stats.normalize_name(valuer_text)',
                "case when valued_on_basis = 'delivery' then list_year_number::text else valued_date::text end"]) }}
        when record_kind_code = 'certificate' and certificate_no is not null
            then {{ hash_id(['record_kind_code', 'upper(certificate_no)']) }}
        when record_kind_code = 'certificate' and brand_key is not null
            then {{ hash_id(['record_kind_code', 'brand_key', 'holder_key', 'stats.normalize_name(certified_scope)',
                'coalesce(lower(valid_from_days)::text, list_year_number::text)']) }}
        when record_kind_code = 'quality_base' and base_name is not null
            then {{ hash_id(['record_kind_code', 'stats.normalize_name(base_name)']) }}
        when record_kind_code = 'quality_award' and coalesce(payee_person, holder_key) is not null
            then {{ hash_id([
                'record_kind_code', 'award_level', 'coalesce(payee_person, holder_key)', 'list_year_number',
            ]) }}
        else {{ hash_id(["'row'", 'origin_id', 'row_no']) }}
    end as brand_record_id,
    record_kind_text,
    record_kind_code as record_kind,
    record_kind_basis,
    brand_or_holder as brand_name,
    brand_key,
    brand_name is null and holder_name is not null as is_brand_imputed,
    holder_name,
    holder_key,
    holder_uscc as holder_uscc_text,
    holder_code as holder_uscc,
    {#- Who stands behind the record: of a base who runs it. #}
    coalesce(case when record_kind_code = 'quality_base' then base_operator end, holder_name) as party_name,
    stats.normalize_name(
        coalesce(case when record_kind_code = 'quality_base' then base_operator end, holder_name)
    ) as party_name_key,
    place_text,
    division_code,
    division_basis,
    division_code is not null as in_scope,
    brand_class_text,
    brand_class_code as brand_class,
    list_year as list_year_text,
    list_year_number as list_year,
    list_year is null or list_days is not null as is_list_year_readable,
    status_text,
    {#- Who is on a list without a status is on it; a certificate or base without one is valid. #}
    case
        when status_text is not null then status_code
        when record_kind_code = 'cultivation' then 'listed'
        when record_kind_code in ('certificate', 'quality_base', 'quality_award') then 'valid'
    end as status_code,
    status_text is null or status_code is not null as is_status_readable,
    tier_text,
    tier_code,
    tier_text is null or tier_code is not null as is_tier_readable,
    level_text,
    case when record_kind_code = 'cultivation' then level_code end as level_code,
    case when record_kind_code = 'cultivation' then level_basis end as level_basis,
    level_text is null or level_code is not null as is_level_readable,
    case when record_kind_code = 'quality_award' then award_text end as award_text,
    award_level,
    payee_person,
    brand_value as brand_value_text,
    value_unit,
    value_number,
    brand_value_number as brand_value,
    valuer_text as valuer,
    valued_on as valued_on_text,
    case when record_kind_code = 'valuation' then valued_date end as valued_on,
    case when record_kind_code = 'valuation' then valued_on_basis end as valued_on_basis,
    valued_on is null or valued_days is not null as is_valued_on_readable,
    method_text,
    {#- GB/T 29188-2022 replaced that of 2012 on 2022-12-30. #}
    case
        when record_kind_code <> 'valuation' then null
        when method_text is not null then stated_method
        when valued_date < date '2022-12-30' then 'GB/T 29188-2012'
        else 'GB/T 29188-2022'
    end as method_version,
    case
        when record_kind_code <> 'valuation' then null
        when method_text is not null then 'stated'
        else 'assumed'
    end as method_version_basis,
    certificate_no,
    certified_scope,
    lower(valid_from_days) as valid_from_on,
    valid_to as valid_to_text,
    upper(valid_to_days) as valid_before_on,
    case
        when valid_to_days is not null then 'file'
        when is_open_ended then 'open'
        else 'unknown'
    end as valid_before_on_basis,
    (valid_from is null or valid_from_days is not null)
    and (valid_to is null or valid_to_days is not null or is_open_ended) as is_validity_readable,
    base_name,
    stats.normalize_name(base_name) as base_key,
    base_operator,
    parent_brand,
    stats.normalize_name(parent_brand) as parent_brand_key,
    coalesce(document, delivery_notice_no) as document,
    remark,
    has_surplus_fields,
    holder_code is null or stats.is_uscc(holder_code) as is_holder_uscc_valid
from measured
