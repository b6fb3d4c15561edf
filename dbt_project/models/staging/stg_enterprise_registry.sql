{{ config(
    pre_hook=[
        "{{ forget_landed_deliveries('enterprise_registry') }}",
        "{{ analyze_landed('enterprise_registry') }}",
    ],
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['enterprise_id']},
        {'columns': ['registration_id']},
    ],
) }}
{%- do uses([
    'cell_value', 'normalize_uscc', 'is_uscc', 'is_organisation_code', 'is_registration_no', 'normalize_name',
    'parse_date_since', 'parse_number',
]) %}
{%- set names_city = "'(济南|莱芜)(?!(东|西|南|北|中)?(路|大街|街|大道))'" %}
{#- Two digits of a province in GB/T 2260, and 10 for what the state itself registers. -#}
{%- set province_prefix = "'^(1[0-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])'" %}

with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on,
        meta ->> 'division' as delivery_division
    from ops.delivery
    where delivery_id = any({{ landed_deliveries('enterprise_registry') }})
),

cells as (
    select
        raw_row.delivery_id,
        raw_row.row_no,
        raw_row.part,
        raw_row.file_row,
        raw_row.extra ? '__surplus__' as has_surplus_fields,
        {% for column in [
            'enterprise_name', 'former_names', 'uscc', 'registration_no', 'organisation_code', 'established_on',
            'enterprise_type', 'capital', 'status', 'province', 'region', 'address', 'industry_code', 'registration_authority',
            'deregistered_on',
        ] -%}
        {{ cleaned('raw_row.' ~ column) }} as {{ column }}{{ "," if not loop.last }}
        {% endfor %}
    from {{ source('raw', 'enterprise_registry') }} as raw_row
    where raw_row.delivery_id = any({{ landed_deliveries('enterprise_registry') }})
    {{ computed_once() }}
),

split as (
    select
        cells.*,
        delivery.origin_id,
        delivery.issued_on,
        delivery.delivery_division,
        coalesce(uscc, registration_no, organisation_code) as code_text,
        stats.normalize_uscc(coalesce(uscc, registration_no, organisation_code)) as code,
        substring(stats.normalize_uscc(registration_no) from '^[0-9]{15}$') as stated_registration_no,
        replace(stats.normalize_uscc(organisation_code), '-', '') as stated_organisation_code,
        ltrim(capital, '0123456789,. ') as capital_unit,
        nullif(concat_ws(' ', province, region, address), '') as own_place,
        coalesce(delivery_division, registration_authority) as stated_place
    from cells
    -- Each row has its delivery; an inner join the planner takes for a few rows, which one process can do.
    left join delivery on cells.delivery_id = delivery.delivery_id
    {{ computed_once() }}
),

identified as (
    select
        split.*,
        case
            when length(code) = 18 and octet_length(code) = 18 then 'USCC'
            when length(code) = 15 and code ~ '^[0-9]+$' then 'REG15'
            when stats.is_organisation_code(replace(code, '-', '')) then 'ORG'
            when code is not null then 'OTHER'
        end as identifier_scheme,
        -- Where a row names another city itself, neither sidecar nor authority says where it is.
        case
            when stated_place is null then own_place
            when own_place !~ {{ names_city }}
                and (region !~ '[区县]' or own_place ~ '^([^ ]{2,3}(省|自治区) *)?[^ 省]{2,4}市')
                then own_place
            else concat_ws(' ', own_place, stated_place)
        end as place
    from split
    {{ computed_once() }}
),

