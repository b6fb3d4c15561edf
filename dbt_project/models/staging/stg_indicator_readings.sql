{{ config(
    pre_hook="{{ forget_landed_deliveries('indicator_readings') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['reading_id']},
    ],
) }}
{%- do uses(['cell_value', 'clean_text', 'parse_date', 'parse_period', 'parse_number']) %}
{%- set measured = ['value', 'numerator', 'denominator', 'rank', 'ranked_count', 'score', 'national_mean'] %}

with delivery as (
    select
        delivery_id,
        origin_id,
        issued_on,
        period_start_on,
        period_end_on,
        meta
    from ops.delivery
    where delivery_id = any({{ landed_deliveries('indicator_readings') }})
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
        delivery.period_end_on,
        raw_row.extra ? '__surplus__' as has_surplus_fields,
        {% for column in measured + [
            'subject', 'period', 'unit', 'reference_year', 'division', 'published_on', 'remark',
        ] -%}
        {{ cleaned('raw_row.' ~ column) }} as {{ column }},
        {% endfor -%}
        {% for column in ['measure_code', 'document', 'owner_unit'] -%}
        coalesce({{ cleaned('raw_row.' ~ column) }}, delivery.meta ->> '{{ column }}') as {{ column }},
        {% endfor -%}
        delivery.meta ->> 'notice_no' as delivery_notice_no,
        delivery.meta ->> 'division' as delivery_division
    from {{ source('raw', 'indicator_readings') }} as raw_row
    inner join delivery on raw_row.delivery_id = delivery.delivery_id
    where raw_row.delivery_id = any({{ landed_deliveries('indicator_readings') }})
),

-- A subject is known by its code, its label, or another name.
subject_name as (
    select
        lower(subject_code) as name,
        subject_code
    from {{ ref('reading_subject') }}
    union
    select
        {{ list_word('label_zh') }} as name,
        subject_code
    from {{ ref('reading_subject') }}
    union
    select
        alias as name,
        subject_code
    from {{ ref('reading_subject_alias') }}
),

worded as (
    select
        cells.*,
        {#- 97.96%, 6,012亿元, 第8位: the number, and the unit where the cell has one. #}
        {% for column in measured -%}
        regexp_match({{ column }}, '^第? ?([-+−]?[0-9.,]+) ?(%|分|个|家|位|名|亿元|万元|元|批次|批)?$') as {{ column }}_parts,
        {% endfor -%}
        coalesce(division, delivery_division) as division_text,
        stats.parse_period(period) as period_days,
        stats.parse_period(reference_year) as reference_days,
        stats.parse_date(published_on) as published_date
    from cells
),

typed as (
    select
        worded.*,
        subject.subject_code,
        subject.subject_kind,
        subject.unit as subject_unit,
        {% for column in measured -%}
        stats.parse_number({{ column }}_parts[1]) as {{ column }}_number,
        {% endfor -%}
        replace(coalesce(value_parts[2], worded.unit), '名', '位') as unit_text,
        {#- Where the row names no period: the ranking's year, else the delivery's. #}
        coalesce(
            period_days, reference_days, daterange(period_start_on, period_end_on, '[]')
        ) as days,
        case
            when period_days is not null then 'file'
            when period is not null then 'unreadable'
            when reference_days is not null then 'reference_year'
            when period_end_on is not null then 'delivery'
            else 'unknown'
        end as period_basis,
        {{ names_the_city('division_text', "'济南市'") }} as names_city,
        {{ division_named_in('division_text') }} as division_name
    from worded
    left join subject_name on {{ list_word('subject') }} = subject_name.name
    left join {{ ref('reading_subject') }} as subject on subject_name.subject_code = subject.subject_code
),

placed as (
    select
        typed.*,
        {#- 亿元 is the plan's unit of money; nothing else is converted. #}
        case
            when subject_unit = '亿元' and unit_text = '万元' then value_number * 0.0001
            when subject_unit = '亿元' and unit_text = '元' then value_number * 0.00000001
            else value_number
        end as value_in_unit,
        {#- A plan of the city: without a place a reading is the city's. #}
        case
            when division_text is null then '370100'
            when division.division_code is not null then division.division_code
            when names_city or division_text in ('全市', '市级', '市本级') then '370100'
        end as division_code
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
    case
        when subject_code is null or isempty(days) or days is null or lower(days) is null
            then {{ hash_id(["'row'", 'origin_id', 'row_no']) }}
        else {{ hash_id(['subject_code', 'upper(measure_code)', 'lower(days)', 'upper(days)',
            'coalesce(division_code, division_text)']) }}
    end as reading_id,
    subject as subject_text,
    subject_code,
    subject_kind,
    upper(measure_code) as measure_code,
    period as period_text,
    period_basis,
    lower(days) as period_start_on,
    upper(days) - 1 as period_end_on,
    value as value_text,
    value_in_unit as value,
    {#- How many digits were published: a rounded rate stands for a range. #}
    length(split_part(value_parts[1], '.', 2)) as published_digits,
    unit_text,
    subject_unit as unit,
    unit_text is null
    or subject_unit is null
    or unit_text = subject_unit
    or (subject_unit = '亿元' and unit_text in ('万元', '元')) as is_unit_expected,
    numerator as numerator_text,
    numerator_number as numerator,
    denominator as denominator_text,
    denominator_number as denominator,
    rank as rank_text,
    case when subject_code = 'I08' then coalesce(rank_number, value_number) else rank_number end as rank,
    ranked_count_number as ranked_count,
    score_number as score,
    national_mean_number as national_mean,
    reference_year as reference_year_text,
    extract(year from lower(reference_days))::integer as reference_year,
    {% for column in measured[1:] -%}
    ({{ column }} is null or {{ column }}_number is not null)
    {{ "and " if not loop.last }}
    {%- endfor -%}
    and (reference_year is null or reference_days is not null) as are_companions_readable,
    division_text,
    division_code,
    case
        when division_text is null then 'assumed'
        when division_code is null then 'elsewhere'
        when division is null then 'sidecar'
        else 'file'
    end as division_basis,
    division_code is not null as in_scope,
    coalesce(document, delivery_notice_no) as document,
    published_on as published_on_text,
    coalesce(published_date, issued_on) as published_on,
    published_on is null or published_date is not null as is_published_on_readable,
    owner_unit,
    remark,
    has_surplus_fields
from placed
