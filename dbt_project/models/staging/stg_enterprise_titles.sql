{{ config(
    pre_hook="{{ forget_landed_deliveries('enterprise_titles') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['title_record_id']},
    ],
) }}
{%- do uses(['cell_value', 'clean_text', 'parse_period', 'normalize_uscc', 'is_uscc', 'normalize_name']) %}

with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on,
        period_start_on,
        meta,
        {{ delivery_place() }} as delivery_division,
        {{ list_word(heading()) }} as heading_word,
        {{ list_word(file_name()) }} as file_name_word
    from ops.delivery
    where delivery_id = any({{ landed_deliveries('enterprise_titles') }})
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
            'enterprise_name', 'uscc', 'reg_no', 'division', 'address', 'title', 'level', 'batch', 'certificate_no',
            'recognised_on', 'valid_from', 'valid_to', 'validity', 'validity_years', 'status', 'ended_on', 'list_year',
            'document', 'issuing_office', 'remark',
        ] -%}
        {{ cleaned('raw_row.' ~ column) }} as {{ column }},
        {% endfor -%}
        delivery.meta ->> 'title_name' as delivery_title,
        delivery.meta ->> 'level' as delivery_level,
        delivery.meta ->> 'status' as delivery_status,
        delivery.meta ->> 'batch' as delivery_batch,
        (delivery.meta ->> 'list_year')::integer as delivery_list_year,
        (delivery.meta ->> 'recognised_on')::date as delivery_recognised_on,
        delivery.meta ->> 'validity_years' as delivery_validity_years,
        delivery.delivery_division,
        delivery.meta ? 'division' as has_sidecar_division,
        delivery.meta ->> 'notice_no' as delivery_notice_no,
        delivery.meta ->> 'issuing_office' as delivery_issuing_office
    from {{ source('raw', 'enterprise_titles') }} as raw_row
    inner join delivery on raw_row.delivery_id = delivery.delivery_id
    where raw_row.delivery_id = any({{ landed_deliveries('enterprise_titles') }})
),

title_words as (
    select {{ any_alias() }} as pattern from {{ ref('enterprise_title_alias') }}
),

level_words as (
    select
        {{ any_alias() }} as pattern,
        -- After a title's name a place only says where its holders are.
        {{ any_alias("case when not is_place then alias end") }} as pattern_behind
    from {{ ref('title_level_alias') }}
),

place as (
    {{ named_places() }}
),