checked as (
    select
        identified.*,
        case when identifier_scheme = 'ORG' then replace(code, '-', '') else code end as identifier,
        case when identifier_scheme = 'REG15' then code else stated_registration_no end as registration_number,
        {#- Characters 9 to 17 of the unified code are the organisation code (GB 32100). #}
        case
            when identifier_scheme = 'USCC' then substr(code, 9, 9)
            when identifier_scheme = 'ORG' then replace(code, '-', '')
            when stats.is_organisation_code(stated_organisation_code) then stated_organisation_code
        end as subject_code,
        case
            when identifier_scheme = 'USCC' then stats.is_uscc(code)
            when identifier_scheme = 'REG15' then stats.is_registration_no(code)
            when identifier_scheme = 'ORG' then true
        end as is_check_right,
        case when identifier_scheme = 'USCC' then stats.is_organisation_code(substr(code, 9, 9)) end
            as is_organisation_code_valid,
        place ~ {{ names_city }} as names_city,
        {{ division_name_in('place') }} as division_name
    from identified
    {{ computed_once() }}
),

typed as (
    select
        checked.*,
        stats.normalize_name(enterprise_name) as normalized_name,
        stats.parse_date_since(established_on, 1900) as established_date,
        stats.parse_date_since(deregistered_on, 1900) as deregistered_date,
        stats.parse_number(rtrim(left(capital, length(capital) - length(capital_unit)))) * capital_unit_alias.factor
            as capital_amount,
        capital_unit_alias.currency_code,
        status_alias.status_code as stated_status,
        {{ stated_division_code('names_city') }} as division_code,
        {{ stated_unit_code('names_city') }} as assessment_unit_code
    from (
        select
            checked.*,
            {{ further_division_name_in('place', 'division_name') }} as further_division_name
        from checked
    ) as checked
    left join {{ ref('capital_unit') }} as capital_unit_alias
        on translate(checked.capital_unit, '() ', '') = capital_unit_alias.unit
    left join {{ ref('enterprise_status_alias') }} as status_alias
        on {{ code_word('checked.status') }} = status_alias.alias
    {{- join_division('checked', 'checked.names_city') }}
    {{ computed_once() }}
),

described as (
    select
        typed.*,
        case when capital_amount is not null then currency_code end as capital_currency,
        coalesce(stated_status, case when deregistered_date is not null then 'deregistered' end) as status_code,
        case
            when place is null then 'unknown'
            when division_code is null then 'elsewhere'
            when own_place is not null then 'file'
            when delivery_division is not null then 'sidecar'
            else 'authority'
        end as division_basis
    from typed
    {{ computed_once() }}
)

select
    delivery_id,
    row_no,
    1::smallint as item_no,
    part,
    file_row,
    origin_id,
    issued_on,
    {#- One enterprise under any of its unified codes and under its organisation code. An older number beside one of
        them makes rows that have the number alone the same enterprise: dim_enterprise joins them. #}
    case
        when subject_code is not null then {{ hash_id(["'enterprise'", "'ORG'", 'subject_code']) }}
        when identifier is not null then {{ hash_id(["'enterprise'", 'identifier_scheme', 'identifier']) }}
        else {{ hash_id(["'row'", 'origin_id', 'row_no']) }}
    end as enterprise_id,
    case
        when subject_code is not null and registration_number is not null
            then {{ hash_id(["'enterprise'", "'REG15'", 'registration_number']) }}
    end as registration_id,
    identifier_scheme,
    identifier,
    code_text,
    case
        when identifier_scheme is null then 'missing'
        when identifier_scheme = 'REG15' then 'registration_no'
        when identifier_scheme <> 'USCC' then 'length_' || length(code)
        when is_check_right and not is_organisation_code_valid then 'uscc_inner_code_wrong'
        when is_check_right and code_text ~ '[a-z]' then 'uscc_lower_case'
        when is_check_right then 'uscc_valid'
        when is_organisation_code_valid then 'uscc_check_wrong'
        else 'uscc_both_wrong'
    end as code_class,
    is_check_right,
    is_organisation_code_valid,
    -- Of the city and its predecessors each code is known; of other places only the province.
    case
        when identifier_scheme <> 'USCC' then null
        when substr(identifier, 3, 4) in ('3701', '3712')
            then substr(identifier, 3, 6) in (select division.division_code from {{ ref('division') }} as division)
        else substr(identifier, 3, 6) ~ {{ province_prefix }}
    end as is_division_prefix_listed,
    code_text ~ '[a-z]' as is_code_lower_case,
    subject_code as organisation_code,
    registration_number as registration_no,
    enterprise_name,
    normalized_name,
    former_names,
    -- 宁夏长*实业有限公司: no name to be matched by.
    enterprise_name ~ '[*×]' as is_name_masked,
    established_on as established_on_text,
    established_date as established_on,
    deregistered_on as deregistered_on_text,
    deregistered_date as deregistered_on,
    enterprise_type,
    capital as capital_text,
    capital_amount,
    capital_currency,
    status as status_text,
    status_code,
    province,
    region,
    address,
    division_code,
    assessment_unit_code,
    division_basis,
    division_code is not null as in_scope,
    industry_code as industry_text,
    upper(substring(industry_code from '^([A-Ta-t]?[0-9]{2,4})(?![0-9])')) as industry_code,
    registration_authority,
    has_surplus_fields,
    -- A comma that was not quoted, in a row that still has as many fields: an amount stands where a place belongs, or
    -- prose where the amount does.
    coalesce(
        concat_ws(' ', province, region) ~ '(^| )[0-9][0-9,.]*[ (]*[万亿元]'
        or length(region) > 20 or length(province) > 10
        or (capital !~ '[0-9]' and length(capital) > 15),
        false
    ) as is_shifted,
    hash_record_extended(
        row(
            enterprise_name, former_names, identifier, subject_code, registration_number, established_date,
            deregistered_date, enterprise_type, capital_amount, capital_currency,
            case when capital_amount is null then capital end, status_code, division_code, assessment_unit_code,
            division_basis, address, industry_code
        ), 0
    ) as attributes_hash
from described