-- A place that names two titles (瞪羚、独角兽企业名单) names none.
named as (
    select distinct on (place.delivery_id, place.part)
        place.delivery_id,
        place.part,
        place.basis,
        min(alias.title_code) as title_code,
        {#- 山东省 before a title may be its level, or where its holders are: a place decides nothing here. #}
        case
            when count(distinct level_alias.level_code) filter (where not level_alias.is_place) = 1
                then min(level_alias.level_code) filter (where not level_alias.is_place)
        end as level_code,
        min(level_alias.level_code) filter (where level_alias.is_place) as place_level_code
    from place
    cross join title_words
    cross join level_words
    cross join lateral regexp_matches(place.word, level_words.pattern || '?' || title_words.pattern, 'g') as found
    inner join {{ ref('enterprise_title_alias') }} as alias on alias.alias = found[2]
    left join {{ ref('title_level_alias') }} as level_alias on level_alias.alias = found[1]
    group by place.delivery_id, place.part, place.priority, place.basis
    having count(distinct alias.title_code) = 1
    order by place.delivery_id, place.part, place.priority
),

told as (
    select distinct on (place.delivery_id, place.part)
        place.delivery_id,
        place.part,
        alias.status_code
    from place
    inner join {{ ref('title_status_alias') }} as alias on strpos(place.word, alias.alias) > 0
    where alias.heading_priority is not null
    order by place.delivery_id, place.part, alias.heading_priority
),

worded as (
    select
        cells.*,
        coalesce(title, delivery_title) as title_text,
        coalesce(level, delivery_level) as level_text,
        coalesce(status, delivery_status) as status_text,
        coalesce(batch, delivery_batch) as batch_text,
        coalesce(validity_years, delivery_validity_years) as validity_years_text,
        regexp_match(
            {{ list_word('coalesce(title, delivery_title)') }},
            {#- 企业, 称号, 名单 and the like may follow the name, and the level, which is often in brackets. #}
            '^' || level_words.pattern || '*' || title_words.pattern || '(?:' || {{ title_tail() }} || ')*'
            || level_words.pattern_behind || '?(?:' || {{ title_tail() }} || ')*$'
        ) as title_match,
        nullif(concat_ws(' ', division, address), '') as place_text,
        stats.normalize_uscc(uscc) as code,
        stats.parse_period(recognised_on) as recognised_days,
        stats.parse_period(valid_from) as valid_from_days,
        stats.parse_period(valid_to) as valid_to_days,
        stats.parse_period(validity) as validity_days,
        stats.parse_period(ended_on) as ended_days,
        stats.parse_period(list_year) as list_days,
        translate(
            regexp_replace(coalesce(batch, delivery_batch), '(19|20)[0-9][0-9]年度?|[第批次 ]', '', 'g'),
            '一二三四五六七八九', '123456789'
        ) as batch_word,
        coalesce(valid_to, validity) in (select token from {{ ref('open_end_token') }}) as is_open_ended,
        {#- 三年, 3年 and 3 are one number; a period of two dates is none. #}
        (
            regexp_match(
                translate(coalesce(validity_years, validity, delivery_validity_years), '一二两三四五六七八九', '1223456789'),
                '^([1-9]|10)年?$'
            )
        )[1]::integer as years
    from cells
    cross join title_words
    cross join level_words
),

typed as (
    select
        worded.*,
        coalesce(title_alias.title_code, case when title_text is null then named.title_code end) as title_code,
        case
            when title is not null then 'file'
            when delivery_title is not null then 'sidecar'
            else named.basis
        end as title_basis,
        coalesce(
            level_alias.level_code,
            behind_level.level_code,
            title_level.level_code,
            case when title_text is null then named.level_code end
        ) as named_level_code,
        case when title_text is null then named.place_level_code end as place_level_code,
        case
            when status_text is not null then status_alias.status_code
            else coalesce(told.status_code, 'recognised')
        end as status_code,
        case
            when status is not null then 'file'
            when delivery_status is not null then 'sidecar'
            when told.status_code is not null then 'heading'
            else 'assumed'
        end as status_basis,
        {#- Fifteen digits are a registration number, another identifier, and no bad code. #}
        case when code !~ '^[0-9]{15}$' then code end as uscc_code,
        coalesce(reg_no, case when code ~ '^[0-9]{15}$' then code end) as registration_no,
        stats.normalize_name(enterprise_name) as enterprise_name_key,
        {{ names_the_city('place_text', 'delivery_division') }} as names_city,
        {{ division_named_in('coalesce(place_text, delivery_division)') }} as division_name,
        {#- The year that a list is of tells two undated lists apart. #}
        coalesce(
            extract(year from lower(list_days))::integer,
            delivery_list_year,
            extract(year from period_start_on)::integer,
            extract(year from issued_on)::integer
        ) as list_year_number
    from worded
    left join named on worded.delivery_id = named.delivery_id and worded.part = named.part
    left join told on worded.delivery_id = told.delivery_id and worded.part = told.part
    left join {{ ref('enterprise_title_alias') }} as title_alias on title_match[2] = title_alias.alias
    left join {{ ref('title_level_alias') }} as title_level on title_match[1] = title_level.alias
    left join {{ ref('title_level_alias') }} as behind_level on title_match[3] = behind_level.alias
    left join {{ ref('title_level_alias') }} as level_alias on {{ code_word('level_text') }} = level_alias.alias
    left join {{ ref('title_status_alias') }} as status_alias on {{ code_word('status_text') }} = status_alias.alias
),

dated as (
    select
        typed.*,
        title.family as title_family,
        title.default_validity_years,
        {#- A title without levels has its own, whatever is said. #}
        case
            when not title.has_levels or named_level_code is null then title.default_level
            else named_level_code
        end as level_code,
        coalesce(title.has_levels, false)
        and named_level_code is null
        and coalesce(place_level_code <> title.default_level, false) as is_level_unclear,
        case when stats.is_uscc(uscc_code) then uscc_code else enterprise_name_key end as holder_key,
        status_code in ('recognised', 'recertified') as is_grant,
        {#- A month or a year stands for its first day. #}
        coalesce(
            lower(recognised_days), delivery_recognised_on, lower(valid_from_days), issued_on
        ) as recognised_date,
        case
            when upper(recognised_days) - lower(recognised_days) = 1 then 'file'
            when recognised_days is not null then 'file_period'
            when delivery_recognised_on is not null then 'sidecar'
            when valid_from_days is not null then 'valid_from'
            else 'delivery'
        end as recognised_on_basis,
        {#- Two years in one cell are a beginning and an end, else it is an end. #}
        case when regexp_count(validity, '(?<![0-9])(19|20)[0-9]{2}') = 2 then lower(validity_days) end
            as validity_start_on,
        coalesce(upper(valid_to_days), upper(validity_days)) as stated_valid_before_on,
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
    left join {{ ref('enterprise_title') }} as title on typed.title_code = title.title_code
    left join {{ ref('division_name') }} as division
        on typed.division_name = division.name and (typed.names_city or not division.needs_city)
),

valid as (
    select
        dated.*,
        coalesce(lower(valid_from_days), validity_start_on, recognised_date) as valid_from_date,
        case
            when valid_from_days is not null or validity_start_on is not null then 'file'
            else recognised_on_basis
        end as valid_from_on_basis,
        case
            when stated_valid_before_on is not null then 'file'
            when is_open_ended then 'open'
            when years is not null then 'years'
            when is_grant and default_validity_years is not null then 'title_rule'
            else 'unknown'
        end as valid_before_on_basis
    from dated
)

select
    delivery_id,
    row_no,
    1::smallint as item_no,
    part,
    file_row,
    origin_id,
    issued_on,
    {#- A certificate is one whatever name stands beside it, and grant and end are two records of it: an end must not
        replace what it ends. A list without dates is told apart by its year and batch. #}
    case
        when title_code is null or status_code is null or (certificate_no is null and holder_key is null)
            then {{ hash_id(["'row'", 'origin_id', 'row_no']) }}
        when certificate_no is not null
            then {{ hash_id(["'certificate'", 'title_code', 'upper(certificate_no)', 'record_event']) }}
        else {{ hash_id(["'holder'", 'title_code', 'holder_key', 'record_event',
            "case when recognised_on_basis in ('file', 'file_period', 'sidecar') then recognised_date::text"
            " else concat_ws('/', list_year_number, batch_word) end"]) }}
    end as title_record_id,
    enterprise_name,
    enterprise_name_key,
    uscc as uscc_text,
    uscc_code as uscc,
    registration_no as reg_no,
    holder_key,
    place_text,
    division_code,
    division_basis,
    division_code is not null as in_scope,
    title_text,
    title_code,
    title_family,
    title_basis,
    level_text,
    level_code,
    case
        when level_code is null then 'unknown'
        when level_code = named_level_code then 'stated'
        else 'title_rule'
    end as level_basis,
    level_text is null or named_level_code is not null as is_level_readable,
    is_level_unclear,
    status_text,
    status_code,
    status_basis,
    is_grant,
    batch_text,
    list_year as list_year_text,
    list_year_number as list_year,
    certificate_no,
    recognised_on as recognised_on_text,
    recognised_date as recognised_on,
    recognised_on_basis,
    recognised_on is null or recognised_days is not null as is_recognised_on_readable,
    valid_from_date as valid_from_on,
    valid_from_on_basis,
    coalesce(valid_to, validity) as valid_to_text,
    validity_years_text,
    case valid_before_on_basis
        when 'file' then stated_valid_before_on
        when 'years' then (valid_from_date + make_interval(years => years))::date
        when 'title_rule' then (valid_from_date + make_interval(years => default_validity_years))::date
    end as valid_before_on,
    valid_before_on_basis,
    (valid_from is null or valid_from_days is not null)
    and (valid_to is null or valid_to_days is not null or is_open_ended)
    and (validity is null or validity_days is not null or is_open_ended or years is not null)
    and (validity_years_text is null or years is not null) as is_validity_readable,
    ended_on is null or ended_days is not null as is_ended_on_readable,
    ended_on as ended_on_text,
    case when status_code in ('revoked', 'withdrawn') then coalesce(lower(ended_days), issued_on) end as ended_on,
    case
        when status_code not in ('revoked', 'withdrawn') then null
        when ended_days is not null then 'file'
        else 'delivery'
    end as ended_on_basis,
    coalesce(document, delivery_notice_no) as document,
    coalesce(issuing_office, delivery_issuing_office) as issuing_office,
    remark,
    has_surplus_fields,
    uscc_code is null or stats.is_uscc(uscc_code) as is_uscc_valid
from valid
cross join lateral (
    select case when is_grant then 'grant' else status_code end as record_event
) as event
